"""The two things that every noun does: list what there is, and get one."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from stormlet.cli.client import Client, part
from stormlet.cli.render import Column, Screen


class Noun(NamedTuple):
    """One kind of thing that the API lists."""

    path: str
    """Below `/api/v1`."""
    name: str
    """Path of what names one: its ref or id."""
    columns: tuple[Column, ...]
    """Of the table."""
    fields: tuple[Column, ...]
    """Of one thing."""
    empty: str
    """What to tell a person where there is none."""


def show_list(
    client: Client,
    screen: Screen,
    noun: Noun,
    query: Mapping[str, Any],
    dress: Callable[[list[Any]], list[Any]] = list,
    most: int = -1,
) -> None:
    """List things, dressed for whom they are shown to; on standard error, tell a person where there are more.

    `most` is how many of those that are dressed are shown at most; -1: all.
    """
    page = client.list(noun.path, query)
    filtered = any(value is not None for name, value in query.items() if name not in ("limit", "decrypt", "scope"))
    empty = "None found." if filtered else noun.empty
    dressed = dress(page.items)
    total = page.total - (len(page.items) - len(dressed))
    shown = dressed if most < 0 else dressed[:most]
    screen.rows(shown, noun.columns, name=noun.name, empty=empty)
    if screen.for_people and shown and total > len(shown):
        print(f"{len(shown)} of {total} shown; -n {total} shows all", file=sys.stderr)


def show_one(client: Client, screen: Screen, noun: Noun, key: str) -> None:
    """Get one thing by ref or id."""
    screen.fields(client.get(f"{noun.path}/{part(key)}"), noun.fields, name=noun.name)


def switch(client: Client, screen: Screen, noun: Noun, key: str, *, enabled: bool) -> None:
    """Switch something on or off, as StackStorm's client does: the whole object goes back with one key changed."""
    thing = client.get(f"{noun.path}/{part(key)}")
    changed = client.put(f"{noun.path}/{part(str(thing['id']))}", {**thing, "enabled": enabled})
    shown = changed if isinstance(changed, dict) else {**thing, "enabled": enabled}
    if screen.for_people:
        word = "enabled" if enabled else "disabled"
        screen.line(f"{word} {key}")
    else:
        screen.fields(shown, noun.fields, name=noun.name)


def remove(client: Client, screen: Screen, path: str, keys: Sequence[str], query: Mapping[str, Any]) -> None:
    """Delete things one after the other; the first that cannot be deleted ends it."""
    for key in keys:
        client.delete(f"{path}/{part(key)}", query)
        if screen.for_people:
            screen.line(f"deleted {key}")
