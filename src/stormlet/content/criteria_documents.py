"""Criteria, as rules and the filters of endpoints have them: `path: {type: operator, pattern: …}` → `Criterion`.

Whether operators, patterns and paths make sense is for `flow/matching/compile` to say.
"""

from typing import Any

from stormlet.content.dialect import Provenance
from stormlet.content.shapes import has_errors, join
from stormlet.content.suggest import did_you_mean, did_you_mean_or_list
from stormlet.model.problem import Problem, Severity
from stormlet.model.rule import Criterion

_CRITERION_KEYS = ("type", "pattern", "condition")
# What other engines call them, and what StackStorm's own comments once did.
_OTHER_NAMES = {"operator": "type", "op": "type", "value": "pattern", "expected": "pattern"}


def read_criteria(
    criteria: Any, provenance: Provenance, under: str = "criteria"
) -> tuple[tuple[Criterion, ...], list[Problem]]:
    """Return the criteria in the file's order, and what is missing from them. `under` is the key that they stand under."""
    if not isinstance(criteria, dict):
        return (), []  # the schema said so already
    read: list[Criterion] = []
    problems: list[Problem] = []
    for key, value in criteria.items():
        path = join(under, key)
        found = _criterion_problems(key, value, path, provenance)
        problems += found
        if isinstance(value, dict) and not has_errors(found):
            read.append(
                Criterion(
                    key=key,
                    type=value["type"],
                    pattern=value["pattern"],
                    condition=value.get("condition") if isinstance(value.get("condition"), str) else None,
                    location=provenance.at(path),
                )
            )
    return tuple(read), problems


def _criterion_problems(key: str, value: Any, path: str, provenance: Provenance) -> list[Problem]:
    if not isinstance(value, dict):
        hint = f"write {{type: equals, pattern: {value}}}" if isinstance(value, (str, int)) else ""
        return [provenance.problem("wrong-type", f"{value!r} is not of type 'object'", path, hint=hint)]
    problems = []
    operator = value.get("type")
    unknown = [name for name in value if name not in _CRITERION_KEYS]
    if operator is None:
        hint = _meant(unknown, "type") or "add `type: equals`, or another operator"
        problems.append(
            provenance.problem("missing-operator", f"Operator not specified for field: {key}", path, hint=hint)
        )
    elif not isinstance(operator, str):
        problems.append(provenance.problem("wrong-type", f"{operator!r} is not of type 'string'", join(path, "type")))
    if value.get("pattern") is None:
        text = f"For field: {key}, no pattern specified for operator {operator or '?'}"
        hint = 'write `pattern: ""`' if operator in {"exists", "nexists"} else _meant(unknown, "pattern")
        problems.append(provenance.problem("missing-pattern", text, path, hint=hint))
    for name in unknown:
        text = f"{name!r} is not a key of a criterion and is ignored"
        meant = _OTHER_NAMES.get(name)
        hint = f'write "{meant}"' if meant else did_you_mean_or_list(name, _CRITERION_KEYS)
        problems.append(provenance.problem("unknown-key", text, join(path, name), hint=hint, severity=Severity.WARNING))
    return problems


def _meant(unknown: list[str], key: str) -> str:
    near = next((name for name in unknown if _OTHER_NAMES.get(name) == key or did_you_mean(name, [key])), None)
    return f'"{near}" should be "{key}"' if near else ""
