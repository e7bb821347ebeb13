"""A rule's trigger parameters against the trigger type's schema: without them the trigger could not exist."""

from collections.abc import Iterator, Mapping

from stormlet.content.linting.context import in_rule
from stormlet.content.suggest import did_you_mean_or_list
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.schema_validation import accepting_none, compile_schema, with_defaults
from stormlet.model.problem import Problem, Severity
from stormlet.model.rule import Rule
from stormlet.model.trigger import TriggerType


def trigger_parameter_problems(rule: Rule, types: Mapping[str, TriggerType]) -> Iterator[Problem]:
    """Yield each way in which the parameters break the schema. Types without a schema take anything, as in StackStorm."""
    kind = types.get(rule.trigger.type)
    if kind is None or not kind.parameters_schema:
        return
    schema = {"type": "object", **kind.parameters_schema}
    try:
        validator = compile_schema(accepting_none(schema))
    except InvalidInputError:
        return  # told where the trigger type was read
    known = list(schema.get("properties", {}))
    if known and "additionalProperties" not in schema and "patternProperties" not in schema:
        for name in rule.trigger.parameters:
            if name not in known:
                text, hint = f"{kind.ref} does not take a parameter {name}", did_you_mean_or_list(name, known)
                yield in_rule(rule, "unknown-trigger-parameter", text, f"trigger.parameters.{name}", hint=hint)
    for error in validator.errors(with_defaults(rule.trigger.parameters, schema)):
        names = error.names if error.keyword == "additionalProperties" else ("",)
        for name in names:
            path = ".".join(part for part in ("trigger.parameters", error.dotted, name) if part)
            hint = did_you_mean_or_list(name, known) if name else ""
            if error.keyword == "required":
                hint = f"{kind.ref} takes: {', '.join(known)}"
            yield in_rule(rule, "trigger-parameters", error.text, path, hint=hint, severity=Severity.ERROR)
