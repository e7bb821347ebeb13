"""HTTP Message Signatures: our own envelope, and a signature over method, target, content type and digest."""

from collections.abc import Mapping
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
from stormlet.flow.delivery.formats.standard import EXAMPLE_SECRET
from stormlet.flow.delivery.schedule import Advice, Answer
from stormlet.foundation.templates import Templates
from stormlet.signatures.registry import sign
from stormlet.signatures.rfc9421 import RFC9421
from stormlet.signatures.scheme import Options
from stormlet.signatures.secret import Secret

_COVERED: Final = ("@method", "@target-uri", "content-type", "content-digest")
_PREFIXES: Final[Mapping[str, str]] = {"whsec_": "hmac-sha256", "whsk_": "ed25519"}


class Rfc9421Format:
    """For receivers that verify HTTP Message Signatures."""

    about = About(
        name="rfc9421",
        title="HTTP Message Signatures (RFC 9421)",
        help="The same body as `standard`, with `Content-Digest`, `Signature-Input` and `Signature`. Choose it where "
        "a gateway verifies such signatures already; far more receivers know Standard Webhooks. Behind a proxy that "
        "rewrites the URL, leave `@target-uri` out of `components`.",
        signs="HMAC-SHA256 with a `whsec_` secret, Ed25519 with a `whsk_` key, over the components and a `created` "
        "of now; `keyid` is the name of the secret. While a secret is rotated there is one label for each.",
        options={
            "components": {
                "type": "array",
                "items": {
                    "enum": [
                        "@method",
                        "@target-uri",
                        "@authority",
                        "@path",
                        "@query",
                        "content-type",
                        "content-digest",
                    ]
                },
                "uniqueItems": True,
                "contains": {"const": "content-digest"},
                "default": list(_COVERED),
                "description": "What the signature covers; `content-digest` has to be among it.",
            },
        },
        secret=SecretUse.REQUIRED,
        secret_form=SecretForm.BASE64,
        scheme="rfc9421",
        examples=(Example(title="An action failed", message="execution.failed", secrets=(EXAMPLE_SECRET,)),),
    )

    def prepare(self, options: Mapping[str, Any], templates: Templates) -> Render:
        covered = Options(required_components=tuple(options["components"]))

        def render(sending: Sending) -> OutgoingRequest:
            request = post(sending, compact(envelope(sending.message)), "application/json")
            keys = [key_of(secret) for secret in sending.secrets]
            return outgoing(sign(RFC9421, request, keys, sending.now, covered), sending.secrets)

        return render

    def read(self, answer: Answer) -> Advice | None:
        return None


def key_of(secret: Secret) -> Secret:
    """Return a secret of an endpoint as the scheme's key: bare base64, and the algorithm that its prefix says."""
    prefix = next((each for each in _PREFIXES if secret.value.startswith(each)), "whsec_")
    return Secret(value=secret.value.removeprefix(prefix), name=secret.name, algorithm=_PREFIXES[prefix])
