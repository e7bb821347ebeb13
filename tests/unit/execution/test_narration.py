"""The log line about an execution."""

from datetime import UTC, datetime
from typing import Any

import pytest

from stormlet.flow.execution import RUNNER_TYPES
from stormlet.flow.execution.narration import ending
from stormlet.model.execution import Execution, ExecutionStatus


def line(result: Any, status: ExecutionStatus = ExecutionStatus.SUCCEEDED, **more: Any) -> str:
    execution = Execution(
        id="e" * 24,
        action="core.local",
        runner_type="local-shell-cmd",
        status=ExecutionStatus.RUNNING,
        requested_at=datetime(2026, 1, 2, tzinfo=UTC),
        **more,
    )
    return ending(execution, RUNNER_TYPES["local-shell-cmd"], status, result, 0.0349).removeprefix(
        f"execution {'e' * 24} of core.local "
    )


@pytest.mark.parametrize(
    ("result", "status", "said"),
    [
        ({"stdout": "hello\nmore"}, "succeeded", "succeeded in 0.03 s: hello"),
        ({"stdout": {"a": 1}}, "succeeded", 'succeeded in 0.03 s: {"a":1}'),
        ({"stdout": "\n\n  x"}, "succeeded", "succeeded in 0.03 s:   x"),
        ({"stdout": "", "result": [1]}, "succeeded", "succeeded in 0.03 s: [1]"),
        ({"stdout": "", "stderr": ""}, "succeeded", "succeeded in 0.03 s"),
        ({"result": "None", "stdout": ""}, "succeeded", "succeeded in 0.03 s"),
        ({"stdout": "out", "stderr": "err"}, "failed", "failed in 0.03 s: err"),
        ({"error": "late", "stderr": "err"}, "timeout", "timed out in 0.03 s: late"),
        (
            {"stderr": "Traceback (most recent call last):\n  x\nKeyError: 'a'"},
            "failed",
            "failed in 0.03 s: KeyError: 'a'",
        ),
        ("text", "succeeded", "succeeded in 0.03 s: text"),
        (None, "succeeded", "succeeded in 0.03 s"),
        ({"stdout": "a\x1b[31mred\rforged"}, "succeeded", "succeeded in 0.03 s: a\\x1b[31mred"),
        ({"stdout": "x" * 500}, "succeeded", "succeeded in 0.03 s: " + "x" * 200 + "…"),
    ],
)
def test_the_line_says_how_it_ended_and_what_it_said(result: Any, status: str, said: str) -> None:
    """Status, seconds, and the first line that matters; control characters are escaped, long lines are cut."""
    assert line(result, ExecutionStatus(status)) == said


def test_values_of_secret_parameters_are_masked() -> None:
    """Those the action names and those its runner names, also within a structure."""
    said = line(
        {"stdout": "pa55word and s3cret and nested and 1234 and of"},
        secret_parameters=("one", "two"),
        parameters={"one": "s3cret", "two": {"deep": ["nested", 1234, "of"]}, "sudo_password": "pa55word"},
    )
    assert said.endswith(": ******** and ******** and ******** and ******** and of")
