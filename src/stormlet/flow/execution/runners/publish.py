"""publish: tells endpoints what a user has to say, in a message of a type of the user's own.

The runner only says what is to be told. The message is planned where its result is recorded, in the same transaction, so it goes
out exactly where the execution has succeeded (flow/delivery/publishing.py reads the result).
"""

from stormlet.flow.execution.interface import Example, Run, RunResult
from stormlet.model.action import RunnerType
from stormlet.model.execution import ExecutionStatus
from stormlet.model.publication import check_published


class PublishRunner:
    """Publishes a message."""

    type = RunnerType(
        name="publish",
        description="A runner that tells endpoints a message of your own.",
        parameters={
            "type": {
                "description": "The message's type: words joined by dots, such as deploy.finished. The engine's own first words "
                "(execution, rule, trigger, …) are taken.",
                "type": "string",
                "required": True,
                "maxLength": 200,
            },
            "data": {"description": "What receivers get as `data`; 64 KiB at most.", "type": "object", "default": {}},
            "scope": {
                "description": "Whose it is: `pack` (default: the rule's or action's) and `tags`, a list. Endpoints are limited "
                "to packs and tags.",
                "type": "object",
                "default": {},
            },
        },
    )
    help = (
        "Starts no process. Every endpoint that wants `type` and covers the scope gets a message with `data`; who gets it is "
        "shown by `stormlet delivery list`. Chat formats read `title`, `text` and `severity` of the data."
    )
    examples = (
        Example(
            title="Say that a site is live",
            action="core.publish",
            parameters={"type": "deploy.finished", "data": {"title": "site 4.2.0 is live"}},
            result={"type": "deploy.finished", "data": {"title": "site 4.2.0 is live"}},
        ),
    )

    async def run(self, run: Run) -> RunResult:
        given = run.runner_parameters
        kind, data, scope = given.get("type"), given.get("data") or {}, given.get("scope") or {}
        check_published(kind, data, scope)
        return RunResult(status=ExecutionStatus.SUCCEEDED, result={"type": kind, "data": data, "scope": scope})
