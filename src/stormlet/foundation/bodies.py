"""Request bodies: from bytes to a value, bounded in size, depth and time.

It stands in the foundation because three rooms must read a body in exactly the same way: the HTTP side when it arrives, and
triggering when a stored request is decided again later. What StackStorm reads (its router's table of content types) is what
is read here; what Python's json would let through (NaN, half a surrogate pair, a thousand nested lists) is refused.

Of a key that stands twice in one object, the last one wins, as in StackStorm.
"""

import codecs
import re
import zlib
from array import array
from itertools import accumulate
from typing import Any
from urllib.parse import parse_qs

import msgspec

from stormlet.foundation.errors import InvalidInputError, TooLargeError

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MAX_FORM_FIELDS = 1000
PLAIN = frozenset({"", "identity"})
ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})
MAX_RATIO = 100
"""How many times larger than what was sent a compressed body may become, beyond `RATIO_FROM` bytes."""
RATIO_FROM = 64 * 1024
MAX_MEMBERS = 16

_CHARSETS = frozenset({"utf-8", "ascii", "iso8859-1", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"})
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
# As signed bytes: an opening bracket is one level deeper, a closing one is one less.
_STEPS = bytes.maketrans(b"[]{}", b"\x01\xff\x01\xff")
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(raw: bytes, content_type: str = "", *, max_depth: int | None = None) -> Any:
    """Return what a body says: any JSON value, or a dict of lists for a form. An empty body says `{}`.

    Args:
        raw: the body, decompressed.
        content_type: the header's value; empty means JSON. `text/plain` is read as JSON (SNS sends it so).
        max_depth: how many levels of lists and objects a JSON body may have; None where it was checked before.

    Raises:
        InvalidInputError: not what `content_type` says, or a type that is not read; begins with StackStorm's sentence.
    """
    kind, charset = split_content_type(content_type)
    if kind in {"", JSON, "text/plain", "text/json"} or (kind.startswith("application/") and kind.endswith("+json")):
        return parse_json(_as_utf8(raw, charset), max_depth=max_depth)
    if kind == FORM:
        return _parse_form(raw, charset)
    raise _failure(f'Unsupported Content-Type: "{content_type[:200]}"', f"send {JSON} or {FORM}")


def parse_json(raw: bytes, *, max_depth: int | None = None) -> Any:
    """Return the value of a JSON text in UTF-8, or `{}` of an empty one; raises as `parse` does."""
    raw = raw.removeprefix(codecs.BOM_UTF8)
    if not raw.strip():
        return {}
    if max_depth is not None and is_deeper(raw, max_depth):
        raise _failure(f"nested deeper than {max_depth} levels")
    try:
        return msgspec.json.decode(raw)
    except UnicodeDecodeError:
        raise _failure("the text is not valid UTF-8") from None
    except RecursionError:
        raise _failure("nested too deeply") from None
    except msgspec.MsgspecError as error:
        if _HALF_PAIR.search(raw) and str(error) == "Input data was truncated":
            raise _failure("a string is cut off, or holds half of a surrogate pair") from None
        raise _failure(str(error)) from None


def is_deeper(raw: bytes, depth: int) -> bool:
    """Tell whether a JSON text nests lists and objects deeper than `depth`, without building any of them."""
    if raw.count(b"[") + raw.count(b"{") <= depth:
        return False
    # What stands between an even and an odd quotation mark is outside of strings. A regular expression would be shorter
    # and, on hostile input, a hundred thousand times slower.
    outside = raw.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2]
    brackets = b"".join(outside).translate(_STEPS, _NOT_BRACKETS)
    return max(accumulate(array("b", brackets)), default=0) > depth


def decompress(raw: bytes, encoding: str, limit: int | None) -> bytes:
    """Undo a Content-Encoding.

    Args:
        raw: what was sent.
        encoding: the header's value: one of PLAIN or ENCODINGS.
        limit: bytes that the result may have; None where it was checked before.

    Raises:
        TooLargeError: more than `limit`, or more than `MAX_RATIO` times what was sent.
        InvalidInputError: another encoding, or several; cut short; not what it says it is.
    """
    encoding = encoding.strip().lower()
    if encoding in PLAIN or not raw:
        return raw
    if encoding not in ENCODINGS:
        hint = "send it as it is, or with gzip or deflate"
        raise InvalidInputError(f'Unsupported Content-Encoding: "{encoding[:100]}"', hint=hint)
    allowed = None if limit is None else min(limit, max(RATIO_FROM, len(raw) * MAX_RATIO))
    try:
        return _inflate(raw, encoding, allowed)
    except zlib.error:
        raise InvalidInputError(f"the body is not valid {encoding}") from None


def split_content_type(header: str) -> tuple[str, str]:
    """Return the media type, in lower case, and the charset of a Content-Type header; both empty where not given."""
    kind, *parameters = header.split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return kind.strip().lower(), value.strip().strip("\"'").lower()
    return kind.strip().lower(), ""


def _inflate(raw: bytes, encoding: str, allowed: int | None) -> bytes:
    whole = bytearray()
    rest = raw
    for _ in range(MAX_MEMBERS):
        # 47: gzip or zlib, told by its first bytes; "deflate" is zlib by the standard, and bare in some senders.
        bare = encoding == "deflate" and (rest[0] & 0x0F) != zlib.DEFLATED
        machine = zlib.decompressobj(-zlib.MAX_WBITS if bare else 47)
        room = 0 if allowed is None else allowed - len(whole) + 1
        whole += machine.decompress(rest, room)
        if allowed is not None and len(whole) > allowed:
            raise TooLargeError(f"the body is larger than {allowed} bytes when decompressed")
        if not machine.eof:
            raise InvalidInputError(f"the {encoding} body is cut short")
        rest = machine.unused_data  # gzip may be several members, one after the other
        if not rest:
            return bytes(whole)
    raise InvalidInputError(f"the {encoding} body has more than {MAX_MEMBERS} members")


def _parse_form(raw: bytes, charset: str) -> dict[str, list[str]]:
    text = _as_utf8(raw, charset)
    try:
        return parse_qs(text.decode(), max_num_fields=MAX_FORM_FIELDS)
    except UnicodeDecodeError:
        raise _failure("the text is not valid UTF-8") from None
    except ValueError:
        raise _failure(f"more than {MAX_FORM_FIELDS} fields") from None


def _as_utf8(raw: bytes, charset: str) -> bytes:
    """Return the text in UTF-8. Only charsets that are known to be harmless: Python's codecs include zip and idna."""
    if charset in {"", "utf-8", "utf8", "us-ascii", "ascii"}:
        return raw
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        name = ""
    if name not in _CHARSETS:
        raise _failure(f'Unsupported charset: "{charset[:100]}"', "send UTF-8")
    try:
        return raw.decode(name).encode()
    except UnicodeError:
        raise _failure(f"the text is not valid {charset}") from None


def _failure(reason: str, hint: str = "") -> InvalidInputError:
    return InvalidInputError(f"Failed to parse request body: {reason}", hint=hint)
