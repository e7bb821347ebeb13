"""Header lines as text, read the same way wherever a request is looked at: when it is verified, and when it is kept."""

from collections.abc import Sequence

Pairs = tuple[tuple[str, str], ...]
"""Names and values in the order and spelling received; names compare without case."""


def decoded(raw: Sequence[tuple[bytes, bytes]]) -> Pairs:
    """Return header lines as text: UTF-8 where they can be, and Latin-1 (which is never wrong) where they cannot."""
    try:
        return tuple([(name.decode("latin-1"), value.decode()) for name, value in raw])
    except UnicodeDecodeError:
        return tuple([(name.decode("latin-1"), _text(value)) for name, value in raw])


def first_value(headers: Sequence[tuple[str, str]], name: str) -> str:
    """Return the first value of a header, named in lower case; empty where there is none."""
    for known, value in headers:
        if known.lower() == name:
            return value
    return ""


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
