"""Files → plain values, with the place of every part, and without ever raising for what a file holds.

YAML is read with StackStorm's meaning (YAML 1.1, as `yaml.safe_load`), JSON with JSON's. Everything that can be wrong with
bytes is a problem of the returned document: not readable, too large, not UTF-8, not valid, too deep, an alias bomb.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from stormlet.content.yaml_nodes import MAX_DEPTH, RefusedError, compose
from stormlet.content.yaml_values import Construction, as_json
from stormlet.foundation.regular_files import open_regular, reason_of
from stormlet.model.problem import Location, Problem, Severity

DEFAULT_MAX_BYTES = 1024 * 1024


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What one file holds. `value` is None where the file could not be read (then `readable` is False) or is empty.

    `locations` maps a dotted path (`criteria.trigger.body.ref.type`, `tags.0.name`) to where that key or item stands.
    """

    file: str
    value: Any = None
    readable: bool = True
    locations: Mapping[str, Location] = {}
    problems: tuple[Problem, ...] = ()

    def at(self, path: str) -> Location:
        """Return where the part at `path` stands, or the nearest part around it that is known."""
        return nearest(self.locations, path, self.file)


def nearest(locations: Mapping[str, Location], path: str, file: str = "") -> Location:
    """Return the place of `path`, or of the closest part around it; the file alone where nothing is known."""
    while path and path not in locations:
        path = path.rpartition(".")[0]
    return locations.get(path) or Location(file=file)


def read_file(path: Path, *, shown: str = "", max_bytes: int = DEFAULT_MAX_BYTES) -> Document:
    """Read a file. `shown` is the name that problems carry; `.json` is read as JSON, all else as YAML."""
    shown = shown or str(path)
    try:
        with open_regular(path) as stream:
            raw = stream.read(max_bytes + 1)
    except (OSError, ValueError) as error:
        return _unreadable(shown, "file-unreadable", f"the file cannot be read: {reason_of(error)}")
    if len(raw) > max_bytes:
        hint = "raise content.max_file_bytes if it is meant to be this large"
        return _unreadable(shown, "file-too-large", f"the file is larger than {max_bytes} bytes", hint=hint)
    return read_bytes(raw, shown, is_json=path.suffix.lower() == ".json")


def read_bytes(raw: bytes, file: str, *, is_json: bool = False) -> Document:
    """Read the bytes of a file named `file`."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = len(raw[raw.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8", "replace")) + 1
        return _unreadable(file, "file-unreadable", "not valid UTF-8", line, column, "save the file as UTF-8")
    if "\0" in text:
        line, column = _line_and_column(text, text.index("\0"))
        return _unreadable(file, "yaml-syntax", "a NUL character is not allowed", line, column)
    return _read_json(text, file) if is_json else _read_yaml(text, file)


def _read_yaml(text: str, file: str) -> Document:
    construction = Construction(file)
    try:
        root = compose(text)
        if root is None:
            return Document(file=file)
        value = construction.make(root)
    except RefusedError as refusal:
        return _refused(file, refusal)
    except RecursionError:
        # The depth is limited long before; this is the last net under the constructors of PyYAML.
        return _unreadable(file, "yaml-depth", "nested too deeply")
    return Document(
        file=file,
        value=as_json(value) if construction.unusual else value,
        locations=construction.locations,
        problems=tuple(construction.problems),
    )


def _read_json(text: str, file: str) -> Document:
    """Read JSON with JSON's own parser (`1e5` is a number in it and text in YAML 1.1), and places as YAML finds them."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return _unreadable(file, "yaml-syntax", f"not valid JSON: {error.msg}", error.lineno, error.colno)
    except (ValueError, RecursionError) as error:
        code = "yaml-depth" if isinstance(error, RecursionError) else "yaml-syntax"
        return _unreadable(file, code, f"not valid JSON: {error}")
    construction = Construction(file)
    try:
        root = compose(text)
        if root is not None:
            construction.make(root)
    except RefusedError as refusal:
        if refusal.code == "yaml-depth":
            return _unreadable(file, "yaml-depth", f"nested more than {MAX_DEPTH} levels deep")
        # JSON that YAML 1.1 cannot read (a surrogate pair, say) is good JSON; only the places are not known.
        return Document(file=file, value=value)
    duplicates = tuple(problem for problem in construction.problems if problem.code == "duplicate-key")
    return Document(file=file, value=value, locations=construction.locations, problems=duplicates)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _refused(file: str, refusal: RefusedError) -> Document:
    return _unreadable(file, refusal.code, refusal.text, refusal.line, refusal.column, refusal.hint)


def _unreadable(file: str, code: str, text: str, line: int = 0, column: int = 0, hint: str = "") -> Document:
    problem = Problem(
        code=code,
        text=text,
        severity=Severity.ERROR,
        location=Location(file=file, line=line, column=column),
        hint=hint,
    )
    return Document(file=file, readable=False, problems=(problem,))


def _line_and_column(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
