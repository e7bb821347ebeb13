"""As Scalr sends: run events, signed over body and `Date`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from stormlet.flow.delivery.formats.interface import (
    VERIFICATION,
    About,
    Example,
    OutgoingRequest,
    Render,
    SecretUse,
    Sending,
    compact,
    post,
    signed_by_one,
)
from stormlet.flow.delivery.formats.seed_parts import INCLUDE_MESSAGE, run_of, with_message
from stormlet.flow.delivery.formats.wording import worded
from stormlet.flow.delivery.schedule import Advice, Answer
from stormlet.foundation.templates import Templates
from stormlet.signatures.catalogue_platforms import SCALR
from stormlet.signatures.secret import Secret

EXAMPLE_SECRET: Final = Secret(value="correct horse battery staple", name="1")
_EVENTS: Final[Mapping[str, str]] = {
    "execution.succeeded": "run:completed",
    "execution.failed": "run:errored",
    "execution.timeout": "run:errored",
    "execution.canceled": "run:errored",
    "execution.abandoned": "run:errored",
    "inquiry.pending": "run:needs_attention",
    VERIFICATION: "webhook:test",
}
_STATUSES: Final[Mapping[str, str]] = {
    "requested": "pending",
    "running": "applying",
    "succeeded": "applied",
    "failed": "errored",
    "timeout": "errored",
    "canceled": "canceled",
    "abandoned": "errored",
}


class ScalrFormat:
    """For receivers that were built for Scalr."""

    about = About(
        name="scalr",
        title="Scalr",
        help="Run events as Scalr sends them, with hyphens in their keys: the pack is the environment, the action "
        "the workspace, the execution the run. `event-name` is `run:completed`, `run:errored` (also for what was "
        "canceled) or `run:needs_attention`; of any other type it is that type with `:` for the dots.",
        signs="HMAC-SHA256 in hex over the body and the text of `Date`, in `X-Signature`.",
        options={"include_message": INCLUDE_MESSAGE},
        secret=SecretUse.REQUIRED,
        scheme="scalr",
        examples=(Example(title="An action succeeded", message="execution.succeeded", secrets=(EXAMPLE_SECRET,)),),
    )

    def prepare(self, options: Mapping[str, Any], templates: Templates) -> Render:
        def render(sending: Sending) -> OutgoingRequest:
            body = with_message(_body(sending), sending.message, options)
            return signed_by_one(SCALR, post(sending, compact(body), "application/json"), sending)

        return render

    def read(self, answer: Answer) -> Advice | None:
        return None


def _body(sending: Sending) -> dict[str, Any]:
    message, endpoint = sending.message, sending.endpoint
    run = run_of(message)
    return {
        "environment": {"id": f"env-{message.pack}", "name": message.pack, "url": message.url},
        "event-name": _EVENTS.get(message.type, message.type.replace(".", ":")),
        "payload-version": 1,
        "run": {
            "created-at": _naive(run.requested_at),
            "created-by": {"email": "", "id": f"user-{run.user}", "username": run.user},
            "id": run.id if run.id.startswith("run-") else f"run-{run.id}",
            "message": worded(message).headline,
            "source": "stormlet",
            "status": _STATUSES.get(run.status, "policy_checked" if message.type == "inquiry.pending" else "pending"),
            "updated-at": _naive(run.changed_at),
            "url": message.url,
        },
        "variables": {},
        "webhook": {"id": f"wh-{endpoint.id}", "name": endpoint.name},
        "workspace": {"id": f"ws-{run.action}", "name": run.action, "url": message.url},
    }


def _naive(moment: datetime) -> str:
    """Return a moment as Scalr writes it: UTC, to the second, without a zone."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
