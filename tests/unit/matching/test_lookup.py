"""Keys name values: plain paths by walking, everything else by jsonpath."""

from typing import Any

import pytest

from stormlet.flow.matching.lookup import PathError, compile_path, plain_steps
from stormlet.foundation.templates import KeyValueLookup

PAYLOAD = {
    "v": "x",
    "a": {"b": {"c": 1}},
    "l": [{"n": 1}, {"n": 2}],
    "X-H": "h",
    "@t": "at",
    "h": {"X-Foo": "f", "a b": "blank", "a.b": "dot", "": "nothing"},
    "none": None,
    "7": "seven",
    "é": "e",
}
KEYS = {"x": "v", "x.y": "w", "e": ""}


def look_up(key: str, payload: Any = PAYLOAD) -> Any:
    """Return what the key names."""
    return compile_path(key)({"trigger": payload, "system": KeyValueLookup(KEYS.get)})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trigger", PAYLOAD),
        ("trigger.v", "x"),
        ("trigger.v#1", "x"),
        ("trigger.v#a#b", "x"),
        ("trigger.a.b.c", 1),
        ("trigger.a.b.c.d", None),
        ("trigger.l[1].n", 2),
        ("trigger.l[-1].n", 2),
        ("trigger.l[2].n", None),
        ("trigger.l[-3]", None),
        ("trigger.v[0]", None),
        ("trigger.none", None),
        ("trigger.none.x", None),
        ("trigger.X-H", "h"),
        ("trigger['X-H']", "h"),
        ('trigger["X-H"]', "h"),
        ("trigger.@t", "at"),
        ("trigger.h['a b']", "blank"),
        ("trigger.h.'a b'", "blank"),
        ("trigger.h['a.b']", "dot"),
        ("trigger['é']", "e"),
        ("trigger.7", "seven"),
        ("v", None),
        ("system.x", "v"),
        ("system.x.y", "w"),
        ("system['x.y']", "w"),
        ("system.nope", None),
        ("system.e", ""),
        ("trigger.l[*].n", 1),
        ("trigger..n", 1),
        ("trigger.(v|nope)", "x"),
        ("$.trigger.v", "x"),
        ("trigger.l[0:1].n", 1),
        ("trigger . v", "x"),
    ],
)
def test_finds(key: str, value: Any) -> None:
    """The first of all that a path finds, or None."""
    assert look_up(key) == value


@pytest.mark.parametrize(
    "key",
    [
        "",
        "#",
        ".",
        "trigger.",
        ".trigger",
        "trigger.a b",
        "$t",
        "trigger.é",
        "trigger[",
        "trigger.'v",
        "trigger.where",
        "trigger..",
        "a'b'",
    ],
)
def test_what_is_no_path_is_refused(key: str) -> None:
    """With the place where it stops being one."""
    with pytest.raises(PathError) as caught:
        compile_path(key)
    assert str(caught.value)


@pytest.mark.parametrize("payload", [None, 5, "text", [], [1], True, {}])
def test_any_payload_can_be_looked_into(payload: Any) -> None:
    """A payload need not be an object."""
    assert look_up("trigger.v", payload) is None
    assert look_up("trigger", payload) == payload
    assert look_up("trigger[0]", payload) == (1 if payload == [1] else None)


@pytest.mark.parametrize(
    ("key", "steps"),
    [
        ("trigger.a", ("trigger", "a")),
        ("trigger['a'][0]", ("trigger", "a", 0)),
        ("trigger.*", None),
        ("trigger..a", None),
        ("trigger[a]", None),
    ],
)
def test_plain_paths_need_no_jsonpath(key: str, steps: tuple[str | int, ...] | None) -> None:
    """What most rules say is walked directly."""
    assert plain_steps(key) == steps


def test_a_very_deep_path_is_no_crash() -> None:
    """Neither as a walk nor as a jsonpath."""
    assert look_up("trigger" + ".a" * 5000) is None
    with pytest.raises(PathError):
        compile_path("(" * 5000 + "trigger" + ")" * 4999)
