"""Recording how an execution ended: exactly once, however long the database makes it wait.

The store decides who may (the newest token of what still runs); this decides what is written, and never gives up.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec

from stormlet.flow.execution.halt import Halt, HaltReason
from stormlet.flow.execution.interface import RunResult
from stormlet.flow.execution.narration import ending
from stormlet.flow.execution.output_log import OutputLog
from stormlet.flow.execution.rescue import Rescue
from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import InvalidInputError, OverloadedError, StoreError
from stormlet.foundation.telemetry import Metrics
from stormlet.model.action import RunnerType
from stormlet.model.delivery import Planned
from stormlet.model.execution import Claim, Execution, ExecutionStatus, Outcome, OutputChunk
from stormlet.model.secret_texts import mask_texts, secret_values
from stormlet.store.interface import Store

log = logging.getLogger(__name__)

STORE_TROUBLE = (StoreError, OverloadedError)
"""What a database does that is locked, full, or gone for a while."""

T = TypeVar("T")
_FIRST_RETRY_SECONDS = 0.1
_LONGEST_RETRY_SECONDS = 5.0


class Herald(Protocol):
    """Says who is told of an execution (flow/delivery/publishing.py). Both are pure, and cost nothing where nobody listens."""

    def execution(self, execution: Execution, time: datetime) -> tuple[Planned, ...]:
        """Return the messages that say the execution's status."""
        ...

    def concluded(self, execution: Execution, outcome: Outcome) -> tuple[Planned, ...]:
        """Return the messages that an outcome causes."""
        ...

    def carried(self, execution: Execution) -> Mapping[str, str]:
        """Return the headers that requests of an execution carry."""
        ...


class Silence:
    """Nobody is told."""

    def execution(self, execution: Execution, time: datetime) -> tuple[Planned, ...]:
        return ()

    def concluded(self, execution: Execution, outcome: Outcome) -> tuple[Planned, ...]:
        return ()

    def carried(self, execution: Execution) -> Mapping[str, str]:
        return {}


class Recorder:
    """Writes outcomes, counts them, and tells the log and whoever listens."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        rescue: Rescue,
        metrics: Metrics,
        runner_type: Callable[[str], RunnerType | None],
        herald: Herald,
        told: Callable[[], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._rescue = rescue
        self._metrics = metrics
        self._runner_type = runner_type
        self._herald = herald
        self._told = told

    async def started(self, claim: Claim) -> None:
        """Tell whoever listens that an execution runs. It goes on also where that cannot be written."""
        planned = self._herald.execution(claim.execution, claim.execution.started_at or self._clock.now())
        if not planned:
            return
        try:
            await self._store.plan(planned)
        except STORE_TROUBLE as error:
            log.warning("nobody is told that execution %s runs: %s", claim.execution.id, error)
        self._told()

    async def conclude(self, claim: Claim, halt: Halt, output: OutputLog, result: RunResult, seconds: float) -> None:
        """Record what came of a run that took so many seconds."""
        execution = claim.execution
        if halt.reason is HaltReason.LEASE_LOST:
            log.warning("execution %s of %s was ended: its lease is lost", execution.id, execution.action)
            return
        # Cut short by the engine's stop, it is as if the engine had crashed, only politely.
        interrupted = halt.reason is HaltReason.STOPPING and result.status is ExecutionStatus.CANCELED
        if interrupted:
            await self._patiently(execution.id, lambda: self._settle(claim, output))
            return
        outcome = Outcome(
            execution_id=execution.id,
            token=claim.token,
            status=result.status,
            result=mask_texts(result.result, secret_values(execution)),  # at rest, only the request has them: sealed
            ended_at=self._clock.now(),
        )
        recorded = await self._patiently(execution.id, lambda: self._record(execution, outcome, output))
        if recorded is None:
            log.warning("execution %s of %s ended after it was settled otherwise", execution.id, execution.action)
            return
        self._metrics.executions.labels(recorded.status.value, execution.runner_type).inc()
        self._metrics.execution_seconds.observe(seconds)
        runner = self._runner_type(execution.runner_type)
        log.info("%s", ending(execution, runner, recorded.status, recorded.result, seconds))

    async def _settle(self, claim: Claim, output: OutputLog) -> None:
        await self._store_output(output.finish())
        await self._rescue.settle(claim, "the engine was stopped while this action was running")

    async def _record(self, execution: Execution, outcome: Outcome, output: OutputLog) -> Outcome | None:
        """Store the last of the output and the outcome; side by side, so that they share a commit. None: it was too late."""
        planned = self._herald.concluded(execution, outcome)
        try:
            _, recorded = await asyncio.gather(
                self._store_output(output.finish()), self._store.conclude_execution(outcome, (), planned)
            )
        except InvalidInputError as error:
            result = {"error": f"the result could not be stored: {error}", "traceback": ""}
            outcome = msgspec.structs.replace(outcome, status=ExecutionStatus.FAILED, result=result)
            planned = self._herald.concluded(execution, outcome)
            recorded = await self._store.conclude_execution(outcome, (), planned)
        if planned:
            self._told()
        return outcome if recorded else None

    async def _store_output(self, chunks: Sequence[OutputChunk]) -> None:
        """Store the last output. The result holds it too, so that trouble with it does not hold up the outcome."""
        if not chunks:
            return
        try:
            await self._store.append_output(chunks)
        except STORE_TROUBLE as error:
            log.warning("output of execution %s is in its result only: %s", chunks[0].execution_id, error)

    async def _patiently(self, execution_id: str, write: Callable[[], Awaitable[T]]) -> T:
        """Do `write` until the database takes it: an outcome must not be lost to a full disk or a lock."""
        delay = _FIRST_RETRY_SECONDS
        while True:
            try:
                return await write()
            except STORE_TROUBLE as error:
                log.warning("the outcome of execution %s waits: %s", execution_id, error)
            await self._clock.sleep(delay)
            delay = min(delay * 2, _LONGEST_RETRY_SECONDS)
