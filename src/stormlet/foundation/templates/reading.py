"""Templates as trees, for those who judge what an author wrote without rendering it.

It parses and compiles nothing, so a filter that does not exist is no matter here.
"""

import msgspec
from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from stormlet.foundation.templates.engine import is_template

_LONGEST = 64 * 1024
_DEEPEST = 150
"""How many nodes may lie in each other: whoever judges a tree goes down into it by calling itself."""
_GIVEN = frozenset({"loop", "caller", "varargs", "kwargs", "self"})
# The settings that change how a text is taken apart are those of `sandbox`.
_ENVIRONMENT = SandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)


class Reading(msgspec.Struct, frozen=True):
    """A template's tree. `texts` gives what an author wrote between `{{` and `}}`, by the expression's identity."""

    tree: nodes.Template
    texts: dict[int, str]

    def text_of(self, expression: nodes.Expr) -> str:
        """Return how the author wrote a printed expression."""
        return self.texts.get(id(expression), "…")

    @property
    def names(self) -> frozenset[str]:
        """The names from outside: those that are read and bound nowhere in the template."""
        names = list(self.tree.find_all(nodes.Name))
        bound = {name.name for name in names if name.ctx != "load"}
        bound |= {macro.name for macro in self.tree.find_all(nodes.Macro)}
        return frozenset(name.name for name in names if name.ctx == "load") - bound - _GIVEN


def read_template(source: object) -> Reading | None:
    """Return the tree of a template, or None for what is no template, has a syntax error, or is too long to judge."""
    if not isinstance(source, str) or not is_template(source) or len(source) > _LONGEST:
        return None
    try:
        tree = _ENVIRONMENT.parse(source)
        written = _written(source)
    except (TemplateSyntaxError, RecursionError, ValueError):
        return None
    if _is_deep(tree):
        return None
    printed = [
        part
        for output in tree.find_all(nodes.Output)
        for part in output.nodes
        if not isinstance(part, nodes.TemplateData)
    ]
    printed.sort(
        key=lambda part: part.lineno
    )  # find_all goes through a loop's head before its body, in order otherwise
    return Reading(tree, dict(zip(map(id, printed), written, strict=False)))


def _is_deep(tree: nodes.Template) -> bool:
    level: list[nodes.Node] = [tree]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in node.iter_child_nodes()]
        if not level:
            return False
    return True


def _written(source: str) -> list[str]:
    """Return the text of each `{{ … }}`, in order."""
    texts: list[str] = []
    parts: list[str] | None = None
    for _, kind, text in _ENVIRONMENT.lex(source):
        if kind == "variable_begin":
            parts = []
        elif kind == "variable_end" and parts is not None:
            texts.append("".join(parts).strip())
            parts = None
        elif parts is not None:
            parts.append(text)
    return texts
