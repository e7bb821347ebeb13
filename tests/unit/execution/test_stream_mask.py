"""Secrets in streams."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stormlet.flow.execution.stream_mask import StreamMask

SECRETS = ("abcdefgh", "ababab", "abcd", "zz-zz")


@given(st.text(alphabet="abcdefghz-x\n", max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_pieces_are_masked_as_the_whole_is(text: str, cuts: list[int]) -> None:
    """Wherever a text is cut, what comes out is what comes out of it in one piece, and no secret is in it."""
    whole = StreamMask(SECRETS)
    wanted = whole.add(text) + whole.finish()
    mask = StreamMask(SECRETS)
    places = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    pieces = [mask.add(text[start:end]) for start, end in pairwise(places)]
    assert "".join(pieces) + mask.finish() == wanted
    assert not any(secret in wanted for secret in SECRETS)


def test_what_cannot_become_a_secret_is_not_held_back() -> None:
    """Output is seen as it comes."""
    mask = StreamMask(SECRETS)
    assert mask.add("hello a") == "hello "
    assert mask.add("nd more") == "and more"
