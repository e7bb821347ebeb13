"""Structured fields: strict reading, canonical writing."""

import pytest

from stormlet.signatures.structured_fields import FieldError, InnerList, Item, Token, read_dictionary, write_inner_list


def test_a_dictionary_is_read_with_its_types() -> None:
    """Integers, decimals, strings, tokens, bytes and booleans keep their kind."""
    members = read_dictionary('a=1, b=-2.5;p, c="x\\"y", d=tok/en, e=:AAEC:, f=?0, g, h=("i" j);k=?1')
    values = {key: member.value for key, member in members.items() if isinstance(member, Item)}
    assert values == {"a": 1, "b": -2.5, "c": 'x"y', "d": "tok/en", "e": b"\x00\x01\x02", "f": False, "g": True}
    assert isinstance(values["d"], Token)
    inner = members["h"]
    assert isinstance(inner, InnerList)
    assert write_inner_list(inner) == '("i" j);k'


@pytest.mark.parametrize("text", ['("a" "b";x=1);c=1;k="q\\\\";n=-1;d=1.5;t=tok;b=:AA==:', "()", '("a");f=?0'])
def test_an_inner_list_is_written_as_it_was_read(text: str) -> None:
    """Canonical text comes back unchanged: it is what was signed."""
    inner = read_dictionary(f"s={text}")["s"]
    assert isinstance(inner, InnerList)
    assert write_inner_list(inner) == text


@pytest.mark.parametrize(
    "text",
    [
        "=1", "a=", "a=1,", "a=1 b=2", "a=1,a=2", 'a="x', "a=:%:", "a=:A:", "a=:AB==:", "a=:AA:", "a=(1", "a=(1,2)",
        'a=("x"y)', "a=?2", "A=1", "a=1;p=1;p=2", "a=1;", "a=-", "a=\x00", 'a="é"', "a=1;;", "a=" + "1" * 16, ",",
        "a=(" + "1 " * 100 + ")",
    ],
)  # fmt: skip
def test_what_is_not_strictly_a_dictionary_is_refused(text: str) -> None:
    """A lenient reader and a strict one disagree about what was signed; so there is no lenient one."""
    with pytest.raises(FieldError):
        read_dictionary(text)
