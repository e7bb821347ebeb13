"""How bodies and documents become the bytes that a database keeps, and back without loss.

Bodies are zstd frames at level 1 with a checksum: they take a quarter of the room and a quarter of the fsync, and a bit that
flips on the disk is found when it is read, never handed on. zstd keeps what does not compress as it is. Values are JSON, because
msgspec's JSON keeps integers of any size. This module must not know any table.
"""

import json
import threading
from typing import Any, TypeVar

import msgspec
import zstandard

from stormlet.foundation.errors import InvalidInputError, StoreError
from stormlet.foundation.secrets import VERSION, SecretBox

T = TypeVar("T")
_SEALED = bytes([VERSION])
"""How what a SecretBox made begins; a zstd frame begins otherwise."""
LEVEL = 1
MOST_BYTES = 1 << 30
"""No body is longer: SQLite's own limit for one value."""


class Codec:
    """Packs and unpacks, from any thread; zstd contexts serve one thread at a time, so each thread has its own."""

    def __init__(self, box: SecretBox | None = None) -> None:
        """`box` seals what holds secrets; without it, `seal` only packs."""
        self._contexts = _Contexts()
        self._box = box

    def pack_bytes(self, data: bytes) -> bytes:
        return self._contexts.compressor.compress(data)

    def unpack_bytes(self, packed: bytes) -> bytes:
        """Raises StoreError where the checksum does not fit: the database is damaged."""
        try:
            parameters = zstandard.get_frame_parameters(packed)
            # The library takes a frame at its word where that says "empty", "no checksum" or "very long"; that may be the damage.
            size = parameters.content_size
            if not parameters.has_checksum or size > MOST_BYTES or (size == 0 and packed != self.pack_bytes(b"")):
                raise zstandard.ZstdError("the frame's header is not ours")
            return self._contexts.decompressor.decompress(packed, allow_extra_data=False)
        except (zstandard.ZstdError, TypeError, ValueError, MemoryError) as error:
            raise _damaged(error) from None

    def pack(self, value: Any) -> bytes:
        """Raises InvalidInputError where `value` has no form in JSON."""
        return self.pack_bytes(to_json(value))

    def unpack(self, packed: bytes, type_: type[T]) -> T:
        """Raises StoreError where what is stored cannot be read as `type_`."""
        return from_json(self.unpack_bytes(packed), type_)

    def seal(self, value: Any, name: str) -> bytes:
        """Pack a value that holds secrets so that the file alone does not tell them; `name` is what it belongs to."""
        packed = self.pack(value)
        return packed if self._box is None else self._box.seal_bytes(packed, name)

    def can_open(self, stored: bytes, name: str) -> bool:
        """Tell whether what `seal` or `pack` made can be opened with the key that is here."""
        if stored[:1] != _SEALED:
            return True
        try:
            return self._box is not None and bool(self._box.open_bytes(stored, name))
        except InvalidInputError:
            return False

    def unseal(self, stored: bytes, name: str, type_: type[T]) -> T:
        """Undo `seal`, or `pack`. Raises StoreError also where the key is another."""
        if stored[:1] != _SEALED:
            return self.unpack(stored, type_)
        if self._box is None:
            raise StoreError("a stored document is sealed, and there is no key", hint="restore the directory `keys`")
        try:
            packed = self._box.open_bytes(stored, name)
        except InvalidInputError as error:
            raise _damaged(error) from None
        return self.unpack(packed, type_)


class _Contexts(threading.local):
    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        self.decompressor = zstandard.ZstdDecompressor()


def to_json(value: Any) -> bytes:
    """Write JSON. Lone surrogates, which no database takes, become U+FFFD; NaN and infinity, which JSON has not, null.

    Raises:
        InvalidInputError: a type that JSON has not, a nesting without end, or an integer of over 4,300 digits.
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        # What a child printed may hold bytes that are no UTF-8, kept as lone surrogates. An outcome must not fail for that.
        text = json.dumps(value, ensure_ascii=False, default=msgspec.to_builtins)
        return without_lone_surrogates(text).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"this cannot be kept as JSON: {error}") from None


def without_lone_surrogates(text: str) -> str:
    """Join surrogate pairs and replace surrogates that stand alone by U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def from_json(data: bytes | str, type_: type[T]) -> T:
    """Raises StoreError where `data` cannot be read as `type_`."""
    try:
        return msgspec.json.decode(data, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as error:
        raise _damaged(error) from None


def _damaged(error: Exception) -> StoreError:
    return StoreError(f"a stored document is damaged: {error}", hint="restore a backup of the database")
