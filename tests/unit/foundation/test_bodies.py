"""Bodies: what StackStorm reads is read, what would hurt is refused, and none of it takes long."""

import contextlib
import gzip
import json
import zlib
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlet.foundation.bodies import decompress, is_deeper, parse
from stormlet.foundation.errors import InvalidInputError, TooLargeError

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("raw", "content_type", "value"),
    [
        (b'{"a": 1}', JSON, {"a": 1}),
        (b'{"a": 1}', "", {"a": 1}),
        (b'{"a": 1}', "Application/JSON; Charset=UTF-8", {"a": 1}),
        (b'{"a": 1}', "text/plain; charset=utf-8", {"a": 1}),
        (b'{"a": 1}', "application/cloudevents+json", {"a": 1}),
        (b"", JSON, {}),
        (b"  \n", JSON, {}),
        (b"", FORM, {}),
        (b"null", JSON, None),
        (b"[1]", JSON, [1]),
        (b'\xef\xbb\xbf{"a": 1}', JSON, {"a": 1}),
        (b'{"a": 1, "a": 2}', JSON, {"a": 2}),
        (b'{"n": 123456789012345678901234567890}', JSON, {"n": 123456789012345678901234567890}),
        ('{"ä": "€"}'.encode("utf-16"), "application/json; charset=utf-16", {"ä": "€"}),
        ('{"a": "ä"}'.encode("latin-1"), 'application/json; charset="ISO-8859-1"', {"a": "ä"}),
        (b"a=1&a=2&b=%C3%A4", FORM, {"a": ["1", "2"], "b": ["ä"]}),
        (b"payload=%7B%22a%22%3A1%7D", f"{FORM}; charset=utf-8", {"payload": ['{"a":1}']}),
    ],
)
def test_what_is_read(raw: bytes, content_type: str, value: Any) -> None:
    """JSON under its names and none, forms as lists, an empty body as an empty object; the last of equal keys wins."""
    assert parse(raw, content_type, max_depth=100) == value


@pytest.mark.parametrize(
    ("raw", "content_type", "reason"),
    [
        (b'{"a": ', JSON, "truncated"),
        (b'{"a": 1}}', JSON, "trailing"),
        (b'{"a": NaN}', JSON, "malformed"),
        (b"[Infinity, -Infinity]", JSON, "malformed"),
        (b'{"a": "\xff"}', JSON, "UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', JSON, "UTF-8"),
        (b'{"a": "\\ud800"}', JSON, "surrogate"),
        (b"[" * 10_000 + b"]" * 10_000, JSON, "deeper than 100"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, JSON, "deeper than 100"),
        (b"1" * 10_000, JSON, "range"),
        (b"1e400", JSON, "range"),
        (b"\x00", JSON, "malformed"),
        (b"<a/>", "text/xml", 'Unsupported Content-Type: "text/xml"'),
        (b"a", "multipart/form-data; boundary=x", "Unsupported Content-Type"),
        (b"{}", "application/json; charset=zip", "Unsupported charset"),
        (b"{}", "application/json; charset=idna", "Unsupported charset"),
        (b"\xff", f"{FORM}; charset=utf-8", "UTF-8"),
        (b"&".join(b"a=1" for _ in range(1001)), FORM, "1000 fields"),
        (b"\x00", "application/json; charset=utf-16", "utf-16"),
    ],
)
def test_what_is_refused(raw: bytes, content_type: str, reason: str) -> None:
    """Each refusal begins with StackStorm's sentence and says why."""
    with pytest.raises(InvalidInputError, match=r"^Failed to parse request body: ") as caught:
        parse(raw, content_type, max_depth=100)
    assert reason in str(caught.value)


def test_brackets_in_strings_are_no_depth() -> None:
    """Only what nests counts; a string may hold any number of brackets, quotes and backslashes."""
    text = json.dumps({"a": '[{"' * 200 + "\\", "b": ["]" * 200]}).encode()
    assert not is_deeper(text, 3)
    assert parse(text, JSON, max_depth=3)["b"] == ["]" * 200]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def depth_of(value: Any) -> int:
    """Return how deep lists and objects nest."""
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@given(json_values, st.integers(min_value=0, max_value=6))
def test_depth_is_counted_exactly(value: Any, limit: int) -> None:
    """The count over bytes says the same as a walk over the value."""
    assert is_deeper(json.dumps(value, ensure_ascii=False).encode(), limit) is (depth_of(value) > limit)


@given(json_values)
def test_any_json_is_read_as_it_is(value: Any) -> None:
    """What Python writes comes back unchanged, big integers too."""
    raw = json.dumps(value, ensure_ascii=False).encode()
    assert parse(raw, JSON, max_depth=100) == value


@given(st.binary(max_size=200), st.sampled_from([JSON, FORM, "", "text/plain", "application/json; charset=utf-16"]))
def test_no_bytes_are_a_fault(raw: bytes, content_type: str) -> None:
    """Any bytes are read or refused."""
    with contextlib.suppress(InvalidInputError):
        parse(raw, content_type, max_depth=10)


@pytest.mark.parametrize(
    "raw", [b"[]," * 349_525, b'"a",' * 262_144, b'"\\"' * 349_525, b'\\"' * 524_288, b"[" * MEBIBYTE]
)
def test_hostile_text_is_counted_quickly(raw: bytes) -> None:
    """A mebibyte takes milliseconds, whatever is in it."""
    started = perf_counter()
    is_deeper(b"[" * 101 + raw, 100)
    assert perf_counter() - started < 0.5


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "GZIP"])
def test_compressed_bodies_are_unpacked(encoding: str) -> None:
    """gzip and deflate, as the header says."""
    packed = zlib.compress(b"hello") if encoding == "deflate" else gzip.compress(b"hello")
    assert decompress(packed, encoding, 100) == b"hello"


def test_bare_deflate_and_several_members_are_unpacked() -> None:
    """Some senders' deflate has no zlib header, and gzip files may be put one behind the other."""
    machine = zlib.compressobj(wbits=-15)
    assert decompress(machine.compress(b"hello") + machine.flush(), "deflate", 100) == b"hello"
    assert decompress(gzip.compress(b"hel") + gzip.compress(b"lo"), "gzip", 100) == b"hello"


@pytest.mark.parametrize("encoding", ["", "identity"])
def test_uncompressed_bodies_are_left_alone(encoding: str) -> None:
    """No encoding, no change."""
    assert decompress(b"hello", encoding, 1) == b"hello"


def test_bombs_are_not_unpacked() -> None:
    """A megabyte that would become a gigabyte costs no more than the limit, and is refused."""
    bomb = gzip.compress(b"0" * (100 * MEBIBYTE))
    started = perf_counter()
    with pytest.raises(TooLargeError):
        decompress(bomb, "gzip", MEBIBYTE)
    assert perf_counter() - started < 0.5
    with pytest.raises(TooLargeError):
        decompress(gzip.compress(b"0" * MEBIBYTE), "gzip", 10 * MEBIBYTE)  # within the limit, but a thousand to one


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress(b"hello" * 100)[:-9], "gzip"),
        (gzip.compress(b"hello") + b"garbage", "gzip"),
        (b"not gzip", "gzip"),
        (gzip.compress(b"") * 50_000, "gzip"),
        (b"hello", "br"),
        (gzip.compress(b"hello"), "gzip, gzip"),
    ],
)
def test_damaged_and_unknown_encodings_are_refused(packed: bytes, encoding: str) -> None:
    """Cut short, followed by garbage, of endless members, or not what it says: refused at once."""
    started = perf_counter()
    with pytest.raises(InvalidInputError):
        decompress(packed, encoding, MEBIBYTE)
    assert perf_counter() - started < 0.5
