"""What the log says about an execution: one line, with the values of secret parameters masked."""

from collections.abc import Mapping
from typing import Any

import msgspec

from stormlet.foundation.telemetry import one_line
from stormlet.model.action import RunnerType
from stormlet.model.execution import Execution, ExecutionStatus
from stormlet.model.secret_texts import mask_texts, secret_texts, secret_values

_LONGEST = 200


def ending(
    execution: Execution, runner: RunnerType | None, status: ExecutionStatus, result: Any, seconds: float
) -> str:
    """Return `execution ID of core.local succeeded in 0.03 s: <the first line of what it said>`."""
    said: str = _gist(status, result)
    said = one_line(mask_texts(said, _secrets(execution, runner)))
    if len(said) > _LONGEST:
        said = f"{said[:_LONGEST]}…"
    line = f"execution {execution.id} of {execution.action} {_VERBS.get(status, status.value)} in {seconds:.2f} s"
    return f"{line}: {said}" if said else line


_VERBS = {
    ExecutionStatus.TIMEOUT: "timed out",
    ExecutionStatus.ABANDONED: "was abandoned",
    ExecutionStatus.CANCELED: "was canceled",
}


def _gist(status: ExecutionStatus, result: Any) -> str:
    if not isinstance(result, Mapping):
        return _text(result)
    if status is ExecutionStatus.SUCCEEDED:
        order = ("stdout", "result", "body", "output")
    else:
        order = ("error", "stderr", "stdout", "body")
    for name in order:
        lines = [line for line in _text(result.get(name)).splitlines() if line.strip()]
        # The last line of a Python traceback is the one that says what happened.
        trace = name == "stderr" and any(line.startswith("Traceback ") for line in lines)
        if lines and result.get(name) != "None":
            return lines[-1] if trace else lines[0]
    return ""


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _secrets(execution: Execution, runner: RunnerType | None) -> tuple[str, ...]:
    names = (
        {name for name, schema in runner.parameters.items() if schema.get("secret")} if runner is not None else set()
    )
    return secret_texts([*(execution.parameters.get(name) for name in names), *secret_values(execution)])
