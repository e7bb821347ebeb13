"""Templates: compiled once, rendered often, always within bounds.

Single pass: what a template prints is text for ever; nothing that an event brought is compiled as a template. The settings
of the environment (strict undefined names, trimmed blocks, the test `in`) are StackStorm's, and so are all its filters.
"""

import copy
import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Template as JinjaTemplate
from jinja2 import TemplateAssertionError, TemplateSyntaxError, meta

from stormlet.foundation.deadlines import Deadline
from stormlet.foundation.errors import RenderError
from stormlet.foundation.templates.budget import KEY, Budget, TemplateLimits
from stormlet.foundation.templates.filters import FILTERS, make_decrypt_filter, make_regex_filters
from stormlet.foundation.templates.sandbox import BoundedEnvironment

_REMEMBERED = 2048


class Template:
    """One compiled template. Safe to share between threads."""

    __slots__ = ("_compiled", "_deadline", "_limits", "_monotonic", "references", "source")

    def __init__(
        self,
        source: str,
        compiled: JinjaTemplate,
        references: frozenset[str],
        limits: TemplateLimits,
        monotonic: Callable[[], float],
        deadline: Deadline | None = None,
    ) -> None:
        self.source = source
        self._deadline = deadline
        self.references = references
        self._compiled = compiled
        self._limits = limits
        self._monotonic = monotonic

    def within(self, deadline: Deadline | None) -> "Template":
        """Return the same template, whose renderings end at a deadline that they share with others."""
        if deadline is None:
            return self
        return Template(self.source, self._compiled, self.references, self._limits, self._monotonic, deadline)

    def render(self, context: Mapping[str, Any]) -> str:
        """Return the text that the template makes of these names.

        Raises:
            RenderError: a name is missing, a filter fails, or a limit is reached. Its cause is the original error.
            OverdueError: the deadline that the template was given has passed.
        """
        if self._deadline is not None:
            self._deadline.check()
        budget = Budget(self._limits, self._monotonic, self._deadline)
        try:
            own = self._compiled.new_context({**context, KEY: budget})
            text = "".join(self._compiled.root_render_func(own))
        except RenderError:
            raise
        except RecursionError as error:
            raise RenderError("the template recurses too deeply") from error
        except MemoryError as error:
            raise RenderError("the template needs more memory than there is") from error
        except Exception as error:  # the border: a template can raise whatever its filters and values can
            raise RenderError(str(error) or type(error).__name__) from error
        if (
            len(text) > self._limits.output_bytes // 4
            and len(text.encode("utf-8", "replace")) > self._limits.output_bytes
        ):
            raise RenderError(f"the template's result is larger than {self._limits.output_bytes:,} bytes")
        return text


class Templates:
    """Compiles templates and remembers the last of them by their source."""

    def __init__(
        self,
        limits: TemplateLimits | None = None,
        *,
        decrypt: Callable[[str], str] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare an environment.

        Args:
            limits: what one rendering may cost.
            decrypt: opens a sealed value of the datastore, for the filter `decrypt_kv`; None: that filter fails.
            monotonic: seconds that never go back.
        """
        self.limits = limits or TemplateLimits()
        self.monotonic = monotonic
        self._deadline: Deadline | None = None
        functions = {name: each.function for name, each in FILTERS.items()}
        functions |= make_regex_filters(self.limits.regex_seconds, self.limits.working_size)
        functions["decrypt_kv"] = make_decrypt_filter(decrypt)
        self._environment = BoundedEnvironment(functions, self.limits.working_size)
        self._names = frozenset(self._environment.globals)
        self._remembered = functools.lru_cache(maxsize=_REMEMBERED)(self._compile)

    def compile(self, source: str) -> Template:
        """Return the compiled template.

        Raises:
            RenderError: a syntax error, or a filter or test that does not exist; the text says in which line.
        """
        return self._remembered(source).within(self._deadline)

    def within(self, deadline: Deadline | None) -> "Templates":
        """Return what compiles the same templates, with all their renderings ending at one deadline."""
        timed = copy.copy(self)  # shares what is remembered
        timed._deadline = deadline
        return timed

    def _compile(self, source: str) -> Template:
        try:
            self._measure(source)
            tree = self._environment.parse(source)
            references = frozenset(meta.find_undeclared_variables(tree)) - self._names
            compiled = self._environment.from_string(self._environment.guarded(tree))
        except RenderError:
            raise
        except TemplateSyntaxError as error:
            raise RenderError(f"{error.message} (line {error.lineno})") from error
        except (RecursionError, MemoryError) as error:
            raise RenderError("the template is nested too deeply") from error
        except (SyntaxError, ValueError) as error:  # what Jinja makes of it is Python, which has limits of its own
            raise RenderError(f"the template is too complex: {error}") from error
        return Template(source, compiled, references, self.limits, self.monotonic)

    def _measure(self, source: str) -> None:
        """Raise where compiling alone would take seconds."""
        if len(source) > self.limits.source_characters:
            raise RenderError(f"the template is longer than {self.limits.source_characters:,} characters")
        if len(source) > self.limits.source_tokens:
            tokens = sum(1 for _ in self._environment.lex(source))
            if tokens > self.limits.source_tokens:
                raise RenderError(f"the template has more than {self.limits.source_tokens:,} words and signs")


def is_syntax_error(error: RenderError) -> bool:
    """Tell whether a text could not be compiled because it is no template at all, like `awk '{{print $1}}'`.

    False for one that is a template and names a filter or test that does not exist.
    """
    cause = error.__cause__
    return isinstance(cause, TemplateSyntaxError) and not isinstance(cause, TemplateAssertionError)


def is_template(text: object) -> bool:
    """Tell whether a value is a text with `{{` or `{%` in it: then, as in StackStorm, it is a template."""
    return isinstance(text, str) and ("{{" in text or "{%" in text)
