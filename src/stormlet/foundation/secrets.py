"""Secrets at rest: AES-256-GCM, each ciphertext bound to the name of what it belongs to.

A sealed value is upper-case hex, as StackStorm shows ciphertexts: one byte of version, two of the name's length, the name,
twelve of nonce, then ciphertext and tag. The name is authenticated, not hidden; swapping two sealed values is noticed.
"""

import contextlib
import secrets as random_source
import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from stormlet.foundation.errors import InvalidInputError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = 1
NONCE_BYTES = 12
MASK = "********"


class SecretBox:
    """Seals and opens texts under one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @cached_property
    def _cipher(self) -> "AESGCM":
        # Imported at first use: most commands and many servers never seal anything, and the import costs 20 ms.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._key)

    def seal(self, text: str, name: str) -> str:
        """Return `text` sealed for `name`, as hex."""
        return self.seal_bytes(text.encode(), name).hex().upper()

    def open(self, sealed: str, name: str | None = None) -> str:
        """Return the text that was sealed.

        Args:
            sealed: hex that `seal` made.
            name: what it must belong to; None accepts any (a template's `decrypt_kv` knows no name).

        Raises:
            InvalidInputError: not hex, damaged, sealed under another key, or for another name.
        """
        try:
            raw = bytes.fromhex(sealed)
        except ValueError:
            raise InvalidInputError("the value is not a sealed secret") from None
        return self.open_bytes(raw, name).decode()

    def seal_bytes(self, plain: bytes, name: str) -> bytes:
        """Return bytes sealed for `name`."""
        label = name.encode()
        header = bytes([VERSION]) + len(label).to_bytes(2, "big") + label
        nonce = random_source.token_bytes(NONCE_BYTES)
        return header + nonce + self._cipher.encrypt(nonce, plain, header)

    def open_bytes(self, sealed: bytes, name: str | None = None) -> bytes:
        """Return the bytes that were sealed; raises as `open` does."""
        from cryptography.exceptions import InvalidTag

        length = int.from_bytes(sealed[1:3], "big")
        header, rest = sealed[: 3 + length], sealed[3 + length :]
        if not sealed or sealed[0] != VERSION or len(rest) < NONCE_BYTES:
            raise InvalidInputError("the value is not a sealed secret")
        if name is not None and header[3:] != name.encode():
            raise InvalidInputError("the sealed secret belongs to something else")
        try:
            return self._cipher.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], header)
        except InvalidTag:
            raise InvalidInputError("the sealed secret is damaged, or was sealed under another key") from None


class Opener:
    """Opens sealed values, and remembers what it opened for whoever has to hide it afterwards."""

    def __init__(self, decrypt: Callable[[str], str]) -> None:
        self._decrypt = decrypt
        self._thread = threading.local()

    def __call__(self, sealed: str) -> str:
        """Return the text that was sealed; raises what `decrypt` raises."""
        text = self._decrypt(sealed)
        recorded: set[str] | None = getattr(self._thread, "recorded", None)
        if recorded is not None:
            recorded.add(text)
        return text

    @contextlib.contextmanager
    def recording(self) -> Iterator[set[str]]:
        """Collect what this thread opens meanwhile: rendering is synchronous, so it is what one rendering opened."""
        outer: set[str] | None = getattr(self._thread, "recorded", None)
        self._thread.recorded = recorded = set[str]()
        try:
            yield recorded
        finally:
            self._thread.recorded = outer
            if outer is not None:
                outer |= recorded
