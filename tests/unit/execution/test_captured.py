"""What is kept of a stream."""

import itertools

import hypothesis.strategies as st
from hypothesis import given

from stormlet.flow.execution.captured import Captured


def capture(pieces: list[bytes], limit: int) -> tuple[str, list[str], int]:
    heard: list[str] = []
    captured = Captured(limit, heard.append)
    for piece in pieces:
        captured.add(piece)
    captured.finish()
    return captured.text, heard, captured.dropped


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=10), st.integers(1, 300))
def test_how_it_is_cut_into_pieces_makes_no_difference(data: bytes, cuts: list[int], limit: int) -> None:
    """The same bytes give the same text however they arrive, and what is heard is what is kept."""
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in itertools.pairwise(places)]
    text, heard, dropped = capture(pieces, limit)
    assert (text, dropped) == capture([data], limit)[::2]
    assert "".join(heard) == text
    assert dropped == max(0, len(data) - limit)
    if not dropped:
        assert text == data.decode("utf-8", "replace")


def test_the_mark_says_how_much_is_missing() -> None:
    """Behind the head stands what was kept and what was dropped."""
    assert capture([b"abcdef", b"gh"], 4)[0] == "abcd\n[truncated: 4 bytes kept, 4 more dropped]\n"


def test_a_character_that_the_cut_goes_through_is_left_out() -> None:
    """A cut in the middle of a character does not make it look wrong."""
    assert capture(["aé".encode()], 2)[0] == "a\n[truncated: 2 bytes kept, 1 more dropped]\n"


def test_exactly_the_limit_is_not_cut() -> None:
    """Nothing is marked where nothing is missing."""
    assert capture([b"abcd"], 4) == ("abcd", ["abcd"], 0)
