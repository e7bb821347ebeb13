"""A problem with content is data: where it is, what is wrong, and how to mend it."""

from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How bad a problem is."""

    ERROR = "error"
    """The thing does not work; it is listed as broken."""
    WARNING = "warning"
    """StackStorm would load it, but it is surely a mistake. An error under `check --strict`."""


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a file. Line and column count from 1; 0 means the whole file."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Return `file:line:column`, without what is not known."""
        return ":".join([self.file or "<input>", *(str(n) for n in (self.line, self.column) if n)])


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One finding about one place.

    `code` is one of `content/problem_codes.py`; `path` is the dotted place inside the document, such as
    `criteria.trigger.body.ref.type`.
    """

    code: str
    text: str
    severity: Severity = Severity.ERROR
    location: Location = Location()
    path: str = ""
    hint: str = ""
    short: str = ""
    """What a line says instead of `text`, where that is StackStorm's sentence word by word and too long for people."""

    @property
    def sentence(self) -> str:
        """Return where in the document, what is wrong, and the cure."""
        where = f"{self.path}: " if self.path else ""
        cure = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.short or self.text}{cure}"

    def __str__(self) -> str:
        """Return `file:line:column code message (hint)`."""
        return f"{self.location} {self.code} {self.sentence}"
