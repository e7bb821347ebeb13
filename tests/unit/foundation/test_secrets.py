"""Secrets at rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.secrets import SecretBox

BOX = SecretBox(bytes(range(32)))


@given(st.text(), st.text(max_size=200))
def test_what_is_sealed_opens_again(text: str, name: str) -> None:
    """Any text, under any name; twice sealed is never the same."""
    try:
        text.encode(), name.encode()
    except UnicodeEncodeError:
        return
    sealed = BOX.seal(text, name)
    assert BOX.open(sealed, name) == text
    assert BOX.open(sealed) == text
    assert BOX.seal(text, name) != sealed


@given(st.data())
def test_a_single_changed_bit_is_noticed(data: st.DataObject) -> None:
    """Damage anywhere is an error, never another text."""
    raw = bytearray.fromhex(BOX.seal("secret", "system::token"))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidInputError):
        BOX.open(raw.hex())


def test_two_secrets_cannot_be_swapped() -> None:
    """A value sealed for one name does not open for another."""
    with pytest.raises(InvalidInputError, match="belongs to something else"):
        BOX.open(BOX.seal("secret", "system::a"), "system::b")


@pytest.mark.parametrize("text", ["", "zz", "00", "01", "0100", "01ffff", "plain text"])
def test_what_is_not_sealed_is_refused(text: str) -> None:
    """Garbage is bad input, not a crash."""
    with pytest.raises(InvalidInputError):
        BOX.open(text)
