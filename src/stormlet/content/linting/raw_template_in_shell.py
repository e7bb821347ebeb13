"""Event text in a command line that is not quoted for the shell: whoever posts the event writes the command.

It looks at text, not at meaning: an expression with `trigger` in it and without the filter `quote`, in a parameter that a
shell reads. That is `cmd`, and every parameter that the action's own `cmd` puts into the command line as it is.
"""

import re
from collections.abc import Iterator
from typing import Any

from stormlet.content.linting.context import Context, in_rule
from stormlet.model.action import Action
from stormlet.model.problem import Problem
from stormlet.model.rule import Rule

_SHELL_RUNNERS = frozenset({"local-shell-cmd", "remote-shell-cmd"})
_SAFE_TYPES = frozenset({"integer", "number", "boolean"})
_COMMAND = "cmd"
_EXPRESSION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")
_QUOTED = re.compile(r"\|\s*quote\b")
_NUMBER = re.compile(r"\|\s*(int|float|length|count)\s*(\([^)]*\))?\s*$")


def check(rule: Rule, context: Context) -> Iterator[Problem]:
    """Yield a warning for each expression of a rule that brings event text to a shell unquoted."""
    action = context.snapshot.actions.get(rule.action.ref)
    if action is None or action.runner_type not in _SHELL_RUNNERS:
        return
    for name, value in rule.action.parameters.items():
        for expression in _raw_expressions(value):
            if not _names("trigger", expression):
                continue
            path = f"action.parameters.{name}"
            shown = f"{{{{ {expression.strip()} }}}}"
            if name == _COMMAND:
                text = f"{shown} reaches the shell as it was sent"
                hint = f"write {{{{ {expression.strip()} | quote }}}}, without quotes around it"
                yield in_rule(rule, "raw-template-in-shell", text, path, hint=hint)
            elif _is_put_into_command(name, action):
                text = f"{shown} reaches the shell as it was sent, through the command line of {action.ref}"
                hint = "pass it to an action that quotes it, or in `env`"
                yield in_rule(rule, "raw-template-in-shell", text, path, hint=hint)


def _is_put_into_command(name: str, action: Action) -> bool:
    """Tell whether the action's own command line holds the parameter, unquoted, and it may be any text."""
    meta = action.parameters.get(name, {})
    if meta.get("enum") or meta.get("type") in _SAFE_TYPES:
        return False
    command = action.parameters.get(_COMMAND, {}).get("default")
    return any(_names(name, expression) for expression in _raw_expressions(command))


def _raw_expressions(text: Any) -> Iterator[str]:
    if not isinstance(text, str):
        return
    for match in _EXPRESSION.finditer(text):
        expression = match.group(1)
        if not _QUOTED.search(expression) and not _NUMBER.search(expression):
            yield expression


def _names(name: str, expression: str) -> bool:
    """Tell whether the expression reads a variable of this name."""
    return re.search(rf"(?<![\w.]){re.escape(name)}\b", _TEXT.sub("", expression)) is not None
