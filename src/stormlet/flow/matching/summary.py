"""Values cut down to what a person wants to see of them in an explanation."""

from typing import Any

MOST_CHILDREN = 200
_TEXT = 1_000
_ITEMS = 20
_DEPTH = 4


def shortened(value: Any, depth: int = _DEPTH) -> Any:
    """Return the value with long texts, long lists and deep nesting cut; what was cut says so."""
    if isinstance(value, str):
        return value if len(value) <= _TEXT else f"{value[:_TEXT]}… ({len(value):,} characters)"
    if isinstance(value, dict):
        if value and depth == 0:
            return f"… (an object with {len(value):,} keys)"
        short = {key: shortened(item, depth - 1) for key, item in list(value.items())[:_ITEMS]}
        return short if len(value) <= _ITEMS else {**short, "…": f"{len(value) - _ITEMS:,} more keys"}
    if isinstance(value, (list, tuple)):
        if value and depth == 0:
            return f"… (a list of {len(value):,})"
        cut = [shortened(item, depth - 1) for item in value[:_ITEMS]]
        return cut if len(value) <= _ITEMS else [*cut, f"… ({len(value) - _ITEMS:,} more)"]
    return value
