"""Where a source finds something in a request."""

from typing import Any

import pytest

from stormlet.flow.verification.places import as_text, bounded, compile_place, joined
from stormlet.foundation.paths import PathError

HEADERS = (("X-GitHub-Event", "push"), ("x-github-event", "again"), ("Empty", ""))
DOCUMENT = {"run": {"id": "r-1", "updated-at": "now"}, "event-name": "done", "list": [{"n": 7}], "none": None}


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("header:X-GitHub-Event", "push"),
        ("header: x-github-event ", "push"),
        ("header:Empty", None),
        ("header:Missing", None),
        ("$.run.id", "r-1"),
        ("$.run['updated-at']", "now"),
        ("$['event-name']", "done"),
        ("$.list[0].n", 7),
        ("$.list[*].n", 7),
        ("$..n", 7),
        ("$.list[9].n", None),
        ("$.none", None),
        ("$.run.id.deeper", None),
        ("$", DOCUMENT),
    ],
)
def test_what_stands_there(place: str, found: Any) -> None:
    """A header in any case, the first of several; a JSONPath, plain or not."""
    assert compile_place(place)(HEADERS, DOCUMENT) == found


@pytest.mark.parametrize("place", ["", "run.id", "header:", "$.", "$.a b", "$.a & $.b", "body.id", "$["])
def test_what_is_no_place(place: str) -> None:
    """Told when it is loaded, never when a request comes."""
    with pytest.raises(PathError):
        compile_place(place)


@pytest.mark.parametrize("document", [None, 5, "x", [], [1], {"run": []}, {"run": {"id": {}}}])
def test_any_document(document: Any) -> None:
    """Whatever was sent, a place is read or it is missing."""
    assert joined([compile_place("$.run.id"), compile_place("$.list[0].n")], (), document) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (1, "1"), (0, "0"), (1.5, "1.5"), (True, "true"), (False, "false"), (None, ""), ([], ""), ({}, "")],
)
def test_texts(value: Any, text: str) -> None:
    """Single values have a text; nothing and containers have none."""
    assert as_text(value) == text


def test_joined_texts_cannot_be_confused() -> None:
    """`a` with `b,c` is not `a,b` with `c`, and long ones are told apart by a hash."""
    pairs = [("a", "b"), ('a","b', "c"), ("a", 'b","c'), ("a,b", "c"), ("a", "b,c"), ("", "x")]
    readers = [compile_place("$.one"), compile_place("$.two")]
    made = [joined(readers, (), {"one": one, "two": two}) for one, two in pairs]
    assert made[-1] == ""
    assert len(set(made)) == len(made)
    assert bounded("x" * 200) == "x" * 200
    assert len(bounded("x" * 201)) < 100
    assert bounded("x" * 201) != bounded("x" * 202)
