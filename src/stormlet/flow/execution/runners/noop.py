"""noop: an action that does nothing, at once. Good for trying out a rule."""

from stormlet.flow.execution.interface import Example, Run, RunResult
from stormlet.model.action import RunnerType
from stormlet.model.execution import ExecutionStatus


class NoopRunner:
    """Does nothing and succeeds."""

    type = RunnerType(
        name="noop", description="A runner that does nothing and answers the same whatever its parameters are."
    )
    help = "Starts no process. Use it to see whether a rule matches, or to hold a place in a workflow."
    examples = (
        Example(
            title="Do nothing",
            action="core.noop",
            parameters={},
            result={"failed": False, "succeeded": True, "return_code": 0},
        ),
    )

    async def run(self, run: Run) -> RunResult:
        return RunResult(
            status=ExecutionStatus.SUCCEEDED, result={"failed": False, "succeeded": True, "return_code": 0}
        )
