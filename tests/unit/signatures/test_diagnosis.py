"""Why a request was refused, in words."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from stormlet.signatures.descriptor import Encoding
from stormlet.signatures.diagnosis import Candidate, Cause, diagnose
from stormlet.signatures.hmac_scheme import encode
from stormlet.signatures.registry import SCHEMES, scheme_named, sign
from stormlet.signatures.request import FORM_TYPE, SignedRequest
from stormlet.signatures.scheme import Options
from stormlet.signatures.secret import Secret

NOW = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
KEY, OTHER = Secret(value="the secret"), Secret(value="another secret")
REQUEST = SignedRequest(body=b'{"b": 1, "a": "\xc3\xa9"}')
DIGEST = hmac.digest(KEY.value.encode(), REQUEST.body, "sha256")


def codes(causes: Sequence[Cause]) -> list[str]:
    return [cause.code for cause in causes]


def github(signature: str | None, secrets: Sequence[Secret] = (KEY,), body: bytes = REQUEST.body) -> list[Cause]:
    headers = () if signature is None else (("X-Hub-Signature-256", signature),)
    request = SignedRequest(headers=headers, body=body)
    return diagnose(scheme_named("github"), request, secrets, NOW)


def test_a_genuine_request_has_no_causes() -> None:
    """Nothing is wrong, so nothing is said."""
    assert github("sha256=" + DIGEST.hex()) == []


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        (None, "missing-header"),
        ("", "missing-header"),
        (DIGEST.hex(), "prefix-missing"),
        ("sha1=" + DIGEST.hex(), "prefix-wrong"),
        ("sha256=" + encode(DIGEST, Encoding.BASE64).decode(), "encoding"),
        ("sha256=" + encode(DIGEST, Encoding.BASE64URL).decode(), "encoding"),
        ("sha256=" + DIGEST.hex().replace("a", "A", 1), "encoding"),
        ("sha256=" + hmac.digest(KEY.value.encode(), REQUEST.body, "sha1").hex(), "algorithm"),
        ("sha256=" + hmac.digest(KEY.value.encode(), REQUEST.body, "sha512").hex(), "algorithm"),
        ("sha256=" + hmac.digest(KEY.value.encode() + b"\n", REQUEST.body, "sha256").hex(), "secret-form"),
    ],
)
def test_each_near_miss_of_the_signature_is_named(signature: str | None, code: str) -> None:
    """Missing, unprefixed, otherwise encoded, otherwise hashed, a line end in the secret."""
    assert codes(github(signature))[0] == code


@pytest.mark.parametrize(
    "body", [b'{"b":1,"a":"\xc3\xa9"}', b'{"a": "\\u00e9", "b": 1}', b'{"b": 1, "a": "\xc3\xa9"}\n']
)
def test_a_body_that_was_rewritten_on_the_way_is_told(body: bytes) -> None:
    """The sender signed one spelling of the JSON, we received another."""
    causes = github("sha256=" + hmac.digest(KEY.value.encode(), body, "sha256").hex())
    assert codes(causes) == ["body-rewritten"]


def test_secrets_with_white_space_or_base64_are_told() -> None:
    """A secret pasted with a space, or decoded where the scheme takes its text."""
    good = "sha256=" + DIGEST.hex()
    assert "white space" in github(good, [Secret(value=" the secret ")])[0].text
    decoded = Secret(value="dGhlIHNlY3JldA==")
    assert "base64-decoded" in github(good, [OTHER, decoded])[0].text
    assert "secret 2 of 2" in github(good, [OTHER, decoded])[0].text


def test_stripes_secret_taken_for_standard_webhooks_is_told() -> None:
    """Both begin with whsec_, and only one of the two is decoded."""
    secret = Secret(value="whsec_c3Rvcm1sZXQ=")
    request = REQUEST.with_headers(("webhook-id", "m"))
    signed = sign(scheme_named("standard-webhooks"), request, [secret], NOW)
    raw = hmac.digest(secret.value.encode(), b"m.1770801600." + REQUEST.body, hashlib.sha256)
    wrong = signed.with_headers(("webhook-signature", "v1," + encode(raw, Encoding.BASE64).decode()))
    causes = diagnose(scheme_named("standard-webhooks"), wrong, [secret], NOW)
    assert "as text" in causes[0].text


def test_a_stale_request_says_how_far_the_clock_is_off() -> None:
    """The signature is right, so the distance is the sender's clock, or the delivery's delay."""
    signed = sign(scheme_named("slack"), REQUEST, [KEY], NOW - timedelta(seconds=412))
    text = diagnose(scheme_named("slack"), signed, [OTHER, KEY, OTHER], NOW)[0].text
    assert "412 s behind" in text
    assert "secret 2 of 3" in text
    ahead = sign(scheme_named("slack"), REQUEST, [KEY], NOW + timedelta(seconds=500))
    assert "500 s ahead" in diagnose(scheme_named("slack"), ahead, [KEY], NOW)[0].text


def test_a_disabled_secret_and_other_sources_are_told() -> None:
    """It matches secret 2 of 3, which is off; or the secret of another source; or it is for another URL."""
    scheme = scheme_named("github")
    signed = sign(scheme, REQUEST, [KEY], NOW)
    off = msgspec.structs.replace(KEY, enabled=False)
    assert "secret 2 of 3" in diagnose(scheme, signed, [OTHER, off, OTHER], NOW)[0].text
    others = [Candidate(source="acme.other", scheme=scheme, secrets=(KEY,))]
    assert "acme.other" in diagnose(scheme, signed, [OTHER], NOW, others=others)[0].text
    pulumi = sign(scheme_named("pulumi"), REQUEST, [KEY], NOW)
    wrong_url = [Candidate(source="acme.pulumi", scheme=scheme_named("pulumi"), secrets=(KEY,))]
    causes = diagnose(scheme, pulumi, [OTHER], NOW, others=wrong_url)
    assert "missing-header" in codes(causes)


def test_the_wrong_scheme_is_told() -> None:
    """The secret fits what Pulumi's header says: the source names the wrong scheme."""
    pulumi = sign(scheme_named("pulumi"), REQUEST, [KEY], NOW)
    causes = diagnose(scheme_named("github"), pulumi, [KEY], NOW)
    assert any("pulumi" in cause.text for cause in causes)
    legacy = REQUEST.with_headers(
        ("X-Hub-Signature", "sha1=" + hmac.digest(KEY.value.encode(), REQUEST.body, "sha1").hex())
    )
    assert "legacy-signature" in codes(diagnose(scheme_named("github"), legacy, [KEY], NOW))


def test_twilios_url_behind_a_proxy_is_told() -> None:
    """Twilio called https, we saw http: the proxy does not pass the scheme on."""
    request = SignedRequest(url="https://a.example/x?b=1", headers=(("Content-Type", FORM_TYPE),), body=b"A=1")
    signed = sign(scheme_named("twilio"), request, [KEY], NOW)
    seen = msgspec.structs.replace(signed, url="http://a.example/x?b=1")
    assert "https" in diagnose(scheme_named("twilio"), seen, [KEY], NOW)[0].text
    inside = msgspec.structs.replace(signed, url="http://10.0.0.7/x?b=1").with_headers(
        ("X-Forwarded-Host", "a.example")
    )
    assert "a.example" in diagnose(scheme_named("twilio"), inside, [KEY], NOW)[0].text


def test_no_secret_and_an_empty_body_are_told() -> None:
    """The two that are looked for last and happen first."""
    assert "no-secret" in codes(github("sha256=" + DIGEST.hex(), []))
    assert "empty-body" in codes(github("sha256=" + DIGEST.hex(), [KEY], b""))


def test_what_nothing_explains_is_said_too() -> None:
    """There is always an answer, and it is marked as a guess."""
    causes = github("sha256=" + "0" * 64)
    assert [cause.confidence for cause in causes] == ["likely"]


def test_nothing_that_is_said_helps_an_attacker() -> None:
    """No cause holds a secret, a key or the digest that would have been right."""
    for signature in (None, DIGEST.hex(), "sha256=" + "0" * 64, encode(DIGEST, Encoding.BASE64).decode()):
        for cause in github(signature):
            assert KEY.value not in cause.text
            assert DIGEST.hex() not in cause.text


def test_every_scheme_can_be_diagnosed() -> None:
    """An unsigned request of any scheme gets at least one cause, and no exception."""
    for scheme in SCHEMES:
        for secrets in ([], [KEY]):
            assert diagnose(scheme, REQUEST, secrets, NOW, Options())
