"""The worker: claims executions, lets them run side by side, and records each outcome exactly once.

A claim is a lease with a fencing token: while an execution runs its lease is prolonged, and only the holder of the newest
token can conclude it. What was interrupted all the same is settled by `rescue`.

The worker is woken by `wake`; looking every second is the fall-back, and how delayed executions become due.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from stormlet.flow.execution.carrying import Carrier
from stormlet.flow.execution.catalogue import RUNNERS
from stormlet.flow.execution.child import Children
from stormlet.flow.execution.halt import Halt, HaltReason
from stormlet.flow.execution.interface import Runner
from stormlet.flow.execution.output_log import OutputLog
from stormlet.flow.execution.recording import STORE_TROUBLE, Herald, Recorder, Silence
from stormlet.flow.execution.rescue import Rescue
from stormlet.flow.execution.shielding import shield_process
from stormlet.foundation.clock import Clock
from stormlet.foundation.settings import Execution as ExecutionSettings
from stormlet.foundation.settings import environment
from stormlet.foundation.supervisor import Supervisor
from stormlet.foundation.telemetry import Metrics
from stormlet.model.action import Action
from stormlet.model.execution import Claim, ExecutionStatus
from stormlet.model.secret_texts import secret_values
from stormlet.st2compat.host import Host, base_environment
from stormlet.store.interface import ExecutionFilter, Page, Store

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_FLUSH_SECONDS = 0.2


@dataclass(slots=True, eq=False)
class _Held:
    """A claim that is carried out here. After a lost lease the same execution may be held twice for a moment."""

    claim: Claim
    output: OutputLog
    halt: Halt = field(default_factory=Halt)
    task: asyncio.Task[None] | None = None


class Worker:
    """Runs up to `settings.workers` executions at the same time. See `Service` for start and stop."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        supervisor: Supervisor,
        settings: ExecutionSettings,
        metrics: Metrics,
        action_of: Callable[[str], Action | None],
        config_of: Callable[[str, str], Mapping[str, Any]],
        issue_token: Callable[[str, float], str],
        revoke_token: Callable[[str], None],
        api_url: Callable[[], str],
        runners: Sequence[Runner] = RUNNERS,
        variables: Mapping[str, str] | None = None,
        herald: Herald | None = None,
        told: Callable[[], None] = lambda: None,
        worker_name: str = "engine",
    ) -> None:
        """Join the parts; nothing starts.

        Args:
            action_of: the action of that ref as it is now.
            config_of: the rendered config of a pack for a user.
            api_url: the engine's URL, for actions that call its API.
            variables: the environment that PATH and its like are taken from; default: the engine's own.
            herald: says who is told of executions; None: nobody.
            told: is called where somebody was.
            worker_name: whose leases these are. It stays the same over restarts, so that those of a dead predecessor are
                known to be nobody's.
        """
        self.name = "worker"
        self._store = store
        self._clock = clock
        self._supervisor = supervisor
        self._settings = settings
        self._worker_name = worker_name
        self._children = Children(clock)
        herald = herald or Silence()
        base = base_environment(environment() if variables is None else variables)
        self._carrier = Carrier(
            runners={runner.type.name: runner for runner in runners},
            settings=settings,
            clock=clock,
            children=self._children,
            host=lambda: Host(base_environment=base, api_url=_versioned(api_url())),
            action_of=action_of,
            config_of=config_of,
            issue_token=issue_token,
            revoke_token=revoke_token,
            carried=herald.carried,
        )
        self._rescue = Rescue(store, clock, settings, metrics, herald.concluded)
        self._recorder = Recorder(
            store=store,
            clock=clock,
            rescue=self._rescue,
            metrics=metrics,
            runner_type=self._carrier.runner_type,
            herald=herald,
            told=told,
        )
        self._held: set[_Held] = set()
        self._woken = asyncio.Event()
        self._stopping = False
        self._claiming: asyncio.Task[None] | None = None
        self._beats: list[asyncio.Task[None]] = []

    # For others

    @property
    def running(self) -> int:
        """How many executions run here."""
        return len(self._held)

    def wake(self) -> None:
        """Say that there may be something to run."""
        self._woken.set()

    def cancel(self, execution_id: str) -> None:
        """End an execution that runs here; the store was told already. Unknown ones are not an error."""
        for held in self._held:
            if held.claim.execution.id == execution_id:
                held.halt.request(HaltReason.CANCELED)

    # Service

    async def start(self) -> None:
        """Settle what the engine that held this home before left behind, then start to claim.

        Raises:
            StoreError: the database cannot be used.
        """
        if self._claiming is not None:
            return
        self._stopping = False
        shield_process()
        await self._store.release_leases(self._worker_name, self._clock.now())
        await self._rescue.rescue_expired(self._held_ids())
        spawn = self._supervisor.spawn
        self._claiming = spawn("worker: claim", self._claim_for_ever())
        self._beats = [
            spawn("worker: look", self._every(_LOOK_SECONDS, self._look)),
            spawn("worker: leases", self._every(self._settings.lease_seconds / 3, self._keep_leases)),
            spawn("worker: output", self._every(_FLUSH_SECONDS, self._flush)),
        ]
        self._woken.set()

    async def stop(self, grace: float) -> None:
        """Claim nothing new; let what runs end within `grace` seconds; end the rest and settle it."""
        if self._claiming is None:
            return
        self._stopping = True
        self._woken.set()
        # Never cancelled: a claim that is being written right now has to be seen, or it would look like a crash later.
        await self._claiming
        self._claiming = None
        kill_seconds = min(self._settings.kill_seconds, grace / 2)
        await self._wait_for_all(grace - kill_seconds)
        for held in list(self._held):
            held.halt.request(HaltReason.STOPPING, kill_seconds)
        await self._wait_for_all(kill_seconds + 1)
        tasks = [held.task for held in self._held if held.task]
        await self._supervisor.cancel(*tasks, *self._beats)
        self._beats = []
        self._children.close()

    async def _wait_for_all(self, seconds: float) -> None:
        if tasks := [held.task for held in self._held if held.task]:
            await asyncio.wait(tasks, timeout=seconds)

    # Claiming

    async def _claim_for_ever(self) -> None:
        while not self._stopping:
            await self._woken.wait()
            self._woken.clear()
            try:
                while await self._claim_some():
                    pass
            except STORE_TROUBLE as error:
                log.warning("claiming waits: %s", error)  # `_look` comes back to it

    async def _claim_some(self) -> bool:
        """Claim what fits. True where there may be more."""
        free = self._settings.workers - len(self._held)
        if free <= 0 or self._stopping:
            return False
        claims = await self._store.claim_executions(self._worker_name, free, self._clock.now(), self._lease_end())
        for claim in claims:
            held = _Held(claim, OutputLog(claim.execution.id, self._clock, secret_values(claim.execution)))
            self._held.add(held)
            held.task = self._supervisor.spawn(f"execution {claim.execution.id}", self._carry_out(held), vital=False)
        return len(claims) == free

    def _lease_end(self) -> Any:
        return self._clock.now() + timedelta(seconds=self._settings.lease_seconds)

    # One execution

    async def _carry_out(self, held: _Held) -> None:
        execution = held.claim.execution
        started = self._clock.monotonic()
        try:
            if self._stopping:
                await self._give_back(held.claim)
                return
            if execution.cancel_requested or execution.status is ExecutionStatus.CANCELING:
                held.halt.request(HaltReason.CANCELED)
            await self._recorder.started(held.claim)
            result = await self._carrier.carry_out(execution, held.halt, held.output.add)
            seconds = self._clock.monotonic() - started
            await self._recorder.conclude(held.claim, held.halt, held.output, result, seconds)
        finally:
            self._held.discard(held)
            self._woken.set()

    async def _give_back(self, claim: Claim) -> None:
        """Nothing of it was started: it waits for the next start."""
        try:
            await self._store.requeue_execution(claim.execution.id, claim.token, self._clock.now())
        except STORE_TROUBLE as error:
            log.warning("execution %s could not be given back: %s", claim.execution.id, error)

    # What goes on beside them

    async def _every(self, seconds: float, work: Callable[[], Any]) -> None:
        while True:
            await self._clock.sleep(seconds)
            try:
                await work()
            except STORE_TROUBLE as error:
                log.warning("the worker waits: %s", error)

    async def _look(self) -> None:
        self._woken.set()
        self._children.reap_orphans()

    async def _keep_leases(self) -> None:
        """Prolong what runs here, end what was lost or cancelled elsewhere, settle what others left."""
        if leases := [(held.claim.execution.id, held.claim.token) for held in self._held]:
            for lost in await self._store.extend_leases(self._worker_name, leases, self._lease_end()):
                self._let_go(lost)
            wanted = ExecutionFilter(status=ExecutionStatus.CANCELING, ids=tuple(self._held_ids()))
            for execution in (await self._store.list_executions(wanted, Page(limit=None)))[0]:
                self.cancel(execution.id)
        if await self._rescue.rescue_expired(self._held_ids()):
            self._woken.set()

    def _let_go(self, execution_id: str) -> None:
        """End what runs under a lease that is lost; where the execution is held twice, its newest claim is the good one."""
        claims = sorted((held for held in self._held if held.claim.execution.id == execution_id), key=_token)
        for held in claims[:-1] or claims:
            held.halt.request(HaltReason.LEASE_LOST)

    def _held_ids(self) -> set[str]:
        return {held.claim.execution.id for held in self._held}

    async def _flush(self) -> None:
        """Store what was printed since the last time, of all executions in one transaction."""
        taken = [(held.output, held.output.take()) for held in self._held]
        chunks = [chunk for _, some in taken for chunk in some]
        if not chunks:
            return
        try:
            await self._store.append_output(chunks)
        except STORE_TROUBLE:
            for output, some in taken:
                output.put_back(some)
            raise


def _token(held: _Held) -> int:
    return held.claim.token


def _versioned(url: str) -> str:
    url = url.rstrip("/")
    return url if url.endswith("/v1") else f"{url}/v1"
