"""Standard Webhooks: our own envelope, signed `v1` with each shared secret and `v1a` with each private key."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from stormlet.flow.delivery.formats.envelope import envelope
from stormlet.flow.delivery.formats.interface import (
    About,
    Example,
    OutgoingRequest,
    Render,
    SecretForm,
    SecretUse,
    Sending,
    compact,
    outgoing,
    post,
)
from stormlet.flow.delivery.schedule import Advice, Answer
from stormlet.foundation.templates import Templates
from stormlet.signatures.catalogue_services import STANDARD_WEBHOOKS
from stormlet.signatures.ed25519 import STANDARD_WEBHOOKS_ED25519
from stormlet.signatures.registry import sign
from stormlet.signatures.request import SignedRequest, fold
from stormlet.signatures.scheme import Options
from stormlet.signatures.secret import Secret

_PRIVATE: Final = "whsk_"
_HEADER: Final = "webhook-signature"
EXAMPLE_SECRET: Final = Secret(value="whsec_c3Rvcm1sZXQgc3Rvcm1sZXQgc3Rvcm1sZXQgIQ==", name="1")


class StandardFormat:
    """The default."""

    about = About(
        name="standard",
        title="Standard Webhooks",
        help="The message as JSON: `type`, `timestamp` and `data` as standardwebhooks.com has them, and beside them "
        "`id`, `version`, `subject`, `ordinal` (drop what is not above the last one of its subject), `pack`, "
        "`tags`, `caused_by`, `url` and `trace_tag`. `webhook-id` is the message's id and the same in every "
        "attempt; `webhook-timestamp` and the signature are new in each.",
        signs="HMAC-SHA256 in base64 over `id.time.body`, `v1,…`; with a `whsk_` key Ed25519, `v1a,…`. While a "
        "secret is rotated all of them stand in one header, separated by blanks. Libraries: `standardwebhooks`, "
        "`svix`.",
        secret=SecretUse.REQUIRED,
        secret_form=SecretForm.STANDARD,
        scheme="standard-webhooks",
        examples=(Example(title="An action failed", message="execution.failed", secrets=(EXAMPLE_SECRET,)),),
    )

    def prepare(self, options: Mapping[str, Any], templates: Templates) -> Render:
        return self._render

    def read(self, answer: Answer) -> Advice | None:
        return None

    def _render(self, sending: Sending) -> OutgoingRequest:
        request = post(sending, compact(envelope(sending.message)), "application/json")
        return outgoing(
            sign_standard(request, sending.secrets, sending.now, sending.message.id), signed_with=sending.secrets
        )


def sign_standard(request: SignedRequest, secrets: Sequence[Secret], now: datetime, message_id: str) -> SignedRequest:
    """Return the request with a `v1` signature for each shared secret and a `v1a` one for each private key.

    Raises:
        InvalidInputError: there is no secret, or one is neither.
    """
    private = [secret for secret in secrets if secret.value.startswith(_PRIVATE)]
    shared = [secret for secret in secrets if not secret.value.startswith(_PRIVATE)]
    options = Options(message_id=message_id)
    entries: list[str] = []
    if shared or not private:
        request = sign(STANDARD_WEBHOOKS, request, shared, now, options)
        entries += fold(request.headers)[_HEADER]
    if private:
        request = sign(STANDARD_WEBHOOKS_ED25519, request, private, now, options)
        entries += fold(request.headers)[_HEADER]
    return request.with_headers((_HEADER, " ".join(entries)))
