"""Trigger instances, verdicts, enforcements and executions in StackStorm's JSON."""

from collections.abc import Collection, Mapping
from typing import Any

from stormlet.foundation.clock import to_iso
from stormlet.foundation.secrets import MASK
from stormlet.model.action import RunnerType
from stormlet.model.enforcement import Enforcement
from stormlet.model.execution import Execution
from stormlet.model.secret_texts import mask_texts, secret_values
from stormlet.model.trigger import TriggerInstance
from stormlet.model.verdict import Finding, Verdict
from stormlet.st2compat.api_names.content import runner_type_json


def trigger_instance_json(instance: TriggerInstance, payload: Any) -> dict[str, Any]:
    """Return a trigger instance; `payload` is what rules see. The last three are ours."""
    shown: dict[str, Any] = {
        "id": instance.id,
        "occurrence_time": to_iso(instance.occurrence_time),
        "payload": payload,
        "trigger": instance.trigger,
        "status": instance.status.value,
        "trigger_type": instance.trigger_type,
    }
    more = {"trace_tag": instance.trace_tag, "failure_reason": instance.failure_reason, "event_id": instance.event_id}
    return shown | {name: value for name, value in more.items() if value}


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Return why one rule did or did not match."""
    return {
        "rule": verdict.rule,
        "rule_id": verdict.rule_id,
        "matched": verdict.matched,
        "reason": verdict.reason,
        "error": verdict.error,
        "criteria": [finding_json(finding) for finding in verdict.findings],
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return what came of one criterion."""
    return {
        "path": finding.path,
        "operator": finding.operator,
        "wanted": finding.wanted,
        "got": finding.got,
        "matched": finding.matched,
        "error": finding.error,
        "children": [finding_json(child) for child in finding.children],
    }


def enforcement_json(enforcement: Enforcement) -> dict[str, Any]:
    """Return an enforcement."""
    pack, _, name = enforcement.rule.partition(".")
    shown: dict[str, Any] = {
        "id": enforcement.id,
        "rule": {"ref": enforcement.rule, "id": enforcement.rule_id, "uid": f"rule:{pack}:{name}"},
        "trigger_instance_id": enforcement.trigger_instance_id,
        "enforced_at": to_iso(enforcement.enforced_at),
        "status": enforcement.status.value,
    }
    more = {"execution_id": enforcement.execution_id, "failure_reason": enforcement.failure_reason}
    return shown | {name: value for name, value in more.items() if value}


def execution_json(
    execution: Execution, runner: RunnerType | None, *, result_bytes: int, show_secrets: bool = False
) -> dict[str, Any]:
    """Return an execution.

    Args:
        execution: the execution.
        runner: its runner type; None where it is not known any more.
        result_bytes: size of its result as JSON; 0 where there is none.
        show_secrets: show secret parameters in clear; what was recorded is masked all the same.
    """
    secrets = () if show_secrets else secret_values(execution)
    hidden = () if show_secrets else execution.secret_parameters
    action = execution.action_snapshot or {"ref": execution.action, "runner_type": execution.runner_type}
    shown: dict[str, Any] = {
        "id": execution.id,
        "status": execution.status.value,
        "start_timestamp": to_iso(execution.requested_at),
        "parameters": {
            name: MASK if name in hidden else mask_texts(execution.parameters[name], secrets)
            for name in execution.live_parameters
            if name in execution.parameters
        },
        "context": execution.context,
        "action": action,
        "runner": runner_type_json(runner) if runner else {"name": execution.runner_type},
        "liveaction": {
            "id": execution.id,
            "action": execution.action,
            "action_is_workflow": False,
            "callback": {},
            "runner_info": {},
        },
        "log": [{"timestamp": to_iso(entry.timestamp), "status": entry.status.value} for entry in execution.log],
    }
    return shown | _ended(execution, secrets, result_bytes) | _causes(execution)


def _ended(execution: Execution, secrets: Collection[str], result_bytes: int) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if execution.ended_at is not None:
        shown["end_timestamp"] = to_iso(execution.ended_at)
        shown["elapsed_seconds"] = (execution.ended_at - execution.requested_at).total_seconds()
    if execution.result is not None:
        shown["result"] = mask_texts(execution.result, secrets)
        shown["result_size"] = result_bytes
    if execution.delay_until is not None:
        shown["delay"] = round((execution.delay_until - execution.requested_at).total_seconds() * 1000)
    return shown


def _causes(execution: Execution) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if execution.rule:
        pack, _, name = execution.rule.partition(".")
        known = execution.context.get("rule")
        identity = known.get("id", "") if isinstance(known, Mapping) else ""
        shown["rule"] = {"ref": execution.rule, "id": identity, "pack": pack, "name": name}
    if execution.trigger_instance_id:
        shown["trigger_instance"] = {"id": execution.trigger_instance_id}
    if execution.parent:
        shown["parent"] = execution.parent
    return shown
