"""What all collections have in common: pages, order, and which attributes of each thing are shown.

The rules and sentences are StackStorm's. Its filter on attributes is the database's; here things are made whole first and cut
afterwards, which no client can tell apart.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from stormlet.api.call import Call, Reply, json_reply
from stormlet.api.query import MAX_OFFSET, Query
from stormlet.foundation.errors import InvalidInputError
from stormlet.store.interface import Page

PAGE = ("limit", "offset", "sort")
ATTRIBUTES = ("include_attributes", "exclude_attributes")
MAX_NAMES = 100

Thing = dict[str, Any]


class Paging(NamedTuple):
    """Which part of a collection is wanted. `limit` None means all."""

    limit: int | None
    offset: int


def paging(query: Query, default: int | None) -> Paging:
    """Read `limit` and `offset`. Raises InvalidInputError where they cannot be."""
    limit = query.integer("limit")
    offset = query.integer("offset") or 0
    if limit is None:
        limit = default
    elif limit == 0 or limit < -1:
        raise InvalidInputError(f'Limit, "{limit}" specified, must be a positive number or -1 for full result set.')
    if offset >= MAX_OFFSET:
        raise InvalidInputError(f'Offset "{offset}" specified is more than 32-bit int')
    if offset < 0:
        raise InvalidInputError(f'Offset "{offset}" specified must not be negative')
    return Paging(None if limit == -1 else limit, offset)


def store_page(query: Query, field: str, default: int) -> Page:
    """Return the page of a collection that the database orders by time: newest first, or as `?sort=<field>` says."""
    limit, offset = paging(query, default)
    wanted = [part.lstrip("+") for part in query.texts("sort")]
    return Page(limit=limit, offset=offset, ascending=field in wanted)


def page_reply(
    call: Call, things: Sequence[Thing], total: int, limit: int | None, known: Collection[str] = ()
) -> Reply:
    """Return one page that was read already, with its attributes cut and its totals in headers."""
    headers = {"X-Total-Count": str(total)}
    if limit is not None:
        headers["X-Limit"] = str(limit)
    cut = attribute_filter(call.query, known)
    return json_reply([cut(thing) for thing in things], headers=headers)


def list_reply(
    call: Call,
    things: Sequence[Thing],
    *,
    default_limit: int | None = 100,
    order: Sequence[str] = ("pack", "name"),
    known: Collection[str] = (),
) -> Reply:
    """Return the wanted page of things that are all at hand.

    Args:
        call: the request.
        things: all that passed the route's own filters.
        default_limit: how many are shown where the request does not say; None: all.
        order: attributes to sort by where the request does not say.
        known: attributes that may be named in a filter, besides those that things have.
    """
    things = in_order(things, call.query.texts("sort") or order)
    limit, offset = paging(call.query, default_limit)
    page = things[offset:] if limit is None else things[offset : offset + limit]
    return page_reply(call, page, len(things), limit, known)


def in_order(things: Sequence[Thing], fields: Sequence[str]) -> list[Thing]:
    """Sort by attributes; `-` before one turns its order round. One that nothing has is skipped, as in StackStorm."""
    ordered = list(things)
    for field in reversed(fields):
        name = field.lstrip("+-")
        if any(name in thing for thing in ordered):
            ordered.sort(key=lambda thing: str(thing.get(name, "")), reverse=field.startswith("-"))
    return ordered


def named(query: Query, things: Sequence[Thing], *names: str) -> list[Thing]:
    """Return the things whose attributes are among the values given for them (`?pack=a`, `?id=x,y`)."""
    wanted = [(name, values) for name in names if (values := query.texts(name))]
    for name, values in wanted:
        if len(values) > MAX_NAMES:
            raise InvalidInputError(f'Parameter "{name}" has more than {MAX_NAMES} values')
    return [thing for thing in things if all(str(thing.get(name)) in values for name, values in wanted)]


def attribute_filter(query: Query, known: Collection[str] = ()) -> Callable[[Thing], Thing]:
    """Return what cuts a thing down to the attributes that are wanted.

    Raises:
        InvalidInputError: both filters are given, or one names what cannot be left out or in.
    """
    include, exclude = query.texts("include_attributes"), query.texts("exclude_attributes")
    if include and exclude:
        raise InvalidInputError(
            "exclude_fields and include_fields arguments are mutually exclusive. "
            "You need to provide either one or another, but not both."
        )
    if known:
        _check(include, known, "include")
        _check(exclude, known, "exclude")
    if exclude:
        left_out = {name for name in exclude if name not in {"id", "ref"}}
        return lambda thing: {name: value for name, value in thing.items() if name not in left_out}
    if include:
        paths = [path.split(".") for path in ["id", "ref", *include]]
        return lambda thing: _only(thing, paths)
    return lambda thing: thing


def _check(given: Sequence[str], known: Collection[str], kind: str) -> None:
    for name in given:
        if name.split(".")[0] not in known:
            hint = f"one of {', '.join(sorted(known))}"
            raise InvalidInputError(f"Invalid or unsupported {kind} attribute specified: {name}", hint=hint)


def _only(thing: Mapping[str, Any], paths: Sequence[Sequence[str]]) -> Thing:
    """Return the parts of a thing that lie on one of these paths; a path that leads nowhere adds nothing."""
    kept: Thing = {}
    for first in dict.fromkeys(path[0] for path in paths):
        if first not in thing:
            continue
        value = thing[first]
        below = [path[1:] for path in paths if path[0] == first]
        kept[first] = _only(value, below) if isinstance(value, Mapping) and all(below) else value
    return kept
