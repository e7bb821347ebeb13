"""Rule documents → `Rule`. Whether operators, patterns and paths make sense is for `flow/matching/compile` to say."""

from typing import Any

from stormlet.content.criteria_documents import read_criteria
from stormlet.content.dialect import Provenance
from stormlet.content.shapes import (
    Shape,
    identity,
    is_ref,
    labels,
    name_problems,
    pack_of,
)
from stormlet.content.suggest import did_you_mean_or_list
from stormlet.model.problem import Problem, Severity
from stormlet.model.rule import ActionCall, Criterion, Rule, RuleType, TriggerSpec


class RuleReader:
    """Reads rules."""

    def __init__(self) -> None:
        self._shape = Shape("rule", loose=["criteria"])

    def read(self, document: Any, provenance: Provenance) -> tuple[Rule | None, list[Problem]]:
        """Return all that is wrong with the rule, and the rule: without the criteria that have errors, and None where what
        every rule must have is missing."""
        document = self._shape.cleaned(document)
        problems = self._shape.problems(document, provenance)
        if not isinstance(document, dict):
            return None, problems
        pack, pack_problems = pack_of(document, provenance)
        problems += pack_problems + name_problems(document.get("name"), provenance)
        problems += _trigger_problems(document.get("trigger"), provenance)
        criteria, criteria_problems = read_criteria(document.get("criteria", {}), provenance)
        rule_type, type_problems = _rule_type(document.get("type"), provenance)
        problems += criteria_problems + type_problems
        if not _is_whole(document):
            return None, problems
        return _rule(document, pack, rule_type, criteria, provenance), problems


def _is_whole(document: dict[str, Any]) -> bool:
    """Tell whether the parts are there and of their types, so that a rule can be made of them."""
    trigger, action = document.get("trigger"), document.get("action")
    if not (isinstance(document.get("name"), str) and isinstance(trigger, dict) and isinstance(action, dict)):
        return False
    parameters = (trigger.get("parameters", {}), action.get("parameters", {}))  # without them much would seem missing
    return (
        isinstance(trigger.get("type"), str)
        and isinstance(action.get("ref"), str)
        and all(isinstance(each, dict) for each in parameters)
    )


def _of_type(document: dict[str, Any], key: str, otherwise: Any) -> Any:
    """Return a part, or what stands for it where it is missing or of another type: that was told, all else is told too."""
    value = document.get(key, otherwise)
    return value if isinstance(value, type(otherwise)) else otherwise


def _rule(
    document: dict[str, Any], pack: str, rule_type: RuleType, criteria: tuple[Criterion, ...], provenance: Provenance
) -> Rule:
    trigger, action, name = document["trigger"], document["action"], document["name"]
    return Rule(
        id=identity(document, "rule", pack, name, provenance),
        pack=pack,
        name=name,
        description=_of_type(document, "description", ""),
        enabled=_of_type(document, "enabled", False),
        type=rule_type,
        trigger=TriggerSpec(
            type=trigger["type"],
            parameters=trigger.get("parameters", {}),
            description=str(trigger.get("description", "")),
        ),
        criteria=criteria,
        action=ActionCall(
            ref=action["ref"],
            parameters=action.get("parameters", {}),
            description=str(action.get("description", "")),
        ),
        tags=labels(document.get("tags")),
        context=_of_type(document, "context", {}),
        origin=provenance.origin,
        metadata_file=provenance.file,
        locations=dict(provenance.locations),
    )


def _trigger_problems(trigger: Any, provenance: Provenance) -> list[Problem]:
    kind = trigger.get("type") if isinstance(trigger, dict) else None
    if isinstance(kind, str) and not is_ref(kind):
        text = f"{kind!r} is not a trigger type's ref"
        return [provenance.problem("bad-ref", text, "trigger.type", hint="write pack.name, such as core.st2.webhook")]
    return []


def _rule_type(given: Any, provenance: Provenance) -> tuple[RuleType, list[Problem]]:
    """Read `type: {ref: standard}`, or `type: standard`. StackStorm treats a type that it does not know as standard."""
    path = "type.ref" if isinstance(given, dict) else "type"
    ref = given.get("ref") if isinstance(given, dict) else given
    if ref is None or not isinstance(ref, str):
        return RuleType.STANDARD, []
    if ref in set(RuleType):
        return RuleType(ref), []
    hint = did_you_mean_or_list(ref, list(RuleType))
    text = f"{ref!r} is not a rule type; the rule is taken as a standard one"
    return RuleType.STANDARD, [provenance.problem("bad-value", text, path, hint=hint, severity=Severity.WARNING)]
