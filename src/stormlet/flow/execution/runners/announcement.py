"""announcement: tells everybody who listens to the stream.

The stream is not built yet; until it is, the result holds what would be announced.
"""

from stormlet.flow.execution.interface import Example, Run, RunResult
from stormlet.foundation.errors import InvalidInputError
from stormlet.model.action import RunnerType
from stormlet.model.execution import ExecutionStatus


class AnnouncementRunner:
    """Announces its action's parameters under a route."""

    type = RunnerType(
        name="announcement",
        description="A runner that emits an announcement on the stream.",
        parameters={
            "experimental": {
                "description": "Has to be true: says that you know this runner to be experimental.",
                "type": "boolean",
                "default": False,
                "required": True,
            },
            "route": {
                "description": "Where to: words separated by dots, which listeners choose by.",
                "type": "string",
                "default": "general",
                "minLength": 1,
                "maxLength": 255,
            },
        },
    )
    help = (
        "Announces all parameters of the action, other than its own two, under `route`. "
        "There is no stream to announce on yet: the result says what would be sent."
    )
    examples = (
        Example(
            title="Announce a message",
            action="core.announcement",
            parameters={"message": {"text": "deployed"}},
            result={"output": {"message": {"text": "deployed"}}},
        ),
    )

    async def run(self, run: Run) -> RunResult:
        if not run.runner_parameters.get("experimental"):
            raise InvalidInputError(
                f"Experimental flag is missing for action {run.action.ref}", hint="set `experimental: true`"
            )
        parameters = dict(run.action_parameters)
        return RunResult(status=ExecutionStatus.SUCCEEDED, result={"output": parameters, **parameters})
