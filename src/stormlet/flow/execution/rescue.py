"""What becomes of an execution whose worker went away while it ran.

Nobody can know how far the action had come. So it is run again only where that does no harm: where the action's metadata
says so (`on_interruption: retry`), or the setting does for all. Everything else is concluded as `abandoned`, with a reason
that a person can act on. Nothing is ever left `running`.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from stormlet.foundation.clock import Clock, to_iso
from stormlet.foundation.settings import Execution as ExecutionSettings
from stormlet.foundation.telemetry import Metrics
from stormlet.model.delivery import Planned
from stormlet.model.execution import Claim, Execution, ExecutionStatus, Outcome
from stormlet.store.interface import Store

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 5
"""An action that takes the engine down each time it runs must not do so for ever."""

_BATCH = 100


class Rescue:
    """Concludes or gives back what was interrupted."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: ExecutionSettings,
        metrics: Metrics,
        concluded: Callable[[Execution, Outcome], Sequence[Planned]] = lambda execution, outcome: (),
    ) -> None:
        self._metrics = metrics
        self._concluded = concluded
        self._store = store
        self._clock = clock
        self._settings = settings

    async def rescue_expired(self, held: Collection[str]) -> int:
        """Settle every execution whose lease has ended, except those in `held`: they run here, whatever the wall clock says.

        Returns how many were settled.
        """
        now = self._clock.now()
        settled = 0
        while claims := [
            claim
            for claim in await self._store.expired_executions(now, _BATCH + len(held))
            if claim.execution.id not in held
        ]:
            progress = 0
            for claim in claims:
                why = (
                    f"the engine stopped while this action was running (its lease ended at {to_iso(claim.lease_until)})"
                )
                progress += await self.settle(claim, why)
            settled += progress
            if not progress:
                break  # somebody else settles them
        return settled

    async def settle(self, claim: Claim, why: str) -> bool:
        """Give the execution back or conclude it. False where somebody else did so already."""
        execution, now = claim.execution, self._clock.now()
        if execution.status is ExecutionStatus.CANCELING or execution.cancel_requested:
            return await self._conclude(claim, ExecutionStatus.CANCELED, f"Execution canceled by user; {why}.", now)
        retry = _retries(execution, self._settings)
        if retry and execution.attempt < MOST_ATTEMPTS:
            given_back = await self._store.requeue_execution(execution.id, claim.token, now)
            if given_back:
                log.warning("execution %s of %s runs again: %s", execution.id, execution.action, why)
            return given_back
        if retry:
            cure = f"it was started {execution.attempt} times, so it was not run again"
        else:
            cure = "it may already have had its effect, so it was not run again"
        text = f"{why}; {cure}; re-run it with `stormlet execution re-run {execution.id}`"
        return await self._conclude(claim, ExecutionStatus.ABANDONED, text, now)

    async def _conclude(self, claim: Claim, status: ExecutionStatus, text: str, now: datetime) -> bool:
        execution = claim.execution
        outcome = Outcome(
            execution_id=execution.id,
            token=claim.token,
            status=status,
            result={"error": text, "traceback": ""},
            ended_at=now,
        )
        recorded = await self._store.conclude_execution(outcome, (), self._concluded(execution, outcome))
        if recorded:
            self._metrics.executions.labels(status.value, execution.runner_type).inc()
            log.warning("execution %s of %s was %s: %s", execution.id, execution.action, status.value, text)
        return recorded


def _retries(execution: Execution, settings: ExecutionSettings) -> bool:
    """The action's own word counts more than the setting."""
    own = execution.action_snapshot.get("on_interruption")
    if own in ("fail", "retry"):
        return bool(own == "retry")
    return execution.idempotent or settings.on_interruption == "retry"
