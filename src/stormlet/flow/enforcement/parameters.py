"""An action's parameters: templates rendered, defaults filled in, types cast, and the whole checked against its schema.

A parameter is described by the action, by its runner, or by both: then the action's attributes win one by one.
"""

from collections.abc import Mapping
from typing import Any

from stormlet.flow.enforcement.casting import cast
from stormlet.flow.enforcement.rendering import render_together
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.schema_validation import accepting_none, compile_schema, object_schema, with_defaults
from stormlet.foundation.templates import Templates
from stormlet.model.action import Action, RunnerType

_STRUCTURED = ("object", "array")


def parameter_schemas(action: Action, runner: RunnerType) -> dict[str, dict[str, Any]]:
    """Return the schema of every parameter, the action's own first."""
    names = dict.fromkeys((*action.parameters, *runner.parameters))
    return {name: _joined(action.parameters.get(name), runner.parameters.get(name)) for name in names}


def render_parameters(
    action: Action, runner: RunnerType, given: Mapping[str, Any], context: Mapping[str, Any], templates: Templates
) -> dict[str, Any]:
    """Return the final parameters: all that action and runner declare, and what was given besides (which validation refuses).

    Args:
        action: declares parameters, with defaults that may be templates of other parameters.
        runner: declares more.
        given: what the rule or the request says; None means the default.
        context: what templates see besides the parameters: st2kv, action_context, config_context, trigger, ….
        templates: compiles templates.

    Raises:
        RenderError: a template fails, a name is missing, or parameters refer to each other in a circle.
        InvalidInputError: a value cannot be cast to its type, or an immutable parameter was given.
    """
    schemas = parameter_schemas(action, runner)
    chosen = {name: _default(schema) for name, schema in schemas.items()}
    chosen |= {name: value for name, value in given.items() if value is not None and not _immutable(schemas, name)}
    chosen |= {name: None for name in given if name not in chosen}
    structured = frozenset(name for name, schema in schemas.items() if schema.get("type") in _STRUCTURED)
    # The default of a parameter does not hide what the context knows by the same name; a value that was given does.
    hidden = {name: value for name, value in chosen.items() if name in context and given.get(name) is None}
    visible = {name: value for name, value in chosen.items() if name not in hidden}
    rendered = render_together(visible, context, structured, templates)
    for name, value in hidden.items():
        rendered |= render_together({name: value}, {**context, **rendered}, structured, templates)
    final = {name: cast(name, rendered[name], schemas.get(name, {})) for name in chosen}
    _refuse_overrides(given, final, schemas)
    return final


def validate_parameters(action: Action, runner: RunnerType, values: Mapping[str, Any]) -> None:
    """Check final parameters against what action and runner declare.

    Raises:
        InvalidInputError: the first thing that is wrong, in the words of Python's jsonschema.
    """
    schemas = parameter_schemas(action, runner)
    schema = accepting_none(object_schema(schemas))
    # Rendering leaves None where nothing was given: of a required parameter, that is its absence.
    there = {
        name: value for name, value in values.items() if value is not None or not schemas.get(name, {}).get("required")
    }
    errors = compile_schema(schema).errors(with_defaults(there, schema))
    if not errors:
        return
    first = errors[0]
    name = str(first.path[0]) if first.path else ""
    if schemas.get(name, {}).get("secret"):
        raise InvalidInputError(f"the value of the secret parameter {name!r} breaks its schema ({first.keyword})")
    raise InvalidInputError(first.text, hint=f"parameter `{first.dotted}`" if first.path else "")


def _joined(own: Mapping[str, Any] | None, runners: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return one schema of the two. The runner's default counts where the action has none, or must not have another."""
    runners = runners or {}
    joined = {**runners, **(own or {})}
    if runners.get("default") is not None and (joined.get("default") is None or runners.get("immutable")):
        joined["default"] = runners["default"]
    return joined


def _default(schema: Mapping[str, Any]) -> Any:
    return schema.get("default")


def _immutable(schemas: Mapping[str, Mapping[str, Any]], name: str) -> bool:
    return bool(schemas.get(name, {}).get("immutable"))


def _refuse_overrides(
    given: Mapping[str, Any], final: Mapping[str, Any], schemas: Mapping[str, Mapping[str, Any]]
) -> None:
    """Raise if a parameter that must not be set was set. The very value that it has anyway (of a run before) does no harm."""
    overridden = [
        name
        for name, value in given.items()
        if _immutable(schemas, name) and value is not None and value not in (final[name], _default(schemas[name]))
    ]
    if overridden:
        raise InvalidInputError(f"Override of immutable parameter(s) {overridden} is unsupported.")
