"""Twilio's signature over URL and fields."""

from datetime import UTC, datetime

import msgspec
import pytest

from stormlet.signatures.registry import scheme_named, sign, verify
from stormlet.signatures.request import FORM_TYPE, SignedRequest
from stormlet.signatures.secret import Secret
from stormlet.signatures.verification import Reason

NOW = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
TOKEN = [Secret(value="12345")]
TWILIO = scheme_named("twilio")
FORM = (("Content-Type", FORM_TYPE + "; charset=UTF-8"),)
JSON = (("Content-Type", "application/json"),)


def form(url: str, body: bytes) -> SignedRequest:
    return SignedRequest(url=url, headers=FORM, body=body)


@pytest.mark.parametrize(
    ("signed_as", "received_as"),
    [
        ("https://a.example/x?b=1", "https://a.example:443/x?b=1"),
        ("https://a.example:443/x", "https://a.example/x"),
        ("http://a.example:80", "http://a.example"),
        ("https://a.example/x", "https://a.example:8443/x"),
        ("https://[::1]/x", "https://[::1]:443/x"),
    ],
)
def test_an_explicit_port_makes_no_difference(signed_as: str, received_as: str) -> None:
    """Twilio is unsure about ports, so the URL is tried with and without."""
    signed = sign(TWILIO, form(signed_as, b"A=1"), TOKEN, NOW)
    assert verify(TWILIO, msgspec.structs.replace(signed, url=received_as), TOKEN, NOW).ok


def test_the_order_of_fields_does_not_matter_but_their_values_do() -> None:
    """Fields are sorted, repeated values counted once, blank ones kept."""
    url = "https://a.example/"
    signed = sign(TWILIO, form(url, b"b=2&a=1&b=1&c="), TOKEN, NOW)
    for same in (b"a=1&b=1&b=2&c=", b"c&b=2&b=2&b=1&a=%31"):
        assert verify(TWILIO, msgspec.structs.replace(signed, body=same), TOKEN, NOW).ok
    for other in (b"a=1&b=1&b=2", b"a=1&b=1&b=3&c=", b"a=1&b=1&b=2&c=&d="):
        assert verify(TWILIO, msgspec.structs.replace(signed, body=other), TOKEN, NOW).reason is Reason.MISMATCH


def test_json_is_covered_by_its_hash_in_the_url() -> None:
    """`sign` puts bodySHA256 into the URL; without it, or with another body, the request is refused."""
    request = SignedRequest(url="https://a.example/x?y=1", headers=JSON, body=b'{"a": 1}')
    signed = sign(TWILIO, request, TOKEN, NOW)
    assert "&bodySHA256=" in signed.url
    assert verify(TWILIO, signed, TOKEN, NOW).ok
    changed = msgspec.structs.replace(signed, body=b'{"a": 2}')
    assert verify(TWILIO, changed, TOKEN, NOW).reason is Reason.WRONG_BODY_HASH
    url_only = sign(TWILIO, msgspec.structs.replace(request, body=b""), TOKEN, NOW)
    uncovered = msgspec.structs.replace(url_only, body=b'{"a": 1}')
    assert verify(TWILIO, uncovered, TOKEN, NOW).reason is Reason.NOT_COVERED


def test_the_settings_header_names_the_algorithm() -> None:
    """Shared keys sign with SHA-256; an algorithm that is not known is refused, not guessed."""
    settings = "X-Twilio-Webhooks-Signature-Settings"
    request = form("https://a.example/", b"A=1").with_headers((settings, "key=k1, algorithm=hmac_sha256"))
    signed = sign(TWILIO, request, TOKEN, NOW)
    assert verify(TWILIO, signed, TOKEN, NOW).ok
    assert verify(TWILIO, signed.with_headers((settings, "")), TOKEN, NOW).reason is Reason.MISMATCH
    unknown = signed.with_headers((settings, "algorithm=HMAC_MD5"))
    assert verify(TWILIO, unknown, TOKEN, NOW).reason is Reason.UNKNOWN_VERSION


def test_a_form_of_a_million_fields_is_refused() -> None:
    """The work that a stranger's body causes is bounded."""
    huge = form("https://a.example/", b"a&" * 1_000_000).with_headers(("X-Twilio-Signature", "x"))
    assert verify(TWILIO, huge, TOKEN, NOW).reason is Reason.MALFORMED_BODY
