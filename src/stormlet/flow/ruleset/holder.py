"""Holds the current `Compiled`, and is the only place that replaces it.

A replacement is made beside the current one, in a thread, and put in its place by one assignment: whoever is deciding keeps
what it began with. Files and API documents come in through the same door.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from stormlet.content.linting.endpoint_url import same_destination
from stormlet.content.suggest import did_you_mean_or_list
from stormlet.flow.ruleset.compiled import Compiled, build, has_errors, trigger_of
from stormlet.flow.ruleset.endpoint_writing import endpoint_problems, prepare_endpoint
from stormlet.flow.ruleset.forwarding import with_forwarding
from stormlet.flow.ruleset.guards import compile_source
from stormlet.flow.ruleset.joining import (
    MADE_HERE,
    Entity,
    join,
    keep_last_good,
    switch,
    trigger_from_document,
    with_problems,
)
from stormlet.flow.ruleset.sealing import seal_secrets
from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import ConflictError, InvalidInputError, NotFoundError
from stormlet.foundation.identifiers import is_id, new_id
from stormlet.foundation.secrets import SecretBox
from stormlet.foundation.telemetry import Metrics
from stormlet.foundation.templates import Templates
from stormlet.model.action import Action, RunnerType
from stormlet.model.endpoint import Endpoint
from stormlet.model.problem import Problem, Severity
from stormlet.model.rule import LoadedRule, Rule, RuleState
from stormlet.model.snapshot import Snapshot
from stormlet.model.source import Source
from stormlet.model.trigger import Origin, TriggerType
from stormlet.store.interface import ContentDocument, Store

log = logging.getLogger(__name__)

KINDS = ("rule", "action", "triggertype", "trigger", "source", "endpoint")
# Packs that StackStorm calls system packs: their content cannot be changed through the API.
SYSTEM_PACKS = frozenset({"core"})


class Dialect(Protocol):
    """Turns StackStorm's documents into the model (st2compat/dialect.py)."""

    def rule_from_document(self, document: dict[str, Any]) -> tuple[Rule | None, list[Problem]]: ...

    def action_from_document(self, document: dict[str, Any]) -> tuple[Action | None, list[Problem]]: ...

    def trigger_type_from_document(self, document: dict[str, Any]) -> tuple[TriggerType | None, list[Problem]]: ...


class Reader(Protocol):
    """Reads all content files, and checks how content hangs together (content/)."""

    def read(self) -> Snapshot: ...

    def link(self, snapshot: Snapshot) -> Snapshot: ...

    def trigger_parameter_problems(self, rule: Rule, types: dict[str, TriggerType]) -> list[Problem]: ...

    def source_from_document(self, document: dict[str, Any]) -> tuple[Source | None, list[Problem]]: ...

    def endpoint_from_document(self, document: dict[str, Any]) -> tuple[Endpoint | None, list[Problem]]: ...


class Ruleset:
    """The current content."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        reader: Reader,
        dialect: Dialect,
        templates: Templates,
        runner_types: dict[str, RunnerType],
        metrics: Metrics,
        box: SecretBox,
        source_problems: Callable[[Source], list[Problem]] = lambda source: [],
    ) -> None:
        self._store = store
        self._clock = clock
        self._reader = reader
        self._dialect = dialect
        self._templates = templates
        self._runner_types = runner_types
        self._metrics = metrics
        self._box = box
        self._source_problems = source_problems
        self._files: Snapshot | None = None
        self._current: Compiled | None = None
        self._lock = asyncio.Lock()
        self._watchers: list[Callable[[Compiled], None]] = []

    @property
    def current(self) -> Compiled:
        """What is asked now. Whoever asks several things of it keeps a reference, so that all answers belong together."""
        if self._current is None:
            raise RuntimeError("content is not loaded yet")
        return self._current

    @property
    def loaded(self) -> bool:
        return self._current is not None

    def on_change(self, tell: Callable[[Compiled], None]) -> None:
        """Call `tell` after each replacement."""
        self._watchers.append(tell)

    async def reload(self) -> Compiled:
        """Read all files again and put the result in place."""
        async with self._lock:
            self._files = await asyncio.to_thread(self._reader.read)
            return await self._rebuild()

    async def put(
        self, kind: str, document: dict[str, Any], *, create: bool, user: str, ref: str | None = None
    ) -> Entity:
        """Take a document in StackStorm's shape; of a source or an endpoint, in our own (`content/…_documents.py`).

        Args:
            kind: one of KINDS.
            document: what was posted; computed keys (`id`, `ref`, `uid`) are ignored.
            create: False replaces the thing that `ref` names.
            user: who sends it; noted in a rule's context.
            ref: ref or id of what is replaced.

        Raises:
            InvalidInputError: the document is not right; the text is StackStorm's where its clients see it.
            ConflictError: `create`, and the ref exists; or it comes from a file and cannot be changed here.
            NotFoundError: not `create`, and it does not exist.
        """
        async with self._lock:
            old = None if create else self._existing(kind, ref or "")
            return await self._put(kind, document, old, user, ref)

    async def edit_source(self, ref: str, change: Callable[[Source], dict[str, Any]], *, user: str) -> Entity:
        """Replace a source by what `change` makes of it: nobody else's change comes in between. Raises as `put` does."""
        async with self._lock:
            old = self._existing("source", ref)
            assert isinstance(old, Source)
            _refuse_file("source", old, "changed")
            return await self._put("source", change(old), old, user, ref)

    async def edit_endpoint(self, ref: str, change: Callable[[Endpoint], dict[str, Any]], *, user: str) -> Entity:
        """The same for an endpoint."""
        async with self._lock:
            old = self._existing("endpoint", ref)
            assert isinstance(old, Endpoint)
            _refuse_file("endpoint", old, "changed")
            return await self._put("endpoint", change(old), old, user, ref)

    async def _put(self, kind: str, document: dict[str, Any], old: Entity | None, user: str, ref: str | None) -> Entity:
        if kind == "source":
            document = seal_secrets(document, self._box, old if isinstance(old, Source) else None)
        if kind == "endpoint":
            before = old if isinstance(old, Endpoint) else None
            document = prepare_endpoint(document, self._box, before, self._clock.now())
        entity = self._read_document(kind, document, user)
        self._check_replaceable(kind, entity, old)
        if isinstance(entity, Endpoint) and old == msgspec.structs.replace(entity, id=old.id if old else ""):
            return old  # tools put the same thing again and again
        kept = entity.ref if kind != "trigger" else ref or entity.ref
        identity = old.id if old else entity.id
        stored = ContentDocument(
            kind=kind,
            ref=kept,
            id=identity,
            document={**document, "id": identity, **_context(entity)},
            updated_at=self._clock.now(),
        )
        await self._store.put_content(stored, create=old is None)
        if old is not None and old.ref != entity.ref:
            await self._store.delete_content(kind, old.ref)
        await self._rebuild()
        return self._existing(kind, identity)

    async def delete(self, kind: str, ref: str) -> None:
        """Delete something that was made through the API.

        Raises:
            NotFoundError: it does not exist.
            InvalidInputError: it comes from a file; the text names the file.
        """
        async with self._lock:
            broken = self.current.snapshot.broken_sources.get(ref) if kind == "source" else None
            if broken is not None and not broken.metadata_file:  # made here, and nothing can be read of it any more
                await self._store.delete_content(kind, ref.removesuffix(MADE_HERE))
            else:
                old = self._existing(kind, ref)
                _refuse_file(kind, old, "deleted")
                await self._store.delete_content(kind, old.ref)
            await self._rebuild()

    async def set_enabled(self, kind: str, ref: str, enabled: bool) -> None:
        """Switch a rule, an action or a source on or off; the switch outlives restarts and reloads of its file.

        A source whose file says `auto` is given back to that when it is switched on. One that is broken can be switched, too.
        """
        async with self._lock:
            broken = kind == "source" and ref in self.current.snapshot.broken_sources
            kept = ref if broken else self._existing(kind, ref).ref
            written = self._files.sources.get(kept) if kind == "source" and self._files is not None else None
            auto = enabled and written is not None and written.enabled is None
            await self._store.set_enabled_override(kind, kept, None if auto else enabled)
            await self._rebuild()

    def find(self, kind: str, ref_or_id: str) -> Entity | None:
        """Return one entity by ref or id."""
        current = self.current
        if kind == "rule":
            return current.rule(ref_or_id)
        tables: dict[str, dict[str, Entity]] = {
            "action": dict(current.snapshot.actions),
            "triggertype": dict(current.snapshot.trigger_types),
            "trigger": dict(current.triggers),
            "source": dict(current.snapshot.sources),
            "endpoint": dict(current.snapshot.endpoints),
        }
        table = tables[kind]
        found = table.get(ref_or_id)
        if found is None and is_id(ref_or_id):
            found = next((entity for entity in table.values() if entity.id == ref_or_id), None)
        return found

    def _existing(self, kind: str, ref_or_id: str) -> Entity:
        found = self.find(kind, ref_or_id)
        if found is None:
            raise NotFoundError(f'Resource with a reference or id "{ref_or_id}" not found')
        return found

    async def _rebuild(self) -> Compiled:
        """Join files, API documents and switches, compile, and put the result in place. The caller holds the lock."""
        assert self._files is not None
        documents = await self._store.content_documents()
        switches = await self._store.enabled_overrides()
        compiled = await asyncio.to_thread(self._compile, self._files, documents, switches)
        self._current = compiled
        self._count(compiled)
        for tell in self._watchers:
            tell(compiled)
        return compiled

    def _compile(
        self, files: Snapshot, documents: list[ContentDocument], switches: dict[tuple[str, str], bool]
    ) -> Compiled:
        snapshot, triggers = join(files, documents, self._entity_from_document)
        snapshot = with_forwarding(keep_last_good(snapshot, self._current))
        snapshot = switch(snapshot, switches)
        snapshot = with_problems(self._reader.link(snapshot), self._source_problems)
        return build(snapshot, self._templates, self._runner_types, self._current, triggers)

    def _entity_from_document(self, kind: str, document: dict[str, Any]) -> tuple[Entity | None, list[Problem]]:
        if kind == "rule":
            return self._dialect.rule_from_document(document)
        if kind == "action":
            return self._dialect.action_from_document(document)
        if kind == "source":
            return self._reader.source_from_document(document)
        if kind == "endpoint":
            return self._reader.endpoint_from_document(document)
        return self._dialect.trigger_type_from_document(document)

    def _read_document(self, kind: str, document: dict[str, Any], user: str) -> Entity:
        fresh = {**document, "id": new_id(self._clock.now())}
        if kind == "trigger":
            return trigger_from_document(fresh)
        if kind == "rule":
            fresh["context"] = {"user": user}
        entity, problems = self._entity_from_document(kind, fresh)
        if isinstance(entity, Action) and entity.runner_type not in self._runner_types:
            hint = did_you_mean_or_list(entity.runner_type, sorted(self._runner_types))
            raise InvalidInputError(f"RunnerType {entity.runner_type} is not found.", hint=hint)
        if isinstance(entity, Rule):
            problems = [*problems, *self._rule_problems(entity)]
        if isinstance(entity, Source):
            types = self.current.snapshot.trigger_types
            problems = [*problems, *compile_source(entity, lambda kind: trigger_of(kind, {}, types))[1]]
        if isinstance(entity, Endpoint):
            problems = [*problems, *endpoint_problems(entity, self._templates, self._box)]
        errors = [problem for problem in problems if problem.severity is Severity.ERROR]
        if errors:
            where = f"{errors[0].path}: " if kind in ("source", "endpoint") and errors[0].path else ""
            raise InvalidInputError(f"{where}{errors[0].text}", hint=errors[0].hint)
        if entity is None:
            raise InvalidInputError(f"the {kind} cannot be read")
        return entity

    def _rule_problems(self, rule: Rule) -> list[Problem]:
        """Check what only the rest of the content can tell, and compile the rule once to try it."""
        types = dict(self.current.snapshot.trigger_types)
        if rule.trigger.type not in types:
            raise InvalidInputError(
                f'Trigger "{rule.trigger.type}" defined in the rule does not exist in system or it\'s missing '
                'required "parameters" attribute'
            )
        problems = self._reader.trigger_parameter_problems(rule, types)
        trial = Snapshot(
            loaded_at=self._clock.now(),
            rules={rule.ref: LoadedRule(ref=rule.ref, state=RuleState.READY, rule=rule)},
            trigger_types=types,
        )
        if not has_errors(problems):
            problems = [*problems, *build(trial, self._templates, self._runner_types, None).snapshot.problems]
        return problems

    def _check_replaceable(self, kind: str, entity: Entity, old: Entity | None) -> None:
        if old is not None:
            _refuse_file(kind, old, "changed")
        elif getattr(entity, "pack", "") in SYSTEM_PACKS:
            raise InvalidInputError("Resources belonging to system level packs can't be manipulated")
        other = self.find(kind, entity.ref)
        if other is not None and isinstance(other, TriggerType) and other.implied:
            return
        if other is not None and (old is None or other.id != old.id):
            raise ConflictError(f'{kind} "{entity.ref}" exists already', conflict_id=other.id)
        if isinstance(entity, Endpoint):
            others = [each for each in self.current.snapshot.endpoints.values() if old is None or each.id != old.id]
            if (twin := same_destination(entity, others)) is not None:
                hint = "change that one, or give this one another scope"
                text = f'the endpoint "{twin.ref}" sends to this URL in the same scope'
                raise ConflictError(text, conflict_id=twin.id, hint=hint)

    def _count(self, compiled: Compiled) -> None:
        self._metrics.reloads.inc()
        for state in RuleState:
            count = sum(rule.state is state for rule in compiled.snapshot.rules.values())
            self._metrics.rules.labels(state.value).set(count)
        for severity in Severity:
            count = sum(problem.severity is severity for problem in compiled.snapshot.problems)
            self._metrics.problems.labels(severity.value).set(count)


def _refuse_file(kind: str, entity: Entity, verb: str) -> None:
    if getattr(entity, "pack", "") in SYSTEM_PACKS:
        raise InvalidInputError("Resources belonging to system level packs can't be manipulated")
    if getattr(entity, "origin", Origin.API) is Origin.FILE:
        where = getattr(entity, "metadata_file", "") or str(getattr(entity, "location", ""))
        raise InvalidInputError(
            f'{kind} "{entity.ref}" comes from the file {Path(where).name} and cannot be {verb} here',
            hint=f"edit {where}",
        )


def _context(entity: Entity) -> dict[str, Any]:
    """Return what only rules have: who made it."""
    return {"context": dict(entity.context)} if isinstance(entity, Rule) else {}
