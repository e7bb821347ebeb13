"""Criteria on the generic webhook that spell the payload `trigger.body.payload.x`: both work, `trigger.x` is StackStorm's."""

from collections.abc import Iterator

from stormlet.content.linting.context import Context, in_rule
from stormlet.model.problem import Problem
from stormlet.model.rule import Rule

_WEBHOOK = "core.st2.webhook"
_LONG = "trigger.body.payload."


def check(rule: Rule, _context: Context) -> Iterator[Problem]:
    """Yield a warning for each criterion with the long spelling. A custom webhook's body may well hold a `payload`."""
    if rule.trigger.type == _WEBHOOK:
        return
    for criterion in rule.criteria:
        if criterion.key.startswith(_LONG):
            short = f"trigger.{criterion.key.removeprefix(_LONG)}"
            text = "an engine that is StackStorm's finds nothing under trigger.body.payload"
            yield in_rule(rule, "webhook-body-spelling", text, f"criteria.{criterion.key}", hint=f"write {short}")
