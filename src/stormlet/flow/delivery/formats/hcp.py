"""As the HashiCorp Cloud Platform sends: resource events, and the verification payload."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

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
from stormlet.flow.delivery.formats.seed_parts import INCLUDE_MESSAGE, run_of, with_message
from stormlet.flow.delivery.formats.wording import worded
from stormlet.flow.delivery.schedule import Advice, Answer
from stormlet.foundation.templates import Templates
from stormlet.model.message import Message
from stormlet.signatures.catalogue_platforms import HCP
from stormlet.signatures.hmac_scheme import HmacScheme

_VERIFYING: Final = "test"
# Our verifier takes a `sha512=` before the digest too; HCP itself sends the bare digest, and its receivers compare with that.
_BARE: Final = HmacScheme(HCP.about, msgspec.structs.replace(HCP.descriptor, prefix="", prefix_optional=False))


class HcpFormat:
    """For receivers that were built for HCP."""

    about = About(
        name="hcp",
        title="HashiCorp Cloud Platform",
        help="`resource_id`, `resource_name`, `event_id` (`<service>.event:<message id>`), `event_action` (the last "
        "word of the type), `event_description`, `event_source` (`<service>.<the words before>`), `event_version` "
        "and `event_payload`, which is the message's data. The verification has `event_action: test` and an "
        "`event_id` of its own.",
        signs="HMAC-SHA512 in hex over the body, in `X-HCP-Webhook-Signature`; without a token, nothing.",
        options={
            "service": {
                "type": "string",
                "pattern": "^[a-z0-9_-]+$",
                "default": "stormlet",
                "description": "The name of the service that the events come from.",
            },
            "include_message": INCLUDE_MESSAGE,
        },
        scheme="hcp",
        examples=(
            Example(title="An action succeeded", message="execution.succeeded", secrets=(EXAMPLE_SECRET,)),
            Example(title="The verification", message="endpoint.verification", secrets=(EXAMPLE_SECRET,)),
        ),
    )

    def prepare(self, options: Mapping[str, Any], templates: Templates) -> Render:
        def render(sending: Sending) -> OutgoingRequest:
            body = with_message(_body(sending.message, options["service"]), sending.message, options)
            return signed_by_one(_BARE, post(sending, compact(body), "application/json"), sending)

        return render

    def read(self, answer: Answer) -> Advice | None:
        return None


def _body(message: Message, service: str) -> dict[str, Any]:
    run = run_of(message)
    source, _, action = message.type.rpartition(".")
    return {
        "resource_id": run.id,
        "resource_name": run.action,
        "event_id": f"{service}.event:{message.id}",
        "event_action": _VERIFYING if message.type == VERIFICATION else action,
        "event_description": worded(message).headline,
        "event_source": f"{service}.{source}" if source else service,
        "event_version": str(message.version),
        "event_payload": message.data,
    }
