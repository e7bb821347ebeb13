"""What happened, as messages: one maker for each type of the catalogue, from the model's own objects.

Makers are pure. They hold what the catalogue's schemas ask for and nothing that may be secret: no parameters, no results, no
payload; of an error the first lines, without credentials.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from stormlet.foundation.clock import to_iso
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.identifiers import derived_id, new_id
from stormlet.foundation.telemetry import mask_credentials
from stormlet.model.arrival import Rejection
from stormlet.model.enforcement import Enforcement
from stormlet.model.execution import Execution, ExecutionStatus
from stormlet.model.message import Message
from stormlet.model.publication import check_published
from stormlet.model.rule import Rule
from stormlet.model.trigger import TriggerInstance

CHAIN: Final = "chain"
"""Where the context of an execution keeps what led to it (loop_guard.py)."""
_LONGEST_ERROR: Final = 1000


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says beside its data: whose it is, and what led to it."""

    pack: str
    tags: tuple[str, ...] = ()
    caused_by: str = ""
    trace_tag: str = ""
    chain: tuple[str, ...] = ()


def labels(tags: tuple[dict[str, Any], ...]) -> tuple[str, ...]:
    """Return tags of rules and actions as texts: `name:value`, or `name` where there is no value."""
    found = []
    for tag in tags:
        name, value = tag.get("name"), tag.get("value")
        if name:
            found.append(f"{name}:{value}" if value not in (None, "") else str(name))
    return tuple(dict.fromkeys(found))


def chain_of(execution: Execution) -> tuple[str, ...]:
    """Return what led to an execution."""
    chain = execution.context.get(CHAIN)
    return tuple(link for link in chain if isinstance(link, str)) if isinstance(chain, list | tuple) else ()


def _message(
    kind: str, subject: str, time: datetime, around: Surroundings, data: dict[str, Any], identity: str = ""
) -> Message:
    return Message(
        id=identity or new_id(time),
        type=kind,
        time=time,
        subject=subject,
        pack=around.pack,
        tags=around.tags,
        caused_by=around.caused_by,
        trace_tag=around.trace_tag,
        chain=around.chain,
        data=data,
    )


def _instance_data(instance: TriggerInstance) -> dict[str, Any]:
    return {
        "id": instance.id,
        "trigger": instance.trigger,
        "trigger_type": instance.trigger_type,
        "occurrence_time": to_iso(instance.occurrence_time),
    }


def _rule_data(rule: str, rule_id: str, found: Rule | None) -> dict[str, Any]:
    return {"ref": rule, "id": rule_id, "tags": list(labels(found.tags)) if found else []}


def trigger_received(
    instance: TriggerInstance, around: Surroundings, webhook: str | None = None, source: str | None = None
) -> Message:
    """Return `trigger.received`."""
    data = {"trigger_instance": _instance_data(instance), "webhook": webhook, "source": source}
    subject = f"trigger_instance:{instance.id}"
    return _message("trigger.received", subject, instance.occurrence_time, around, data)


def rule_decided(
    enforcement: Enforcement, instance: TriggerInstance, rule: Rule | None, around: Surroundings
) -> Message:
    """Return `rule.matched`, or `rule.failed` where its action could not be requested."""
    data: dict[str, Any] = {
        "rule": _rule_data(enforcement.rule, enforcement.rule_id, rule),
        "trigger_instance": _instance_data(instance),
        "enforcement": enforcement.id,
    }
    kind = "rule.failed" if enforcement.failure_reason else "rule.matched"
    if enforcement.failure_reason:
        data["error"] = _error_text(enforcement.failure_reason)
    elif enforcement.execution_id:
        data["execution"] = enforcement.execution_id
    return _message(kind, f"trigger_instance:{instance.id}", enforcement.enforced_at, around, data)


def execution_changed(execution: Execution, time: datetime, around: Surroundings) -> Message:
    """Return `execution.<status>` for the status it has now."""
    started, ended = execution.started_at, execution.ended_at
    data: dict[str, Any] = {
        "execution": {
            "id": execution.id,
            "action": execution.action,
            "status": execution.status.value,
            "requested_at": to_iso(execution.requested_at),
            "user": str(execution.context.get("user") or ""),
            "runner": execution.runner_type,
            "rule": execution.rule,
            "trigger_instance": execution.trigger_instance_id,
            "parent": execution.parent,
            "started_at": to_iso(started) if started else None,
            "ended_at": to_iso(ended) if ended else None,
            "seconds": max((ended - started).total_seconds(), 0.0) if started and ended else None,
            "attempt": execution.attempt,
        }
    }
    status = execution.status
    if execution.completed and status not in (ExecutionStatus.SUCCEEDED, ExecutionStatus.CANCELED):
        data["error"] = error_of(execution.result) or f"it ended as {status.value}"
    return _message(f"execution.{status.value}", f"execution:{execution.id}", time, around, data)


def source_rejected(rejection: Rejection, pack: str) -> Message:
    """Return `source.rejected`. The request itself is not in it: it may hold a credential."""
    data = {
        "source": rejection.source,
        "reason": rejection.reason,
        "webhook": rejection.url,
        "rejection": rejection.id,
        "remote": rejection.remote,
    }
    around = Surroundings(pack=pack)
    return _message("source.rejected", f"source:{rejection.source}", rejection.received_at, around, data)


def source_verified(
    source: str, pack: str, webhook: str, now: datetime, *, secret: str = "", handshake: bool = False
) -> Message:
    """Return `source.verified`; within one second the same message, so that two first requests are told of once."""
    data: dict[str, Any] = {"source": source, "webhook": webhook, "handshake": handshake}
    if secret:
        data["secret"] = secret
    identity = new_id(now)[:8] + derived_id(f"source.verified {source}")[8:]
    return _message("source.verified", f"source:{source}", now, Surroundings(pack=pack), data, identity)


def endpoint_disabled(
    endpoint: str, pack: str, reason: str, now: datetime, failing_since: datetime | None, waiting: int
) -> Message:
    """Return `endpoint.disabled`."""
    data = {
        "endpoint": endpoint,
        "reason": reason,
        "failing_since": to_iso(failing_since) if failing_since else None,
        "waiting": waiting,
    }
    return _message("endpoint.disabled", f"endpoint:{endpoint}", now, Surroundings(pack=pack), data)


def endpoint_verification(endpoint: str, pack: str, why: str, now: datetime) -> Message:
    """Return the message that asks an endpoint whether it is there; its id is fresh each time."""
    data = {"endpoint": endpoint, "why": why}
    return _message("endpoint.verification", f"endpoint:{endpoint}", now, Surroundings(pack=pack), data)


def pack_registered(pack: str, version: str, previous: str | None, problems: int, now: datetime) -> Message:
    """Return `pack.registered`."""
    data = {"pack": pack, "version": version, "previous_version": previous, "problems": problems}
    return _message("pack.registered", f"pack:{pack}", now, Surroundings(pack=pack), data)


def published(execution: Execution, result: Any, time: datetime, around: Surroundings) -> Message | None:
    """Return the message of a user's own that `core.publish` asked for; None where its result asks for none."""
    if not isinstance(result, Mapping) or not isinstance(result.get("data"), dict):
        return None
    try:
        kind, pack, tags = check_published(result.get("type"), result["data"], result.get("scope"))
    except InvalidInputError:
        return None
    own = msgspec.structs.replace(around, pack=pack or around.pack, tags=tuple(dict.fromkeys((*around.tags, *tags))))
    return _message(kind, f"execution:{execution.id}", time, own, result["data"])


def error_of(result: Any) -> str:
    """Return what went wrong, from the result of any runner; empty where it does not say."""
    if not isinstance(result, Mapping):
        return ""
    if isinstance(error := result.get("error"), str) and error.strip():
        return _error_text(error)
    code = result.get("return_code", result.get("exit_code"))
    if isinstance(code, int) and code != 0:
        return f"exit code {code}"
    status = result.get("status_code")
    return f"answered {status}" if isinstance(status, int) else ""


def _error_text(text: str) -> str:
    return mask_credentials(text.strip()[:_LONGEST_ERROR])
