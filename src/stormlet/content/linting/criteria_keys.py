"""Criteria that can be asked and never say yes: keys that lead nowhere, and conditions that nobody looks at."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stormlet.content.linting.context import Context, in_rule
from stormlet.content.suggest import did_you_mean
from stormlet.model.problem import Problem
from stormlet.model.rule import Rule

_WEBHOOK = "core.st2.webhook"
_PARTS = ("headers", "headers_lower", "body")
_ROOTS = ("trigger", "system")
_STEP = re.compile(r"\.([\w@-]+)|\[\s*'([^']*)'\s*\]|\[\s*\"([^\"]*)\"\s*\]")
_ROOT = re.compile(r"[^.\[#]*")


def check(rule: Rule, _context: Context) -> Iterator[Problem]:
    """Yield a warning for each."""
    for criterion in rule.criteria:
        path = f"criteria.{criterion.key}"
        yield from _key_problems(rule, criterion.key, path, _ROOTS)
        if rule.trigger.type == _WEBHOOK:
            yield from _webhook_problems(rule, criterion.key, path)
        if criterion.type.lower() == "search":
            yield from _inside(rule, criterion.pattern, f"{path}.pattern")
        elif criterion.condition is not None:
            yield _stray(rule, path)


def _inside(rule: Rule, criteria: Any, path: str) -> Iterator[Problem]:
    """Look at the criteria of a search, and of the searches in it."""
    if not isinstance(criteria, Mapping):
        return
    for key, child in criteria.items():
        below = f"{path}.{key}"
        yield from _key_problems(rule, str(key), below, ("item",))
        if isinstance(child, Mapping):
            if str(child.get("type", "")).lower() == "search":
                yield from _inside(rule, child.get("pattern"), f"{below}.pattern")
            elif child.get("condition") is not None:
                yield _stray(rule, below)


def _stray(rule: Rule, path: str) -> Problem:
    text = "only the operator search has a condition; this one is ignored"
    return in_rule(rule, "stray-condition", text, f"{path}.condition", hint="leave it out, or write `type: search`")


def _key_problems(rule: Rule, key: str, path: str, roots: tuple[str, ...]) -> Iterator[Problem]:
    found = _ROOT.match(key)
    root = found[0] if found else ""
    if root in roots or root == "$":
        return
    wanted = " or ".join(f"`{each}.`" for each in roots)
    place = "a search" if roots == ("item",) else "criteria"
    text = f"keys in {place} begin with {wanted}; under {root!r} there is nothing"
    hint = did_you_mean(root, roots) or f"write {roots[0]}.{key}"
    yield in_rule(rule, "unknown-root", text, path, hint=hint)


def _webhook_problems(rule: Rule, key: str, path: str) -> Iterator[Problem]:
    steps = [next(filter(None, found.groups()), "") for found in _STEP.finditer(key)]
    if not key.startswith("trigger") or not steps:
        return
    if steps[0] not in _PARTS:
        text = f"a webhook's payload has {', '.join(_PARTS)}, and no {steps[0]}"
        hint = did_you_mean(steps[0], _PARTS) or f"write {key.replace('trigger', 'trigger.body', 1)}"
        yield in_rule(rule, "unknown-part", text, path, hint=hint)
    elif steps[0] == "headers" and len(steps) > 1 and (right := steps[1].title()) != steps[1]:
        text = f"there is no header {steps[1]!r} here: their names are in title case"
        lower = steps[1].lower()
        hint = f"write trigger.headers['{right}'], or trigger.headers_lower['{lower}']"
        yield in_rule(rule, "header-case", text, path, hint=hint)
    elif steps[0] == "headers_lower" and len(steps) > 1 and (right := steps[1].lower()) != steps[1]:
        text = f"there is no header {steps[1]!r} here: their names are in lower case"
        yield in_rule(rule, "header-case", text, path, hint=f"write trigger.headers_lower['{right}']")
