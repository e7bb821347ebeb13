"""Filters that word things: paths and spans of time."""

import posixpath
from typing import Any

from stormlet.foundation.templates.filters.filter import Example, Filter

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_YEAR = 365 * _DAY


def basename(path: str) -> str:
    return posixpath.basename(path)


def dirname(path: str) -> str:
    return posixpath.dirname(path)


def to_human_time_from_seconds(seconds: Any) -> str:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"a number of seconds is needed, not {type(seconds).__name__}")
    if seconds == 0:
        return "0s"
    if seconds < 1:
        return f"{seconds}\u03bcs"  # as StackStorm prints it, although the number is of seconds
    left = round(seconds)
    sizes = (("y", _YEAR), ("d", _DAY), ("h", _HOUR), ("m", _MINUTE), ("s", 1))
    parts: list[str] = []
    for unit, size in sizes:
        number, left = divmod(left, size)
        if number or parts:
            parts.append(f"{number}{unit}")
    return "".join(parts)


WORD_FILTERS = (
    Filter(
        name="basename",
        function=basename,
        help="Returns the last part of a path.",
        examples=(Example("{{ '/a/b/c.txt' | basename }}", "c.txt"),),
    ),
    Filter(
        name="dirname",
        function=dirname,
        help="Returns a path without its last part.",
        examples=(Example("{{ '/a/b/c.txt' | dirname }}", "/a/b"),),
    ),
    Filter(
        name="to_human_time_from_seconds",
        function=to_human_time_from_seconds,
        help="Words a number of seconds as years, days, hours, minutes and seconds.",
        examples=(
            Example("{{ 12345 | to_human_time_from_seconds }}", "3h25m45s"),
            Example("{{ 59.6 | to_human_time_from_seconds }}", "1m0s"),
        ),
    ),
)
