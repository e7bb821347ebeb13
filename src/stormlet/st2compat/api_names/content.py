"""Rules, actions, trigger types, triggers, runner types and packs in StackStorm's JSON, and what may be written back."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from stormlet.foundation.identifiers import derived_id
from stormlet.foundation.secrets import MASK
from stormlet.model.action import Action, RunnerType
from stormlet.model.pack import Pack
from stormlet.model.problem import Problem
from stormlet.model.rule import Criterion, LoadedRule, Rule, RuleType
from stormlet.model.trigger import Trigger, TriggerType

COMPUTED = frozenset({"id", "ref", "uid", "metadata_file", "context", "state", "problems", "implied", "location"})
"""Keys of what is shown that mean nothing in what is sent back."""

RULE_TYPES = {
    RuleType.STANDARD: "Fires when its criteria match.",
    RuleType.BACKSTOP: "Fires when its criteria match and no standard rule on its trigger did.",
}


def rule_json(loaded: LoadedRule, trigger: str = "", secret: Collection[str] = ()) -> dict[str, Any]:
    """Return a rule.

    Args:
        loaded: the rule; of one whose name could not even be read, only what is known is shown.
        trigger: ref of its trigger.
        secret: names of the action's parameters whose values are masked.
    """
    rule = loaded.rule
    if rule is None:
        pack, _, name = loaded.ref.partition(".")
        known: dict[str, Any] = {
            "id": derived_id(f"rule:{pack}:{name}"),
            "ref": loaded.ref,
            "pack": pack,
            "name": name,
            "enabled": False,
            "metadata_file": loaded.metadata_file,
        }
    else:
        known = _rule(rule, trigger, secret)
    known["state"] = loaded.state.value
    if loaded.problems:
        known["problems"] = [problem_json(problem) for problem in loaded.problems]
    return known


def _rule(rule: Rule, trigger: str, secret: Collection[str]) -> dict[str, Any]:
    parameters = {name: MASK if name in secret else value for name, value in rule.action.parameters.items()}
    return {
        "id": rule.id,
        "uid": f"rule:{rule.pack}:{rule.name}",
        "ref": rule.ref,
        "name": rule.name,
        "pack": rule.pack,
        "description": rule.description,
        "enabled": rule.enabled,
        "type": {"ref": rule.type.value, "parameters": {}},
        "trigger": {"type": rule.trigger.type, "parameters": rule.trigger.parameters, "ref": trigger},
        "criteria": {criterion.key: _criterion(criterion) for criterion in rule.criteria},
        "action": {"ref": rule.action.ref, "parameters": parameters},
        "tags": list(rule.tags),
        "context": rule.context,
        "metadata_file": rule.metadata_file,
    }


def _criterion(criterion: Criterion) -> dict[str, Any]:
    shown = {"type": criterion.type, "pattern": criterion.pattern}
    return shown if criterion.condition is None else {**shown, "condition": criterion.condition}


def rule_view_json(shown: Mapping[str, Any], action: Action | None, kind: TriggerType | None) -> dict[str, Any]:
    """Return a rule with the descriptions of its action and trigger type, as the web UI wants it."""
    view = dict(shown)
    if "action" in view:
        view["action"] = {**view["action"], "description": action.description if action else ""}
    if "trigger" in view:
        view["trigger"] = {**view["trigger"], "description": kind.description if kind else ""}
    return view


def rule_type_json(kind: RuleType) -> dict[str, Any]:
    """Return a rule type."""
    return {
        "id": derived_id(f"rule_type:{kind.value}"),
        "name": kind.value,
        "description": RULE_TYPES[kind],
        "enabled": True,
        "parameters": {},
    }


def action_json(action: Action) -> dict[str, Any]:
    """Return an action."""
    return {
        "id": action.id,
        "uid": f"action:{action.pack}:{action.name}",
        "ref": action.ref,
        "name": action.name,
        "pack": action.pack,
        "description": action.description,
        "enabled": action.enabled,
        "runner_type": action.runner_type,
        "entry_point": action.entry_point,
        "parameters": action.parameters,
        "output_schema": action.output_schema,
        "tags": list(action.tags),
        "notify": action.notify,
        "metadata_file": action.metadata_file,
    }


def action_view_json(action: Action, runner: RunnerType | None) -> dict[str, Any]:
    """Return an action with its runner's parameters among its own."""
    return {**action_json(action), "parameters": merged_parameters(action, runner)}


def merged_parameters(action: Action, runner: RunnerType | None) -> dict[str, dict[str, Any]]:
    """Return what can be given to an action: the runner's parameters, overridden attribute by attribute by its own."""
    merged = dict(runner.parameters) if runner else {}
    for name, schema in action.parameters.items():
        merged[name] = {**merged.get(name, {}), **schema}
    return merged


def runner_type_json(runner: RunnerType) -> dict[str, Any]:
    """Return a runner type. The module is StackStorm's name for the code; here it says which runner it is."""
    module = runner.name.replace("-", "_")
    shown: dict[str, Any] = {
        "id": derived_id(f"runner_type:{runner.name}"),
        "uid": f"runner_type:{runner.name}",
        "name": runner.name,
        "description": runner.description,
        "enabled": runner.enabled,
        "runner_package": module,
        "runner_module": module,
        "runner_parameters": runner.parameters,
    }
    more = {"output_key": runner.output_key, "output_schema": runner.output_schema}
    return shown | {name: value for name, value in more.items() if value}


def trigger_type_json(kind: TriggerType) -> dict[str, Any]:
    """Return a trigger type."""
    shown = {
        "id": kind.id,
        "uid": f"trigger_type:{kind.pack}:{kind.name}",
        "ref": kind.ref,
        "name": kind.name,
        "pack": kind.pack,
        "description": kind.description,
        "payload_schema": kind.payload_schema or {},
        "parameters_schema": kind.parameters_schema or {},
        "tags": list(kind.tags),
        "metadata_file": kind.location.file,
    }
    return {**shown, "implied": True} if kind.implied else shown


def trigger_json(trigger: Trigger) -> dict[str, Any]:
    """Return a trigger."""
    canonical = msgspec.json.encode(trigger.parameters, order="sorted", enc_hook=str)
    digest = hashlib.md5(canonical, usedforsecurity=False).hexdigest()
    return {
        "id": trigger.id,
        "uid": f"trigger:{trigger.pack}:{trigger.name}:{digest}",
        "ref": trigger.ref,
        "name": trigger.name,
        "pack": trigger.pack,
        "type": trigger.type,
        "parameters": trigger.parameters,
        "description": trigger.description,
    }


def pack_json(pack: Pack) -> dict[str, Any]:
    """Return a pack."""
    return {
        "id": pack.id,
        "uid": f"pack:{pack.ref}",
        "ref": pack.ref,
        "name": pack.name,
        "description": pack.description,
        "version": pack.version,
        "author": pack.author,
        "email": pack.email,
        "keywords": list(pack.keywords),
        "contributors": list(pack.contributors),
        "dependencies": list(pack.dependencies),
        "stackstorm_version": pack.stackstorm_version,
        "python_versions": list(pack.python_versions),
        "system": pack.system,
        "files": list(pack.files),
        "path": pack.directory,
        "bundled": pack.bundled,
    }


def problem_json(problem: Problem) -> dict[str, Any]:
    """Return a finding about content: ours, StackStorm has nothing like it."""
    place = problem.location
    return {
        "code": problem.code,
        "severity": problem.severity.value,
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "path": problem.path,
        "text": problem.text,
        "hint": problem.hint,
        "message": str(problem),
    }


def without_computed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document that was read from here and is sent back, without what is computed."""
    return {name: value for name, value in document.items() if name not in COMPUTED}


def unmasked(sent: Any, known: Any) -> Any:
    """Return `sent` with each mask replaced by what `known` has in its place: clients send back what they were shown."""
    if sent == MASK and known is not None:
        return known
    if isinstance(sent, Mapping) and isinstance(known, Mapping):
        return {name: unmasked(value, known.get(name)) for name, value in sent.items()}
    return sent


def differences(sent: Mapping[str, Any], shown: Mapping[str, Any]) -> list[str]:
    """Return the keys in which a document that is sent back differs from what was shown."""
    return [name for name, value in sent.items() if name != "enabled" and value != shown.get(name)]
