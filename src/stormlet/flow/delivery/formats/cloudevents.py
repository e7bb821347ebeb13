"""CloudEvents 1.0 over HTTP: binary or structured, with the token of its webhook specification, and that one's handshake."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from stormlet.flow.delivery.formats.interface import (
    About,
    Example,
    OutgoingRequest,
    Render,
    SecretUse,
    Sending,
    compact,
    outgoing,
    post,
)
from stormlet.flow.delivery.formats.standard import EXAMPLE_SECRET, sign_standard
from stormlet.flow.delivery.formats.texts import header_value
from stormlet.flow.delivery.schedule import Advice, Answer
from stormlet.foundation.clock import to_iso
from stormlet.foundation.templates import Templates
from stormlet.model.message import Message
from stormlet.signatures.cloudevents import CLOUDEVENTS, STRUCTURED
from stormlet.signatures.registry import sign
from stormlet.signatures.request import SignedRequest, fold
from stormlet.signatures.secret import Secret

_TOKEN: Final = Secret(value="Zm9yIGV4YW1wbGVzIG9ubHksIG5vIHNlY3JldA", name="1")
_UNSUPPORTED: Final = 415
_UNESCAPED: Final = frozenset(chr(code) for code in range(0x21, 0x7F)) - {'"', "%"}


class CloudEventsFormat:
    """For any receiver that speaks CloudEvents."""

    about = About(
        name="cloudevents",
        title="CloudEvents",
        help="The message's data as the event's data. `id`, `type`, `time` and `subject` are the message's, `source` "
        "is an option; the extensions are `sequence` (the ordinal), `pack`, `causedby`, `url` and `tracetag`. With "
        "`mode: structured` all of it is one JSON document, with `binary` the attributes are headers. "
        "`WebHook-Request-Origin` is sent where `origin` is set; then the receiver is asked first, by `OPTIONS`, "
        "whether it wants events of that origin.",
        signs="The secret as a bearer token. With `authorization: signature` the headers of Standard Webhooks "
        "instead, which in `structured` cover the whole event and in `binary` its data only.",
        options={
            "mode": {
                "enum": ["structured", "binary"],
                "default": "structured",
                "description": "Where the attributes stand.",
            },
            "source": {
                "type": "string",
                "default": "",
                "description": "The events' `source`, a URI reference; empty: `/stormlet/packs/<pack>`.",
            },
            "type_prefix": {
                "type": "string",
                "pattern": "^[A-Za-z0-9._-]*$",
                "default": "",
                "description": "Put before each type, such as `com.example.`.",
            },
            "authorization": {
                "enum": ["bearer", "signature"],
                "default": "bearer",
                "description": "What becomes of the secret.",
            },
            "origin": {
                "type": "string",
                "pattern": "^[A-Za-z0-9.:-]*$",
                "default": "",
                "description": "Our host name, sent as `WebHook-Request-Origin`, and a handshake before the first "
                "event.",
            },
        },
        secret=SecretUse.OPTIONAL,
        scheme="cloudevents",
        examples=(
            Example(title="Structured", message="execution.failed", secrets=(_TOKEN,)),
            Example(
                title="Binary, signed as Standard Webhooks",
                message="rule.matched",
                options={"mode": "binary", "authorization": "signature", "origin": "stormlet.example"},
                secrets=(EXAMPLE_SECRET,),
            ),
        ),
    )

    def prepare(self, options: Mapping[str, Any], templates: Templates) -> Render:
        def render(sending: Sending) -> OutgoingRequest:
            attributes = _attributes(sending.message, options)
            binary = options["mode"] == "binary"
            request = _binary(sending, attributes) if binary else _structured(sending, attributes)
            if options["origin"]:
                request = request.with_headers(("WebHook-Request-Origin", options["origin"]))
            return _authorized(request, sending, signature=options["authorization"] == "signature")

        return render

    def read(self, answer: Answer) -> Advice | None:
        if answer.status == _UNSUPPORTED:
            words = "answered 415: it does not take this mode of CloudEvents; set the option `mode`"
            return Advice(reason=words)
        return None


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver answered to the handshake."""

    allowed: bool
    reason: str
    per_minute: int | None = None
    """How many requests a minute it takes; None: any number."""


def handshake_request(url: str, origin: str, per_minute: int | None = None) -> OutgoingRequest:
    """Return the request that asks a receiver whether it wants events of this origin (HTTP 1.1 Web Hooks, section 4)."""
    headers = [("WebHook-Request-Origin", header_value(origin))]
    if per_minute is not None:
        headers.append(("WebHook-Request-Rate", str(per_minute)))
    return OutgoingRequest(method="OPTIONS", url=url, headers=tuple(headers), body=b"")


def read_consent(headers: Sequence[tuple[str, str]], origin: str, asked_per_minute: int | None = None) -> Consent:
    """Return what the answer to a handshake says. The status says nothing: only the headers are a consent."""
    folded = fold(headers)
    origins = [each.strip() for value in folded.get("webhook-allowed-origin", ()) for each in value.split(",")]
    if "*" not in origins and origin.lower() not in [each.lower() for each in origins]:
        words = f"for {', '.join(origins)} only" if any(origins) else "no WebHook-Allowed-Origin in its answer"
        return Consent(allowed=False, reason=f"the receiver does not want events of {origin}: {words}")
    rate = "".join(folded.get("webhook-allowed-rate", ())).strip()
    if rate.isascii() and rate.isdecimal() and 0 < len(rate) < 10 and int(rate) > 0:
        return Consent(allowed=True, reason=f"allowed, {int(rate)} a minute", per_minute=int(rate))
    if asked_per_minute is not None and rate != "*":
        return Consent(allowed=False, reason="the receiver allows the origin, but no rate, although one was asked for")
    return Consent(allowed=True, reason="allowed")


def _attributes(message: Message, options: Mapping[str, Any]) -> dict[str, str]:
    attributes = {
        "specversion": "1.0",
        "id": message.id,
        "source": options["source"] or f"/stormlet/packs/{message.pack}",
        "type": options["type_prefix"] + message.type,
        "subject": message.subject,
        "time": to_iso(message.time),
        "sequence": str(message.ordinal),
        "pack": message.pack,
        "causedby": message.caused_by,
        "url": message.url,
        "tracetag": message.trace_tag,
    }
    return {name: value for name, value in attributes.items() if value}


def _structured(sending: Sending, attributes: Mapping[str, str]) -> SignedRequest:
    body = compact({**attributes, "datacontenttype": "application/json", "data": sending.message.data})
    return post(sending, body, f"{STRUCTURED}; charset=utf-8")


def _binary(sending: Sending, attributes: Mapping[str, str]) -> SignedRequest:
    headers = [(f"ce-{name}", _percent_encoded(value)) for name, value in attributes.items()]
    return post(sending, compact(sending.message.data), "application/json", *headers)


def _percent_encoded(value: str) -> str:
    """Return a value as the HTTP binding wants it in a header (3.1.3.2): what is not visible ASCII, `"` and `%` encoded."""
    encoded = value.encode("utf-8", "replace")
    return "".join(chr(byte) if chr(byte) in _UNESCAPED else f"%{byte:02X}" for byte in encoded)


def _authorized(request: SignedRequest, sending: Sending, *, signature: bool) -> OutgoingRequest:
    if not sending.secrets:
        return outgoing(request)
    if signature:
        signed = sign_standard(request, sending.secrets, sending.now, sending.message.id)
        return outgoing(signed, sending.secrets)
    # Its name is a label of ours; for the scheme it would be the name of a header.
    secret = sending.secrets[(sending.attempt - 1) % len(sending.secrets)]
    signed = sign(CLOUDEVENTS, request, [Secret(value=secret.value)], sending.now)
    return outgoing(signed, [secret], hidden=[secret.value])
