"""What the engine asks of a database.

Every method that writes is one transaction, and when it returns, what it wrote survives a power cut. A backend may put
several callers' transactions into one commit (group commit), as long as one caller's failure never undoes another's work.

The three durable steps are `record`, `conclude_decision` and `conclude_execution`; each is idempotent, so that whoever was
interrupted may simply do it again.

Errors, the same for every backend:
    OverloadedError: the disk is full (`disk_full`), or the writer's queue is.
    StoreError: the database cannot be used at the moment (locked by somebody else, damaged, read-only, gone).
    ConflictError: a name or id exists already.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from stormlet.model.arrival import Arrival, Recorded, Rejection
from stormlet.model.credential import ApiKey, Token, User
from stormlet.model.datastore import KeyValuePair
from stormlet.model.delivery import Planned
from stormlet.model.enforcement import Enforcement, EnforcementStatus
from stormlet.model.event import Event
from stormlet.model.execution import Claim, Execution, ExecutionStatus, Outcome, OutputChunk, OutputKind
from stormlet.model.trigger import TriggerInstance, TriggerInstanceStatus
from stormlet.store.delivery_interface import DeliveryStore
from stormlet.store.page import Page as Page  # noqa: PLC0414 - handed on: a part of this interface


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """All that came of asking the rules about one trigger instance; written whole or not at all.

    `status` is processed or processing_failed.
    """

    trigger_instance_id: str
    status: TriggerInstanceStatus
    enforcements: tuple[Enforcement, ...] = ()
    executions: tuple[Execution, ...] = ()
    failure_reason: str = ""
    planned: tuple[Planned, ...] = ()


class StoredInstance(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger instance as stored. Where it came over HTTP, `event` is the request and `instance.payload` is None:
    flow/triggering.py derives the payload."""

    instance: TriggerInstance
    event: Event | None = None


class InstanceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which trigger instances are wanted; None means any. Bounds on time are exclusive, as st2's."""

    trigger: str | None = None
    trigger_type: str | None = None
    status: TriggerInstanceStatus | None = None
    after: datetime | None = None
    before: datetime | None = None


class EnforcementFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which enforcements are wanted; None means any."""

    rule: str | None = None
    rule_id: str | None = None
    trigger_instance_id: str | None = None
    execution_id: str | None = None
    status: EnforcementStatus | None = None
    after: datetime | None = None
    before: datetime | None = None


class ExecutionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which executions are wanted; None means any. `parent` "null" means those without a parent."""

    action: str | None = None
    status: ExecutionStatus | None = None
    rule: str | None = None
    runner_type: str | None = None
    trigger_instance_id: str | None = None
    user: str | None = None
    parent: str | None = None
    ids: tuple[str, ...] | None = None
    after: datetime | None = None
    before: datetime | None = None


class ContentDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A rule, action, trigger type or trigger that was made through the API, in st2's shape.

    `kind` is `rule`, `action`, `triggertype` or `trigger`; (`kind`, `ref`) is unique.
    """

    kind: str
    ref: str
    id: str
    document: dict[str, Any]
    updated_at: datetime


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What is waiting, for /metrics, /readyz and `stormlet doctor`."""

    pending_instances: int
    oldest_pending: datetime | None
    waiting_executions: int
    running_executions: int
    oldest_waiting: datetime | None
    size_bytes: int


class Store(DeliveryStore, Protocol):
    """The durable memory of one engine. Its methods about messages on their way out are in store/delivery_interface.py."""

    async def open(self) -> None:
        """Open the database, create or migrate its schema.

        Raises:
            StoreError: it cannot be opened, is damaged, or was written by a newer stormlet.
        """
        ...

    async def close(self) -> None:
        """Finish what is queued and close. May be called twice."""
        ...

    async def check(self) -> None:
        """Prove that a write reaches the disk (/readyz). Raises StoreError or OverloadedError where it does not."""
        ...

    async def totals(self) -> Totals:
        """Count what is waiting."""
        ...

    # 1 · accept

    async def record(
        self, instances: Sequence[TriggerInstance], event: Event | None = None, planned: Sequence[Planned] = ()
    ) -> None:
        """Store trigger instances, and the request they came from, in one transaction. On disk when this returns."""
        ...

    async def admit(self, arrivals: Sequence[Arrival]) -> list[Recorded]:
        """Store the events of one guarded request, all in one transaction, and settle what they claim.

        Of two arrivals with one delivery id, whichever comes first is stored, and the other answers whose duplicate it is.
        Nothing is planned for a duplicate, nor for what is stale.
        """
        ...

    # 2 · decide

    async def pending_instances(self, limit: int) -> list[StoredInstance]:
        """Return the oldest instances nobody has decided yet."""
        ...

    async def conclude_decision(self, decision: Decision) -> bool:
        """Write a decision whole. False, and nothing is written, where the instance was decided already."""
        ...

    # 3 · carry out

    async def request_execution(self, execution: Execution, planned: Sequence[Planned] = ()) -> None:
        """Store an execution that a person or a program asked for."""
        ...

    async def claim_executions(self, worker: str, limit: int, now: datetime, lease_until: datetime) -> list[Claim]:
        """Take the oldest requested (or due delayed) executions: status running, `attempt` and fencing token + 1."""
        ...

    async def extend_leases(self, worker: str, claims: Sequence[tuple[str, int]], lease_until: datetime) -> list[str]:
        """Prolong leases, given as (execution id, token). Returns the ids whose lease is lost."""
        ...

    async def append_output(self, chunks: Sequence[OutputChunk]) -> None:
        """Keep pieces of output of running executions."""
        ...

    async def conclude_execution(
        self, outcome: Outcome, instances: Sequence[TriggerInstance] = (), planned: Sequence[Planned] = ()
    ) -> bool:
        """Record how an execution ended, with the trigger instances and messages that follow from it, in one transaction.

        False, and nothing is written, where `outcome.token` is not the newest or the execution is completed.
        """
        ...

    async def expired_executions(self, now: datetime, limit: int) -> list[Claim]:
        """Return running or canceling executions whose lease has ended: their worker is gone."""
        ...

    async def requeue_execution(self, execution_id: str, token: int, now: datetime) -> bool:
        """Give an interrupted execution back (running → requested). False where `token` is not the newest."""
        ...

    async def request_cancel(
        self, execution_id: str, now: datetime, planned: Sequence[Planned] = ()
    ) -> Execution | None:
        """Cancel: one that waits becomes canceled, one that runs becomes canceling. None where it does not exist; one that
        is completed is returned unchanged. `planned` is written only where it waited, and so is canceled by this call."""
        ...

    async def release_leases(self, worker: str, now: datetime) -> int:
        """Let every lease of this worker end now, so that rescue need not wait. Returns how many."""
        ...

    # What happened

    async def trigger_instance(self, instance_id: str) -> StoredInstance | None: ...

    async def list_trigger_instances(self, wanted: InstanceFilter, page: Page) -> tuple[list[StoredInstance], int]:
        """Return one page, newest occurrence first unless asked otherwise, and how many there are in all."""
        ...

    async def enforcement(self, enforcement_id: str) -> Enforcement | None: ...

    async def list_enforcements(self, wanted: EnforcementFilter, page: Page) -> tuple[list[Enforcement], int]: ...

    async def execution(self, execution_id: str) -> Execution | None: ...

    async def last_execution(self) -> Execution | None:
        """Return the one requested last."""
        ...

    async def list_executions(self, wanted: ExecutionFilter, page: Page) -> tuple[list[Execution], int]: ...

    async def output(self, execution_id: str, kind: OutputKind | None = None) -> list[OutputChunk]:
        """Return output in the order it was printed."""
        ...

    async def purge(self, before: datetime, limit: int) -> int:
        """Delete up to `limit` concluded trigger instances (with their events, enforcements) and completed executions (with
        their output) that ended before that moment. Returns how many rows went; 0 means done. What waits never goes."""
        ...

    # Content made through the API

    async def content_documents(self) -> list[ContentDocument]: ...

    async def put_content(self, document: ContentDocument, *, create: bool) -> None:
        """Create or replace. Raises ConflictError where `create` and (kind, ref) exists."""
        ...

    async def delete_content(self, kind: str, ref: str) -> bool: ...

    async def enabled_overrides(self) -> dict[tuple[str, str], bool]:
        """Return what operators switched on or off in content that comes from files, by (kind, ref)."""
        ...

    async def set_enabled_override(self, kind: str, ref: str, enabled: bool | None) -> None:
        """Remember (or with None, forget) an operator's switch."""
        ...

    # Credentials

    async def api_keys(self) -> list[ApiKey]: ...

    async def put_api_key(self, key: ApiKey, *, create: bool) -> None:
        """Create or replace by id. Raises ConflictError where `create` and the id or hash exists."""
        ...

    async def delete_api_key(self, key_id: str) -> bool: ...

    async def put_token(self, token: Token) -> None: ...

    async def token(self, token_hash: str) -> Token | None: ...

    async def delete_token(self, token_hash: str) -> bool: ...

    async def purge_tokens(self, now: datetime) -> int:
        """Delete tokens that have expired. Returns how many."""
        ...

    async def user(self, name: str) -> User | None: ...

    async def put_user(self, user: User) -> None:
        """Create or replace by name."""
        ...

    # What sources remember

    async def purge_deliveries(self, now: datetime, limit: int) -> int:
        """Forget up to `limit` delivery ids whose horizon is over. Returns how many."""
        ...

    async def put_rejection(self, rejection: Rejection, keep: int, planned: Sequence[Planned] = ()) -> None:
        """Keep a refused request, and of its source only the newest `keep`."""
        ...

    async def rejections(self, source: str, limit: int) -> list[Rejection]:
        """Return a source's refused requests, newest first."""
        ...

    async def rejection(self, rejection_id: str) -> Rejection | None: ...

    async def delete_rejection(self, rejection_id: str) -> bool: ...

    async def secret_uses(self, source: str) -> dict[str, datetime]:
        """Return when each of a source's secrets verified a request last, by the secret's name."""
        ...

    # Datastore

    async def key_values(self) -> list[KeyValuePair]:
        """Return every item of every scope and user, also expired ones."""
        ...

    async def put_key_value(self, item: KeyValuePair) -> None:
        """Create or replace by (scope, user, name)."""
        ...

    async def delete_key_value(self, scope: str, user: str, name: str) -> bool: ...
