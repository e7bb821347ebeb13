"""python-script: a class of the pack, run by a fresh interpreter.

The child is started with a wrapper of ours (st2compat/shims/stormlet_child). Parameters and config go in through stdin, so
that `ps` does not show them; the result comes back on a pipe of its own, so that nothing the action prints can be taken
for one.
"""

from pathlib import Path
from typing import Any

import msgspec

from stormlet.flow.execution.child import Ended, EndedBy
from stormlet.flow.execution.entry_points import entry_point_of
from stormlet.flow.execution.interface import Example, Run, RunResult, canceled_text, timeout_text
from stormlet.flow.execution.runners.shell import ended_by_signal
from stormlet.flow.execution.spawning import RESULT_FD, Command
from stormlet.model.action import RunnerType
from stormlet.model.execution import ExecutionStatus
from stormlet.st2compat.host import PYTHON_ACTION_WRAPPER, python_variables

_INVALID_STATUS_EXIT_CODE = 220  # st2's, for a run() that returns (status, result) with a status that is no boolean
_ANY = ("object", "string", "integer", "number", "boolean", "array", "null")


class PythonScriptRunner:
    """Runs the class in the action's entry point."""

    type = RunnerType(
        name="python-script",
        description="A runner for actions written in Python.",
        parameters={
            "debug": {"description": "Tell the action so (ST2_ACTION_DEBUG).", "type": "boolean", "default": False},
            "content_version": {"description": "Git revision of the pack; not supported yet.", "type": "string"},
            "env": {"description": "Environment variables, as an object of names and values.", "type": "object"},
            "timeout": {"description": "Seconds until the action is ended.", "type": "integer", "default": 600},
            "log_level": {
                "description": "Least level of what `self.logger` writes to stderr.",
                "type": "string",
                "default": "DEBUG",
                "enum": ["AUDIT", "CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"],
            },
        },
        output_key="result",
        output_schema={
            "type": "object",
            "properties": {
                "result": {"anyOf": [{"type": name} for name in _ANY]},
                "stdout": {"type": "string", "required": True},
                "stderr": {"type": "string", "required": True},
                "exit_code": {"type": "integer", "required": True},
            },
            "additionalProperties": False,
        },
    )
    help = (
        "The entry point holds a class with a method `run`, which gets the parameters by name; derive it from "
        "`st2common.runners.base_action.Action` to have `self.config`, `self.logger` and `self.action_service`. Return a value, "
        "or `(True, value)` or `(False, value)` to say whether the action succeeded. A value that is not JSON becomes text. An "
        "exception makes the action fail, with the traceback in stderr. `actions/lib` can be imported from."
    )
    examples = (
        Example(
            title="Call a class",
            action="examples.greet",
            parameters={"name": "Ada"},
            result={"result": {"greeting": "Hello, Ada!"}, "exit_code": 0, "stdout": ""},
        ),
    )

    async def run(self, run: Run) -> RunResult:
        command = _command(run)
        ended = await run.children.run(command, limits=run.limits, halt=run.halt, sink=run.output)
        return _shape(run, ended)


def _command(run: Run) -> Command:
    entry_point = entry_point_of(run.action, run.runner_parameters).absolute()
    order = {
        "file": str(entry_point),
        "pack": run.action.pack,
        "parameters": run.action_parameters,
        "config": run.config,
        "log_level": str(run.runner_parameters.get("log_level") or "DEBUG"),
        "user": run.execution.context.get("user"),
        "result_fd": RESULT_FD,
    }
    environment = run.child_environment()
    environment.pop("PYTHONPATH", None)
    variables = python_variables(
        entry_point=entry_point,
        pack_directory=Path(run.action.pack_directory).absolute(),
        api_url=run.host.api_url,
        token=run.st2_variables.get("ST2_ACTION_AUTH_TOKEN", ""),
    )
    return Command(
        argv=(run.host.interpreter, "-u", str(PYTHON_ACTION_WRAPPER)),
        environment={**environment, **variables},
        stdin=msgspec.json.encode(order),
        wants_result=True,
    )


def _shape(run: Run, ended: Ended) -> RunResult:
    """Return st2's result: result, exit_code, stdout, stderr, and `error` where there is more to say."""
    answer, error = _answer(ended)
    status = _judge(ended, answer)
    if ended.ended_by is EndedBy.TIMEOUT:
        error = timeout_text(run.timeout)
    elif ended.ended_by is EndedBy.HALT:
        error = canceled_text(run.halt)
    elif ended.return_code == _INVALID_STATUS_EXIT_CODE:
        error = ended.stderr.strip()
    elif ended.return_code < 0:
        error = ended_by_signal(-ended.return_code)
    if ended.unkillable:
        error += " It could not be killed and may still be running."
    result = {
        # Where an action gave no result, st2 says the word None.
        "result": answer.get("result", "None"),
        "exit_code": ended.return_code,
        "stdout": ended.stdout,
        "stderr": ended.stderr,
    }
    if error:
        result["error"] = error
    return RunResult(status=status, result=result)


def _answer(ended: Ended) -> tuple[dict[str, Any], str]:
    """Read what the wrapper wrote: `{"result": …, "status": true | false | null}`; {} where it wrote nothing or half."""
    if ended.result is None:
        return {}, "the result was dropped: it is larger than 16 MiB"
    if not ended.result:
        return {}, ""
    try:
        answer = msgspec.json.decode(ended.result)
    except (msgspec.DecodeError, RecursionError) as error:
        return {}, f"the result cannot be read: {error}"
    return (answer, "") if isinstance(answer, dict) else ({}, "the result cannot be read: it is not an object")


def _judge(ended: Ended, answer: dict[str, Any]) -> ExecutionStatus:
    if ended.ended_by is EndedBy.TIMEOUT:
        return ExecutionStatus.TIMEOUT
    if ended.ended_by is EndedBy.HALT:
        return ExecutionStatus.CANCELED
    if ended.return_code != 0 or ended.result is None or answer.get("status") is False:
        return ExecutionStatus.FAILED
    return ExecutionStatus.SUCCEEDED
