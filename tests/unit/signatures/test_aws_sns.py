"""Amazon SNS: the certificate's URL, the signed lines, the topics."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from stormlet.signatures.aws_sns import certificate_url, is_sns_url, read_message
from stormlet.signatures.registry import scheme_named, sign, verify
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.scheme import Options
from stormlet.signatures.secret import Secret
from stormlet.signatures.verification import Reason, Refusal

NOW = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
SNS = scheme_named("aws_sns")
CERTIFICATE_URL = "https://sns.eu-west-3.amazonaws.com/SimpleNotificationService-1.pem"
TOPIC = "arn:aws:sns:eu-west-3:123456789012:alerts"


def notification(**changes: Any) -> SignedRequest:
    message = {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": TOPIC,
        "Message": "Größe\n€",
        "Timestamp": "2026-02-11T09:19:58.104Z",
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE_URL,
        **changes,
    }
    present = {name: value for name, value in message.items() if value is not None}
    return SignedRequest(body=json.dumps(present).encode())


def options_of(pair: Any, topics: tuple[str, ...] = (TOPIC,)) -> Options:
    return Options(certificates={CERTIFICATE_URL: pair.certificate}, topics=topics)


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_signed_notification_is_genuine(rsa_pair: Any, version: str) -> None:
    """Both versions verify, with and without a subject; the id for deduplication is in the verdict."""
    for request in (notification(SignatureVersion=version), notification(SignatureVersion=version, Subject="disk")):
        signed = sign(SNS, request, [Secret(value=rsa_pair.private_key)], NOW)
        verdict = verify(SNS, signed, [], NOW, options_of(rsa_pair))
        assert (verdict.ok, verdict.delivery_id) == (True, "m-1")


def test_a_version_is_not_taken_for_another(rsa_pair: Any) -> None:
    """A SHA-1 signature that calls itself SHA-256 is wrong, and so is a version that does not exist."""
    signed = sign(SNS, notification(SignatureVersion="1"), [Secret(value=rsa_pair.private_key)], NOW)
    for version, reason in (("2", Reason.MISMATCH), ("3", Reason.UNKNOWN_VERSION)):
        relabelled = {**json.loads(signed.body), "SignatureVersion": version}
        request = SignedRequest(body=json.dumps(relabelled).encode())
        assert verify(SNS, request, [], NOW, options_of(rsa_pair)).reason is reason


def test_the_topic_must_be_allowed(rsa_pair: Any) -> None:
    """Any AWS account may subscribe our URL to its own topic; `*` has to be spelled out."""
    signed = sign(SNS, notification(), [Secret(value=rsa_pair.private_key)], NOW)
    for topics, reason in (
        (("arn:aws:sns:eu-west-3:123456789012:other",), Reason.NOT_ALLOWED),
        ((), Reason.NOT_CONFIGURED),
        (("*",), Reason.OK),
    ):
        assert verify(SNS, signed, [], NOW, options_of(rsa_pair, topics)).reason is reason


def test_without_the_certificate_the_url_to_fetch_is_told(rsa_pair: Any) -> None:
    """The room fetches nothing: the verdict names the URL, and `certificate_url` gives it before any verdict."""
    signed = sign(SNS, notification(), [Secret(value=rsa_pair.private_key)], NOW)
    verdict = verify(SNS, signed, [], NOW, Options(topics=(TOPIC,)))
    assert (verdict.reason, verdict.subject) == (Reason.UNKNOWN_CERTIFICATE, CERTIFICATE_URL)
    assert certificate_url(read_message(signed.body)) == CERTIFICATE_URL


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-3.amazonaws.com/x.pem",
        "https://sns.eu-west-3.amazonaws.com.evil.example/x.pem",
        "https://sns.eu-west-3.amazonaws.com@evil.example/x.pem",
        "https://evil.example/sns.eu-west-3.amazonaws.com/x.pem",
        "https://sns.eu-west-3.amazonaws.com:8443/x.pem",
        "https://evil.example\\@sns.eu-west-3.amazonaws.com/x.pem",
        "https://sns.eu-west-3.amazonaws.com\n.evil.example/x.pem",
        "https://sns.eu-west-3.amazonaws.com/x.pem#y.pem",
        "https://sns.eu-west-3.amazonaws.com/x?y.pem",
        "https://sns.eu-west-3.amazonaws.com/x.txt",
        "https://sns..amazonaws.com/x.pem",
        "https://s3.eu-west-3.amazonaws.com/x.pem",
        "https:/sns.eu-west-3.amazonaws.com/x.pem",
        "//sns.eu-west-3.amazonaws.com/x.pem",
        "ſns.eu-west-3.amazonaws.com/x.pem",
        "",
    ],
)
def test_a_certificate_from_elsewhere_is_never_fetched(url: str) -> None:
    """Whoever may choose the certificate may sign, so its URL must be one of SNS to the letter."""
    message = {"SigningCertURL": url}
    with pytest.raises(Refusal):
        certificate_url(message)


def test_the_hosts_of_sns_are_known() -> None:
    """Regions, China and an explicit 443 are SNS's own."""
    for host in ("sns.us-east-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn", "SNS.eu-west-3.amazonaws.com:443"):
        assert is_sns_url(f"https://{host}/?Action=ConfirmSubscription&Token=1")


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b"[]",
        b"null",
        b'{"Type": ["Notification"]}',
        b'{"Type": "Notification"}',
        b"\xff\xfe",
        b"[" * 100_000,
        notification(MessageId=7, Signature="eA==").body,
        notification(Message=None, Signature="eA==").body,
        notification(Signature="%%%é").body,
        notification(Signature="eA==").body.replace(b'"MessageId"', b'"Message": "x", "MessageId"'),
    ],
)
def test_what_is_no_message_is_refused(rsa_pair: Any, body: bytes) -> None:
    """Raw delivery, wrong types, a doubled key and garbage are refusals."""
    verdict = verify(SNS, SignedRequest(body=body), [], NOW, options_of(rsa_pair))
    assert verdict.reason in (Reason.MALFORMED_BODY, Reason.MALFORMED_SIGNATURE, Reason.UNTRUSTED_URL)


def test_a_certificate_that_is_none_is_refused() -> None:
    """An error page in place of a PEM is not an exception."""
    request = notification(Signature="eA==")
    for pem in ("", "<html>", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        verdict = verify(SNS, request, [], NOW, Options(certificates={CERTIFICATE_URL: pem}, topics=("*",)))
        assert verdict.reason is Reason.UNKNOWN_CERTIFICATE


def test_the_subscribe_url_is_signed(rsa_pair: Any) -> None:
    """Another SubscribeURL under the same signature is refused."""
    request = notification(
        Type="SubscriptionConfirmation", Token="t", SubscribeURL="https://sns.eu-west-3.amazonaws.com/?Action=C"
    )
    signed = sign(SNS, request, [Secret(value=rsa_pair.private_key)], NOW)
    assert verify(SNS, signed, [], NOW, options_of(rsa_pair)).ok
    changed = msgspec.structs.replace(signed, body=signed.body.replace(b"Action=C", b"Action=D"))
    assert verify(SNS, changed, [], NOW, options_of(rsa_pair)).reason is Reason.MISMATCH
