"""One content out of three: what files hold, what was made through the API, and what operators switched on or off.

Pure functions over snapshots. What of it works together is `content.linking`'s and `compiled`'s to find out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from stormlet.content.dialect import FROM_API
from stormlet.content.endpoint_documents import broken_endpoint
from stormlet.content.source_documents import broken_source
from stormlet.content.source_loading import refused
from stormlet.flow.ruleset.compiled import Compiled, has_errors, trigger_of
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.identifiers import derived_id
from stormlet.model.action import Action
from stormlet.model.endpoint import Endpoint
from stormlet.model.problem import Problem, Severity
from stormlet.model.rule import LoadedRule, Rule, RuleState
from stormlet.model.snapshot import Snapshot
from stormlet.model.source import BrokenSource, Source
from stormlet.model.trigger import Origin, Trigger, TriggerType
from stormlet.store.interface import ContentDocument

Entity = Rule | Action | TriggerType | Trigger | Source | Endpoint
MADE_HERE = " (api)"
"""Ends the ref of a broken source that was made through the API, where a file has its ref."""
Read = Callable[[str, dict[str, Any]], tuple[Entity | None, list[Problem]]]
"""From a kind and a document to what it means, and what is wrong with it."""


def join(files: Snapshot, documents: Sequence[ContentDocument], read: Read) -> tuple[Snapshot, list[Trigger]]:
    """Add API documents to what files hold, and return their triggers. A file's entity wins over an API document of its ref."""
    actions, types, rules = dict(files.actions), dict(files.trigger_types), dict(files.rules)
    sources, broken = dict(files.sources), dict(files.broken_sources)
    endpoints, broken_endpoints = dict(files.endpoints), dict(files.broken_endpoints)
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
        elif stored.kind == "source":
            _join_source(entity if isinstance(entity, Source) else None, document, found, sources, broken)
        elif isinstance(entity, Endpoint):
            endpoints.setdefault(entity.ref, entity)
        elif stored.kind == "endpoint":
            broken_endpoints.setdefault(stored.ref, broken_endpoint(document, FROM_API, found))
    joined = msgspec.structs.replace(
        files,
        actions=actions,
        trigger_types=types,
        rules=rules,
        sources=sources,
        broken_sources=broken,
        endpoints=endpoints,
        broken_endpoints=broken_endpoints,
        problems=tuple(problems),
    )
    return joined, triggers


def _join_source(
    source: Source | None,
    document: dict[str, Any],
    problems: list[Problem],
    sources: dict[str, Source],
    broken: dict[str, BrokenSource],
) -> None:
    """Add a source that was made through the API. Where it cannot be used, its URL stays closed."""
    if source is not None and source.ref not in sources and source.ref not in broken:
        sources[source.ref] = source
        return
    found = refused(source, problems) if source is not None else broken_source(document, FROM_API, problems)
    ref = found.ref if found.ref not in broken and found.ref not in sources else found.ref + MADE_HERE
    broken[ref] = msgspec.structs.replace(found, ref=ref)


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
    """Keep actions, trigger types and sources whose file was good before and has errors now. (Rules: compiled.py does it.)"""
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
    snapshot = msgspec.structs.replace(snapshot, actions=actions, trigger_types=types)
    return _keep_last_sources(snapshot, previous.snapshot) if snapshot.broken_sources else snapshot


def _keep_last_sources(snapshot: Snapshot, previous: Snapshot) -> Snapshot:
    """Keep the last good version of each source that is broken now: under its ref, or (where not even that can be read, or
    another file has taken it) of its file."""
    sources, broken = dict(snapshot.sources), {}
    for ref, now in snapshot.broken_sources.items():
        last = previous.sources.get(ref) or next(
            (known for known in previous.sources.values() if known.metadata_file == now.metadata_file != ""), None
        )
        if last is None or last.ref in sources:
            broken[ref] = now
            continue
        sources[last.ref] = last
        broken[last.ref] = msgspec.structs.replace(now, ref=last.ref)
    return msgspec.structs.replace(snapshot, sources=sources, broken_sources=broken)


def switch(snapshot: Snapshot, switches: Mapping[tuple[str, str], bool]) -> Snapshot:
    """Apply operators' switches."""
    if not switches:
        return snapshot
    rules, actions = dict(snapshot.rules), dict(snapshot.actions)
    sources, broken = dict(snapshot.sources), dict(snapshot.broken_sources)
    endpoints = dict(snapshot.endpoints)
    for (kind, ref), enabled in switches.items():
        if kind == "rule" and ref in rules and (rule := rules[ref].rule) is not None:
            changed = msgspec.structs.replace(rule, enabled=enabled)
            rules[ref] = msgspec.structs.replace(rules[ref], rule=changed)
        elif kind == "action" and ref in actions:
            actions[ref] = msgspec.structs.replace(actions[ref], enabled=enabled)
        elif kind == "endpoint" and ref in endpoints and endpoints[ref].origin is Origin.FILE:
            endpoints[ref] = msgspec.structs.replace(endpoints[ref], enabled=enabled)
        elif kind == "source":
            if ref in sources:
                sources[ref] = msgspec.structs.replace(sources[ref], enabled=enabled)
            if ref in broken:
                broken[ref] = msgspec.structs.replace(broken[ref], enabled=enabled)
    return msgspec.structs.replace(
        snapshot, rules=rules, actions=actions, sources=sources, broken_sources=broken, endpoints=endpoints
    )


def with_problems(snapshot: Snapshot, find: Callable[[Source], list[Problem]]) -> Snapshot:
    """Add what only the server can find wrong with sources: whether their secrets are there."""
    found = [problem for source in snapshot.sources.values() for problem in find(source)]
    return msgspec.structs.replace(snapshot, problems=(*snapshot.problems, *found)) if found else snapshot
