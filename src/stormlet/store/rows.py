"""Rows to model and back, the same for every dialect: a row is anything that gives a column's value by its name.

`*_row` makes the parameters of an INSERT from a model object; `read_*` makes a model object from a row. Column names are those of
the schema; where SQL has a word of its own (`trigger`, `user`), the column is named otherwise, and only here.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeVar

import msgspec

from stormlet.foundation.clock import from_microseconds, to_microseconds
from stormlet.foundation.errors import StoreError
from stormlet.model.datastore import KeyValuePair
from stormlet.model.enforcement import Enforcement, EnforcementStatus
from stormlet.model.event import Event, EventKind
from stormlet.model.execution import Claim, Execution, ExecutionStatus, LogEntry, OutputChunk, OutputKind
from stormlet.model.trigger import TriggerInstance, TriggerInstanceStatus
from stormlet.store.encoding import Codec, without_lone_surrogates
from stormlet.store.interface import ContentDocument, StoredInstance

Parameters = dict[str, Any]
Made = TypeVar("Made")
Asked = ParamSpec("Asked")


class Row(Protocol):
    """What a database gives back."""

    def __getitem__(self, column: str, /) -> Any: ...


class ExecutionRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """The part of an execution that never changes and may be long."""

    parameters: dict[str, Any] = {}
    secret_parameters: tuple[str, ...] = ()
    live_parameters: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    context: dict[str, Any] = {}
    action_snapshot: dict[str, Any] = {}


def damage_aware(read: Callable[Asked, Made]) -> Callable[Asked, Made]:
    """Let a reader raise StoreError where a column holds what no writer of ours has put there."""

    @wraps(read)
    def read_or_complain(*arguments: Asked.args, **named: Asked.kwargs) -> Made:
        try:
            return read(*arguments, **named)
        except (TypeError, ValueError, OverflowError) as error:
            raise StoreError(f"the database is damaged: {error}", hint="restore a backup of the database") from None

    return read_or_complain


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else to_microseconds(moment)


def _moment(value: int | None) -> datetime | None:
    return None if value is None else from_microseconds(value)


def event_row(event: Event, codec: Codec) -> Parameters:
    return {
        "id": event.id,
        "kind": event.kind.value,
        "url": event.url,
        "received_at": to_microseconds(event.received_at),
        "content_type": event.content_type,
        "query": event.query,
        "remote": event.remote,
        "posted_by": event.user,
        "headers": codec.pack(event.headers),
        "body": codec.pack_bytes(event.body),
    }


def instance_row(instance: TriggerInstance) -> Parameters:
    return {
        "id": instance.id,
        "trigger_ref": instance.trigger,
        "trigger_type": instance.trigger_type,
        "occurrence_time": to_microseconds(instance.occurrence_time),
        "status": instance.status.value,
        "trace_tag": instance.trace_tag,
        "failure_reason": without_lone_surrogates(instance.failure_reason),
        "event_id": instance.event_id,
    }


@damage_aware
def read_stored_instance(row: Row, codec: Codec) -> StoredInstance:
    """Read a row of trigger_instances, joined with its event or payload."""
    packed = row["payload"]
    instance = TriggerInstance(
        id=row["id"],
        trigger=row["trigger_ref"],
        trigger_type=row["trigger_type"],
        occurrence_time=from_microseconds(row["occurrence_time"]),
        payload=None if packed is None else codec.unpack(packed, object),
        status=TriggerInstanceStatus(row["status"]),
        trace_tag=row["trace_tag"],
        event_id=row["event_id"],
        failure_reason=row["failure_reason"],
    )
    return StoredInstance(instance=instance, event=None if instance.event_id is None else _read_event(row, codec))


def _read_event(row: Row, codec: Codec) -> Event:
    return Event(
        id=row["event_id"],
        kind=EventKind(row["kind"]),
        url=row["url"],
        received_at=from_microseconds(row["received_at"]),
        body=codec.unpack_bytes(row["body"]),
        content_type=row["content_type"],
        headers=codec.unpack(row["headers"], tuple[tuple[str, str], ...]),
        query=row["query"],
        remote=row["remote"],
        user=row["posted_by"],
    )


def enforcement_row(enforcement: Enforcement) -> Parameters:
    return {
        "id": enforcement.id,
        "rule": enforcement.rule,
        "rule_id": enforcement.rule_id,
        "trigger_instance_id": enforcement.trigger_instance_id,
        "enforced_at": to_microseconds(enforcement.enforced_at),
        "status": enforcement.status.value,
        "execution_id": enforcement.execution_id,
        "failure_reason": without_lone_surrogates(enforcement.failure_reason),
    }


@damage_aware
def read_enforcement(row: Row) -> Enforcement:
    return Enforcement(
        id=row["id"],
        rule=row["rule"],
        rule_id=row["rule_id"],
        trigger_instance_id=row["trigger_instance_id"],
        enforced_at=from_microseconds(row["enforced_at"]),
        status=EnforcementStatus(row["status"]),
        execution_id=row["execution_id"],
        failure_reason=row["failure_reason"],
    )


def execution_row(execution: Execution) -> Parameters:
    """Return the narrow row; `execution_request` and the result lie beside it."""
    ended_at = execution.ended_at
    if execution.completed and ended_at is None:
        ended_at = execution.requested_at
    log = execution.log or (LogEntry(timestamp=execution.requested_at, status=execution.status),)
    return {
        "id": execution.id,
        "action": execution.action,
        "runner_type": execution.runner_type,
        "status": execution.status.value,
        "requested_at": to_microseconds(execution.requested_at),
        "requested_by": str(execution.context.get("user") or ""),
        "rule": execution.rule,
        "trigger_instance_id": execution.trigger_instance_id,
        "enforcement_id": execution.enforcement_id,
        "parent": execution.parent,
        "delay_until": _microseconds(execution.delay_until),
        "started_at": _microseconds(execution.started_at),
        "ended_at": _microseconds(ended_at),
        "idempotent": execution.idempotent,
        "cancel_requested": execution.cancel_requested,
        "trace_tag": execution.trace_tag,
        "attempt": execution.attempt,
        "log": "".join(f"{to_microseconds(entry.timestamp)} {entry.status.value}\n" for entry in log),
    }


def request_label(execution_id: str) -> str:
    """Return what a sealed request is bound to."""
    return f"execution:{execution_id}"


def execution_request(execution: Execution) -> ExecutionRequest:
    return ExecutionRequest(
        parameters=execution.parameters,
        secret_parameters=execution.secret_parameters,
        live_parameters=execution.live_parameters,
        secrets=execution.secrets,
        context=execution.context,
        action_snapshot=execution.action_snapshot,
    )


@damage_aware
def read_execution(row: Row, codec: Codec, *, keyless: bool = False) -> Execution:
    """Read a row of executions, joined with its request and result; with `keyless`, also where the key of a sealed request is
    lost: without it then, to be looked at and not to be run."""
    stored = row["request"]
    if stored is None or (keyless and not codec.can_open(stored, request_label(row["id"]))):
        request = ExecutionRequest()
    else:
        request = codec.unseal(stored, request_label(row["id"]), ExecutionRequest)
    return Execution(
        id=row["id"],
        action=row["action"],
        runner_type=row["runner_type"],
        status=ExecutionStatus(row["status"]),
        requested_at=from_microseconds(row["requested_at"]),
        parameters=request.parameters,
        secret_parameters=request.secret_parameters,
        live_parameters=request.live_parameters,
        secrets=request.secrets,
        context=request.context,
        action_snapshot=request.action_snapshot,
        rule=row["rule"],
        trigger_instance_id=row["trigger_instance_id"],
        enforcement_id=row["enforcement_id"],
        parent=row["parent"],
        delay_until=_moment(row["delay_until"]),
        started_at=_moment(row["started_at"]),
        ended_at=_moment(row["ended_at"]),
        result=None if row["result"] is None else codec.unpack(row["result"], object),
        log=tuple(_read_log(row["log"])),
        idempotent=bool(row["idempotent"]),
        attempt=row["attempt"],
        cancel_requested=bool(row["cancel_requested"]),
        trace_tag=row["trace_tag"],
    )


def _read_log(text: str) -> Iterable[LogEntry]:
    for line in text.splitlines():
        moment, _, status = line.partition(" ")
        yield LogEntry(timestamp=from_microseconds(int(moment)), status=ExecutionStatus(status))


@damage_aware
def read_claim(row: Row, codec: Codec) -> Claim:
    return Claim(
        execution=read_execution(row, codec),
        token=row["token"],
        lease_until=from_microseconds(row["lease_until"]),
    )


def output_row(chunk: OutputChunk) -> Parameters:
    return {
        "execution_id": chunk.execution_id,
        "sequence": chunk.sequence,
        "kind": chunk.kind.value,
        "printed_at": to_microseconds(chunk.timestamp),
        "data": without_lone_surrogates(chunk.data),
    }


@damage_aware
def read_output(row: Row) -> OutputChunk:
    return OutputChunk(
        execution_id=row["execution_id"],
        sequence=row["sequence"],
        kind=OutputKind(row["kind"]),
        timestamp=from_microseconds(row["printed_at"]),
        data=row["data"],
    )


def document_row(document: ContentDocument, codec: Codec) -> Parameters:
    return {
        "kind": document.kind,
        "ref": document.ref,
        "id": document.id,
        "updated_at": to_microseconds(document.updated_at),
        "document": codec.pack(document.document),
    }


@damage_aware
def read_document(row: Row, codec: Codec) -> ContentDocument:
    return ContentDocument(
        kind=row["kind"],
        ref=row["ref"],
        id=row["id"],
        document=codec.unpack(row["document"], dict[str, Any]),
        updated_at=from_microseconds(row["updated_at"]),
    )


def key_value_row(item: KeyValuePair) -> Parameters:
    return {
        "scope": item.scope,
        "username": item.user,
        "name": item.name,
        "id": item.id,
        "value": item.value,
        "secret": item.secret,
        "description": item.description,
        "expires_at": _microseconds(item.expires_at),
    }


@damage_aware
def read_key_value(row: Row) -> KeyValuePair:
    return KeyValuePair(
        id=row["id"],
        scope=row["scope"],
        name=row["name"],
        value=row["value"],
        user=row["username"],
        secret=bool(row["secret"]),
        description=row["description"],
        expires_at=_moment(row["expires_at"]),
    )
