"""Waiting for what the server does: polled, with a deadline, and gently once it takes long."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from stormlet.cli.client import Client, part
from stormlet.cli.failures import FAILED, CommandError

COMPLETED = frozenset({"succeeded", "failed", "timeout", "canceled", "abandoned"})
_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 1.0

_T = TypeVar("_T")


def wait_until(ask: Callable[[], _T | None], seconds: float, what: str) -> _T:
    """Ask until the answer is not None, and return it.

    Raises:
        CommandError: it took longer than `seconds`.
    """
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while (answer := ask()) is None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise CommandError(f"{what} took longer than {seconds:g} seconds", exit_code=FAILED, code="timeout")
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return answer


def wait_for_execution(client: Client, execution_id: str, seconds: float) -> dict[str, Any]:
    """Return an execution once it is completed."""

    def ask() -> dict[str, Any] | None:
        execution: dict[str, Any] = client.get(f"/executions/{part(execution_id)}")
        return execution if execution.get("status") in COMPLETED else None

    return wait_until(ask, seconds, f"execution {execution_id}")
