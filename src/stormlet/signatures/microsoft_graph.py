"""Microsoft Graph change notifications: nothing is signed; each notification repeats the `clientState` of its subscription.

The state stands inside the body, so one POST can hold notifications that are vouched for and others that are not.
`verify` says yes only if all are; `vouched_for` lets a caller keep the good ones.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from stormlet.foundation.errors import InvalidInputError
from stormlet.signatures.places import in_body
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.scheme import About, Example, Options
from stormlet.signatures.secret import Secret, active, same_secret
from stormlet.signatures.verification import Reason, Refusal, Verification, accepted

_MAX_NOTIFICATIONS: Final = 1000
_MISSING: Final = b""


class GraphScheme:
    """Every notification's clientState must be the one that was given at subscription."""

    def __init__(self, about: About) -> None:
        self.about = about

    def verify(
        self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options
    ) -> Verification:
        usable = active(secrets)
        if not usable:
            raise Refusal(Reason.NO_SECRET, "no clientState is configured")
        notifications = read_notifications(request.body)
        found = [_matching(notification, usable) for notification in notifications]
        wrong = sum(index is None for index in found)
        if wrong:
            words = f"{wrong} of {len(found)} notifications have another clientState, or none"
            raise Refusal(Reason.MISMATCH, words, subject="clientState")
        return accepted(secret=found[0])

    def sign(self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options) -> SignedRequest:
        usable = active(secrets)
        if not usable:
            raise InvalidInputError("msgraph needs the clientState to put into the body")
        try:
            notifications = read_notifications(request.body)
        except Refusal as refusal:
            raise InvalidInputError("the body has no list of notifications under `value`") from refusal
        stamped = [{**notification, "clientState": usable[0][1].value} for notification in notifications]
        document = msgspec.json.decode(request.body)
        return msgspec.structs.replace(request, body=msgspec.json.encode({**document, "value": stamped}))


def vouched_for(body: bytes, secrets: Sequence[Secret]) -> tuple[dict[str, Any], ...]:
    """Return the notifications whose clientState is right; the caller drops and records the others.

    Raises:
        Refusal: the body is not a list of notifications.
    """
    usable = active(secrets)
    return tuple(n for n in read_notifications(body) if usable and _matching(n, usable) is not None)


def read_notifications(body: bytes) -> list[dict[str, Any]]:
    """Return the objects under `value`.

    Raises:
        Refusal: there is no such list, or it is empty: then nothing vouches for the sender.
    """
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(Reason.MALFORMED_BODY, "the body is not JSON") from error
    value = document.get("value") if isinstance(document, dict) else None
    if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
        raise Refusal(Reason.MALFORMED_BODY, "the body has no list of notifications under `value`", subject="value")
    if len(value) > _MAX_NOTIFICATIONS:
        raise Refusal(Reason.MALFORMED_BODY, f"more than {_MAX_NOTIFICATIONS} notifications in one body")
    return value


def _matching(notification: dict[str, Any], usable: list[tuple[int, Secret]]) -> int | None:
    state = notification.get("clientState")
    given = state.encode("utf-8", "surrogatepass") if isinstance(state, str) else _MISSING
    matched: int | None = None
    for index, secret in usable:
        if same_secret(given, secret.value.encode("utf-8", "surrogatepass")) and matched is None:
            matched = index
    return matched


MSGRAPH: Final = GraphScheme(
    About(
        name="msgraph",
        title="Microsoft Graph (change notifications)",
        aliases=("microsoft-graph", "graph"),
        signs="nothing: the `clientState` in each notification is compared",
        configure="The `clientState` that was given when the subscription was made; up to 128 characters.",
        proves="That the sender knows the state, for each notification in the body.",
        unproved="That the body is unchanged, or when it was sent.",
        delivery_id=(in_body("value.0.id"),),
        event_type=(in_body("value.0.lifecycleEvent"), in_body("value.0.changeType")),
        handshake="A POST with `?validationToken=` is answered with the decoded token as text/plain. That request has no "
        "signature to check; the protocol has none.",
        example=Example(
            request=SignedRequest(body=b'{"value": [{"id": "lsgTZMr9KwAAA", "changeType": "created"}]}'),
            secret=Secret(value="c3ace92464038551"),
        ),
    )
)
