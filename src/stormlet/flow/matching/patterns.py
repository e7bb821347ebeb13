"""A criterion's pattern: a value as it stands, or a template that is rendered for each event.

A template's value gets its type back as StackStorm does it: `| to_complex` is put into the expression, and what it prints is
read as JSON. Where that is no JSON (several expressions, text around one), the plain rendering counts, which is a text.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from stormlet.foundation.deadlines import Deadline
from stormlet.foundation.errors import RenderError
from stormlet.foundation.templates import Template, Templates

_EXPRESSION = re.compile(r"({{)\s*(.*)\s*(}})")
"""From the first `{{` of a line to its last `}}`: with two expressions in a line, only the last gets its filter."""
_MARKS = ("{{", "{%", "{#")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


class Literal(msgspec.Struct, frozen=True):
    """A pattern that is the same for every event."""

    value: Any

    def render(self, _context: Mapping[str, Any], _deadline: Deadline | None = None) -> Any:
        return self.value


class Rendered(msgspec.Struct, frozen=True):
    """A pattern that is a template. `typed` is None where the expression cannot take another filter."""

    plain: Template
    typed: Template | None

    def render(self, context: Mapping[str, Any], deadline: Deadline | None = None) -> Any:
        """Return what the template makes of these names, with its type where it has one.

        Raises:
            RenderError: a name is missing, a filter fails, or a limit is reached.
            OverdueError: the deadline has passed.
        """
        if self.typed is not None:
            try:
                return msgspec.json.decode(self.typed.within(deadline).render(context))
            except (msgspec.DecodeError, RecursionError):
                pass
            except RenderError as error:
                if not isinstance(error.__cause__, ValueError):
                    raise
        return self.plain.within(deadline).render(context)


Pattern = Literal | Rendered


def compile_pattern(pattern: Any, templates: Templates) -> Pattern:
    """Return the pattern, ready to be rendered.

    Raises:
        RenderError: a text with a template in it that has a syntax error, or an unknown filter or test.
    """
    if not isinstance(pattern, str):
        return Literal(pattern)
    if not any(mark in pattern for mark in _MARKS):
        return Literal(as_jinja_prints(pattern))
    plain = templates.compile(pattern)
    if not _EXPRESSION.search(pattern):
        return Rendered(plain, None)
    try:
        typed = templates.compile(_EXPRESSION.sub(r"\1\2 | to_complex\3", pattern))
    except RenderError:
        typed = None
    return Rendered(plain, typed)


def as_jinja_prints(text: str) -> str:
    """Return the text as Jinja would print it, which StackStorm lets it do: without one line break at the end."""
    lines = _LINE_BREAK.split(text)
    if not lines[-1]:
        del lines[-1]
    return "\n".join(lines)
