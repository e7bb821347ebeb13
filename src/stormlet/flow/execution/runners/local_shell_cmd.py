"""local-shell-cmd: a command line, given to bash."""

from pathlib import Path

from stormlet.flow.execution.interface import Example, Run, RunResult
from stormlet.flow.execution.runners.shell import PARAMETERS, run_in_shell
from stormlet.foundation.errors import InvalidInputError
from stormlet.model.action import RunnerType
from stormlet.model.execution import ExecutionStatus


class LocalShellCmdRunner:
    """Runs `cmd`."""

    type = RunnerType(
        name="local-shell-cmd",
        description="A runner that gives a command line to the shell of this machine.",
        parameters={"cmd": {"description": "Command line to run.", "type": "string"}, **PARAMETERS},
    )
    help = (
        "`cmd` is a program in the shell's language: whatever a template puts into it is code. Hand values of an event over "
        'through `env` and quote them in the command: `cmd: echo "$TITLE"` with `env: {TITLE: "{{ trigger.body.title }}"}`. '
        "The environment holds PATH, HOME, language and time zone, `env`, and the ST2_ACTION_ variables. stdin is empty. What "
        "the command leaves running in the background is killed when it ends; start what should stay with `setsid -f`. "
        "stdout and stderr that are JSON as a whole are parsed."
    )
    examples = (
        Example(
            title="Run a command",
            action="core.local",
            parameters={"cmd": "echo hello"},
            result={"failed": False, "succeeded": True, "return_code": 0, "stdout": "hello", "stderr": ""},
        ),
        Example(
            title="Hand over a value without letting it become code",
            action="core.local",
            parameters={"cmd": 'echo "title: $TITLE"', "env": {"TITLE": "$(reboot); `reboot`"}},
            result={"stdout": "title: $(reboot); `reboot`"},
        ),
        Example(
            title="JSON on stdout is parsed",
            action="core.local",
            parameters={"cmd": """echo '{"ready": true}'"""},
            result={"stdout": {"ready": True}},
        ),
        Example(
            title="A command that fails",
            action="core.local",
            parameters={"cmd": "echo no >&2; exit 3"},
            result={"failed": True, "succeeded": False, "return_code": 3, "stdout": "", "stderr": "no"},
            status=ExecutionStatus.FAILED,
        ),
    )

    def __init__(self) -> None:
        self._shell = "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh"

    async def run(self, run: Run) -> RunResult:
        cmd = run.runner_parameters.get("cmd")
        if not isinstance(cmd, str):
            raise InvalidInputError(f"parameter `cmd` must be a string, not {type(cmd).__name__}")
        return await run_in_shell(run, (self._shell, "-c", cmd))
