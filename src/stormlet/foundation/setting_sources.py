"""Putting settings together from a file, variables and flags: what each place said, and all that is wrong, at once.

It knows no setting; the type that says all of them is handed in. Values are never repeated in an error: one may be a secret.
"""

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from stormlet.foundation.errors import SettingsError

Section = type[msgspec.Struct]


class _Given(NamedTuple):
    value: Any
    origin: str


class SettingSources:
    """What was given so far. Later sources win; `join` checks what is left and tells every error in one exception."""

    def __init__(self, root: type[msgspec.Struct], prefix: str) -> None:
        """Take the names from `root`, whose fields are sections (and plain settings, which are not looked at)."""
        self._root = root
        self._prefix = prefix
        self._sections: dict[str, Section] = {
            field.name: field.type
            for field in msgspec.structs.fields(root)
            if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
        }
        self._known = [f"{name}.{key}" for name, kind in self._sections.items() for key in kind.__struct_fields__]
        self._given: dict[tuple[str, str], _Given] = {}
        self._errors: list[tuple[str, str]] = []

    def add_file(self, path: Path) -> None:
        """Add a TOML file, which must exist."""
        try:
            tree = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            self._fail(f"cannot read {path}: {error.strerror or error}")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            self._fail(f"{path} is not valid TOML: {error}")
        else:
            for section, values in tree.items():
                self._add_table(section, values, str(path))

    def add_variables(self, variables: Mapping[str, str], others: frozenset[str]) -> None:
        """Add those that begin with the prefix, except `others`, which mean something else."""
        for variable in sorted(variables):
            name = variable.removeprefix(self._prefix).removesuffix("_FILE")
            if not variable.startswith(self._prefix) or name in others:
                continue
            section, _, key = name.lower().partition("__")
            if f"{section}.{key}" not in self._known:
                known = [f"{self._prefix}{one.replace('.', '__')}".upper() for one in self._known]
                self._fail(f"{variable} is not a setting", _near(variable, known))
                continue
            try:
                text = read_variable(variables, self._prefix, name) or ""
            except SettingsError as error:
                self._fail(error.text)
                continue
            value: Any = text
            if _is_list(self._sections[section], key):
                value = [part for part in text.split(os.pathsep if section == "content" else ",") if part]
            self._given[section, key] = _Given(value, variable)

    def add_flags(self, flags: Mapping[str, Any]) -> None:
        """Add `{"server": {"port": 8000}}`; those that are None were not given."""
        for section, values in flags.items():
            for key, value in values.items() if isinstance(values, Mapping) else ():
                if value is not None:
                    flag = "--log-format" if section == "logging" else f"--{key}"
                    self._given[section, key] = _Given(value, flag)

    def join(self) -> dict[str, dict[str, Any]]:
        """Return what was given, section by section.

        Raises:
            SettingsError: something is wrong; all of it, each with where it was given.
        """
        tree: dict[str, dict[str, Any]] = {}
        for (section, key), given in self._given.items():
            field = next(one for one in msgspec.structs.fields(self._sections[section]) if one.name == key)
            try:
                msgspec.convert(given.value, field.type, strict=False)
            except msgspec.ValidationError as error:
                text, _, place = str(error).partition(" - at `$")
                self._fail(f"setting {section}.{key}{place.rstrip('`')}: {text} (from {given.origin})")
            tree.setdefault(section, {})[key] = given.value
        if len(self._errors) == 1:
            raise SettingsError(self._errors[0][0], hint=self._errors[0][1])
        if self._errors:
            lines = [f"{text} ({hint})" if hint else text for text, hint in self._errors]
            raise SettingsError("\n  ".join((f"{len(lines)} settings cannot be used", *lines)))
        return tree

    def _add_table(self, section: str, values: Any, origin: str) -> None:
        kind = self._sections.get(section)
        if kind is None:
            if section not in self._root.__struct_fields__:
                self._unknown(section, section, list(self._sections), origin)
        elif not isinstance(values, dict):
            self._fail(f"setting `{section}` must be a table (in {origin})", f"write [{section}] above its settings")
        else:
            for key, value in values.items():
                if key in kind.__struct_fields__:
                    self._given[section, key] = _Given(value, origin)
                else:
                    self._unknown(f"{section}.{key}", key, list(kind.__struct_fields__), origin, f"{section}.")

    def _unknown(self, name: str, key: str, siblings: list[str], origin: str, before: str = "") -> None:
        near = get_close_matches(key, siblings, 1)
        # A setting under a wrong section, or under none.
        elsewhere = [one for one in self._known if one.endswith(f".{key}")]
        found = before + near[0] if near else elsewhere[0] if elsewhere else ""
        cure = f"did you mean `{found}`?" if found else "`stormlet explain settings` lists all"
        self._fail(f"unknown setting `{name}` (in {origin})", cure)

    def _fail(self, text: str, hint: str = "") -> None:
        self._errors.append((text, hint))


def read_variable(variables: Mapping[str, str], prefix: str, name: str) -> str | None:
    """Return the variable, or the content of the file that the variable `<name>_FILE` names."""
    if (path := variables.get(f"{prefix}{name}_FILE")) is not None:
        try:
            return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{prefix}{name}_FILE: cannot read {path}: {error}") from None
    return variables.get(f"{prefix}{name}") or None


def _is_list(section: Section, key: str) -> bool:
    """Tell whether a setting is a list; in a variable it is written with `:` between paths, else with `,`."""
    fields = msgspec.structs.fields(section)
    return any(f.name == key and (f.default_factory is list or isinstance(f.default, tuple)) for f in fields)


def _near(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, 1)
    return f"did you mean {close[0]}?" if close else "`stormlet explain settings` lists all"
