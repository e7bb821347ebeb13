"""Names in a rule's templates: those that do not exist, that go in a circle, and that are methods instead of keys."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from jinja2 import nodes

from stormlet.content.linting.context import Context, in_rule
from stormlet.content.linting.parameters import merged_parameters
from stormlet.content.suggest import did_you_mean_or_list
from stormlet.foundation.templates.reading import Reading, read_template
from stormlet.model.problem import Problem
from stormlet.model.rule import Rule

_CONTEXT = ("trigger", "st2kv", "action_context", "config_context", "rule")
_BUILT_IN = frozenset({"range", "dict", "cycler", "joiner", "namespace"})
_SCOPES = ("system", "user")
_METHODS = frozenset({"items", "keys", "values", "get", "pop", "copy", "update", "clear", "popitem", "setdefault"})


def check(rule: Rule, context: Context) -> Iterator[Problem]:
    """Yield a warning for each; running the action would fail."""
    action = context.snapshot.actions.get(rule.action.ref)
    runner = context.runner_types.get(action.runner_type) if action else None
    schemas = merged_parameters(action.parameters, runner.parameters if runner else {}) if action else {}
    defaults = {name: schema.get("default") for name, schema in schemas.items()}
    values = {**defaults, **{name: value for name, value in rule.action.parameters.items() if value is not None}}
    for path, reading in _readings(rule.action.parameters, "action.parameters"):
        if runner is not None:  # else nobody knows which parameters there are
            yield from _unknown(rule, reading, path, values)
        yield from _methods(rule, reading, path)
    yield from _circles(rule, values)


def _readings(value: Any, path: str) -> Iterator[tuple[str, Reading]]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _readings(child, f"{path}.{key}")
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from _readings(child, f"{path}.{number}")
    elif (reading := read_template(value)) is not None:
        yield path, reading


def _unknown(rule: Rule, reading: Reading, path: str, values: Mapping[str, Any]) -> Iterator[Problem]:
    known = {*_CONTEXT, *values}
    for name in sorted(reading.names - known - _BUILT_IN):
        hint = did_you_mean_or_list(name, known if did_you_mean_or_list(name, known).startswith("did") else _CONTEXT)
        yield in_rule(rule, "unknown-name", f"templates of this rule know no {name}", path, hint=hint)
    for node in reading.tree.find_all(nodes.Getattr):
        if isinstance(node.node, nodes.Name) and node.node.name == "st2kv" and node.attr not in _SCOPES:
            hint = did_you_mean_or_list(node.attr, _SCOPES)
            yield in_rule(rule, "unknown-name", f"the datastore has no scope {node.attr}", path, hint=hint)


def _methods(rule: Rule, reading: Reading, path: str) -> Iterator[Problem]:
    goes_on = {id(node.node) for node in reading.tree.find_all(nodes.Getattr)}
    goes_on |= {id(node.node) for node in reading.tree.find_all(nodes.Getitem)}
    goes_on |= {id(node.node) for node in reading.tree.find_all(nodes.Call)}
    for node in reading.tree.find_all(nodes.Getattr):
        if node.attr in _METHODS and id(node) not in goes_on:
            text = f".{node.attr} is a method of every object here, and no key"
            yield in_rule(rule, "method-name", text, path, hint=f"write ['{node.attr}'] instead of .{node.attr}")


def _circles(rule: Rule, values: Mapping[str, Any]) -> Iterator[Problem]:
    graph = {
        name: {found for _, reading in _readings(value, "") for found in reading.names} & values.keys()
        for name, value in values.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = list(dict.fromkeys(error.args[1]))
        name = next((each for each in circle if each in rule.action.parameters), circle[0])
        way = " → ".join(error.args[1])
        text = f"{name} is a template of itself" if len(circle) == 1 else f"parameters go in a circle: {way}"
        yield in_rule(rule, "circular-parameter", text, f"action.parameters.{name}", hint="name something else there")
