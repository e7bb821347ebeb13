"""As Spacelift sends: run state changes, with both of its signature headers."""

from collections.abc import Mapping
from typing import Any, Final

from stormlet.flow.delivery.formats.interface import (
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
from stormlet.flow.delivery.formats.seed_parts import INCLUDE_MESSAGE, run_of, seconds_of, with_message
from stormlet.flow.delivery.formats.wording import worded
from stormlet.flow.delivery.schedule import Advice, Answer
from stormlet.foundation.templates import Templates
from stormlet.model.message import Message
from stormlet.signatures.catalogue_platforms import SPACELIFT
from stormlet.signatures.scheme import Options

_BOTH: Final = Options(legacy=True)
_STATES: Final[Mapping[str, str]] = {
    "execution.requested": "QUEUED",
    "execution.running": "APPLYING",
    "execution.succeeded": "FINISHED",
    "execution.failed": "FAILED",
    "execution.timeout": "FAILED",
    "execution.canceled": "CANCELED",
    "execution.abandoned": "STOPPED",
    "inquiry.pending": "UNCONFIRMED",
}


class SpaceliftFormat:
    """For receivers that were built for Spacelift."""

    about = About(
        name="spacelift",
        title="Spacelift",
        help="The action is the stack, the execution the run. `state` is QUEUED, APPLYING, UNCONFIRMED, FINISHED, "
        "FAILED, CANCELED or STOPPED; of any other type it is that type in capitals. `stateVersion` is the "
        "message's ordinal, `timestamp` when it happened. There is no commit behind an execution, so that "
        "`run.commit` names who caused it, and `run.delta` is absent.",
        signs="As GitHub: `sha256=` and HMAC-SHA256 in hex over the body in `X-Signature-256`, `sha1=` and HMAC-SHA1 "
        "in `X-Signature`; without a secret, nothing.",
        options={
            "account": {
                "type": "string",
                "minLength": 1,
                "default": "stormlet",
                "description": "The account; a receiver of several tells them apart by it.",
            },
            "include_message": INCLUDE_MESSAGE,
        },
        scheme="spacelift",
        examples=(Example(title="An action succeeded", message="execution.succeeded", secrets=(EXAMPLE_SECRET,)),),
    )

    def prepare(self, options: Mapping[str, Any], templates: Templates) -> Render:
        def render(sending: Sending) -> OutgoingRequest:
            body = with_message(_body(sending.message, options["account"]), sending.message, options)
            return signed_by_one(SPACELIFT, post(sending, compact(body), "application/json"), sending, _BOTH)

        return render

    def read(self, answer: Answer) -> Advice | None:
        return None


def _body(message: Message, account: str) -> dict[str, Any]:
    run = run_of(message)
    words = worded(message).headline
    created = seconds_of(run.requested_at)
    return {
        "account": account,
        "state": _STATES.get(message.type, message.type.replace(".", "_").upper()),
        "stateVersion": message.ordinal,
        "timestamp": seconds_of(message.time),
        "run": {
            "id": run.id,
            "branch": "",
            "commit": {
                "authorLogin": run.user,
                "authorName": run.user,
                "hash": "",
                "message": words,
                "timestamp": created,
                "url": message.url,
            },
            "createdAt": created,
            "triggeredBy": message.caused_by or run.user,
            "type": "TRACKED",
        },
        "stack": {"id": run.action, "name": run.action, "description": "", "labels": list(message.tags)},
    }
