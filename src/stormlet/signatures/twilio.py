"""Twilio: the MAC is over the URL that Twilio called and the form's fields, or over a URL that holds the body's hash.

The URL must be the public one, scheme and host included; Twilio itself is unsure about explicit ports, so the URL is
tried with and without one, as its libraries do.
"""

import hashlib
import hmac
from binascii import b2a_base64
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from stormlet.foundation.errors import InvalidInputError
from stormlet.signatures.descriptor import Algorithm
from stormlet.signatures.places import in_body, in_header
from stormlet.signatures.request import (
    FORM_TYPE,
    Folded,
    SignedRequest,
    fold,
    form_fields,
    media_type,
    one_ascii_value,
    present,
    query_of,
    query_values,
    text_bytes,
)
from stormlet.signatures.scheme import About, Example, Options
from stormlet.signatures.secret import MISSING_KEY, KeyForm, Secret, active, key_bytes
from stormlet.signatures.verification import Reason, Refusal, Verification, accepted

SIGNATURE: Final = "X-Twilio-Signature"
SETTINGS: Final = "X-Twilio-Webhooks-Signature-Settings"
BODY_HASH: Final = "bodySHA256"
_ALGORITHMS: Final = {"HMAC_SHA1": Algorithm.SHA1, "HMAC_SHA256": Algorithm.SHA256}
_DEFAULT_PORTS: Final = {"https": "443", "http": "80"}


class TwilioScheme:
    """HMAC-SHA1 by the auth token, or HMAC-SHA256 by a shared key, in base64."""

    def __init__(self, about: About) -> None:
        self.about = about

    def verify(
        self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options
    ) -> Verification:
        headers = fold(request.headers)
        given = one_ascii_value(headers, SIGNATURE).encode()
        algorithm = _algorithm(headers)
        hash_is_right = _body_hash_is_right(request)
        tails = _tails(request, headers, hash_is_right)
        messages = [text_bytes(url) + tail for url in _urls(request.url) for tail in tails]
        keys = [(index, key) for index, s in enumerate(secrets) if s.enabled and (key := key_bytes(s, KeyForm.TEXT))]
        matched: int | None = None
        for index, key in keys or [(-1, MISSING_KEY)]:
            for message in messages:
                if hmac.compare_digest(given, _signature(key, message, algorithm)) and matched is None:
                    matched = index
        if not keys:
            raise Refusal(Reason.NO_SECRET, "no active secret is configured")
        if matched is None:
            raise Refusal(Reason.MISMATCH, "the signature is wrong for this URL and these fields", subject=SIGNATURE)
        if request.body and media_type(headers) != FORM_TYPE and not hash_is_right:
            covered = hash_is_right is not None
            words = "the URL's bodySHA256 is not that of the body" if covered else "nothing signed covers the body"
            reason = Reason.WRONG_BODY_HASH if covered else Reason.NOT_COVERED
            raise Refusal(reason, words, subject=BODY_HASH, secret=matched)
        return accepted(secret=matched, delivery_id=headers.get("i-twilio-idempotency-token", ("",))[0])

    def sign(self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options) -> SignedRequest:
        usable = active(secrets)
        if not usable:
            raise InvalidInputError("twilio needs the auth token to sign")
        headers = fold(request.headers)
        if request.body and media_type(headers) != FORM_TYPE and not query_values(request.url, BODY_HASH):
            joint = "&" if query_of(request.url) else "?"
            digest = hashlib.sha256(request.body).hexdigest()
            request = msgspec.structs.replace(request, url=f"{request.url}{joint}{BODY_HASH}={digest}")
        message = text_bytes(request.url) + _tails(request, headers, None)[0]
        signature = _signature(usable[0][1].value.encode(), message, _algorithm(headers))
        return request.with_headers((SIGNATURE, signature.decode()))


def _algorithm(headers: Folded) -> Algorithm:
    """Return what the settings header names; SHA-1, the auth token's, where there is none."""
    if not present(headers, SETTINGS):
        return Algorithm.SHA1
    for setting in one_ascii_value(headers, SETTINGS).split(","):
        name, _, value = setting.partition("=")
        if name.strip() == "algorithm" and value.strip():
            algorithm = _ALGORITHMS.get(value.strip().upper())
            if algorithm is None:
                words = f"the settings name the algorithm {value.strip()[:40]}, which is not known"
                raise Refusal(Reason.UNKNOWN_VERSION, words, subject=SETTINGS)
            return algorithm
    return Algorithm.SHA1


def _body_hash_is_right(request: SignedRequest) -> bool | None:
    """Tell whether the URL's hash is the body's; None if the URL has none."""
    values = query_values(request.url, BODY_HASH)
    if not values:
        return None
    if len(values) > 1:
        raise Refusal(Reason.DUPLICATE_HEADER, "the URL has several bodySHA256", subject=BODY_HASH)
    return hmac.compare_digest(values[0].lower(), hashlib.sha256(request.body).hexdigest().encode())


def _tails(request: SignedRequest, headers: Folded, hash_is_right: bool | None) -> list[bytes]:
    """Return what may stand behind the URL in the signed text: the form's fields, or nothing where the signed URL
    vouches for the body by its hash.
    """
    if media_type(headers) != FORM_TYPE or not request.body:
        return [b""]
    values: dict[bytes, set[bytes]] = {}
    for name, value in form_fields(request.body):
        values.setdefault(name, set()).add(value)
    fields = b"".join(name + value for name in sorted(values) for value in sorted(values[name]))
    return [fields, b""] if hash_is_right else [fields]


def _urls(url: str) -> list[str]:
    """Return the URL as received, without its port, and with the scheme's default port."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return [url]
    end = min((rest.find(char) for char in "/?#" if char in rest), default=len(rest))
    authority, tail = rest[:end], rest[end:]
    host, colon, port = authority.rpartition(":")
    if colon and port.isdecimal():
        return [url, f"{scheme}://{host}{tail}"]
    default = _DEFAULT_PORTS.get(scheme.lower())
    return [url, f"{scheme}://{authority}:{default}{tail}"] if default else [url]


def _signature(key: bytes, message: bytes, algorithm: Algorithm) -> bytes:
    return b2a_base64(hmac.digest(key, message, algorithm.value), newline=False)


TWILIO: Final = TwilioScheme(
    About(
        name="twilio",
        title="Twilio",
        headers=(SIGNATURE, SETTINGS),
        signs="HMAC-SHA1 in base64 over the URL and the form's fields sorted by name; over the URL alone where it holds "
        "`bodySHA256`, the hash of the body; HMAC-SHA256 where the settings header says so (shared keys)",
        configure="The account's auth token, or the shared key's secret, as text.",
        proves="That URL and fields (or body) come from someone who knows the token.",
        unproved="When it was sent: a recorded request can be sent again. The idempotency token is a header, not signed.",
        delivery_id=(in_header("I-Twilio-Idempotency-Token"),),
        event_type=(in_body("MessageStatus"), in_body("SmsStatus"), in_body("CallStatus")),
        example=Example(
            request=SignedRequest(
                url="https://mycompany.com/myapp.php?foo=1&bar=2",
                headers=(("Content-Type", FORM_TYPE),),
                body=b"Digits=1234&To=%2B18005551212&From=%2B14158675310",
            ),
            secret=Secret(value="12345"),
        ),
    )
)
