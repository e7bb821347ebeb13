"""Bodies and documents as bytes."""

import random
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlet.foundation.errors import InvalidInputError, StoreError
from stormlet.store.encoding import Codec, from_json, to_json, without_lone_surrogates

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
CODEC = Codec()


@given(st.binary(max_size=5000))
def test_bytes_come_back_as_they_were(data: bytes) -> None:
    """Whatever they are."""
    assert CODEC.unpack_bytes(CODEC.pack_bytes(data)) == data


@given(JSON)
def test_values_come_back_as_they_were(value: Any) -> None:
    """Everything that JSON has, of the same type."""
    found = CODEC.unpack(CODEC.pack(value), object)
    assert found == value
    assert repr(found) == repr(value)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("bits", [31, 32, 53, 63, 64, 65, 128, 10_000])
def test_integers_keep_every_digit(bits: int, sign: int) -> None:
    """Where JavaScript, and many a database, would round."""
    for value in (sign * 2**bits, sign * 2**bits - 1, sign * 2**bits + 1):
        assert CODEC.unpack(CODEC.pack({"n": value}), object) == {"n": value}


def test_json_text_shrinks_and_noise_hardly_grows() -> None:
    """Bodies are JSON mostly; what does not compress costs a few bytes only."""
    text = to_json([{"id": n, "name": f"run-{n}", "status": "planned_and_finished"} for n in range(200)])
    assert len(CODEC.pack_bytes(text)) < len(text) / 5
    noise = random.Random(1).randbytes(10_000)
    assert len(CODEC.pack_bytes(noise)) < len(noise) + 32
    assert len(CODEC.pack_bytes(b"")) < 32


def test_a_flipped_bit_is_found() -> None:
    """At no place is another value handed on."""
    packed = CODEC.pack({"text": "The quick brown fox jumps over the lazy dog", "n": list(range(300))})
    for place in range(len(packed)):
        for flip in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            broken = bytearray(packed)
            broken[place] ^= flip
            try:
                found = CODEC.unpack(bytes(broken), object)
            except StoreError:
                continue
            assert found == CODEC.unpack(packed, object)


@pytest.mark.parametrize("broken", [b"", b"no frame", None, "text", CODEC.pack_bytes(b"{")])
def test_what_cannot_be_read_is_damage(broken: Any) -> None:
    """Never an error of a library."""
    with pytest.raises(StoreError, match="damaged"):
        CODEC.unpack(broken, object)


def test_what_json_has_not_is_refused() -> None:
    """With a reason."""
    deep: list[Any] = []
    for _ in range(sys.getrecursionlimit() * 50):
        deep = [deep]
    for value in (object(), {"a": {object(): 1}}, deep, 10**5000):
        with pytest.raises(InvalidInputError, match="kept as JSON"):
            to_json(value)


def test_not_a_number_becomes_null() -> None:
    """JSON has no word for it."""
    assert to_json([float("nan"), float("inf")]) == b"[null,null]"


@given(st.text(alphabet=st.characters(codec=None)))
def test_lone_surrogates_are_replaced_and_nothing_else(text: str) -> None:
    """What is left can be encoded; what was sound is as it was."""
    clean = without_lone_surrogates(text)
    clean.encode()
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert clean == text


def test_lone_surrogates_do_not_stop_a_document() -> None:
    """Big integers beside them stay exact."""
    assert from_json(to_json({"a\udc80": ["\ud83d\udc0e", 2**80]}), object) == {"a\ufffd": ["🐎", 2**80]}
