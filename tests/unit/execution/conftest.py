"""A worker on a real SQLite store, with real children, and a runner that a test holds in its hand."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stormlet.flow.execution import RUNNERS, Worker
from stormlet.flow.execution.interface import Example, Run, RunResult, canceled_text
from stormlet.foundation.clock import SystemClock
from stormlet.foundation.identifiers import new_id
from stormlet.foundation.settings import Execution as ExecutionSettings
from stormlet.foundation.settings import Storage
from stormlet.foundation.supervisor import Supervisor
from stormlet.foundation.telemetry import Metrics
from stormlet.model.action import Action, RunnerType
from stormlet.model.execution import Execution, ExecutionStatus
from stormlet.store.sqlite.backend import SqliteStore

DEADLINE = 20.0


async def poll(look: Callable[[], Awaitable[Any]]) -> Any:
    """Return what `look` finds as soon as it finds something true."""
    tick = asyncio.Event()
    async with asyncio.timeout(DEADLINE):
        while not (found := await look()):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(tick.wait(), 0.005)
        return found


class StepClock(SystemClock):
    """The machine's clock, whose wall time a test can step."""

    def __init__(self) -> None:
        self.step = timedelta()

    def now(self) -> datetime:
        return super().now() + self.step


class HeldRunner:
    """A runner whose runs go on until the test lets them go, or until they are asked to end."""

    type = RunnerType(name="held", description="For tests.", parameters={"timeout": {"default": 600}})
    help = ""
    examples: tuple[Example, ...] = ()

    def __init__(self) -> None:
        self.started: list[Run] = []
        self.most = 0
        self.running = 0
        self.changed = asyncio.Condition()
        self.let_go = asyncio.Event()
        self.outcome: Callable[[Run], RunResult] = lambda run: RunResult(
            status=ExecutionStatus.SUCCEEDED, result={"n": 1}
        )

    async def run(self, run: Run) -> RunResult:
        self.running += 1
        self.most = max(self.most, self.running)
        self.started.append(run)
        async with self.changed:
            self.changed.notify_all()
        try:
            ended = await run.halt.unless_halted(self.let_go.wait())
        finally:
            self.running -= 1
        if ended is None:
            return RunResult(status=ExecutionStatus.CANCELED, result={"error": canceled_text(run.halt)})
        return self.outcome(run)

    async def wait_for_started(self, number: int) -> None:
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(lambda: len(self.started) >= number), DEADLINE)


class Bench:
    """An engine's worker without the rest of the engine."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = StepClock()
        self.supervisor = Supervisor()
        self.metrics = Metrics()
        self.held = HeldRunner()
        self.actions: dict[str, Action] = {}
        self.settings = ExecutionSettings(workers=20, lease_seconds=1, kill_seconds=0.3)
        self.store = self.open_store()
        self.worker: Worker = self.make_worker()
        for name, runner in (("held", "held"), ("local", "local-shell-cmd"), ("noop", "noop")):
            self.add(name, runner)

    def open_store(self) -> SqliteStore:
        return SqliteStore(self.directory / "stormlet.db", self.clock, Storage(lock_seconds=0.2))

    def add(self, name: str, runner: str, **more: Any) -> Action:
        action = Action(id="a" * 24, pack="t", name=name, runner_type=runner, **more)
        self.actions[action.ref] = action
        return action

    def make_worker(self, **settings: Any) -> Worker:
        if settings:
            self.settings = ExecutionSettings(**{"workers": 20, "lease_seconds": 1, "kill_seconds": 0.3, **settings})
        self.worker = Worker(
            store=self.store,
            clock=self.clock,
            supervisor=self.supervisor,
            settings=self.settings,
            metrics=self.metrics,
            action_of=self.actions.get,
            config_of=lambda pack, user: {},
            issue_token=lambda user, ttl: "token",
            revoke_token=lambda text: None,
            api_url=lambda: "http://127.0.0.1:9",
            runners=(*RUNNERS, self.held),
            variables=dict(os.environ),
        )
        return self.worker

    async def request(self, action: str, parameters: dict[str, Any] | None = None, **more: Any) -> str:
        """Store an execution as the pipeline would, without waking the worker."""
        now = self.clock.now()
        known = self.actions.get(f"t.{action}")
        execution = Execution(
            id=new_id(now),
            action=f"t.{action}",
            runner_type=known.runner_type if known else "noop",
            status=more.pop("status", ExecutionStatus.REQUESTED),
            requested_at=now,
            parameters=parameters or {},
            context={"user": "ada"},
            **more,
        )
        await self.store.request_execution(execution)
        return execution.id

    async def run(self, action: str, parameters: dict[str, Any] | None = None, **more: Any) -> Execution:
        """Request an execution, wake the worker, and return it when it is completed."""
        execution_id = await self.request(action, parameters, **more)
        self.worker.wake()
        return await self.completed(execution_id)

    async def get(self, execution_id: str) -> Execution:
        found = await self.store.execution(execution_id)
        assert found is not None
        return found

    async def completed(self, execution_id: str) -> Execution:
        return await self.until(execution_id, lambda execution: execution.completed)

    async def poll(self, look: Callable[[], Awaitable[Any]]) -> Any:
        """Return what `look` finds as soon as it finds something true."""
        return await poll(look)

    async def until(self, execution_id: str, true: Callable[[Execution], bool]) -> Execution:
        async def is_true() -> Execution | None:
            found = await self.get(execution_id)
            return found if true(found) else None

        return await poll(is_true)

    async def crash(self) -> None:
        """End the worker as kill -9 would: nothing more is written by it. The next one is a fresh one."""
        await self.supervisor.close()
        self.worker = self.make_worker()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    await made.store.open()
    yield made
    await made.worker.stop(0.5)
    await made.supervisor.close()
    await made.store.close()
