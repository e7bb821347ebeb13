"""The guard against loops: what led here is known, believed only if it is ours, and stopped when it comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlet.flow.delivery.loop_guard import LoopGuard

OURS = LoopGuard(b"k" * 32)
OTHERS = LoopGuard(b"o" * 32)


def test_a_chain_comes_back_as_it_went() -> None:
    """Written and read under the same key it is the same; nothing to say is no header."""
    chain = OURS.extended(OURS.extended((), "rule:ops.fürward"), "endpoint:ops.chat")
    read = OURS.read([OURS.written(chain)])
    assert (read.links, read.problem) == (chain, "")
    assert OURS.written(()) == ""
    assert OURS.read([]).links == ()


def test_a_loop_is_refused_and_named() -> None:
    """The same subject again: the reason shows the way round."""
    chain = OURS.extended(OURS.extended((), "rule:ops.a"), "endpoint:ops.b")
    back = OURS.read([OURS.written(chain)]).links
    assert OURS.refusal(back, "rule:ops.a") == "this is a loop: rule:ops.a → endpoint:ops.b → rule:ops.a"
    assert OURS.refusal(back, "rule:ops.c") == ""


def test_a_deep_chain_is_refused() -> None:
    """Different subjects every time end as well, at the limit."""
    chain: tuple[str, ...] = ()
    for number in range(8):
        assert OURS.refusal(chain, f"rule:r{number}") == ""
        chain = OURS.extended(chain, f"rule:r{number}")
    assert "has 8 links, and 8 are allowed" in OURS.refusal(chain, "rule:r8")
    assert LoopGuard(b"k" * 32, deepest=9).refusal(chain, "rule:r8") == ""


def test_a_loop_through_another_engine_is_found() -> None:
    """It cannot read our part, passes it on as it came, and we know it again; its own part comes back to it too."""
    sent = OURS.written(OURS.extended((), "endpoint:ops.other"))
    there = OTHERS.read([sent]).links
    assert all(link.startswith("~") for link in there)
    assert OTHERS.refusal(there, "rule:x.y") == ""
    back = OTHERS.written(OTHERS.extended(there, "rule:x.y"))
    here = OURS.read([back]).links
    assert OURS.refusal(here, "endpoint:ops.other").startswith("this is a loop")
    again = OTHERS.read([OURS.written(OURS.extended(here, "rule:ops.z"))]).links
    assert OTHERS.refusal(again, "rule:x.y").startswith("this is a loop")


def test_a_forged_part_is_not_believed() -> None:
    """With our name and a wrong signature it says nothing, and the log hears of it."""
    name, links, signature = OURS.written(OURS.extended((), "rule:ops.a")).split(".")
    other = OURS.written(OURS.extended((), "rule:ops.b")).split(".")[1]
    for forged in (f"{name}.{other}.{signature}", f"{name}.{links}.{'A' * 43}"):
        read = OURS.read([forged])
        assert (read.links, "wrong signature" in read.problem) == ((), True)


def test_the_key_is_not_the_data_key_itself() -> None:
    """Another data key is another name, and a subject can never pass for somebody else's part."""
    assert OURS.written(("a",)).split(".")[0] != OTHERS.written(("a",)).split(".")[0]
    assert OURS.extended((), "~a.b") == ("a.b",)


def test_long_names_stay_apart() -> None:
    """Two names that differ only at their ends are no loop; one of them twice is."""
    chain = OURS.extended((), "rule:" + "x" * 400 + "1")
    assert OURS.refusal(chain, "rule:" + "x" * 400 + "2") == ""
    assert OURS.refusal(chain, "rule:" + "x" * 400 + "1") != ""
    assert len(OURS.written(chain)) < 500


@pytest.mark.parametrize("text", ["x" * 9000, ",".join(["a"] * 40), "ä", "a.b.c", "..", ", ,", "\x00"])
def test_garbage_is_no_chain(text: str) -> None:
    """And no exception."""
    assert OURS.read([text]).links == ()


@given(st.lists(st.text(max_size=300), max_size=5))
def test_reading_never_raises(values: list[str]) -> None:
    """Whatever a stranger writes into the header."""
    assert OURS.read(values).links == () or all(link.startswith("~") for link in OURS.read(values).links)


@given(st.lists(st.text(min_size=1, max_size=300), max_size=6, unique=True))
def test_any_subject_survives(subjects: list[str]) -> None:
    """Names in any script come back, and are known again."""
    chain: tuple[str, ...] = ()
    for subject in subjects:
        if not OURS.refusal(chain, subject):
            chain = OURS.extended(chain, subject)
    back = OURS.read([OURS.written(chain)]).links
    assert back == chain
    assert all(OURS.refusal(back, subject) for subject in subjects)
