"""The secrets of sources, read where they lie: in the environment, in a file, in the datastore, or sealed in the source.

Nothing here shows one: what people see is where a secret comes from and whether it is there. A file is read again when it
has changed, so that a secret that a platform rotates counts from the next request on; so does one in the datastore.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.secrets import SecretBox
from stormlet.model.datastore import KeyValuePair
from stormlet.model.problem import Problem, Severity
from stormlet.model.source import SecretReference, Source
from stormlet.signatures.secret import Secret

SEALED: Final = "sealed"
PLACES: Final = ("env", "file", "st2kv", SEALED)
_LARGEST_FILE: Final = 64 * 1024


class Missing(NamedTuple):
    """A secret that is not there, and why."""

    name: str
    place: str
    why: str


class _File(NamedTuple):
    """What a file held when it looked like this."""

    stamp: tuple[int, int, int]
    text: str


class _Place(NamedTuple):
    """A reference, taken apart."""

    kind: str
    name: str
    reference: SecretReference


class _Read(NamedTuple):
    """A source's secrets as they were read last, and what they were made of."""

    source: Source
    places: tuple[_Place, ...]
    values: list[str]
    secrets: tuple[Secret, ...]


class SecretReader:
    """Reads the secrets of sources. Every method may be called from any thread."""

    def __init__(
        self,
        variables: Mapping[str, str],
        find_key: Callable[[str], KeyValuePair | None],
        decrypt: Callable[[str], str],
        box: SecretBox,
    ) -> None:
        """Remember where to read.

        Args:
            variables: the environment.
            find_key: finds a system item of the datastore, sealed where it is secret.
            decrypt: opens a sealed item of the datastore.
            box: opens secrets that were written into a source through the API.
        """
        self._variables = variables
        self._find_key = find_key
        self._decrypt = decrypt
        self._box = box
        self._paths: dict[str, Path] = {}
        self._files: dict[str, _File] = {}
        self._opened: dict[str, str] = {}
        self._read: dict[str, _Read] = {}

    def secrets_of(self, source: Source) -> tuple[Secret, ...]:
        """Return a source's secrets in its own order. One that is not there has an empty value, which matches nothing."""
        known = self._read.get(source.id)
        if known is None or known.source is not source:
            known = _Read(source, tuple(map(_taken_apart, source.secrets)), [], ())
        values = [self._value(source, place) for place in known.places]
        if known.values == values:
            return known.secrets
        secrets = tuple(_secret(place.reference, value) for place, value in zip(known.places, values, strict=True))
        self._read[source.id] = _Read(source, known.places, values, secrets)
        return secrets

    def missing(self, source: Source) -> list[Missing]:
        """Return which of a source's secrets are not there, and why."""
        absent = (place for place in map(_taken_apart, source.secrets) if not self._value(source, place))
        return [Missing(place.reference.name, shown(place.reference), _why(place)) for place in absent]

    def problems(self, source: Source) -> list[Problem]:
        """Return a warning for each secret that is not there. A source that sleeps until they are has none."""
        if source.enabled is not True:
            return []
        return [
            Problem(
                code="missing-secret",
                text=f"the secret {missing.name} of source {source.ref} is not there: {missing.why}",
                severity=Severity.WARNING,
                location=source.location,
                path="secrets",
                hint="until it is, requests that need it are refused",
            )
            for missing in self.missing(source)
        ]

    def value(self, reference: str, label: str) -> str:
        """Return the secret that a reference names, for whoever else has secrets; empty where it is not there.

        Args:
            reference: as `SecretReference.reference`.
            label: what a sealed one was sealed for.
        """
        kind, _, name = reference.partition(":")
        if kind == "env":
            return self._variables.get(name, "")
        if kind == "file":
            return self._file(name)
        if kind == "st2kv":
            return self._key(name)
        return self._open(name, lambda: self._box.open(name, label)) if kind == SEALED else ""

    def _value(self, source: Source, place: _Place) -> str:
        kind, name, reference = place
        if kind == "env":
            return self._variables.get(name, "")
        if kind == "file":
            return self._file(name)
        if kind == "st2kv":
            return self._key(name)
        return self._sealed(source.ref, reference, name) if kind == SEALED else ""

    def _file(self, name: str) -> str:
        path = self._paths.get(name) or self._paths.setdefault(name, Path(name))
        try:
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            known = self._files.get(name)
            if known is None or known.stamp != stamp:
                known = self._files[name] = _File(stamp, _content(path))
        except (OSError, UnicodeDecodeError, ValueError):
            self._files.pop(name, None)
            return ""
        return known.text

    def _key(self, name: str) -> str:
        item = self._find_key(name)
        if item is None:
            return ""
        return self._open(item.value, lambda: self._decrypt(item.value)) if item.secret else item.value

    def _sealed(self, source: str, reference: SecretReference, sealed: str) -> str:
        return self._open(sealed, lambda: self._box.open(sealed, seal_label(source, reference.name)))

    def _open(self, sealed: str, opening: Callable[[], str]) -> str:
        """Open a sealed text once; one that cannot be opened is empty."""
        text = self._opened.get(sealed)
        if text is None:
            try:
                text = opening()
            except InvalidInputError:
                text = ""
            if len(self._opened) >= 1000:
                self._opened.clear()
            self._opened[sealed] = text
        return text


def seal_label(source: str, name: str) -> str:
    """Return what a secret that was written through the API is sealed for (foundation/secrets.py)."""
    return f"source:{source}:{name}"


def shown(reference: SecretReference) -> str:
    """Return where a secret comes from, as people may see it."""
    return SEALED if reference.reference.startswith(f"{SEALED}:") else reference.reference


def _secret(reference: SecretReference, value: str) -> Secret:
    return Secret(
        value=value,
        name=reference.key_id,
        kind=reference.kind,
        username=reference.username,
        algorithm=reference.algorithm,
        enabled=reference.enabled,
    )


def _content(path: Path) -> str:
    with path.open("rb") as file:
        raw = file.read(_LARGEST_FILE + 1)
    if len(raw) > _LARGEST_FILE:
        raise ValueError("too large")
    return raw.decode().rstrip("\r\n")


def usable(secrets: tuple[Secret, ...]) -> bool:
    """Tell whether any of these proves anything."""
    return any(secret.value and secret.enabled for secret in secrets)


def _taken_apart(reference: SecretReference) -> _Place:
    kind, _, name = reference.reference.partition(":")
    return _Place(kind, name, reference)


def _why(place: _Place) -> str:
    kind, name, _ = place
    if kind == "env":
        return f"the environment of the server has no variable {name}, or an empty one"
    if kind == "file":
        return f"{name} cannot be read, is empty, or is too large for a secret"
    if kind == "st2kv":
        return f"the datastore has no system item {name}, or it cannot be decrypted"
    if kind == SEALED:
        return "it was sealed under another key, or for another source"
    return f"a secret comes from {', '.join(PLACES[:-1])}, each followed by a colon and a name"
