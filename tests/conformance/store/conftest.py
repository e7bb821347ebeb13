"""The stores that the suite is run over, and makers of what is put into them."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stormlet.foundation.clock import SystemClock
from stormlet.foundation.identifiers import id_source
from stormlet.foundation.settings import Storage
from stormlet.model.enforcement import Enforcement, EnforcementStatus
from stormlet.model.event import Event, EventKind
from stormlet.model.execution import Claim, Execution, ExecutionStatus, Outcome
from stormlet.model.trigger import TriggerInstance, TriggerInstanceStatus
from stormlet.store.interface import Decision, Store
from stormlet.store.sqlite.backend import SqliteStore

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
BACKENDS = ["sqlite"]


@pytest.fixture(params=BACKENDS)
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """A maker of stores over one and the same database; only one may be open at a time."""
    assert request.param == "sqlite"
    return lambda: SqliteStore(tmp_path / "stormlet.db", SystemClock(), Storage(reserve_bytes=0))


@pytest.fixture
async def store(make_store: Callable[[], Store]) -> AsyncIterator[Store]:
    """An empty, open store."""
    made = make_store()
    await made.open()
    yield made
    await made.close()


class Maker:
    """Makes model objects, each a second later than the one before."""

    def __init__(self) -> None:
        self._new_id = id_source()
        self._made = 0

    def moment(self) -> datetime:
        self._made += 1
        return START + timedelta(seconds=self._made)

    def identity(self) -> str:
        return self._new_id(START)

    def event(self, **fields: Any) -> Event:
        return Event(
            **{
                "id": self.identity(),
                "kind": EventKind.CUSTOM,
                "url": "github/push",
                "received_at": self.moment(),
                "body": b'{"ref": "refs/heads/main"}',
                "content_type": "application/json",
                "headers": (("X-GitHub-Event", "push"), ("x-github-event", "again")),
                "query": "a=1&b=%20",
                "remote": "192.0.2.7",
                "user": "st2admin",
                **fields,
            }
        )

    def instance(self, **fields: Any) -> TriggerInstance:
        return TriggerInstance(
            **{
                "id": self.identity(),
                "trigger": "core.hook",
                "trigger_type": "core.st2.webhook",
                "occurrence_time": self.moment(),
                "trace_tag": "trace",
                **fields,
            }
        )

    def execution(self, **fields: Any) -> Execution:
        return Execution(
            **{
                "id": self.identity(),
                "action": "core.local",
                "runner_type": "local-shell-cmd",
                "status": ExecutionStatus.REQUESTED,
                "requested_at": self.moment(),
                "parameters": {"cmd": "date"},
                "context": {"user": "stanley"},
                **fields,
            }
        )

    def enforcement(self, instance: TriggerInstance, **fields: Any) -> Enforcement:
        return Enforcement(
            **{
                "id": self.identity(),
                "rule": "examples.deploy",
                "rule_id": "a" * 24,
                "trigger_instance_id": instance.id,
                "enforced_at": self.moment(),
                "status": EnforcementStatus.SUCCEEDED,
                **fields,
            }
        )

    def decision(self, instance: TriggerInstance, **fields: Any) -> Decision:
        return Decision(**{"trigger_instance_id": instance.id, "status": TriggerInstanceStatus.PROCESSED, **fields})

    def outcome(self, claim: Claim, status: ExecutionStatus = ExecutionStatus.SUCCEEDED, **fields: Any) -> Outcome:
        return Outcome(
            **{
                "execution_id": claim.execution.id,
                "token": claim.token,
                "status": status,
                "result": {"stdout": "ok"},
                "ended_at": self.moment(),
                **fields,
            }
        )


@pytest.fixture
def new() -> Maker:
    """A maker of what a store keeps."""
    return Maker()


@pytest.fixture
def claim(store: Store, new: Maker) -> Callable[..., Any]:
    """Claim executions with a lease of 30 seconds."""

    async def claim(worker: str = "w1", limit: int = 100, now: datetime | None = None) -> list[Claim]:
        now = now or new.moment()
        return await store.claim_executions(worker, limit, now, now + timedelta(seconds=30))

    return claim
