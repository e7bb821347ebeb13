"""Checks that need more than one file: one module each, listed here.

A check gets one rule, action, source or endpoint, and everything else as its context; it yields problems and changes nothing.
To add one: write its module, name its code in `model/problem_codes.py`, and list it below.
"""

from collections.abc import Callable, Iterable, Iterator

from stormlet.content.linting import (
    action_exists,
    action_parameters,
    criteria_keys,
    defaults,
    endpoint_action,
    endpoint_url,
    entry_point,
    literal_parameters,
    raw_template_in_shell,
    runner,
    same_guard,
    source_triggers,
    template_names,
    webhook_body_spelling,
    webhook_url,
)
from stormlet.content.linting.context import Context
from stormlet.model.action import Action
from stormlet.model.endpoint import Endpoint
from stormlet.model.problem import Problem
from stormlet.model.rule import Rule
from stormlet.model.source import Source

RULE_CHECKS: tuple[Callable[[Rule, Context], Iterable[Problem]], ...] = (
    action_exists.check,
    action_parameters.check,
    literal_parameters.check,
    criteria_keys.check,
    template_names.check,
    raw_template_in_shell.check,
    webhook_body_spelling.check,
    webhook_url.check,
)
ACTION_CHECKS: tuple[Callable[[Action, Context], Iterable[Problem]], ...] = (
    runner.check,
    entry_point.check,
    defaults.check,
)

SOURCE_CHECKS: tuple[Callable[[Source, Context], Iterable[Problem]], ...] = (
    source_triggers.check,
    same_guard.check,
)
ENDPOINT_CHECKS: tuple[Callable[[Endpoint, Context], Iterable[Problem]], ...] = (
    endpoint_action.check,
    endpoint_url.check,
)

__all__ = [
    "ACTION_CHECKS",
    "ENDPOINT_CHECKS",
    "RULE_CHECKS",
    "SOURCE_CHECKS",
    "Context",
    "lint_action",
    "lint_endpoint",
    "lint_rule",
    "lint_source",
]


def lint_rule(rule: Rule, context: Context) -> Iterator[Problem]:
    """Yield what cannot be meant in a rule."""
    for check in RULE_CHECKS:
        yield from check(rule, context)


def lint_action(action: Action, context: Context) -> Iterator[Problem]:
    """Yield what cannot be meant in an action."""
    for check in ACTION_CHECKS:
        yield from check(action, context)


def lint_source(source: Source, context: Context) -> Iterator[Problem]:
    """Yield what cannot be meant in a source."""
    for check in SOURCE_CHECKS:
        yield from check(source, context)


def lint_endpoint(endpoint: Endpoint, context: Context) -> Iterator[Problem]:
    """Yield what cannot be meant in an endpoint."""
    for check in ENDPOINT_CHECKS:
        yield from check(endpoint, context)
