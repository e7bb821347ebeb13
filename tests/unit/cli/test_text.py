"""Text for a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlet.cli.text import cells, cut, one_line, pad, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\x9b31m", "a\\x9b31m"),
        ("line\nnext\ttab", "line\nnext\ttab"),
        ("bell\x07", "bell\\x07"),
        ("over\rwrite", "over\\x0dwrite"),
        ("\u202eright to left", "\\u202eright to left"),
        ("half \ud800", "half \\ud800"),
        ("Noël 雪", "Noël 雪"),
    ],
)
def test_nothing_steers_the_terminal(text: str, shown: str) -> None:
    """Control characters are written out; line feeds, tabs and other languages stay."""
    assert visible(text) == shown


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    """Whatever comes in an event, a cell of a table has one line and no control character."""
    shown = one_line(text)
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)
    assert len(shown.splitlines()) <= 1


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_cut_never_exceeds_its_width(text: str, width: int) -> None:
    """What is cut fits, and what fits is not cut."""
    assert cells(cut(text, width)) <= width
    if cells(text) <= width:
        assert cut(text, width) == text


def test_wide_characters_take_two_cells() -> None:
    """Columns stay aligned beside East Asian text and combining marks."""
    assert (cells("雪"), cells("e\u0301"), cells("é")) == (2, 1, 1)
    assert pad("雪", 4) == "雪  "
    assert cut("雪雪雪", 5) == "雪雪…"
