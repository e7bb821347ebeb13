"""A secret as it was configured, and the key that a scheme makes of it.

The text is exactly what the sender's page shows. Its repr holds no secret, so that a log line or a traceback cannot
either. An empty secret is no secret: an HMAC under an empty key is something anyone can compute.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

MISSING_KEY: Final = hashlib.sha256(b"no secret is configured").digest()
"""Used where there is no usable key, so that the answer takes as long as one with a key. It never matches anything."""


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """One secret, key or credential."""

    value: str
    """The text as configured: a shared secret, a password, a public key, a PEM."""
    name: str = ""
    """The key id (rfc9421), or the header or query parameter that carries the credential."""
    kind: str = ""
    """For credentials: bearer, basic, header, query, api-key or token. Empty: what the scheme uses by default."""
    username: str = ""
    """For basic."""
    algorithm: str = ""
    """For rfc9421: the algorithm of this key. It is never taken from the message."""
    enabled: bool = True
    expires_at: float | None = None
    """Unix seconds from which on it no longer counts."""

    def __repr__(self) -> str:
        """Return the secret without its value."""
        return f"Secret(name={self.name!r}, kind={self.kind!r}, algorithm={self.algorithm!r}, enabled={self.enabled})"

    __str__ = __repr__

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Return what `rich` may print: not the value."""
        return [("name", self.name), ("kind", self.kind), ("enabled", self.enabled)]


class KeyForm(StrEnum):
    """How the text of a secret becomes the key of a MAC."""

    TEXT = "text"
    """Its UTF-8 bytes, whatever prefix it has."""
    BASE64 = "base64"
    """Base64-decoded, after the optional `key_prefix`."""
    HEX = "hex"
    """Hex-decoded, after the optional `key_prefix`."""


def decode_base64(text: str) -> bytes | None:
    """Return what strict base64 holds, None if it is not base64. Missing `=` at the end is forgiven: people cut it."""
    stripped = text.strip()
    try:
        return base64.b64decode(stripped + "=" * (-len(stripped) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def decode_hex(text: str) -> bytes | None:
    """Return what hex holds, None if it is not hex."""
    stripped = text.strip()
    try:
        return binascii.a2b_hex(stripped) if stripped.isascii() else None
    except (binascii.Error, ValueError):
        return None


def key_bytes(secret: Secret, form: KeyForm, prefix: str = "") -> bytes | None:
    """Return the key, None if the secret is empty or has not that form."""
    if form is KeyForm.TEXT:
        return secret.value.encode("utf-8", "surrogatepass") or None
    return _decoded(secret.value, form, prefix)


@lru_cache(maxsize=256)
def _decoded(text: str, form: KeyForm, prefix: str) -> bytes | None:
    """Remembered, because the same few keys are wanted for every request, and strict base64 takes its time."""
    text = text.strip().removeprefix(prefix)
    return (decode_base64(text) if form is KeyForm.BASE64 else decode_hex(text)) or None


def active(secrets: Sequence[Secret]) -> list[tuple[int, Secret]]:
    """Return the enabled, non-empty secrets with their indices."""
    return [(index, secret) for index, secret in enumerate(secrets) if secret.enabled and secret.value]


def same_secret(given: bytes, wanted: bytes) -> bool:
    """Compare two credentials in a time that depends on neither's content, nor on the wanted one's length."""
    return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(wanted).digest())
