"""Where a source's secrets are: `secret:` and `secrets:` of its document → references.

What stands there may be a secret that somebody put into the file by mistake, so no message of this module repeats a value,
and this part of the document is checked here instead of by its schema, whose messages do.
"""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import msgspec

from stormlet.content.dialect import Provenance
from stormlet.content.shapes import join
from stormlet.content.suggest import did_you_mean_or_list
from stormlet.model.problem import Problem
from stormlet.model.source import SecretReference
from stormlet.model.trigger import Origin

SEALED = "sealed:"
KINDS = ("bearer", "basic", "header", "query", "api-key", "token")
_KEYS = ("name", "from", "kind", "username", "key_id", "algorithm", "enabled")
_TEXTS = ("kind", "username", "key_id", "algorithm")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_KEY_NAME = re.compile(r"[^\s/:{}|]{1,200}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_WHERE = "write where it is: env:NAME, file:/path or st2kv:name"


def read_secrets(
    document: Mapping[str, Any], provenance: Provenance
) -> tuple[tuple[SecretReference, ...], list[Problem]]:
    """Return the references in their order, and what is wrong with them."""
    one, many = document.get("secret"), document.get("secrets")
    if one is not None and many is not None:
        text = "`secret` and `secrets` cannot both be there"
        return (), [provenance.problem("bad-value", text, "secret", hint="put all into `secrets`")]
    if one is not None:
        entries: list[tuple[str, Any]] = [("secret", one)]
    elif many is None:
        return (), []
    elif isinstance(many, list):
        entries = [(f"secrets.{number}", entry) for number, entry in enumerate(many)]
    else:
        return (), [provenance.problem("wrong-type", "this is not a list", "secrets", hint="write each after a -")]
    problems: list[Problem] = []
    read = _named([_Entry(path, entry, provenance, problems).read() for path, entry in entries])
    found = [secret for secret in read if secret is not None]
    seen: set[str] = set()
    for secret, (path, _) in zip(read, entries, strict=True):
        if secret is not None and secret.name in seen:
            text = f"two secrets are called {secret.name}"
            problems.append(provenance.problem("duplicate-name", text, path, hint="their uses could not be told apart"))
        seen |= {secret.name} if secret is not None else set()
    return tuple(found), problems


def _named(read: list[SecretReference | None]) -> list[SecretReference | None]:
    """Give names to those that have none: that of what they refer to, because when each was used last is remembered by name,
    and a number would pass from one secret to another when a new one comes first."""
    taken = {secret.name for secret in read if secret is not None}
    named: list[SecretReference | None] = []
    for number, secret in enumerate(read, 1):
        if secret is not None and not secret.name:
            kind, _, rest = secret.reference.partition(":")
            base = PurePath(rest).name if kind == "file" else "" if secret.reference.startswith(SEALED) else rest
            base = _NOT_IN_A_NAME.sub("-", base).strip(".-")[:64]
            name = base if base and base not in taken else str(number)
            taken.add(name)
            secret = msgspec.structs.replace(secret, name=name)
        named.append(secret)
    return named


class _Entry:
    """One secret's entry. A secret that is not given a name has an empty one at first."""

    def __init__(self, path: str, entry: Any, provenance: Provenance, problems: list[Problem]) -> None:
        self._path = path
        self._entry = entry
        self._provenance = provenance
        self._problems = problems

    def read(self) -> SecretReference | None:
        entry = self._entry
        if isinstance(entry, str):
            reference = self._reference(entry, "")
            return SecretReference(name="", reference=reference) if reference else None
        if not isinstance(entry, Mapping):
            self._problem("wrong-type", "this says not where the secret is", hint=_WHERE)
            return None
        self._unknown_keys(entry)
        if "from" not in entry:
            if "value" not in entry:
                self._problem("missing-key", "`from` is missing", hint=_WHERE)
            return None
        given = entry["from"]
        reference = self._reference(given, "from") if isinstance(given, str) else ""
        if not isinstance(given, str):
            self._problem("wrong-type", "this is not text", "from", hint=_WHERE)
        texts = {key: self._text(entry, key) for key in _TEXTS}
        name, enabled = self._name(entry), self._enabled(entry)
        if texts["kind"] and texts["kind"] not in KINDS:
            hint = did_you_mean_or_list(texts["kind"], KINDS)
            self._problem("bad-value", "there is no such kind of credential", "kind", hint=hint)
        return SecretReference(name=name, reference=reference, enabled=enabled, **texts) if reference else None

    def _reference(self, given: str, key: str) -> str:
        """Return the reference, or nothing where it is none."""
        kind, colon, rest = given.strip().partition(":")
        if given.startswith(SEALED) and self._provenance.origin is Origin.API:
            return given
        if kind == "env" and colon and _VARIABLE.fullmatch(rest):
            return f"env:{rest}"
        if kind == "file" and colon and PurePath(rest).is_absolute():
            return f"file:{rest}"
        if kind == "st2kv" and colon and _KEY_NAME.fullmatch(rest):
            return f"st2kv:{rest.removeprefix('system.')}"
        code, text, hint = self._not_a_reference(given)
        self._problem(code, text, key, hint=hint)
        return ""

    def _not_a_reference(self, given: str) -> tuple[str, str, str]:
        """Return code, text and hint. The text that was given is never in them: it may be the secret."""
        kind, colon, rest = given.strip().partition(":")
        if kind == "file" and colon and rest:
            return "bad-value", "the path is not absolute", "begin it with /"
        if kind in ("env", "st2kv") and colon:
            words = "the name of an environment variable" if kind == "env" else "the name of a datastore item"
            return "bad-value", f"what stands behind {kind}: is not {words}", _WHERE
        if variable := re.fullmatch(r"\$\{?([A-Za-z_]\w*)\}?", given.strip(), re.ASCII):
            return "bad-value", "variables are not expanded here", f"write env:{variable[1]}"
        if item := re.match(r"\{\{\s*st2kv\.system\.([\w.-]+)", given.strip(), re.ASCII):
            return "bad-value", "this is no template", f"write st2kv:{item[1]}"
        text = "this is not where a secret is; if it is the secret itself, change it: it stood in a file"
        return "secret-in-clear", text, _WHERE

    def _unknown_keys(self, entry: Mapping[Any, Any]) -> None:
        for key in entry:
            if key == "value":
                text = "a secret does not stand in a file; this one has to be changed now"
                self._problem("secret-in-clear", text, hint=f"write it once through the API, or {_WHERE}")
            elif key not in _KEYS:
                text = f"there is no `{key}`" if isinstance(key, str) and key.isidentifier() else "this is no key"
                self._problem("unknown-key", text, str(key), hint=did_you_mean_or_list(str(key), _KEYS))

    def _name(self, entry: Mapping[Any, Any]) -> str:
        name = entry.get("name")
        if name is None or (isinstance(name, str) and _NAME.fullmatch(name)):
            return name or ""
        self._problem("bad-name", "this cannot be a secret's name", "name", hint="use letters, digits, . _ and -")
        return ""

    def _enabled(self, entry: Mapping[Any, Any]) -> bool:
        enabled = entry.get("enabled")
        if enabled is None or isinstance(enabled, bool):
            return enabled is not False
        self._problem("wrong-type", "this is neither true nor false", "enabled")
        return True

    def _text(self, entry: Mapping[Any, Any], key: str) -> str:
        value = entry.get(key)
        if value is None or isinstance(value, str):
            return value or ""
        self._problem("wrong-type", "this is not text", key, hint="quote it")
        return ""

    def _problem(self, code: str, text: str, key: str = "", *, hint: str = "") -> None:
        self._problems.append(self._provenance.problem(code, text, join(self._path, key), hint=hint))
