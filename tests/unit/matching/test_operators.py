"""Operators: their names, their examples, and what they do with values they cannot compare."""

from datetime import UTC, datetime
from typing import Any

import pytest

from stormlet.flow.matching.operators import OPERATORS, SEARCH, make_operators
from stormlet.foundation.regexes import RegexTimeoutError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EXAMPLES = [(name, example) for name, operator in OPERATORS.items() for example in operator.examples]
NAMES = (
    *("matchwildcard", "matchregex", "regex", "iregex", "eq", "equals", "neq", "nequals", "ieq", "iequals"),
    *("contains", "icontains", "ncontains", "incontains", "startswith", "istartswith", "endswith", "iendswith"),
    *("lt", "lessthan", "gt", "greaterthan", "td_lt", "timediff_lt", "td_gt", "timediff_gt"),
    *("exists", "nexists", "inside", "in", "ninside", "nin", "search"),
)


def answer(name: str, value: Any, pattern: Any) -> bool:
    """Return what the operator says."""
    return OPERATORS[name].answer(value, pattern, NOW)


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_examples_are_true(name: str, example: tuple[Any, Any, bool]) -> None:
    """Every example of the reference page holds."""
    pattern, value, result = example
    assert answer(name, value, pattern) is result


def test_the_33_names_are_there() -> None:
    """Each with help, and all but search with examples."""
    assert set(OPERATORS) == set(NAMES)
    assert len(NAMES) == 33
    assert all(operator.help and (operator.examples or name == SEARCH) for name, operator in OPERATORS.items())
    assert all(operator.name == name for name, operator in OPERATORS.items())


@pytest.mark.parametrize("name", sorted(set(OPERATORS) - {"neq", "nequals", "exists", "nexists", SEARCH}))
@pytest.mark.parametrize("value", ["x", 1, None, [], {}, True])
def test_nothing_matches_a_pattern_of_none(name: str, value: Any) -> None:
    """A pattern that is None is never met, and never fails."""
    assert answer(name, value, None) is False


@pytest.mark.parametrize(
    ("name", "value", "pattern", "error"),
    [
        ("ieq", None, "x", AttributeError),
        ("ieq", "x", 5, AttributeError),
        ("contains", None, "x", TypeError),
        ("contains", 5, "x", TypeError),
        ("contains", "x", 5, TypeError),
        ("icontains", ["x"], "x", AttributeError),
        ("startswith", 5, "x", AttributeError),
        ("lt", None, 5, TypeError),
        ("gt", "5", 5, TypeError),
        ("matchwildcard", 5, "x", TypeError),
        ("regex", None, "x", TypeError),
        ("iregex", 5, "x", TypeError),
        ("matchregex", ["x"], "x", TypeError),
        ("in", None, "text", TypeError),
        ("in", "x", 5, TypeError),
        ("td_lt", None, 60, ValueError),
        ("td_gt", "yesterday", 60, ValueError),
        ("td_gt", "2026-01-01", "soon", ValueError),
        ("timediff_lt", 1700000000, 60, ValueError),
    ],
)
def test_what_cannot_be_compared_raises(name: str, value: Any, pattern: Any, error: type[Exception]) -> None:
    """As Python does; the caller records a failed enforcement."""
    with pytest.raises(error):
        answer(name, value, pattern)


@pytest.mark.parametrize(
    ("name", "value", "pattern", "result"),
    [
        ("eq", b"main", "main", True),
        ("neq", b"main", "main", False),
        ("contains", b"hello", "ell", True),
        ("in", b"main", ["main"], True),
        ("regex", b"main", "^m", True),
        ("eq", True, 1, True),
        ("eq", 1.0, 1, True),
        ("eq", "1", 1, False),
        ("eq", {"a": [1]}, {"a": [1]}, True),
        ("in", None, [None], True),
        ("gt", [2], [1], True),
        ("ieq", "STRASSE", "straße", False),
        ("matchwildcard", "a/b/c", "a/*", True),
        ("matchwildcard", "A", "a", False),
        ("exists", "", None, True),
        ("nexists", [], None, False),
    ],
)
def test_values_are_compared_as_python_does(name: str, value: Any, pattern: Any, *, result: bool) -> None:
    """Bytes count as the text they are; nothing else is converted."""
    assert answer(name, value, pattern) is result


@pytest.mark.parametrize("name", ["regex", "iregex", "matchregex"])
@pytest.mark.parametrize(("seconds", "said"), [(0.05, "50 ms"), (0.01, "10 ms")])
def test_a_regex_is_cut_off_by_time(name: str, seconds: float, said: str) -> None:
    """A pattern that backtracks for ever says so, after as long as it may take."""
    with pytest.raises(RegexTimeoutError, match=f"took longer than {said}"):
        make_operators(seconds)[name].answer("a" * 5000 + "!", "^(a|aa)+$", NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-02T03:04:00Z", 5),
        ("2026-01-02T03:04:00", 5),
        ("2026-01-02 03:04:00.5", 4.5),
        ("2026-01-02T04:04:00+01:00", 5),
        ("20260102T030400Z", 5),
        ("2026-01-02", 11045),
        ("2026-01", 97445),
        ("2026-W01-5", 11045),
        ("Fri, 02 Jan 2026 03:04:00 GMT", 5),
        ("Fri, 02 Jan 2026 04:04:00 +0100", 5),
        ("Jan 2, 2026 3:04am", 5),
        ("2026/01/02 03:04", 5),
        ("2026-01-02 03:04:00 EST", 5),
        ("3:04am", 5),
    ],
)
def test_moments_are_read_as_stackstorm_reads_them(text: str, seconds: float) -> None:
    """ISO 8601, RFC 2822, and what people write; without a zone it is UTC, without a day it is today's."""
    assert answer("td_gt", text, seconds - 0.001)
    assert answer("td_lt", text, seconds + 0.001)
