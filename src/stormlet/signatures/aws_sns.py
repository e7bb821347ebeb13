"""Amazon SNS: an RSA signature inside the JSON body, by a certificate that the body names.

The certificate's URL is the whole trust of it: whoever may choose it may sign. So it is judged by `is_sns_url` before
anyone fetches it, and the caller hands in what was fetched. The certificate's own dates are not judged: AWS's TLS
vouches for the file, and recorded messages outlive it. Any AWS account can subscribe this URL to a topic of its own,
so the topic must be on a list.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stormlet.foundation.errors import InvalidInputError
from stormlet.signatures.places import in_body
from stormlet.signatures.request import SignedRequest, cut_url
from stormlet.signatures.scheme import About, Options
from stormlet.signatures.secret import Secret
from stormlet.signatures.verification import Reason, Refusal, Verification, accepted

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

NOTIFICATION: Final = "Notification"
SUBSCRIPTION: Final = "SubscriptionConfirmation"
UNSUBSCRIPTION: Final = "UnsubscribeConfirmation"
ANY_TOPIC: Final = "*"
_CONFIRMATION_FIELDS: Final = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED: Final = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION: _CONFIRMATION_FIELDS,
    UNSUBSCRIPTION: _CONFIRMATION_FIELDS,
}
_HOST: Final = re.compile(r"sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?(:443)?", re.ASCII)
_URL_TEXT: Final = re.compile(r"[!-\[\]-~]+", re.ASCII)
"""Visible ASCII without the backslash, which some parsers take for a slash."""


class SnsScheme:
    """RSA PKCS#1 v1.5 with SHA-1 (version 1) or SHA-256 (version 2) over sorted name and value lines."""

    def __init__(self, about: About) -> None:
        self.about = about

    def verify(
        self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options
    ) -> Verification:
        message = read_message(request.body)
        url = certificate_url(message)
        pem = options.certificates.get(url)
        if pem is None:
            raise Refusal(Reason.UNKNOWN_CERTIFICATE, "the signing certificate was not fetched", subject=url)
        if not _genuine(_public_key(pem), message):
            raise Refusal(Reason.MISMATCH, "the signature in the body is wrong", subject="Signature")
        if not options.topics:
            raise Refusal(Reason.NOT_CONFIGURED, "no topic ARN is allowed; list them, or `*`", subject="topics")
        if ANY_TOPIC not in options.topics and message["TopicArn"] not in options.topics:
            raise Refusal(Reason.NOT_ALLOWED, f"the topic {message['TopicArn']} is not allowed", subject="TopicArn")
        return accepted(delivery_id=message["MessageId"])

    def sign(self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options) -> SignedRequest:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            document = json.loads(request.body)
            version = document.setdefault("SignatureVersion", "2")
            key = load_pem_private_key(secrets[0].value.encode(), None)
            if not isinstance(key, RSAPrivateKey):
                raise InvalidInputError("aws-sns signs with an RSA private key")
            signature = key.sign(string_to_sign(document), PKCS1v15(), _hash(version))
        except (ValueError, IndexError, TypeError, AttributeError, Refusal) as error:
            raise InvalidInputError("aws-sns needs an SNS message and an RSA private key in PEM") from error
        document["Signature"] = base64.b64encode(signature).decode()
        return msgspec.structs.replace(request, body=json.dumps(document, ensure_ascii=False).encode())


def read_message(body: bytes) -> dict[str, Any]:
    """Return the message, whatever content type it came with (SNS says text/plain).

    Raises:
        Refusal: it is not an SNS message in JSON, or has a key twice, which two readers could read differently.
    """
    try:
        document = json.loads(body.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Refusal(Reason.MALFORMED_BODY, "the body is not an SNS message in JSON") from error
    kind = document.get("Type") if isinstance(document, dict) else None
    if not isinstance(kind, str) or kind not in _SIGNED:
        raise Refusal(Reason.MALFORMED_BODY, "the body is not an SNS message (raw delivery is not signed)")
    for name in ("MessageId", "TopicArn", "SigningCertURL", "SignatureVersion", "Signature"):
        if not isinstance(document.get(name), str) or not document[name]:
            raise Refusal(Reason.MALFORMED_BODY, f"the message has no {name}", subject=name)
    found: dict[str, Any] = document
    return found


def certificate_url(message: Mapping[str, Any]) -> str:
    """Return the URL of the certificate to fetch.

    Raises:
        Refusal: it is not one that SNS would name; it must not be fetched.
    """
    url = message["SigningCertURL"]
    if not is_sns_url(url) or "?" in url or not url.endswith(".pem"):
        raise Refusal(Reason.UNTRUSTED_URL, "the certificate's URL is not one of SNS", subject="SigningCertURL")
    return str(url)


def is_sns_url(url: object) -> bool:
    """Tell whether a URL is https on a host of SNS itself, without user info, odd characters or a fragment."""
    if not isinstance(url, str) or not _URL_TEXT.fullmatch(url) or "#" in url:
        return False
    parts = cut_url(url)
    return parts.scheme == "https" and _HOST.fullmatch(parts.authority.lower()) is not None


def string_to_sign(message: Mapping[str, Any]) -> bytes:
    """Return the signed bytes: each name and value on a line of its own, in the order of the names.

    Raises:
        Refusal: a field is missing, or not text.
    """
    lines = []
    for name in _SIGNED.get(message["Type"], ()):
        value = message.get(name)
        if value is None and name == "Subject":
            continue
        if not isinstance(value, str):
            raise Refusal(Reason.MALFORMED_BODY, f"the message has no {name}", subject=name)
        lines.append(f"{name}\n{value}\n")
    return "".join(lines).encode("utf-8", "surrogatepass")


def _genuine(key: "RSAPublicKey", message: Mapping[str, Any]) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    try:
        signature = base64.b64decode(message["Signature"].encode("ascii"), validate=True)
    except ValueError as error:
        raise Refusal(Reason.MALFORMED_SIGNATURE, "the signature is not base64", subject="Signature") from error
    try:
        key.verify(signature, string_to_sign(message), PKCS1v15(), _hash(message["SignatureVersion"]))
    except InvalidSignature:
        return False
    return bool(base64.b64encode(signature).decode() == message["Signature"])


def _hash(version: object) -> Any:
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256

    if version == "2":
        return SHA256()
    if version == "1":
        return SHA1()  # noqa: S303 - still what SNS sends unless the topic is set to version 2
    raise Refusal(Reason.UNKNOWN_VERSION, "the signature's version is neither 1 nor 2", subject="SignatureVersion")


@lru_cache(maxsize=16)
def _public_key(pem: str) -> "RSAPublicKey":
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import load_pem_x509_certificate

    try:
        key = load_pem_x509_certificate(pem.encode()).public_key()
    except ValueError as error:
        raise Refusal(Reason.UNKNOWN_CERTIFICATE, "what was fetched is not a certificate") from error
    if not isinstance(key, RSAPublicKey):
        raise Refusal(Reason.UNKNOWN_CERTIFICATE, "the certificate has no RSA key")
    return key


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key stands twice")
    return document


AWS_SNS: Final = SnsScheme(
    About(
        name="aws-sns",
        title="Amazon SNS",
        aliases=("sns",),
        signs="RSA with SHA-256 (version 2) or SHA-1 (version 1) over sorted lines of names and values, in the body",
        configure="None: the topics' ARNs (option `topics`). The certificate is fetched from the message's URL, which must be "
        "one of SNS's own.",
        proves="That SNS sent the message, for a topic on the list.",
        unproved="That it is new: SNS states no tolerance, and its retries can be hours old; deduplicate by `MessageId`.",
        delivery_id=(in_body("MessageId"),),
        delivery_id_signed=True,
        event_type=(in_body("Type"),),
        handshake="A signed `SubscriptionConfirmation` for an allowed topic: `SubscribeURL` is fetched once, if it is a URL "
        "of SNS. `UnsubscribeConfirmation` is answered, and its URL (which would subscribe again) is not fetched.",
    )
)
