"""The forms that a JSON body takes when something on its way parses it and writes it again.

Used to explain a refusal, and for the one sender (Zoom) whose own library signs a rewritten body. Never used to make a
signature right that should not be: each form is tried as a whole.
"""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from stormlet.signatures.request import form_fields
from stormlet.signatures.verification import Refusal

_MAX_BODY: Final = 65_536
"""Larger bodies are not rewritten: it would cost an unauthenticated stranger's request milliseconds of our time."""
_MAX_DEPTH: Final = 100
_LARGEST_INDEX: Final = 2**32 - 2


def javascript_form(body: bytes) -> bytes | None:
    """Return what `JSON.stringify(JSON.parse(body))` gives in JavaScript; None if it is not JSON or too large.

    Numbers are doubles there, keys that look like array indices come first, and a repeated key keeps its first place
    and its last value (ECMA-262, JSON.stringify and OrdinaryOwnPropertyKeys).
    """
    document = _parsed(body, numbers_are_doubles=True)
    if document is _NOTHING:
        return None
    try:
        return _javascript(document, 0).encode()
    except (UnicodeEncodeError, ValueError):
        return None


def rewritten_forms(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what well-known software makes of the body on the way, each with words for it; never the body itself."""
    for words, form in _candidates(body):
        if form != body:
            yield words, form


def _candidates(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "a line end was added or cut off at its end", body.rstrip(b"\r\n")
    yield "a line end was added or cut off at its end", body + b"\n"
    yield "its line ends were changed", body.replace(b"\r\n", b"\n")
    yield "its line ends were changed", body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    yield "a byte order mark was added or cut off", body.removeprefix(b"\xef\xbb\xbf")
    yield from _inner_json(body)
    document = _parsed(body, numbers_are_doubles=False)
    if document is _NOTHING:
        return
    javascript = javascript_form(body)
    if javascript is not None:
        yield "JSON was parsed and written again (compact)", javascript
    for indent, form in ((None, "compact"), (2, "indented by 2"), (4, "indented by 4")):
        for separators in ((",", ":"), (", ", ": ")) if indent is None else ((",", ": "),):
            for sort_keys in (False, True):
                for ensure_ascii in (False, True):
                    words = f"JSON was parsed and written again ({form}{', keys sorted' if sort_keys else ''})"
                    text = json.dumps(
                        document, indent=indent, separators=separators, sort_keys=sort_keys, ensure_ascii=ensure_ascii
                    )
                    yield words, text.encode("utf-8", "surrogatepass")


def _inner_json(body: bytes) -> Iterator[tuple[str, bytes]]:
    if not body.startswith(b"payload="):
        return
    try:
        fields = form_fields(body)
    except Refusal:
        return
    yield from (("the form's payload was signed or checked without its form", value) for _, value in fields[:1])


class _Nothing:
    """Stands for a body that is not JSON, since every JSON value is a Python value."""


_NOTHING: Final = _Nothing()


def _parsed(body: bytes, *, numbers_are_doubles: bool) -> Any:
    if len(body) > _MAX_BODY:
        return _NOTHING
    try:
        return json.loads(
            body.decode(),
            parse_int=float if numbers_are_doubles else int,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError):
        return _NOTHING


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _javascript(value: Any, depth: int) -> str:
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, float):
        return _javascript_number(value)
    if isinstance(value, str):
        return _javascript_string(value)
    if isinstance(value, Mapping):
        indices = sorted((key for key in value if _is_index(key)), key=int)
        ordered = [*indices, *(key for key in value if not _is_index(key))]
        inside = ",".join(f"{_javascript_string(key)}:{_javascript(value[key], depth + 1)}" for key in ordered)
        return "{" + inside + "}"
    if isinstance(value, list):
        return "[" + ",".join(_javascript(item, depth + 1) for item in value) + "]"
    return json.dumps(value)


def _is_index(key: str) -> bool:
    if not (key.isascii() and key.isdecimal() and len(key) <= 10):
        return False
    return str(int(key)) == key and int(key) <= _LARGEST_INDEX


def _javascript_string(text: str) -> str:
    written = json.dumps(text, ensure_ascii=False)
    if written.isascii():
        return written
    return "".join(f"\\u{ord(char):04x}" if 0xD800 <= ord(char) <= 0xDFFF else char for char in written)


def _javascript_number(number: float) -> str:
    """Write a double as JavaScript does: its shortest digits, without exponent between 1e-7 and 1e21."""
    if number == 0:
        return "0"
    if number in (float("inf"), float("-inf")):
        return "null"
    sign, digit_tuple, exponent = Decimal(repr(number)).as_tuple()
    digits = "".join(map(str, digit_tuple)).rstrip("0")
    point = len(digit_tuple) + int(exponent)
    minus = "-" if sign else ""
    if len(digits) <= point <= 21:
        return minus + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{minus}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{digits}"
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{minus}{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
