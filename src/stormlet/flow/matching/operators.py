"""The operators of criteria: 33 names, 24 meanings, all of them StackStorm's.

An operator is a function of the value found, the pattern wanted, and the moment of asking. It coerces nothing: `1` is not
`"1"`. Where the two cannot be compared it raises, as Python does, and the rule's enforcement is recorded as failed with
Python's words. A pattern of None never matches, except that `neq`, `exists` and `nexists` can say something about it.

`search` is not here but in `search.py`: it asks other criteria.
"""

import fnmatch
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from stormlet.flow.matching.moments import parse_moment
from stormlet.foundation.regexes import DEFAULT_SECONDS, compile_regex

Answer = Callable[[Any, Any, datetime], bool]
"""Gets the value found, the pattern wanted, and the moment of asking."""


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """One operator. `examples` are triples of pattern, value and what comes out."""

    name: str
    help: str
    answer: Answer
    examples: tuple[tuple[Any, Any, bool], ...]


def _text(value: Any) -> Any:
    """Payloads made by sensors may hold bytes; nothing else is converted."""
    return value.decode("utf-8") if isinstance(value, bytes) else value


def _compared(compare: Callable[[Any, Any], Any]) -> Answer:
    """Return the operator that compares two things, neither of which is bytes, and the second of which is not None."""

    def answer(value: Any, pattern: Any, _now: datetime) -> bool:
        return pattern is not None and bool(compare(_text(value), _text(pattern)))

    return answer


def _nequals(value: Any, pattern: Any, _now: datetime) -> bool:
    return bool(_text(value) != _text(pattern))


def _less(value: Any, pattern: Any, _now: datetime) -> bool:
    return pattern is not None and bool(value < pattern)


def _greater(value: Any, pattern: Any, _now: datetime) -> bool:
    return pattern is not None and bool(value > pattern)


def _younger(value: Any, pattern: Any, now: datetime) -> bool:
    return pattern is not None and _age(value, now) < float(pattern)


def _older(value: Any, pattern: Any, now: datetime) -> bool:
    return pattern is not None and _age(value, now) > float(pattern)


def _age(value: Any, now: datetime) -> float:
    """Return how many seconds ago the moment was that the value names; below zero for one to come."""
    return (now - parse_moment(str(value), now)).total_seconds()


def _exists(value: Any, _pattern: Any, _now: datetime) -> bool:
    return value is not None


def _nexists(value: Any, _pattern: Any, _now: datetime) -> bool:
    return value is None


def _family(names: tuple[str, ...], text: str, answer: Answer, *examples: tuple[Any, Any, bool]) -> dict[str, Operator]:
    return {name: Operator(name=name, help=text, answer=answer, examples=examples) for name in names}


def _equality() -> dict[str, Operator]:
    return {
        **_family(
            ("eq", "equals"),
            "The value is the pattern. Types count: the number 1 is not the text `1`.",
            _compared(lambda value, pattern: value == pattern),
            ("main", "main", True),
            (1, "1", False),
            ("main", None, False),
        ),
        **_family(
            ("neq", "nequals"),
            "The value is not the pattern. A missing value is not the pattern either.",
            _nequals,
            ("main", "dev", True),
            ("main", "main", False),
            ("main", None, True),
        ),
        **_family(
            ("ieq", "iequals"),
            "The same text, whatever the case of its letters.",
            _compared(lambda value, pattern: value.lower() == pattern.lower()),
            ("MAIN", "main", True),
            ("main", "dev", False),
        ),
    }


def _containment() -> dict[str, Operator]:
    return {
        **_family(
            ("contains",),
            "The pattern is part of a text, an item of a list, or a key of an object.",
            _compared(lambda value, pattern: pattern in value),
            ("lo", "hello", True),
            ("bug", ["bug", "urgent"], True),
            ("a", {"a": 1}, True),
            ("bug", ["feature"], False),
        ),
        **_family(
            ("icontains",),
            "The pattern is part of a text, whatever the case of the letters.",
            _compared(lambda value, pattern: pattern.lower() in value.lower()),
            ("LO", "hello", True),
            ("x", "hello", False),
        ),
        **_family(
            ("ncontains",),
            "The pattern is not part of a text, no item of a list, no key of an object.",
            _compared(lambda value, pattern: pattern not in value),
            ("wip", ["bug"], True),
            ("lo", "hello", False),
        ),
        **_family(
            ("incontains",),
            "The pattern is not part of a text, whatever the case of the letters.",
            _compared(lambda value, pattern: pattern.lower() not in value.lower()),
            ("X", "hello", True),
            ("LO", "hello", False),
        ),
        **_family(
            ("in", "inside"),
            "The value is an item of the pattern: a list, a text, or an object's keys.",
            _compared(lambda value, pattern: value in pattern),
            (["main", "release"], "main", True),
            ("maintenance", "main", True),
            (["release"], "main", False),
        ),
        **_family(
            ("nin", "ninside"),
            "The value is no item of the pattern.",
            _compared(lambda value, pattern: value not in pattern),
            (["release"], "main", True),
            (["main"], "main", False),
            (["main"], None, True),
        ),
    }


def _edges() -> dict[str, Operator]:
    return {
        **_family(
            ("startswith",),
            "A text begins with the pattern.",
            _compared(lambda value, pattern: value.startswith(pattern)),
            ("refs/heads/", "refs/heads/main", True),
            ("REFS", "refs/heads/main", False),
        ),
        **_family(
            ("istartswith",),
            "A text begins with the pattern, whatever the case of the letters.",
            _compared(lambda value, pattern: value.lower().startswith(pattern.lower())),
            ("REFS", "refs/heads/main", True),
        ),
        **_family(
            ("endswith",),
            "A text ends with the pattern.",
            _compared(lambda value, pattern: value.endswith(pattern)),
            (".yaml", "rule.yaml", True),
            (".yml", "rule.yaml", False),
        ),
        **_family(
            ("iendswith",),
            "A text ends with the pattern, whatever the case of the letters.",
            _compared(lambda value, pattern: value.lower().endswith(pattern.lower())),
            (".YAML", "rule.yaml", True),
        ),
    }


def _order() -> dict[str, Operator]:
    return {
        **_family(
            ("lt", "lessthan"),
            "The value is less than the pattern, and not equal to it. Both are numbers, or both texts.",
            _less,
            (10, 9, True),
            (10, 10, False),
            ("b", "a", True),
        ),
        **_family(
            ("gt", "greaterthan"),
            "The value is greater than the pattern, and not equal to it. Both are numbers, or both texts.",
            _greater,
            (10, 10.5, True),
            (10, 10, False),
        ),
        **_family(
            ("td_lt", "timediff_lt"),
            "The moment that the value names is less than so many seconds ago, or yet to come.",
            _younger,
            (60, "2026-01-02T03:03:55Z", True),
            (60, "2026-01-02T03:00:00Z", False),
            (0, "2026-01-02T03:10:00Z", True),
        ),
        **_family(
            ("td_gt", "timediff_gt"),
            "The moment that the value names is more than so many seconds ago.",
            _older,
            ("3600", "Fri, 02 Jan 2026 01:00:00 GMT", True),
            (3600, "2026-01-02T03:00:00Z", False),
        ),
    }


def _patterns(seconds: float) -> dict[str, Operator]:
    """Return the operators with patterns, of which the regular expressions may take so long."""
    return {
        **_family(
            ("matchwildcard",),
            "A whole text matches a pattern with `*`, `?` and `[...]`.",
            _compared(fnmatch.fnmatch),
            ("release-*", "release-1.2", True),
            ("v?.?", "v1.2", True),
            ("release", "release-1.2", False),
        ),
        **_family(
            ("matchregex",),
            "A text begins with a match of a regular expression; `.` matches line breaks. Older than `regex`; use that.",
            _compared(lambda value, pattern: compile_regex(pattern, dot_all=True).matches(value, seconds)),
            ("refs/heads/.*", "refs/heads/main", True),
            ("heads", "refs/heads/main", False),
            ("a.b", "a\nb", True),
        ),
        **_family(
            ("regex",),
            "A regular expression matches somewhere in a text. Python's syntax; cut off by time.",
            _compared(lambda value, pattern: compile_regex(pattern).is_in(value, seconds)),
            (r"^refs/heads/(main|release-\d+)$", "refs/heads/release-12", True),
            ("heads", "refs/heads/main", True),
            ("HEADS", "refs/heads/main", False),
        ),
        **_family(
            ("iregex",),
            "A regular expression matches somewhere in a text, whatever the case of the letters.",
            _compared(lambda value, pattern: compile_regex(pattern, ignore_case=True).is_in(value, seconds)),
            ("HEADS", "refs/heads/main", True),
        ),
    }


def _presence() -> dict[str, Operator]:
    return {
        **_family(
            ("exists",),
            'The value is there and is not null. The pattern means nothing, but has to be there: write `pattern: ""`.',
            _exists,
            ("", "x", True),
            ("", False, True),
            ("", None, False),
        ),
        **_family(
            ("nexists",),
            "The value is missing or null. The pattern means nothing, but has to be there.",
            _nexists,
            ("", None, True),
            ("", 0, False),
        ),
    }


def _search(_value: Any, _pattern: Any, _now: datetime) -> bool:
    raise TypeError("`search` asks criteria of its own and cannot be asked like another operator")


SEARCH = "search"
_SEARCH_HELP = (
    "Asks criteria of each object in a list; keys begin with `item.`. `condition` says how many must hold: `any` (some item "
    "meets all criteria), `all` (every item meets all), `all2any` (every item meets one), `any2any` (some item meets one)."
)
CONDITIONS = ("any", "all", "all2any", "any2any")


@lru_cache(maxsize=8)
def make_operators(regex_seconds: float) -> Mapping[str, Operator]:
    """Return all operators by name, with a time limit for each regular expression."""
    return {
        **_equality(),
        **_containment(),
        **_edges(),
        **_order(),
        **_patterns(regex_seconds),
        **_presence(),
        **_family((SEARCH,), _SEARCH_HELP, _search),
    }


OPERATORS = make_operators(DEFAULT_SECONDS)
