"""From content to something that can be asked: every rule compiled, every trigger known, every hook's URL in one table.

Pure: it reads no file and no database, so it may run in a thread while the old `Compiled` goes on answering.
"""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from stormlet.flow.delivery.endpoints import EndpointTable
from stormlet.flow.matching.compile import CompiledRule, compile_rule
from stormlet.flow.matching.index import RuleIndex
from stormlet.flow.ruleset.endpoints import compile_endpoints
from stormlet.flow.ruleset.guards import compile_guards, mentioned
from stormlet.flow.verification.guard import Guard
from stormlet.foundation.identifiers import derived_id, derived_uuid
from stormlet.foundation.templates import Templates
from stormlet.model.action import Action, RunnerType
from stormlet.model.problem import Problem, Severity
from stormlet.model.rule import LoadedRule, Rule, RuleState
from stormlet.model.snapshot import Snapshot
from stormlet.model.trigger import Trigger, TriggerType, hook_url

WEBHOOK = "core.st2.webhook"


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """All content at one moment, ready to be asked."""

    version: int
    snapshot: Snapshot
    """With rules in their final state: what became broken is stale (its last good version) or broken."""
    triggers: Mapping[str, Trigger] = {}
    hooks: Mapping[str, tuple[Trigger, ...]] = {}
    """Normalised URL → the triggers registered for it. A disabled rule keeps its URL, so that nothing sent while it is off
    is refused (StackStorm does the same); only rules that never worked have none."""
    guards: Mapping[str, tuple[Guard, ...]] = {}
    """Normalised URL → the sources that guard it, those that are asleep included; not those that are switched off."""
    closed: frozenset[str] = frozenset()
    """URLs of sources that are broken: what comes there is refused, unless another source lets it in."""
    index: RuleIndex
    rules: Mapping[str, CompiledRule] = {}
    endpoints: EndpointTable = msgspec.field(default_factory=EndpointTable)
    runner_types: Mapping[str, RunnerType] = {}

    def action(self, ref_or_id: str) -> Action | None:
        """Return an action by ref or id."""
        actions = self.snapshot.actions
        return actions.get(ref_or_id) or next((a for a in actions.values() if a.id == ref_or_id), None)

    def rule(self, ref_or_id: str) -> Rule | None:
        """Return a rule that can be read, whatever its state, by ref or id."""
        loaded = self.snapshot.rules.get(ref_or_id)
        if loaded is not None:
            return loaded.rule
        return next((r.rule for r in self.snapshot.rules.values() if r.rule and r.rule.id == ref_or_id), None)


def trigger_of(type_ref: str, parameters: Mapping[str, object], types: Mapping[str, TriggerType]) -> Trigger:
    """Return the trigger that all rules with this type and these parameters share.

    A type without parameters has one trigger of its own name; a parametrised one is named by a UUID, as in StackStorm, which
    here depends on type and parameters only, so that stored instances find their trigger again after a restart.
    """
    pack, _, name = type_ref.partition(".")
    known = types.get(type_ref)
    description = known.description if known else ""
    if not parameters:
        return Trigger(
            id=derived_id(f"trigger:{type_ref}"), pack=pack, name=name, type=type_ref, description=description
        )
    if type_ref == WEBHOOK and isinstance(url := parameters.get("url"), str):
        parameters = {**parameters, "url": hook_url(url)}
    canonical = msgspec.json.encode(parameters, order="sorted").decode()
    digest = hashlib.md5(canonical.encode(), usedforsecurity=False).hexdigest()
    return Trigger(
        id=derived_id(f"trigger:{type_ref}:{digest}"),
        pack=pack,
        name=derived_uuid(f"{type_ref}:{canonical}"),
        type=type_ref,
        parameters=dict(parameters),
        description=description,
    )


def build(
    snapshot: Snapshot,
    templates: Templates,
    runner_types: Mapping[str, RunnerType],
    previous: Compiled | None,
    more_triggers: Iterable[Trigger] = (),
) -> Compiled:
    """Compile a snapshot.

    Args:
        snapshot: all content, files and API documents joined, with `enabled` as operators left it.
        templates: compiles templates of patterns.
        runner_types: for the record; actions of other runner types fail when they run.
        previous: what was current until now: unchanged rules are taken from it as they are, and a rule that became broken
            keeps its last good version from it.
        more_triggers: triggers made through the API.
    """
    good: dict[str, CompiledRule] = {}
    loaded: dict[str, LoadedRule] = {}
    found: list[Problem] = list(snapshot.problems)
    for ref, candidate in snapshot.rules.items():
        compiled, problems = _compile(candidate, templates, snapshot.trigger_types, previous)
        found.extend(problem for problem in problems if problem not in candidate.problems)
        state = RuleState.READY
        rule = candidate.rule
        if compiled is None:
            compiled = _last_good(candidate, previous)
            state = RuleState.STALE if compiled else RuleState.BROKEN
            rule = compiled.rule if compiled else rule
        if compiled is not None:
            ref = compiled.rule.ref
            good[ref] = compiled
        loaded[ref] = msgspec.structs.replace(candidate, ref=ref, state=state, rule=rule, problems=tuple(problems))
    before = [guard for known in previous.guards.values() for guard in known] if previous else []
    guards = compile_guards(snapshot, lambda kind: trigger_of(kind, {}, snapshot.trigger_types), before)
    endpoints = compile_endpoints(snapshot, templates, previous.endpoints if previous else None)
    found.extend([*guards.problems, *endpoints.problems])
    snapshot = msgspec.structs.replace(guards.snapshot, rules=loaded, problems=_ordered(found))
    triggers = _triggers(snapshot.trigger_types, good.values(), more_triggers)
    hooks = _hooks(triggers.values())
    return Compiled(
        version=previous.version + 1 if previous else 1,
        snapshot=snapshot,
        triggers=triggers,
        hooks=hooks,
        guards=guards.by_url,
        closed=guards.closed | (mentioned(guards.snapshot) & (hooks.keys() - guards.by_url.keys())),
        index=RuleIndex(good.values()),
        rules=good,
        endpoints=endpoints.table,
        runner_types=runner_types,
    )


def _compile(
    candidate: LoadedRule, templates: Templates, types: Mapping[str, TriggerType], previous: Compiled | None
) -> tuple[CompiledRule | None, list[Problem]]:
    if candidate.rule is None:
        return None, list(candidate.problems)
    if candidate.state is RuleState.BROKEN:
        # It cannot be used, but what else is wrong with it is told in the same go.
        return None, [*candidate.problems, *compile_rule(candidate.rule, templates)[1]]
    trigger = trigger_of(candidate.rule.trigger.type, candidate.rule.trigger.parameters, types).ref
    before = previous.rules.get(candidate.rule.ref) if previous else None
    if before is not None and before.rule == candidate.rule and before.trigger == trigger:
        return before, [*candidate.problems, *before.problems]
    compiled, problems = compile_rule(candidate.rule, templates)
    if compiled is not None:
        compiled = msgspec.structs.replace(compiled, trigger=trigger)
    return compiled, [*candidate.problems, *problems]


def _last_good(candidate: LoadedRule, previous: Compiled | None) -> CompiledRule | None:
    """Find the version that worked: under the same ref, or (where not even the name can be read) of the same file."""
    if previous is None:
        return None
    if (same := previous.rules.get(candidate.ref)) is not None:
        return same
    if not candidate.metadata_file:
        return None
    return next((rule for rule in previous.rules.values() if rule.rule.metadata_file == candidate.metadata_file), None)


def _triggers(
    types: Mapping[str, TriggerType], rules: Iterable[CompiledRule], more: Iterable[Trigger]
) -> dict[str, Trigger]:
    triggers = {}
    for kind in types.values():
        if not kind.parameters_schema or not kind.parameters_schema.get("properties"):
            shadow = trigger_of(kind.ref, {}, types)
            triggers[shadow.ref] = shadow
    for rule in rules:
        trigger = trigger_of(rule.rule.trigger.type, rule.rule.trigger.parameters, types)
        triggers[trigger.ref] = trigger
    for trigger in more:
        triggers[trigger.ref] = trigger
    return triggers


def _hooks(triggers: Iterable[Trigger]) -> dict[str, tuple[Trigger, ...]]:
    hooks: dict[str, tuple[Trigger, ...]] = {}
    for trigger in triggers:
        url = trigger.parameters.get("url")
        if trigger.type == WEBHOOK and isinstance(url, str):
            url = hook_url(url)
            hooks[url] = (*hooks.get(url, ()), trigger)
    return hooks


def _ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    unique = dict.fromkeys(map(msgspec.json.encode, problems))
    decoded = [msgspec.json.decode(raw, type=Problem) for raw in unique]
    return tuple(sorted(decoded, key=lambda p: (p.location.file, p.location.line, p.location.column, p.code)))


def has_errors(problems: Iterable[Problem]) -> bool:
    """Tell whether any of these is an error."""
    return any(problem.severity is Severity.ERROR for problem in problems)
