"""The scheme for senders that are not built in: what they sign is in the user's descriptor, nothing is assumed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from stormlet.foundation.errors import InvalidInputError
from stormlet.signatures.descriptor import Descriptor, HeaderNames
from stormlet.signatures.hmac_scheme import HmacScheme
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.scheme import About, Example, Options
from stormlet.signatures.secret import Secret
from stormlet.signatures.verification import Reason, Refusal, Verification


class GenericScheme:
    """Runs the descriptor in the options. A caller with many requests keeps `compiled` and verifies with that."""

    def __init__(self, about: About) -> None:
        self.about = about

    def verify(
        self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options
    ) -> Verification:
        if options.descriptor is None:
            raise Refusal(Reason.NOT_CONFIGURED, "generic_hmac needs a description of the signature")
        return self.compiled(options.descriptor).verify(request, secrets, now, options)

    def sign(self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options) -> SignedRequest:
        if options.descriptor is None:
            raise InvalidInputError("generic_hmac needs a description of the signature")
        return self.compiled(options.descriptor).sign(request, secrets, now, options)

    def compiled(self, descriptor: Descriptor) -> HmacScheme:
        """Return the scheme that a descriptor is."""
        return HmacScheme(self.about, descriptor)


GENERIC_HMAC: Final = GenericScheme(
    About(
        name="generic_hmac",
        title="Any sender that signs with an HMAC",
        signs="what the source's `signature:` says: algorithm, encoding, header, prefix, separator, and the signed text",
        configure="As text, base64 or hex; `key:` says which.",
        proves="That what is signed comes from someone who knows the secret.",
        unproved="When it was sent, unless a timestamp is among what is signed.",
        example=Example(
            request=SignedRequest(url="https://hooks.example.org/api/v1/webhooks/demo", body=b'{"status": "ok"}'),
            secret=Secret(value="correct horse battery staple"),
            options=Options(
                descriptor=Descriptor(
                    headers=(HeaderNames(signature="X-Acme-Signature", timestamp="X-Acme-Time"),),
                    signed="{timestamp}.{body}",
                    prefix="v1=",
                )
            ),
        ),
    )
)
