"""As Pulumi Cloud sends: stack, stack_update and deployment events."""

from collections.abc import Mapping
from typing import Any, Final

from stormlet.flow.delivery.formats.interface import (
    VERIFICATION,
    About,
    Example,
    OutgoingRequest,
    Render,
    Sending,
    compact,
    post,
    signed_by_one,
)
from stormlet.flow.delivery.formats.scalr import EXAMPLE_SECRET
from stormlet.flow.delivery.formats.seed_parts import INCLUDE_MESSAGE, Run, run_of, with_message
from stormlet.flow.delivery.formats.texts import header_value
from stormlet.flow.delivery.formats.wording import worded
from stormlet.flow.delivery.schedule import Advice, Answer
from stormlet.foundation.templates import Templates
from stormlet.model.message import Message
from stormlet.signatures.catalogue_platforms import PULUMI

_DEPLOYMENT_STATUSES: Final[Mapping[str, str]] = {"requested": "queued", "running": "running"}
_RESULTS: Final = frozenset({"succeeded", "failed", "timeout", "canceled", "abandoned"})


class PulumiFormat:
    """For receivers that were built for Pulumi Cloud."""

    about = About(
        name="pulumi",
        title="Pulumi Cloud",
        help="The pack is the project, the action the stack. An execution that ended is a `stack_update` with "
        "`result` `succeeded` or `failed`; one that was requested or runs is a `deployment` with `status` `queued` "
        "or `running`; a pack that was registered is a `stack` that was `created`. Any other type is its own kind, "
        "with `_` for the dots, and carries its data under `data`. `Pulumi-Webhook-ID` is the message's id, the "
        "same in every attempt.",
        signs="HMAC-SHA256 in hex over the body, in `Pulumi-Webhook-Signature`; without a secret, nothing.",
        options={
            "organization": {
                "type": "string",
                "minLength": 1,
                "default": "stormlet",
                "description": "The name of the organisation.",
            },
            "include_message": INCLUDE_MESSAGE,
        },
        scheme="pulumi",
        examples=(
            Example(title="An action failed", message="execution.failed", secrets=(EXAMPLE_SECRET,)),
            Example(title="An action runs", message="execution.running", secrets=(EXAMPLE_SECRET,)),
        ),
    )

    def prepare(self, options: Mapping[str, Any], templates: Templates) -> Render:
        def render(sending: Sending) -> OutgoingRequest:
            message = sending.message
            kind, own = _kind_and_fields(message, run_of(message))
            body = with_message({**_shared(message, options["organization"]), **own}, message, options)
            names = (("Pulumi-Webhook-ID", header_value(message.id)), ("Pulumi-Webhook-Kind", kind))
            return signed_by_one(PULUMI, post(sending, compact(body), "application/json", *names), sending)

        return render

    def read(self, answer: Answer) -> Advice | None:
        return None


def _shared(message: Message, organization: str) -> dict[str, Any]:
    run = run_of(message)
    return {
        "user": {"name": run.user, "githubLogin": run.user, "avatarUrl": ""},
        "organization": {"name": organization, "githubLogin": organization, "avatarUrl": ""},
        "projectName": message.pack,
        "stackName": run.action,
    }


def _kind_and_fields(message: Message, run: Run) -> tuple[str, dict[str, Any]]:
    if message.type == VERIFICATION:
        return "ping", {"message": worded(message).headline}
    if message.type == "pack.registered":
        return "stack", {"action": "created"}
    if run.status in _DEPLOYMENT_STATUSES:
        return "deployment", {
            "deploymentUrl": message.url,
            "version": message.ordinal,
            "operation": "update",
            "status": _DEPLOYMENT_STATUSES[run.status],
        }
    if run.status in _RESULTS:
        return "stack_update", {
            "updateUrl": message.url,
            "kind": "update",
            "result": "succeeded" if run.status == "succeeded" else "failed",
            "resourceChanges": {},
            "isPreview": False,
        }
    return header_value(message.type.replace(".", "_")), {"url": message.url, "data": message.data}
