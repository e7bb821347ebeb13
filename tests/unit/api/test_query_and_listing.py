"""Parameters, pages, order and attributes, as StackStorm's clients know them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from stormlet.api.listing import attribute_filter, in_order, named, paging, store_page
from stormlet.api.query import Query, parse_query
from stormlet.foundation.errors import InvalidInputError

THING = {"id": "1", "ref": "p.a", "name": "a", "action": {"ref": "x.y", "pack": "x", "deep": {"k": 1}}, "tags": []}


def query(text: str, *declared: str) -> Query:
    names = declared or ("limit", "offset", "sort", "include_attributes", "exclude_attributes", "n", "b", "t", "pack")
    return Query(parse_query(text), frozenset(names))


@pytest.mark.parametrize("text", ["true", "1", "YES", "y", "True"])
def test_booleans(text: str) -> None:
    """As StackStorm's router reads them."""
    assert query(f"b={text}").boolean("b") is True
    assert query("b=no").boolean("b") is False
    assert query("").boolean("b") is None
    with pytest.raises(InvalidInputError, match=r'^Parameter "b" is not of type boolean$'):
        query("b=maybe").boolean("b")


@pytest.mark.parametrize("text", ["x", "1.5", "0x1", "", "１", "9" * 30])
def test_integers(text: str) -> None:
    """Digits, perhaps with a sign; an empty one is none."""
    assert query("n=-12").integer("n") == -12
    if not text:
        assert query("n=").integer("n") is None
        return
    with pytest.raises(InvalidInputError, match=r'^Parameter "n" is not of type integer$'):
        query(f"n={text}").integer("n")


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05Z", "2026-01-02T04:04:05%2B01:00", "2026-01-02T04:04:05+01:00"])
def test_moments(text: str) -> None:
    """ISO 8601, also where a client forgot to quote the plus."""
    assert query(f"t={text}").moment("t") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with pytest.raises(InvalidInputError, match="ISO 8601"):
        query("t=yesterday").moment("t")


def test_lists_of_names_and_repeated_parameters() -> None:
    """Commas and repetition say the same; of single values the last one counts."""
    assert query("pack=a,b&pack=c").texts("pack") == ["a", "b", "c"]
    assert query("pack=a&pack=b").text("pack") == "b"


def test_what_a_route_does_not_declare_is_never_asked_for() -> None:
    """It is a mistake in a handler, and the API's description would be untrue."""
    with pytest.raises(LookupError):
        query("x=1", "limit").text("x")


def test_too_many_parameters_are_refused() -> None:
    """Each costs time."""
    with pytest.raises(InvalidInputError):
        parse_query("&".join(f"a{n}=1" for n in range(1000)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("limit=0", 'Limit, "0" specified, must be a positive number or -1 for full result set.'),
        ("limit=-2", 'Limit, "-2" specified, must be a positive number or -1 for full result set.'),
        ("offset=2147483648", 'Offset "2147483648" specified is more than 32-bit int'),
        ("offset=-1", "must not be negative"),
        ("limit=x", 'Parameter "limit" is not of type integer'),
    ],
)
def test_pages_that_cannot_be(text: str, reason: str) -> None:
    """In StackStorm's words."""
    with pytest.raises(InvalidInputError) as caught:
        paging(query(text), 100)
    assert reason in str(caught.value)


def test_pages() -> None:
    """-1 means all; without a limit the route's default."""
    assert paging(query("limit=-1&offset=3"), 100) == (None, 3)
    assert paging(query(""), 50) == (50, 0)
    assert store_page(query("sort=t"), "t", 100).ascending
    assert store_page(query("sort=%2Bt"), "t", 100).ascending
    assert not store_page(query("sort=-t"), "t", 100).ascending


def test_order() -> None:
    """Several attributes, each in its direction; one that nothing has is skipped."""
    things = [{"a": "1", "b": "2"}, {"a": "2", "b": "1"}, {"a": "1", "b": "3"}]
    assert in_order(things, ["a", "-b", "nonsense"]) == [things[2], things[0], things[1]]


def test_filters_by_name() -> None:
    """Any of the values given."""
    things = [{"pack": "a"}, {"pack": "b"}, {"pack": "c"}]
    assert named(query("pack=a,c"), things, "pack") == [things[0], things[2]]
    with pytest.raises(InvalidInputError):
        named(query("pack=" + ",".join("x" * 101)), things, "pack")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", THING),
        ("include_attributes=name", {"id": "1", "ref": "p.a", "name": "a"}),
        ("include_attributes=action.ref", {"id": "1", "ref": "p.a", "action": {"ref": "x.y"}}),
        ("include_attributes=action.ref,action.pack", {"id": "1", "ref": "p.a", "action": {"ref": "x.y", "pack": "x"}}),
        ("include_attributes=action,action.ref", {"id": "1", "ref": "p.a", "action": THING["action"]}),
        ("include_attributes=action.deep.k", {"id": "1", "ref": "p.a", "action": {"deep": {"k": 1}}}),
        ("include_attributes=name.x,nothing", {"id": "1", "ref": "p.a", "name": "a"}),
        ("exclude_attributes=action,tags,id", {"id": "1", "ref": "p.a", "name": "a"}),
    ],
)
def test_attributes(text: str, kept: dict[str, Any]) -> None:
    """Dotted paths cut into objects; id and ref are always there."""
    assert attribute_filter(query(text))(THING) == kept


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("include_attributes=a&exclude_attributes=b", "mutually exclusive"),
        ("include_attributes=nope", "Invalid or unsupported include attribute specified: nope"),
        ("exclude_attributes=nope.x", "Invalid or unsupported exclude attribute specified: nope.x"),
    ],
)
def test_attributes_that_cannot_be(text: str, reason: str) -> None:
    """In StackStorm's words."""
    with pytest.raises(InvalidInputError) as caught:
        attribute_filter(query(text), {"id", "name"})
    assert reason in str(caught.value)
