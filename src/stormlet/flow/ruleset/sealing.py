"""Secrets that come with a source or an endpoint over the API: sealed before anything is stored, and never shown again.

What is sent is `value`; what is stored is `from: sealed:HEX`, bound to the ref of what it belongs to and the secret's
name. A client that sends back what it was shown (`from: sealed`) keeps the secret that is there, and one that sends the value
that is there changes nothing.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from stormlet.content.shapes import DEFAULT_PACK
from stormlet.content.source_secrets import SEALED
from stormlet.flow.verification.secrets import seal_label
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.secrets import SecretBox

LARGEST_SECRET: Final = 64 * 1024
SHOWN: Final = SEALED.rstrip(":")


Label = Callable[[str, str], str]
"""From the ref of what a secret belongs to and its name to what it is sealed for."""


class Kept(Protocol):
    """One secret that is there."""

    @property
    def name(self) -> str: ...
    @property
    def reference(self) -> str: ...


class Keeper(Protocol):
    """What has secrets: a source, an endpoint."""

    @property
    def ref(self) -> str: ...
    @property
    def secrets(self) -> Sequence[Kept]: ...


def seal_secrets(
    document: Mapping[str, Any], box: SecretBox, old: Keeper | None, label: Label = seal_label
) -> dict[str, Any]:
    """Return a document with each `value` of its secrets sealed.

    Args:
        document: as it was sent.
        box: seals.
        old: what this replaces, whose sealed secrets may be kept; None where it is new.
        label: what secrets are sealed for.

    Raises:
        InvalidInputError: a value is no text or too large, or a secret is to be kept that is not there.
    """
    pack, name = document.get("pack") or DEFAULT_PACK, document.get("name")
    sealer = _Sealer(f"{pack}.{name}", box, old, label)
    sealed = dict(document)
    if document.get("secret") is not None:
        sealed["secret"] = sealer.seal(document["secret"], 1)
    if isinstance(document.get("secrets"), list):
        sealed["secrets"] = [sealer.seal(entry, number) for number, entry in enumerate(document["secrets"], 1)]
    return sealed


class _Sealer:
    """Seals for one source or endpoint."""

    def __init__(self, ref: str, box: SecretBox, old: Keeper | None, label: Label) -> None:
        self._ref = ref
        self._box = box
        self._old = old
        self._label_of = label

    def seal(self, entry: Any, number: int) -> Any:
        """Return a secret's entry as it is stored. What is wrong with it otherwise is for its reader to say."""
        if isinstance(entry, str):
            self._refuse_sealed(entry)
            return entry
        if not isinstance(entry, Mapping):
            return entry
        name = str(entry.get("name") or number)
        rest = {key: value for key, value in entry.items() if key != "value"}
        if "value" in entry:
            if rest.get("from") not in (None, SHOWN):
                raise InvalidInputError(f"secrets.{name}: `value` and `from` cannot both be there")
            return {**rest, "name": name, "from": SEALED + self._sealed(_text(entry["value"], name), name)}
        if rest.get("from") == SHOWN:
            return {**rest, "name": name, "from": SEALED + self._kept(name)}
        if isinstance(rest.get("from"), str):
            self._refuse_sealed(rest["from"])
        return rest

    def _sealed(self, value: str, name: str) -> str:
        """Seal a value; one that is there already stays as it is, so that sending it again is no change."""
        for each in self._old.secrets if self._old is not None and self._old.ref == self._ref else ():
            if each.name == name and each.reference.startswith(SEALED):
                there = each.reference.removeprefix(SEALED)
                if hmac.compare_digest(self._box.open(there, self._label(name)).encode(), value.encode()):
                    return there
        return self._box.seal(value, self._label(name))

    def _kept(self, name: str) -> str:
        """Return the secret of that name which is there, sealed for this source."""
        known = self._old.secrets if self._old is not None else ()
        reference = next((each.reference for each in known if each.name == name), "")
        if self._old is None or not reference.startswith(SEALED):
            hint = "write it once as `value`, or name the secret that is there as it is called there"
            raise InvalidInputError(f"secrets.{name}: there is no sealed secret of that name to keep", hint=hint)
        sealed = reference.removeprefix(SEALED)
        if self._old.ref == self._ref:
            return sealed
        return self._box.seal(self._box.open(sealed, self._label_of(self._old.ref, name)), self._label(name))

    def _label(self, name: str) -> str:
        return self._label_of(self._ref, name)

    def _refuse_sealed(self, given: str) -> None:
        if given.startswith(SEALED):
            raise InvalidInputError("a sealed secret belongs to what it was written for", hint="write `value`")


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidInputError(f"secrets.{name}.value: a secret is a text that is not empty")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidInputError(f"secrets.{name}.value: this is not valid Unicode") from None
    if size > LARGEST_SECRET:
        raise InvalidInputError(f"secrets.{name}.value: a secret has {LARGEST_SECRET} bytes at most")
    return value
