"""/executions, written: run, run again, cancel."""

from typing import Any

import msgspec

from stormlet.api.call import Call, Reply, json_reply
from stormlet.api.documents import read_document
from stormlet.api.handlers.executions import find_execution, shown_execution
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.schema_validation import compile_schema
from stormlet.model.execution import CANCELABLE, ExecutionStatus

_S = ExecutionStatus
MAX_DELAY_MS = 366 * 24 * 3600 * 1000
_OPTIONAL_TEXT = {"type": ["string", "null"]}
_DELAY = {"type": ["integer", "null"], "minimum": 0, "maximum": MAX_DELAY_MS}
_RUN = compile_schema(
    {
        "type": "object",
        "properties": {
            "action": {"type": "string", "required": True},
            "parameters": {"type": ["object", "null"]},
            "user": _OPTIONAL_TEXT,
            "context": {"type": ["object", "null"]},
            "notify": {"type": ["object", "null"]},
            "delay": _DELAY,
            "tags": {"type": ["array", "null"]},
        },
        "additionalProperties": False,
    }
)
_RE_RUN = compile_schema(
    {
        "type": "object",
        "properties": {
            "parameters": {"type": ["object", "null"]},
            "tasks": {"type": ["array", "null"]},
            "reset": {"type": ["array", "null"]},
            "delay": _DELAY,
            "user": _OPTIONAL_TEXT,
        },
    }
)


async def create(call: Call) -> Reply:
    """Run an action."""
    document = await read_document(call, _RUN)
    context = {**(document.get("context") or {}), **_context_header(call)}
    execution = await call.services.operations.request_execution(
        document["action"],
        document.get("parameters") or {},
        user=document.get("user") or call.user,
        context=context,
        delay_ms=document.get("delay") or 0,
        trace_tag=_trace_tag(context),
    )
    return json_reply(shown_execution(call, execution), 201)


async def re_run(call: Call) -> Reply:
    """Run an action again, with the parameters it had unless others are given."""
    document = await read_document(call, _RE_RUN)
    parameters = document.get("parameters") or {}
    if document.get("tasks") or document.get("reset"):
        if parameters:
            raise InvalidInputError("Parameters override is not supported when re-running task(s) for a workflow.")
        raise InvalidInputError("Task option is only supported for Orquesta workflows.")
    old = await find_execution(call)
    user = document.get("user") or call.user
    execution = await call.services.operations.re_run(old.id, parameters, user, document.get("delay") or 0)
    return json_reply(shown_execution(call, execution), 201)


async def update(call: Call) -> Reply:
    """Cancel an execution, which is the only change that can be asked for: pausing is for workflows."""
    document = await read_document(call)
    execution = await find_execution(call)
    if execution.completed:
        raise InvalidInputError("Execution is already in completed state.")
    status = document.get("status")
    if status not in (_S.CANCELING, _S.CANCELED):
        if status in (_S.PAUSING, _S.PAUSED, _S.RESUMING):
            reason = f'the "{execution.runner_type}" runner cannot pause or resume: only workflows can.'
            raise InvalidInputError(f"Failed updating execution. {reason}")
        raise InvalidInputError(f"Failed updating execution. status {status!r} cannot be set", hint="send canceling")
    return json_reply(shown_execution(call, await call.services.operations.cancel(execution.id)))


async def cancel(call: Call) -> Reply:
    """Cancel an execution. One that cannot be is answered 200 with the reason, as in StackStorm."""
    execution = await find_execution(call)
    if execution.status is not _S.CANCELED and execution.status not in CANCELABLE:
        return json_reply({"faultstring": f"Action cannot be canceled. State = {execution.status.value}."})
    if execution.status is not _S.CANCELED:
        execution = await call.services.operations.cancel(execution.id)
    return json_reply(shown_execution(call, execution))


def _context_header(call: Call) -> dict[str, Any]:
    """Read `st2-context`: what StackStorm's own clients inside actions say about their parent."""
    text = call.headers.get("st2-context", "")
    if not text:
        return {}
    try:
        context = msgspec.json.decode(text.encode())
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        context = None
    if not isinstance(context, dict):
        raise InvalidInputError("Unable to convert st2-context from the headers into JSON.")
    return context


def _trace_tag(context: dict[str, Any]) -> str:
    trace = context.get("trace_context")
    tag = trace.get("trace_tag") or trace.get("id_") if isinstance(trace, dict) else None
    return tag if isinstance(tag, str) else ""
