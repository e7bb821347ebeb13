"""One content out of three: what files hold, what was made through the API, and what operators switched on or off.

Pure functions over snapshots. What of it works together is `content.linking`'s and `compiled`'s to find out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from stormlet.flow.ruleset.compiled import Compiled, has_errors, trigger_of
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.identifiers import derived_id
from stormlet.model.action import Action
from stormlet.model.problem import Problem, Severity
from stormlet.model.rule import LoadedRule, Rule, RuleState
from stormlet.model.snapshot import Snapshot
from stormlet.model.source import Source
from stormlet.model.trigger import Origin, Trigger, TriggerType
from stormlet.store.interface import ContentDocument

Entity = Rule | Action | TriggerType | Trigger
Read = Callable[[str, dict[str, Any]], tuple[Entity | None, list[Problem]]]
"""From a kind and a document to what it means, and what is wrong with it."""


def join(files: Snapshot, documents: Sequence[ContentDocument], read: Read) -> tuple[Snapshot, list[Trigger]]:
    """Add API documents to what files hold, and return their triggers. A file's entity wins over an API document of its ref."""
    actions, types, rules = dict(files.actions), dict(files.trigger_types), dict(files.rules)
    triggers = []
    problems = list(files.problems)
    for stored in documents:
        document = {**stored.document, "id": stored.id}
        if stored.kind == "trigger":
            triggers.append(trigger_from_document(document))
            continue
        entity, found = read(stored.kind, document)
        problems.extend(found)
        if isinstance(entity, Rule):
            state = RuleState.BROKEN if has_errors(found) else RuleState.READY
            made = LoadedRule(ref=entity.ref, state=state, rule=entity, problems=tuple(found))
            rules.setdefault(entity.ref, made)
        elif isinstance(entity, Action):
            actions.setdefault(entity.ref, entity)
        elif isinstance(entity, TriggerType) and (entity.ref not in types or types[entity.ref].implied):
            types[entity.ref] = entity
    joined = msgspec.structs.replace(files, actions=actions, trigger_types=types, rules=rules, problems=tuple(problems))
    return joined, triggers


def trigger_from_document(document: dict[str, Any]) -> Trigger:
    """Return the trigger that a document describes. Raises InvalidInputError where it describes none."""
    kind = document.get("type")
    if not isinstance(kind, str) or "." not in kind:
        raise InvalidInputError("'type' is a required property")
    parameters = document.get("parameters") or {}
    made = trigger_of(kind, parameters, {})
    name = document.get("name") or made.name
    return msgspec.structs.replace(
        made,
        name=str(name),
        pack=str(document.get("pack") or made.pack),
        id=str(document.get("id") or derived_id(made.ref)),
        description=str(document.get("description") or ""),
    )


def keep_last_good(snapshot: Snapshot, previous: Compiled | None) -> Snapshot:
    """Keep actions and trigger types whose file was good before and has errors now. (Rules: compiled.py does it.)"""
    if previous is None:
        return snapshot
    broken = {p.location.file for p in snapshot.problems if p.severity is Severity.ERROR and p.location.file}
    actions, types = dict(snapshot.actions), dict(snapshot.trigger_types)
    for action in previous.snapshot.actions.values():
        if action.location.file in broken and action.origin is Origin.FILE:
            actions.setdefault(action.ref, action)
    for kind in previous.snapshot.trigger_types.values():
        if kind.location.file in broken and kind.origin is Origin.FILE:
            types.setdefault(kind.ref, kind)
    return msgspec.structs.replace(snapshot, actions=actions, trigger_types=types)


def switch(snapshot: Snapshot, switches: Mapping[tuple[str, str], bool]) -> Snapshot:
    """Apply operators' switches."""
    if not switches:
        return snapshot
    rules, actions = dict(snapshot.rules), dict(snapshot.actions)
    for (kind, ref), enabled in switches.items():
        if kind == "rule" and ref in rules and (rule := rules[ref].rule) is not None:
            changed = msgspec.structs.replace(rule, enabled=enabled)
            rules[ref] = msgspec.structs.replace(rules[ref], rule=changed)
        elif kind == "action" and ref in actions:
            actions[ref] = msgspec.structs.replace(actions[ref], enabled=enabled)
    return msgspec.structs.replace(snapshot, rules=rules, actions=actions)


def with_problems(snapshot: Snapshot, find: Callable[[Source], list[Problem]]) -> Snapshot:
    """Add what only the server can find wrong with sources: whether their secrets are there."""
    found = [problem for source in snapshot.sources.values() for problem in find(source)]
    return msgspec.structs.replace(snapshot, problems=(*snapshot.problems, *found)) if found else snapshot
