"""What a format is: how one message becomes one HTTP request to one endpoint.

A format is pure: message, endpoint, secrets, moment and attempt go in, a request comes out. It signs through
`signatures.registry.sign` and never by hand, sends nothing, and keeps nothing. Its options are read once, when the
endpoint is loaded; `Format.prepare` returns what is asked at each attempt.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec

from stormlet.flow.delivery.schedule import Advice, Answer
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.secrets import MASK
from stormlet.foundation.templates import Templates
from stormlet.model.endpoint import Endpoint
from stormlet.model.message import Message
from stormlet.signatures.registry import sign
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.scheme import Options, Scheme
from stormlet.signatures.secret import Secret

VERIFICATION: Final = "endpoint.verification"
"""The type of the message that asks whether an endpoint is there; formats ask it in their sender's words."""


_CREDENTIAL: Final = re.compile(r"^(proxy-)?authorization$|^cookie$|api[-_]?key|token|secret|password", re.IGNORECASE)
"""Names of headers whose values are credentials, whoever set them. Signatures are none: they are shown."""


def is_credential(name: str) -> bool:
    """Tell whether a header's value is a credential, by the header's name."""
    return _CREDENTIAL.search(name) is not None


class OutgoingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request, ready to be sent: these very bytes are signed."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    signed_with: tuple[str, ...] = ()
    """Names of the secrets that signed it."""
    hidden: tuple[str, ...] = ()
    """Texts that must not be shown: a token in a header, a routing key in the body. `shown` masks them."""

    def __repr__(self) -> str:
        """Return the request without headers and body, which may hold secrets."""
        return f"OutgoingRequest(method={self.method!r}, {len(self.headers)} headers, {len(self.body)} bytes)"

    def shown(self) -> "OutgoingRequest":
        """Return the request as it may be stored and shown: credentials and every hidden text masked."""
        headers = [(name, MASK if is_credential(name) else self._masked(value)) for name, value in self.headers]
        body = self.body
        for text in self.hidden:
            body = body.replace(text.encode(), MASK.encode())
        return msgspec.structs.replace(self, url=self._masked(self.url), headers=tuple(headers), body=body, hidden=())

    def _masked(self, value: str) -> str:
        for text in self.hidden:
            value = value.replace(text, MASK)
        return value


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to send one message to one endpoint."""

    message: Message
    endpoint: Endpoint
    secrets: tuple[Secret, ...]
    """Those that sign now, the newest first (`delivery.secrets.signing`)."""
    now: datetime
    attempt: int = 1
    """Counts from 1."""


class SecretUse(StrEnum):
    """What a format does with the endpoint's secrets."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    """Without one the request is sent unsigned, as the sender that it stands for does."""
    UNUSED = "unused"


class SecretForm(StrEnum):
    """What the text of a secret has to be (`delivery.secrets.check`)."""

    TEXT = "text"
    STANDARD = "standard"
    """`whsec_` and base64, or `whsk_` and base64 for an Ed25519 key."""
    BASE64 = "base64"
    ROUTING_KEY = "routing-key"


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A message in a format; docs/reference/formats.md shows what becomes of it, and a golden file holds it."""

    title: str
    message: str
    """A type of message; `formats.samples` has one of each."""
    options: Mapping[str, Any] = {}
    secrets: tuple[Secret, ...] = ()


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What people are told about a format. docs/reference/formats.md is generated from these."""

    name: str
    title: str
    help: str
    """What is sent, in a paragraph."""
    signs: str
    """How a receiver knows that it is genuine; with the scheme's name where a source of ours would verify it."""
    options: Mapping[str, Any] = {}
    """The JSON Schemas (draft 7) of the options, by name, each with a description and mostly a default."""
    required: tuple[str, ...] = ()
    secret: SecretUse = SecretUse.OPTIONAL
    secret_form: SecretForm = SecretForm.TEXT
    scheme: str = ""
    """The scheme of signatures/ that verifies it; empty where none does."""
    url_is_secret: bool = False
    """Whether whoever knows the endpoint's URL may post; then only its host is shown."""
    max_body: int = 256 * 1024
    """Bytes; what is larger is not sent, unless the endpoint says otherwise."""
    types: tuple[str, ...] = ("*",)
    """Globs of the message types that this format can say; others are not planned for its endpoints."""
    examples: tuple[Example, ...] = ()

    @property
    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of all options."""
        return {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": dict(self.options),
            "required": list(self.required),
            "additionalProperties": False,
        }


Render = Callable[[Sending], OutgoingRequest]
"""Raises InvalidInputError (RenderError for a template): this message cannot be sent this way, now or later."""


class Format(Protocol):
    """One way to send. Called through `formats.registry` only, which checks options and adds the endpoint's headers."""

    @property
    def about(self) -> About:
        """Say what this format is."""
        ...

    def prepare(self, options: Mapping[str, Any], templates: Templates) -> Render:
        """Return what makes requests with these options, which fit the schema, defaults filled in.

        Raises:
            InvalidInputError: they cannot be used, such as a template that does not compile.
        """
        ...

    def read(self, answer: Answer) -> Advice | None:
        """Return what the answer means where the product has words of its own for it; None: as its status says."""
        ...


def post(sending: Sending, body: bytes, content_type: str, *headers: tuple[str, str]) -> SignedRequest:
    """Return an unsigned POST to the endpoint."""
    return SignedRequest(
        method="POST", url=sending.endpoint.url, headers=(("Content-Type", content_type), *headers), body=body
    )


def outgoing(
    request: SignedRequest, signed_with: Sequence[Secret] = (), *, hidden: Sequence[str] = ()
) -> OutgoingRequest:
    """Return a signed request as one to send."""
    return OutgoingRequest(
        method=request.method,
        url=request.url,
        headers=request.headers,
        body=request.body,
        signed_with=tuple(secret.name for secret in signed_with),
        hidden=tuple(hidden),
    )


def signed_by_one(
    scheme: Scheme, request: SignedRequest, sending: Sending, options: Options | None = None
) -> OutgoingRequest:
    """Return the request signed with one secret, by a scheme whose header holds one signature; unsigned without secrets.

    While two sign, the attempts take turns, the newest first: whichever of them the receiver knows, the second attempt at the
    latest is one that it accepts.
    """
    if not sending.secrets:
        return outgoing(request)
    secret = sending.secrets[(sending.attempt - 1) % len(sending.secrets)]
    return outgoing(sign(scheme, request, [secret], sending.now, options), [secret])


def compact(document: Any) -> bytes:
    """Return JSON without blanks, keys in their order. Lone surrogates of a payload become question marks.

    Raises:
        InvalidInputError: it is nested too deeply, or holds what JSON does not have.
    """
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:
        return msgspec.json.encode(_encodable(document))
    except (RecursionError, TypeError) as error:
        raise InvalidInputError(f"the message cannot be written as JSON: {error}") from error


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_encodable(key): _encodable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(each) for each in value]
    return value
