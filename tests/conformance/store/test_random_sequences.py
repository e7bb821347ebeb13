"""Whatever is done in whatever order, executions follow the one table of transitions, and outcomes are recorded once."""

import asyncio
import itertools
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormlet.foundation.clock import SystemClock
from stormlet.foundation.settings import Storage
from stormlet.model.execution import COMPLETED, TRANSITIONS, Execution, ExecutionStatus, Outcome
from stormlet.store.interface import ExecutionFilter, Page, Store
from stormlet.store.sqlite.backend import SqliteStore

S = ExecutionStatus
START = datetime(2026, 1, 1, tzinfo=UTC)
MAKERS: dict[str, Callable[[Path], Store]] = {
    "sqlite": lambda home: SqliteStore(home / "s.db", SystemClock(), Storage(reserve_bytes=0))
}
WHO = st.integers(0, 3)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("request"), st.integers(0, 60)),
        st.tuples(st.just("claim"), st.integers(1, 3)),
        st.tuples(st.just("conclude"), WHO, st.integers(-2, 0), st.sampled_from(sorted(COMPLETED))),
        st.tuples(st.just("requeue"), WHO, st.integers(-2, 0)),
        st.tuples(st.just("cancel"), WHO),
        st.tuples(st.just("extend"), WHO, st.integers(-2, 0)),
        st.tuples(st.just("release")),
        st.tuples(st.just("wait"), st.integers(1, 40)),
        st.tuples(st.just("rescue")),
    ),
    max_size=40,
)


class Scenario:
    """Runs operations, and remembers what a store that is right must answer."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = START
        self.ids: list[str] = []
        self.tokens: dict[str, int] = {}
        self.held: dict[str, int] = {}
        self.concluded: dict[str, ExecutionStatus] = {}
        self.tick = itertools.count(1)

    def _who(self, n: int) -> str | None:
        return self.ids[n % len(self.ids)] if self.ids else None

    async def request(self, delay: int) -> None:
        identity = f"{next(self.tick):024x}"
        delayed = delay > 30
        await self.store.request_execution(
            Execution(
                id=identity,
                action="core.noop",
                runner_type="noop",
                status=S.DELAYED if delayed else S.REQUESTED,
                requested_at=self.now,
                delay_until=self.now + timedelta(seconds=delay) if delayed else None,
            )
        )
        self.ids.append(identity)
        self.tokens[identity] = 0

    async def claim(self, limit: int) -> None:
        for claim in await self.store.claim_executions("w", limit, self.now, self.now + timedelta(seconds=20)):
            identity = claim.execution.id
            assert identity not in self.held
            assert identity not in self.concluded
            assert claim.token > self.tokens[identity]
            self.tokens[identity] = self.held[identity] = claim.token

    async def conclude(self, n: int, age: int, status: ExecutionStatus) -> None:
        if (identity := self._who(n)) is None:
            return
        token = self.tokens[identity] + age
        outcome = Outcome(execution_id=identity, token=token, status=status, result=status, ended_at=self.now)
        right = self.held.get(identity) == token
        assert await self.store.conclude_execution(outcome) == right
        if right:
            del self.held[identity]
            self.concluded[identity] = status

    async def requeue(self, n: int, age: int) -> None:
        if (identity := self._who(n)) is None:
            return
        before = await self.store.execution(identity)
        assert before is not None
        token = self.tokens[identity] + age
        right = before.status is S.RUNNING and age == 0
        assert await self.store.requeue_execution(identity, token, self.now) == right
        if right:
            del self.held[identity]

    async def cancel(self, n: int) -> None:
        if (identity := self._who(n)) is None:
            return
        after = await self.store.request_cancel(identity, self.now)
        assert after is not None
        if identity in self.held:
            assert after.status is S.CANCELING
        else:
            assert after.completed
            self.concluded.setdefault(identity, S.CANCELED)

    async def extend(self, n: int, age: int) -> None:
        if (identity := self._who(n)) is None:
            return
        token = self.tokens[identity] + age
        lost = await self.store.extend_leases("w", [(identity, token)], self.now + timedelta(seconds=20))
        assert (lost == []) == (self.held.get(identity) == token)

    async def release(self) -> None:
        await self.store.release_leases("w", self.now)
        expired = await self.store.expired_executions(self.now, 100)
        assert {claim.execution.id: claim.token for claim in expired} == self.held

    async def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    async def rescue(self) -> None:
        for claim in await self.store.expired_executions(self.now, 100):
            assert self.held[claim.execution.id] == claim.token
            if claim.execution.status is S.RUNNING:
                await self.requeue(self.ids.index(claim.execution.id), 0)

    async def check(self) -> None:
        found, total = await self.store.list_executions(ExecutionFilter(), Page(limit=None))
        assert total == len(self.ids)
        for execution in found:
            path = [entry.status for entry in execution.log]
            assert path[-1] is execution.status
            for before, after in itertools.pairwise(path):
                assert after in TRANSITIONS[before], path
            assert sum(status in COMPLETED for status in path) == execution.completed
            assert self.concluded.get(execution.id) is (execution.status if execution.completed else None)
            if execution.completed and path[-2] in (S.RUNNING, S.CANCELING):
                assert execution.result == execution.status


@pytest.mark.parametrize("backend", sorted(MAKERS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=OPERATIONS)
def test_random_operations_respect_the_transitions(backend: str, operations: list[tuple[Any, ...]]) -> None:
    """A model of 100 lines and the store give the same answers."""

    async def run() -> None:
        with tempfile.TemporaryDirectory() as home:
            store = MAKERS[backend](Path(home))
            await store.open()
            try:
                scenario = Scenario(store)
                for name, *arguments in operations:
                    await getattr(scenario, name)(*arguments)
                await scenario.check()
            finally:
                await store.close()

    asyncio.run(run())
