"""A rule's parameters against its action: what is too much, what is missing, what may not be changed."""

from collections.abc import Iterator

from stormlet.content.linting.context import Context, in_rule
from stormlet.content.linting.parameters import merged_parameters
from stormlet.content.suggest import did_you_mean_or_list
from stormlet.model.problem import Problem
from stormlet.model.rule import Rule


def check(rule: Rule, context: Context) -> Iterator[Problem]:
    """Yield warnings where running the action with these parameters would fail, or would ignore one."""
    action = context.snapshot.actions.get(rule.action.ref)
    runner = context.runner_types.get(action.runner_type) if action else None
    if action is None or runner is None:
        return  # without the runner nobody knows which parameters there are
    parameters = merged_parameters(action.parameters, runner.parameters)
    given = rule.action.parameters
    for name in given:
        path = f"action.parameters.{name}"
        if name not in parameters:
            text = f"{action.ref} does not take a parameter {name}"
            hint = did_you_mean_or_list(name, action.parameters or parameters)
            yield in_rule(rule, "unknown-parameter", text, path, hint=hint)
        elif parameters[name].get("immutable") is True:
            text = f"{action.ref} does not let {name} be overridden"
            yield in_rule(rule, "immutable-parameter", text, path, hint="leave it out")
    for name, meta in parameters.items():
        if meta.get("required") is True and meta.get("default") is None and given.get(name) is None:
            text = f"{action.ref} requires {name}"
            yield in_rule(rule, "missing-parameter", text, "action.parameters", hint=f"add `{name}:`")
