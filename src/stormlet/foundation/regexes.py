"""Regular expressions with Python's syntax and meaning, and an end in sight.

Patterns come from authors, texts from strangers, and Python's `re` may need years for one of the two. So a pattern is looked
over once: where the work is bounded by the text's length, `re` itself answers; everywhere else `regex` does, with a time
limit. The pattern is translated where `regex` would read more into it than `re` does (fuzzy `{e}`, POSIX `[[:alpha:]]`).

This module decides nothing about rules; operators and template filters share it.
"""

import re
import sys
import warnings
from functools import lru_cache
from typing import Any

import msgspec
import regex

DEFAULT_SECONDS = 0.05
_STEPS = 2_000_000
"""What `re` may do at worst before it takes longer than a time limit of 50 ms would allow."""
_MANY = 1_000
"""More choices than this, and the number need not be known more exactly."""
_REPEAT = re.compile(r"\{(\d*)(?:(,)(\d*))?\}")
_GROUP = re.compile(r"\(\?(?:P<\w+>|<[=!]|\(\w+\)|[a-zA-Z-]*:|[=!>])|\((?!\?)")
_NO_GROUP = re.compile(r"\(\?(?:#[^)]*|P=\w+|[a-zA-Z]+)\)")
_QUANTIFIERS = "*+?{"


class RegexTimeoutError(Exception):
    """A pattern took longer on a text than it may."""


class RegexTooLargeError(Exception):
    """A replacement makes more text than it may."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at a pattern tells. `translated` is the pattern as `regex` has to read it."""

    translated: str
    repeats: int
    """How many parts may match any number of characters; the worst case is a power of the text's length."""
    choices: int
    """In how many ways the parts that may or may not be there can be combined."""
    explosive: bool
    """A group is repeated, so that nothing but a time limit bounds the work."""
    nested: bool
    """A repeated group holds a repeat: the pattern that takes exponential time."""


class Regex:
    """A compiled pattern. Safe to share between threads."""

    __slots__ = ("_python", "_timed", "_trusted_length", "nested", "pattern")

    def __init__(self, pattern: str, *, ignore_case: bool = False, dot_all: bool = False) -> None:
        """Compile.

        Raises:
            re.error: in Python's words.
        """
        flags = (re.IGNORECASE if ignore_case else 0) | (re.DOTALL if dot_all else 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "possible nested set" is about a future Python
            self._python = re.compile(pattern, flags)
        shape = look_over(pattern)
        self.pattern = pattern
        self.nested = shape.nested
        self._trusted_length = _trusted_length(shape)
        # re's values for these two flags are regex's as well, but only the names are promised.
        timed_flags = (regex.IGNORECASE if ignore_case else 0) | (regex.DOTALL if dot_all else 0)
        self._timed = regex.compile(shape.translated, timed_flags | regex.VERSION0)

    def matches(self, text: Any, seconds: float = DEFAULT_SECONDS) -> bool:
        """Tell whether the text begins with a match.

        Raises:
            TypeError: `text` is not a string.
            RegexTimeoutError: it took longer than `seconds`.
        """
        if not isinstance(text, str) or len(text) <= self._trusted_length:
            return self._python.match(text) is not None
        return self._run(self._timed.match, text, seconds=seconds) is not None

    def is_in(self, text: Any, seconds: float = DEFAULT_SECONDS) -> bool:
        """Tell whether there is a match anywhere in the text. Raises as `matches` does."""
        if not isinstance(text, str) or len(text) <= self._trusted_length:
            return self._python.search(text) is not None
        return self._run(self._timed.search, text, seconds=seconds) is not None

    def replace(self, replacement: str, text: str, seconds: float = DEFAULT_SECONDS, largest: int = sys.maxsize) -> str:
        """Return the text with every match replaced; `\\1` and `\\g<name>` stand for groups.

        Raises:
            re.error: the replacement names a group that is not there.
            RegexTooLargeError: the result would have more than `largest` characters.
            RegexTimeoutError: it took longer than `seconds`.
        """
        room = largest - len(text)

        def expanded(match: Any) -> str:
            nonlocal room
            text: str = match.expand(replacement) if "\\" in replacement else replacement
            room -= len(text)
            if room < 0:
                raise RegexTooLargeError(f"the replacement makes a text of more than {largest:,} characters")
            return text

        if len(text) <= self._trusted_length:
            return self._python.sub(expanded, text)
        replaced: str = self._run(self._timed.sub, expanded, text, seconds=seconds)
        return replaced

    def all_in(self, text: str, seconds: float = DEFAULT_SECONDS) -> list[Any]:
        """Return all matches: texts, or tuples where the pattern has several groups. Raises as `matches` does."""
        if len(text) <= self._trusted_length:
            return self._python.findall(text)
        found: list[Any] = self._run(self._timed.findall, text, seconds=seconds)
        return found

    def _run(self, method: Any, *arguments: Any, seconds: float) -> Any:
        try:
            return method(*arguments, timeout=seconds)
        except TimeoutError:
            raise RegexTimeoutError(
                f"the regular expression {self.pattern!r} took longer than {seconds * 1000:.0f} ms"
            ) from None


@lru_cache(maxsize=1024)
def compile_regex(pattern: str, *, ignore_case: bool = False, dot_all: bool = False) -> Regex:
    """Return the compiled pattern; the last thousand are remembered. Raises re.error, and TypeError for what is no text."""
    return Regex(pattern, ignore_case=ignore_case, dot_all=dot_all)


@lru_cache(maxsize=256)
def look_over(pattern: str) -> Shape:
    """Say what the pattern, which `re` has accepted, may cost, and write it as `regex` has to read it."""
    return _Looker(pattern).look()


def _trusted_length(shape: Shape) -> int:
    """Return how long a text may be so that `re` surely ends soon."""
    if shape.explosive:
        return 0
    # A search tries every start, and each repeat every end.
    return int((_STEPS / shape.choices) ** (1 / (shape.repeats + 1)))


class _Group:
    """A group that is still open, or has just ended. `ways` counts in how many ways it can match, repeats aside."""

    def __init__(self) -> None:
        self.repeats = False
        self.other_branches = 0
        self.branch = 1

    @property
    def ways(self) -> int:
        return min(_MANY, self.other_branches + self.branch)

    def follow(self, ways: int) -> None:
        """Take in what comes next in this branch."""
        self.branch = min(_MANY, self.branch * ways)

    def next_branch(self) -> None:
        self.other_branches, self.branch = self.ways, 1


class _Looker:
    """Walks over one pattern, once."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._position = 0
        self._out: list[str] = []
        self._open = [_Group()]
        self._ended: _Group | None = None
        """The group that ended just here, so that a quantifier knows what it repeats."""
        self._repeats = 0
        self._explosive = False
        self._nested = False

    def look(self) -> Shape:
        if re.search(r"\(\?[a-zA-Z]*x", self._pattern):
            # In verbose mode blanks and comments mean nothing; such a pattern is not looked into, only timed.
            return Shape(translated=self._pattern, repeats=0, choices=1, explosive=True, nested=False)
        while self._position < len(self._pattern):
            self._step(self._pattern[self._position])
        choices = self._open[0].ways
        return Shape(
            translated="".join(self._out),
            repeats=self._repeats,
            choices=choices,
            explosive=self._explosive or choices >= _MANY,
            nested=self._nested,
        )

    def _step(self, character: str) -> None:
        if character in _QUANTIFIERS:
            self._quantifier(character)
            return
        self._ended = None
        if character == "\\":
            named = self._pattern.startswith("\\N{", self._position)
            self._take(self._pattern.index("}", self._position) + 1 if named else self._position + 2)
        elif character == "[":
            self._class()
        elif character == "(":
            self._group()
        elif character == ")" and len(self._open) > 1:
            self._take(self._position + 1)
            self._ended = self._open.pop()
            self._open[-1].repeats |= self._ended.repeats
            self._open[-1].follow(self._ended.ways)
        else:
            if character == "|":
                self._open[-1].next_branch()
            self._take(self._position + 1)

    def _take(self, end: int, instead: str | None = None) -> None:
        self._out.append(self._pattern[self._position : end] if instead is None else instead)
        self._position = end

    def _group(self) -> None:
        if other := _NO_GROUP.match(self._pattern, self._position):
            self._take(other.end())
            return
        opening = _GROUP.match(self._pattern, self._position)
        self._take(opening.end() if opening else self._position + 1)
        self._open.append(_Group())

    def _class(self) -> None:
        """Copy a `[...]`, with every inner `[` escaped: `regex` would take `[:alpha:]` in it for a POSIX class."""
        self._take(self._position + 1)
        for first in ("^", "]"):
            if self._pattern.startswith(first, self._position):
                self._take(self._position + 1)
        while self._position < len(self._pattern) and (character := self._pattern[self._position]) != "]":
            if character == "[":
                self._take(self._position + 1, "\\[")
            else:
                self._take(self._position + (2 if character == "\\" else 1))
        self._take(self._position + 1)

    def _quantifier(self, character: str) -> None:
        least, most, end = self._bounds(character)
        group, self._ended = self._ended, None
        if end == self._position:
            # Not a repeat: for `re` the brace is a brace, for `regex` it may begin a fuzzy match.
            self._take(end + 1, "\\{")
            return
        self._take(end, "{0,}" if self._pattern[self._position : end] == "{,}" else None)
        if self._position < len(self._pattern) and self._pattern[self._position] in "+?":
            self._take(self._position + 1)  # lazy or possessive
        if group is not None and most > 1:
            self._explosive = True
            self._nested |= group.repeats and most >= _MANY
        if most - least > 1:
            self._open[-1].repeats = True
            self._repeats += 1
        elif most > least:
            self._open[-1].follow(2)

    def _bounds(self, character: str) -> tuple[int, int, int]:
        """Return least, most and where the quantifier ends; it ends where it begins if it is none."""
        if character != "{":
            least, most = {"*": (0, _MANY), "+": (1, _MANY), "?": (0, 1)}[character]
            return least, most, self._position + 1
        found = _REPEAT.match(self._pattern, self._position)
        if not found or found[0] == "{}":
            return 0, 0, self._position
        least = min(_MANY, int(found[1] or 0))
        if not found[2]:
            return least, least, found.end()
        return least, min(_MANY, int(found[3])) if found[3] else _MANY, found.end()
