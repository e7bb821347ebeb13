"""Executions: one run of one action, and the one table that says how its status may change."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class ExecutionStatus(StrEnum):
    """st2's statuses (st2common/constants/action.py)."""

    REQUESTED = "requested"
    SCHEDULED = "scheduled"
    DELAYED = "delayed"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMEOUT = "timeout"
    ABANDONED = "abandoned"
    CANCELING = "canceling"
    CANCELED = "canceled"
    PENDING = "pending"
    PAUSING = "pausing"
    PAUSED = "paused"
    RESUMING = "resuming"


_S = ExecutionStatus

COMPLETED: frozenset[ExecutionStatus] = frozenset({_S.SUCCEEDED, _S.FAILED, _S.TIMEOUT, _S.CANCELED, _S.ABANDONED})
CANCELABLE: frozenset[ExecutionStatus] = frozenset(
    {_S.REQUESTED, _S.SCHEDULED, _S.DELAYED, _S.RUNNING, _S.PENDING, _S.PAUSING, _S.PAUSED, _S.RESUMING}
)

TRANSITIONS: Mapping[ExecutionStatus, frozenset[ExecutionStatus]] = {
    _S.REQUESTED: frozenset({_S.SCHEDULED, _S.DELAYED, _S.RUNNING, _S.CANCELED, _S.FAILED, _S.ABANDONED}),
    _S.DELAYED: frozenset({_S.REQUESTED, _S.SCHEDULED, _S.RUNNING, _S.CANCELED, _S.FAILED}),
    _S.SCHEDULED: frozenset({_S.RUNNING, _S.REQUESTED, _S.CANCELED, _S.FAILED, _S.ABANDONED}),
    # RUNNING → REQUESTED is a rescue: the worker is gone, and the action may be run again.
    _S.RUNNING: frozenset(
        {
            _S.SUCCEEDED,
            _S.FAILED,
            _S.TIMEOUT,
            _S.ABANDONED,
            _S.CANCELING,
            _S.CANCELED,
            _S.PENDING,
            _S.PAUSING,
            _S.PAUSED,
            _S.REQUESTED,
        }
    ),
    _S.CANCELING: frozenset({_S.CANCELED, _S.ABANDONED, _S.SUCCEEDED, _S.FAILED, _S.TIMEOUT}),
    _S.PENDING: frozenset({_S.RUNNING, _S.SUCCEEDED, _S.FAILED, _S.TIMEOUT, _S.CANCELING, _S.CANCELED, _S.RESUMING}),
    _S.PAUSING: frozenset(
        {_S.PAUSED, _S.RUNNING, _S.SUCCEEDED, _S.FAILED, _S.TIMEOUT, _S.CANCELING, _S.CANCELED, _S.ABANDONED}
    ),
    _S.PAUSED: frozenset({_S.RESUMING, _S.CANCELING, _S.CANCELED, _S.TIMEOUT}),
    _S.RESUMING: frozenset(
        {_S.RUNNING, _S.PAUSING, _S.PAUSED, _S.FAILED, _S.TIMEOUT, _S.CANCELING, _S.CANCELED, _S.ABANDONED}
    ),
    _S.SUCCEEDED: frozenset(),
    _S.FAILED: frozenset(),
    _S.TIMEOUT: frozenset(),
    _S.CANCELED: frozenset(),
    _S.ABANDONED: frozenset(),
}


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """When a status was reached."""

    timestamp: datetime
    status: ExecutionStatus


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one action.

    `parameters` are final: rendered, cast, with defaults. `secret_parameters` names those to mask when shown.
    `context` is st2's: user, pack, trace_context, rule, trigger_instance, parent.
    """

    id: str
    action: str
    runner_type: str
    status: ExecutionStatus
    requested_at: datetime
    parameters: dict[str, Any] = {}
    secret_parameters: tuple[str, ...] = ()
    live_parameters: tuple[str, ...] = ()
    """Which parameters StackStorm shows, and repeats when the action is run again: those that were given, and those whose
    default is a template. The others have the default of the action or its runner."""
    secrets: tuple[str, ...] = ()
    """Secret texts besides the values of `secret_parameters`: what `decrypt_kv` and the pack's config opened."""
    context: dict[str, Any] = {}
    action_snapshot: dict[str, Any] = {}
    """The action's metadata (in st2's shape) as it was when the execution was requested."""
    rule: str | None = None
    trigger_instance_id: str | None = None
    enforcement_id: str | None = None
    parent: str | None = None
    delay_until: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    result: Any = None
    log: tuple[LogEntry, ...] = ()
    idempotent: bool = False
    attempt: int = 0
    """How often it was started; above 1 only after an interruption."""
    cancel_requested: bool = False
    trace_tag: str = ""

    @property
    def completed(self) -> bool:
        return self.status in COMPLETED


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An execution that one worker may run until `lease_until`. Only the holder of the newest `token` may conclude it."""

    execution: Execution
    token: int
    lease_until: datetime


class OutputKind(StrEnum):
    """Which stream of a child a chunk of output came from."""

    STDOUT = "stdout"
    STDERR = "stderr"


class OutputChunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of what an action printed. `sequence` counts from 0 within its execution."""

    execution_id: str
    sequence: int
    kind: OutputKind
    timestamp: datetime
    data: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How an execution ended; recorded exactly once."""

    execution_id: str
    token: int
    status: ExecutionStatus
    result: Any
    ended_at: datetime
