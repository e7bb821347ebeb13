"""What a scheme is: the protocol that each implements, what a caller may set, and what the docs say about it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from stormlet.signatures.places import Place
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.secret import Secret
from stormlet.signatures.verification import Verification

if TYPE_CHECKING:
    from stormlet.signatures.descriptor import Descriptor


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What one endpoint sets differently from its scheme's defaults. Each scheme takes what it knows."""

    tolerance: float | None = None
    """Seconds that a signature may be old or ahead. None: the scheme's own."""
    header: str = ""
    """The signature's header, where the sender lets one choose it."""
    timestamp_header: str = ""
    """The timestamp's header, where the sender lets one choose it (Grafana)."""
    legacy: bool = False
    """Take the sender's older, weaker signature where the stronger one was not sent at all."""
    reserialised: bool = True
    """For Zoom: also try the signature over the compact form of the JSON body, which is what its SDK signs."""
    descriptor: "Descriptor | None" = None
    """For generic_hmac: what the sender signs, and how."""
    certificates: Mapping[str, str] = {}
    """For aws-sns: PEM certificates by the URL they were fetched from."""
    topics: tuple[str, ...] = ()
    """For aws-sns: the topic ARNs that are taken. `*` takes any, and has to be spelled out."""
    required_components: tuple[str, ...] = ("@method", "@target-uri", "content-digest")
    """For rfc9421: what a signature must cover."""
    allowed_origins: tuple[str, ...] = ()
    """For CloudEvents' handshake: who may send here. `*` is anyone, and has to be spelled out."""
    allowed_rate: int | None = None
    """For CloudEvents' handshake: requests a minute; None: as many as asked for."""
    message_id: str = ""
    """For signing: the message id to send."""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One request that the docs show and a test signs and verifies."""

    request: SignedRequest
    secret: Secret
    """What the receiver is configured with."""
    signing_secret: Secret | None = None
    """What the sender signs with, where that is another thing (a private key)."""
    options: Options = Options()


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What people are told about a scheme. docs/reference/schemes.md is generated from these."""

    name: str
    title: str
    aliases: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    """The headers that take part, where no descriptor says so."""
    time: str = "none"
    """How old a signature may be, where no descriptor says so."""
    signs: str
    """What the signature is made of, in one line."""
    configure: str
    """The secret to configure, in words; never one itself."""
    proves: str
    unproved: str = ""
    """What a genuine request still does not prove."""
    delivery_id: tuple[Place, ...] = ()
    """Where the sender's id of the delivery may stand; the first that is there counts."""
    delivery_id_signed: bool = False
    event_type: tuple[Place, ...] = ()
    """Where the kind of event stands, the most telling place first."""
    handshake: str = ""
    example: Example | None = None


def demo(body: bytes, *headers: tuple[str, str], key: str = "correct horse battery staple") -> Example:
    """Return the example of a scheme whose key is text."""
    content_type = ("Content-Type", "application/json")
    url = "https://hooks.example.org/api/v1/webhooks/demo"
    return Example(
        request=SignedRequest(url=url, headers=(content_type, *headers), body=body), secret=Secret(value=key)
    )


class Scheme(Protocol):
    """One way to sign. Called through `registry.verify` and `registry.sign` only, which hold the promises about errors."""

    @property
    def about(self) -> About:
        """Say what this scheme is."""
        ...

    def verify(
        self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options
    ) -> Verification:
        """Return the verdict of a genuine request.

        Raises:
            Refusal: it is not genuine.
        """
        ...

    def sign(self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options) -> SignedRequest:
        """Return the request as the sender would send it.

        Raises:
            InvalidInputError: it cannot be signed with these secrets and options.
        """
        ...
