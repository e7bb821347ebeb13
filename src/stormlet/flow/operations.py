"""What a person or a program asks the engine to do, besides sending events: run, run again, cancel, emit again."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from stormlet.flow.enforcement.request import Request, Requester
from stormlet.flow.pipeline import Pipeline, catalogue_of, payload_of_stored
from stormlet.flow.ruleset import Ruleset
from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.foundation.identifiers import new_id
from stormlet.model.delivery import Planned
from stormlet.model.execution import Execution, ExecutionStatus
from stormlet.model.trigger import TriggerInstance, TriggerInstanceStatus
from stormlet.store.interface import Store

_AT_ONCE = 2
"""Requests whose parameters are rendered at the same time; more would take all threads from deciding."""


class Operations:
    """Each of these is on disk when it returns."""

    def __init__(
        self,
        *,
        store: Store,
        ruleset: Ruleset,
        pipeline: Pipeline,
        requester: Requester,
        clock: Clock,
        cancel_running: Callable[[str], None],
    ) -> None:
        self._store = store
        self._ruleset = ruleset
        self._pipeline = pipeline
        self._requester = requester
        self._clock = clock
        self._cancel_running = cancel_running
        self._publisher = pipeline.publisher
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def request_execution(
        self,
        action: str,
        parameters: dict[str, Any],
        *,
        user: str,
        context: dict[str, Any] | None = None,
        delay_ms: int = 0,
        trace_tag: str | None = None,
        names: Mapping[str, Any] | None = None,
        secrets: tuple[str, ...] = (),
    ) -> Execution:
        """Store an execution for the workers to run; raises what `Requester.execution` raises, but says 400 where
        StackStorm does (an unknown action in a body is bad input, not a missing resource). `names` are what templates in
        the parameters see besides the datastore and the contexts; `secrets` are secret texts that they hold already."""
        request = Request(
            action=action,
            given=parameters,
            user=user,
            context=context or {},
            extra=names or {},
            delay_ms=delay_ms,
            trace_tag=trace_tag or "",
            secrets=secrets,
        )
        try:
            execution = await self._made(request)
        except NotFoundError as error:
            raise InvalidInputError(error.text, hint=error.hint) from None
        planned = self._publisher.execution(execution, execution.requested_at)
        await self._store.request_execution(execution, planned)
        self._pipeline.wake_workers()
        if planned:
            self._pipeline.wake_dispatcher()
        return execution

    async def _made(self, request: Request) -> Execution:
        """Render and check in a thread, within the time that an event may take: templates must not delay others' answers."""
        catalogue, now = catalogue_of(self._ruleset.current), self._clock.now()
        async with self._turns:
            deadline = self._pipeline.allowance(while_halting=True).for_request(request.action)
            return await asyncio.to_thread(self._requester.within(deadline).execution, request, catalogue, now)

    async def re_run(self, execution_id: str, parameters: dict[str, Any], user: str, delay_ms: int = 0) -> Execution:
        """Run an action again with the parameters it was given, overridden by `parameters`; defaults are those of now."""
        old = await self._store.execution(execution_id)
        if old is None:
            raise NotFoundError(f'Unable to identify resource with id "{execution_id}".')
        given = {name: old.parameters[name] for name in old.live_parameters if name in old.parameters}
        context = {**old.context, "re-run": {"ref": old.id}}
        return await self.request_execution(
            old.action,
            {**given, **parameters},
            user=user,
            context=context,
            delay_ms=delay_ms,
            trace_tag=old.trace_tag,
            secrets=old.secrets,
        )

    async def cancel(self, execution_id: str) -> Execution:
        """Cancel: what waits is canceled at once; what runs is told to end. One that is completed stays as it is."""
        now = self._clock.now()
        planned = await self._told_of_cancel(execution_id, now)
        execution = await self._store.request_cancel(execution_id, now, planned)
        if execution is None:
            raise NotFoundError(f'Unable to identify resource with id "{execution_id}".')
        if not execution.completed:
            self._cancel_running(execution_id)
        if planned:
            self._pipeline.wake_dispatcher()
        return execution

    async def _told_of_cancel(self, execution_id: str, now: datetime) -> Sequence[Planned]:
        """Return who is told where the execution still waits, and so is canceled at once."""
        if not self._publisher.hears("execution.canceled"):
            return ()
        execution = await self._store.execution(execution_id)
        if execution is None or execution.completed:
            return ()
        canceled = msgspec.structs.replace(execution, status=ExecutionStatus.CANCELED, ended_at=now)
        return self._publisher.execution(canceled, now)

    async def re_emit(self, instance_id: str) -> TriggerInstance:
        """Let an instance happen again, with its payload marked as st2 does. Raises NotFoundError."""
        stored = await self._store.trigger_instance(instance_id)
        if stored is None:
            raise NotFoundError(f'Unable to identify resource with id "{instance_id}".')
        payload = payload_of_stored(stored)
        now = self._clock.now()
        again = msgspec.structs.replace(
            stored.instance,
            id=new_id(now),
            occurrence_time=now,
            payload={**payload, "__context": {"original_id": instance_id}} if isinstance(payload, dict) else payload,
            event_id=None,
            status=TriggerInstanceStatus.PENDING,
            failure_reason="",
        )
        await self._pipeline.accept([again])
        return again
