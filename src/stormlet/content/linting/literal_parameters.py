"""Literal values of a rule's parameters that the action would refuse whenever the rule fires."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stormlet.content.linting.context import Context, in_rule
from stormlet.content.linting.parameters import merged_parameters
from stormlet.content.suggest import did_you_mean_or_list
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.schema_validation import SchemaError, accepting_none, compile_schema, object_schema
from stormlet.foundation.templates import is_template
from stormlet.model.problem import Problem
from stormlet.model.rule import Rule

_BOOLEANS = {"true": True, "false": False, "1": 1, "0": 0}
# As when it runs, a text is read as the declared type first.
_READ: Mapping[str, Callable[[str], Any]] = {
    "integer": int,
    "number": float,
    "boolean": lambda text: _BOOLEANS[text.lower()],
}
_STRUCTURED = frozenset({"object", "array"})


def check(rule: Rule, context: Context) -> Iterator[Problem]:
    """Yield a warning for each. What is a template, or has one in it, is not known before."""
    action = context.snapshot.actions.get(rule.action.ref)
    runner = context.runner_types.get(action.runner_type) if action else None
    if action is None or runner is None:
        return
    schemas = merged_parameters(action.parameters, runner.parameters)
    for name, value in rule.action.parameters.items():
        if name not in schemas or value is None or schemas[name].get("immutable") is True:
            continue
        for error in value_errors(name, value, schemas[name]):
            secret = bool(schemas[name].get("secret"))
            text = f"the value breaks `{error.keyword}` of the parameter's schema" if secret else error.text
            hint = did_you_mean_or_list(str(value), error.names) if error.keyword == "enum" and not secret else ""
            path = f"action.parameters.{error.dotted}" if error.path else f"action.parameters.{name}"
            yield in_rule(rule, "parameter-value", f"{action.ref} would refuse it: {text}", path, hint=hint)


def value_errors(name: str, value: Any, schema: Mapping[str, Any]) -> list[SchemaError]:
    """Return what is wrong with a parameter's literal value; nothing where that is not known before it is rendered."""
    kind = schema.get("type")
    if _has_template(value) or (isinstance(value, str) and kind in _STRUCTURED):
        return []
    if isinstance(value, str) and isinstance(kind, str) and kind in _READ:
        with contextlib.suppress(ValueError, KeyError):  # then the schema says it, in words that people search for
            value = _READ[kind](value)
    elif kind == "integer" and isinstance(value, float):
        value = int(value) if value.is_integer() else value
    try:
        return compile_schema(accepting_none(object_schema({name: dict(schema)}))).errors({name: value})
    except InvalidInputError:
        return []  # told where the action was read


def _has_template(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_template(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(map(_has_template, value))
    return is_template(value)
