"""A rule's action that does not exist or is disabled: StackStorm finds out when the rule fires."""

from collections.abc import Iterator

from stormlet.content.linting.context import Context, in_rule
from stormlet.content.suggest import did_you_mean
from stormlet.model.problem import Problem
from stormlet.model.rule import Rule


def check(rule: Rule, context: Context) -> Iterator[Problem]:
    """Yield a warning for an action that could not be run."""
    ref = rule.action.ref
    action = context.snapshot.actions.get(ref)
    if action is None:
        hint = did_you_mean(ref, context.snapshot.actions)
        yield in_rule(rule, "unknown-action", f"the action {ref} does not exist", "action.ref", hint=hint)
    elif not action.enabled:
        yield in_rule(rule, "disabled-action", f"the action {ref} is disabled", "action.ref", hint="enable the action")
