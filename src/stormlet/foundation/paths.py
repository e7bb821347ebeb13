"""From a path to the value it names: jsonpath, compiled once.

Of all that a path finds, the first counts. A plain path (names, `['names']`, `[0]`, a `$` before them) becomes a walk that
gives what jsonpath-ng would give, sixty times as fast; property tests hold that. It stands in the foundation because rules
and sources name places in a body in the same words, and must mean the same by them.
"""

import re
import warnings
from collections.abc import Callable
from typing import Any

from jsonpath_ng.exceptions import JsonPathLexerError, JsonPathParserError
from jsonpath_ng.jsonpath import JSONPath
from jsonpath_ng.parser import parse

from stormlet.foundation.templates import KeyValueLookup

Lookup = Callable[[Any], Any]
"""From a value to what lies at the path in it; None where nothing does."""

_STEP = re.compile(
    r"""(?P<dot>\.?)(?:(?P<name>[a-zA-Z_@][a-zA-Z0-9_@-]*)|(?P<open>\[)?(?:'(?P<single>[^'\\]*)'|"(?P<double>[^"\\]*)"))"""
    r"""(?(open)\])|\[(?P<index>-?\d+)\]""",
    re.VERBOSE | re.ASCII,
)
_RESERVED = frozenset({"where", "wherenot"})
_MISSING = object()


class PathError(ValueError):
    """A text that is not a path."""


def compile_path(path: str) -> Lookup:
    """Return the function that looks the path up.

    Raises:
        PathError: the text is not a path; the message says where it ends being one.
    """
    steps = plain_steps(path)
    return _walk(steps) if steps is not None else _jsonpath(path)


def plain_steps(path: str) -> tuple[str | int, ...] | None:
    """Return the names and indexes of a plain path, or None where it needs jsonpath."""
    if path.startswith("$"):
        dotted, path = path[1:2] == ".", path[1:].removeprefix(".")
        if dotted == path.startswith("["):
            return None  # `$['a']` and `$.a` are plain; `$a` is no path, and `$.['a']` is left to jsonpath
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        found = _STEP.match(path, position)
        if not found or not _well_joined(found, first=not steps) or found["name"] in _RESERVED:
            return None
        if found["index"] is not None:
            steps.append(int(found["index"]))
        else:
            steps.append(next(name for name in (found["name"], found["single"], found["double"]) if name is not None))
        position = found.end()
    return tuple(steps) or None


def _well_joined(found: re.Match[str], *, first: bool) -> bool:
    """Tell whether a step stands as it may: names after a dot, brackets without one, and the first as it likes."""
    bracket = found["open"] is not None or found["index"] is not None
    return not found["dot"] if first else bool(found["dot"]) != bracket


def _walk(steps: tuple[str | int, ...]) -> Lookup:
    def look_up(root: Any) -> Any:
        value: Any = root
        for step in steps:
            if isinstance(step, str):
                value = value.get(step, _MISSING) if isinstance(value, (dict, KeyValueLookup)) else _MISSING
            else:
                value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else _MISSING
            if value is _MISSING:
                return None
        return _plain(value)

    return look_up


def _jsonpath(path: str) -> Lookup:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # `|` goes away in jsonpath-ng 2; StackStorm has it
            expression: JSONPath = parse(path)
    except (JsonPathLexerError, JsonPathParserError) as error:
        raise PathError(str(error).strip()) from None
    except RecursionError:
        raise PathError("the path is nested too deeply") from None

    def look_up(root: Any) -> Any:
        found = expression.find(root)
        return _plain(found[0].value) if found else None

    return look_up


def _plain(value: Any) -> Any:
    """Return a datastore key's value: the text, or None where there is no such key."""
    if isinstance(value, KeyValueLookup):
        return str(value) if value.found else None
    return value
