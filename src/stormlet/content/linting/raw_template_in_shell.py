"""Event text in a command line that is not quoted for the shell: whoever posts the event writes the command.

A shell reads `cmd`; event text gets there in the rule's own template, through another parameter that it names, or through a
parameter that the action's own command line names. `event_text` follows it; clean is what `quote` makes one word of, where a
word may stand.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from stormlet.content.linting.context import Context, in_rule
from stormlet.content.linting.event_text import Finding, Level, findings_in, first_raw, level_of
from stormlet.content.linting.parameters import merged_parameters
from stormlet.foundation.templates.reading import read_template
from stormlet.model.problem import Problem
from stormlet.model.rule import Rule

_SHELL_RUNNERS = frozenset({"local-shell-cmd", "remote-shell-cmd"})
_SAFE_TYPES = frozenset({"integer", "number", "boolean"})
_COMMAND = "cmd"
_EVENT = {"trigger": Level.RAW}


def check(rule: Rule, context: Context) -> Iterator[Problem]:
    """Yield a warning for each expression of a rule that brings event text to a shell unquoted."""
    action = context.snapshot.actions.get(rule.action.ref)
    if action is None or action.runner_type not in _SHELL_RUNNERS:
        return
    runner = context.runner_types.get(action.runner_type)
    schemas = merged_parameters(action.parameters, runner.parameters if runner else {})
    given = {
        name: value
        for name, value in rule.action.parameters.items()
        if value is not None and schemas.get(name, {}).get("immutable") is not True
    }
    values = {name: schema.get("default") for name, schema in schemas.items()} | given
    command = read_template(values.get(_COMMAND))
    if command is None:
        return
    if _COMMAND in given:
        names = _Parameters(values, schemas).levels()
        for finding in findings_in(command, names):
            yield _in_own_command(rule, finding)
        return
    for name, value in given.items():
        # One by one, so that each is told which lets event text through.
        others = {other: text for other, text in values.items() if other not in given}
        names = _Parameters({**others, name: value}, schemas).levels()
        if findings_in(command, names):
            text = (
                f"{{{{ {_first(value)} }}}} reaches the shell as it was sent, through the command line of {action.ref}"
            )
            hint = "pass it to an action that quotes it, or in `env`"
            yield in_rule(rule, "raw-template-in-shell", text, f"action.parameters.{name}", hint=hint)


def _in_own_command(rule: Rule, finding: Finding) -> Problem:
    shown = f"{{{{ {finding.text} }}}}"
    if finding.level is Level.WORD:
        text = f"{shown} stands where quoting does not help: inside quotes, a comment or a here-document, or after a backslash"
        hint = "let it stand by itself, without quotes around it, or hand it over in `env`"
    else:
        text = f"{shown} reaches the shell as it was sent"
        expression = f"({finding.text})" if finding.needs_parentheses else finding.text
        hint = f"write {{{{ {expression} | quote }}}}, without quotes around it"
    return in_rule(rule, "raw-template-in-shell", text, f"action.parameters.{_COMMAND}", hint=hint)


def _first(value: Any) -> str:
    if isinstance(value, dict):
        value = next((part for part in value.values() if _level_of(part, _EVENT)), "")
    if isinstance(value, list):
        value = next((part for part in value if _level_of(part, _EVENT)), "")
    reading = read_template(value)
    return first_raw(reading, _EVENT) if reading is not None else "…"


def _level_of(value: Any, names: Mapping[str, Level]) -> Level:
    """Return how far event text is in a parameter's value; in a structure nothing counts as quoted."""
    if isinstance(value, (dict, list)):
        parts = value.values() if isinstance(value, dict) else value
        return Level.RAW if any(_level_of(part, names) for part in parts) else Level.NONE
    reading = read_template(value)
    return level_of(reading, names) if reading is not None else Level.NONE


class _Parameters:
    """What names mean in a command line: the event, and the parameters, which may be templates of each other."""

    def __init__(self, values: Mapping[str, Any], schemas: Mapping[str, Mapping[str, Any]]) -> None:
        self._values = values
        self._schemas = schemas

    def levels(self) -> dict[str, Level]:
        """Return each name's level. It only rises from round to round, so that names in a circle end it too."""
        names: dict[str, Level] = {**dict.fromkeys(self._values, Level.NONE), **_EVENT}
        if "trigger" in self._values:
            names["trigger"] = Level.NONE
        for _ in range(len(self._values) + 1):
            found = {name: self._level(name, value, names) for name, value in self._values.items()}
            if all(names[name] >= level for name, level in found.items()):
                break
            names |= {name: max(level, names[name]) for name, level in found.items()}
        return names

    def _level(self, name: str, value: Any, names: Mapping[str, Level]) -> Level:
        schema = self._schemas.get(name, {})
        if schema.get("enum") or schema.get("type") in _SAFE_TYPES:
            return Level.NONE  # what is none of these is refused before anything runs
        return _level_of(value, names)
