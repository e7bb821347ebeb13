"""The stores that the suite is run over, and makers of what is put into them."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stormlet.foundation.clock import SystemClock
from stormlet.foundation.identifiers import id_source
from stormlet.foundation.settings import Storage
from stormlet.model.delivery import Attempt, ClaimedDelivery, DeliveryStatus, Planned
from stormlet.model.enforcement import Enforcement, EnforcementStatus
from stormlet.model.event import Event, EventKind
from stormlet.model.execution import Claim, Execution, ExecutionStatus, Outcome
from stormlet.model.message import Message
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

    def planned(self, *endpoints: str, key: str | None = None, **fields: Any) -> Planned:
        """A message for these endpoints, or for `p.one`; with `key`, all of them keep an order by it."""
        message = Message(
            **{
                "id": self.identity(),
                "type": "execution.succeeded",
                "time": self.moment(),
                "subject": "execution:1",
                "pack": "examples",
                "tags": ("team:web",),
                "caused_by": "examples.deploy",
                "url": "https://stormlet.example/executions/1",
                "trace_tag": "trace",
                "chain": ("a", "b"),
                "data": {"n": 10**30, "text": "ü"},
                **fields,
            }
        )
        endpoints = endpoints or ("p.one",)
        keys = dict.fromkeys(endpoints, key) if key is not None else {}
        return Planned(message=message, endpoints=endpoints, order_keys=keys)

    def attempt(self, claim: ClaimedDelivery, **fields: Any) -> Attempt:
        return Attempt(**{"delivery_id": claim.delivery.id, "started_at": self.moment(), "seconds": 0.25, **fields})


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


class Sender:
    """Claims deliveries and concludes attempts."""

    def __init__(self, store: Store, new: Maker) -> None:
        self._store, self._new = store, new

    async def claim(
        self, *endpoints: str, limit: int = 100, room: int = 100, now: datetime | None = None
    ) -> list[ClaimedDelivery]:
        """Claim for these endpoints, or for `p.one`, with a lease of 30 seconds."""
        now = now or self._new.moment()
        rooms = dict.fromkeys(endpoints or ("p.one",), room)
        return await self._store.claim_deliveries("w", limit, now, now + timedelta(seconds=30), rooms)

    async def conclude(
        self, claim: ClaimedDelivery, status: DeliveryStatus = DeliveryStatus.DELIVERED, **fields: Any
    ) -> bool:
        """Conclude; what is not delivered was answered 500, and a retry is due at once."""
        next_at = self._new.moment() if status is DeliveryStatus.PLANNED else None
        error = "" if status is DeliveryStatus.DELIVERED else "it answered 500"
        made = self._new.attempt(claim, **{"error": error, **fields})
        return await self._store.conclude_attempt(claim.delivery.id, claim.token, made, status, next_at)


@pytest.fixture
def sender(store: Store, new: Maker) -> Sender:
    """Whoever sends."""
    return Sender(store, new)
