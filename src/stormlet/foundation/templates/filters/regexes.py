"""Filters with regular expressions: Python's, with a time limit."""

from collections.abc import Callable
from typing import Any

from stormlet.foundation.regexes import DEFAULT_SECONDS, compile_regex
from stormlet.foundation.templates.filters.filter import Example, Filter


def make_regex_filters(seconds: float, largest: int) -> dict[str, Callable[..., Any]]:
    """Return the four filters, with a limit for the time of each, and for what a replacement may grow to."""

    def regex_match(value: Any, pattern: str, ignorecase: bool = False) -> bool:
        return compile_regex(pattern, ignore_case=bool(ignorecase)).matches(_text(value), seconds)

    def regex_search(value: Any, pattern: str, ignorecase: bool = False) -> bool:
        return compile_regex(pattern, ignore_case=bool(ignorecase)).is_in(_text(value), seconds)

    def regex_replace(value: Any, pattern: str, replacement: str, ignorecase: bool = False) -> str:
        return compile_regex(pattern, ignore_case=bool(ignorecase)).replace(replacement, _text(value), seconds, largest)

    def regex_substring(value: Any, pattern: str, result_index: int = 0, ignorecase: bool = False) -> Any:
        return compile_regex(pattern, ignore_case=bool(ignorecase)).all_in(_text(value), seconds)[result_index]

    return {each.__name__: each for each in (regex_match, regex_search, regex_replace, regex_substring)}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


_FUNCTIONS = make_regex_filters(DEFAULT_SECONDS, largest=1024 * 1024)

REGEX_FILTERS = (
    Filter(
        name="regex_match",
        function=_FUNCTIONS["regex_match"],
        help="Tells whether a text begins with a match of a regular expression. Takes `ignorecase`.",
        examples=(
            Example("{{ 'refs/heads/main' | regex_match('refs/heads/') }}", "True"),
            Example("{{ 'ABC' | regex_match('b', ignorecase=true) }}", "False"),
        ),
    ),
    Filter(
        name="regex_search",
        function=_FUNCTIONS["regex_search"],
        help="Tells whether a regular expression matches anywhere in a text. Takes `ignorecase`.",
        examples=(Example("{{ 'ABC' | regex_search('b', ignorecase=true) }}", "True"),),
    ),
    Filter(
        name="regex_replace",
        function=_FUNCTIONS["regex_replace"],
        help="Replaces every match of a regular expression. Takes `ignorecase`.",
        examples=(Example(r"{{ 'refs/heads/main' | regex_replace('^refs/(\\w+)/', '\\1: ') }}", "heads: main"),),
    ),
    Filter(
        name="regex_substring",
        function=_FUNCTIONS["regex_substring"],
        help="Returns one match of a regular expression: the first, or the one of that index. Takes `ignorecase`.",
        examples=(
            Example(r"{{ 'a1 b22 c333' | regex_substring('\\d+') }}", "1"),
            Example(r"{{ 'a1 b22 c333' | regex_substring('\\d+', 2) }}", "333"),
        ),
    ),
)
