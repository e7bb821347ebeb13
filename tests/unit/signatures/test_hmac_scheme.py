"""Schemes that are a descriptor: secrets, spellings, encodings, boundaries, and what is never taken."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from stormlet.foundation.errors import InvalidInputError
from stormlet.signatures.descriptor import Descriptor, Encoding, HeaderNames, TemplateError, parse_template
from stormlet.signatures.generic_hmac import GENERIC_HMAC
from stormlet.signatures.registry import scheme_named, sign, verify
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.scheme import Options
from stormlet.signatures.secret import Secret
from stormlet.signatures.verification import Reason

NOW = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
OLD, NEW = Secret(value="the old secret"), Secret(value="the new secret")
BASE64 = Secret(value="whsec_c3Rvcm1sZXQgc3Rvcm1sZXQgc3Rvcm1sZXQgIQ==")
BODY = SignedRequest(body=b'{"a": 1}')


def header(request: SignedRequest, name: str) -> str:
    return next(value for key, value in request.headers if key.lower() == name.lower())


def test_any_of_several_secrets_is_enough_and_the_verdict_says_which() -> None:
    """During a rotation both secrets count; the index tells which one the sender uses."""
    github = scheme_named("github")
    signed = sign(github, BODY, [OLD], NOW)
    assert verify(github, signed, [NEW, OLD], NOW).secret == 1
    assert verify(github, signed, [OLD, NEW], NOW).secret == 0
    assert verify(github, signed, [NEW], NOW).reason is Reason.MISMATCH


def test_a_disabled_secret_does_not_count() -> None:
    """A secret that was switched off verifies nothing, and its place keeps its index."""
    github = scheme_named("github")
    off = msgspec.structs.replace(OLD, enabled=False)
    assert verify(github, sign(github, BODY, [OLD], NOW), [off], NOW).reason is Reason.NO_SECRET
    assert verify(github, sign(github, BODY, [NEW], NOW), [off, NEW], NOW).secret == 1


@pytest.mark.parametrize("secrets", [[], [Secret(value="")]])
def test_without_a_secret_nothing_passes(secrets: list[Secret]) -> None:
    """No secret and an empty secret refuse everything, also a MAC under the empty key, which anyone can make."""
    mac = hmac.digest(b"", BODY.body, hashlib.sha256).hex()
    forged = BODY.with_headers(("X-Hub-Signature-256", f"sha256={mac}"))
    assert verify(scheme_named("github"), forged, secrets, NOW).reason is Reason.NO_SECRET


def test_a_secret_of_the_wrong_form_is_told_apart_from_none() -> None:
    """Standard Webhooks' secret is base64; a public key or a password in its place is a bad secret."""
    scheme = scheme_named("standard_webhooks")
    signed = sign(scheme, BODY, [BASE64], NOW, Options(message_id="msg_1"))
    for value in ("whpk_towzMRFtxRgASFNvJJKUZA8VAAM3dbBi5wcZivnaZRU=", "pässword", "whsec_"):
        assert verify(scheme, signed, [Secret(value=value)], NOW).reason is Reason.BAD_SECRET


def test_a_doubled_header_is_refused_even_if_both_are_right() -> None:
    """Which of two headers a proxy looked at cannot be known."""
    signed = sign(scheme_named("github"), BODY, [OLD], NOW)
    doubled = msgspec.structs.replace(signed, headers=(*signed.headers, signed.headers[-1]))
    assert verify(scheme_named("github"), doubled, [OLD], NOW).reason is Reason.DUPLICATE_HEADER


def test_hex_may_be_upper_case_but_not_mixed() -> None:
    """All upper case is a spelling; one changed letter is a changed signature."""
    signed = sign(scheme_named("pulumi"), BODY, [OLD], NOW)
    digest = header(signed, "Pulumi-Webhook-Signature")
    upper = BODY.with_headers(("Pulumi-Webhook-Signature", digest.upper()))
    letter = next(char for char in digest if char.isalpha())
    mixed = BODY.with_headers(("Pulumi-Webhook-Signature", digest.replace(letter, letter.upper(), 1)))
    assert verify(scheme_named("pulumi"), upper, [OLD], NOW).ok
    assert not verify(scheme_named("pulumi"), mixed, [OLD], NOW).ok


def test_base64_has_one_spelling() -> None:
    """Cut padding and changed leftover bits decode to the same bytes, and are refused all the same."""
    signed = sign(scheme_named("shopify"), BODY, [OLD], NOW)
    text = header(signed, "X-Shopify-Hmac-Sha256")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    neighbour = alphabet[alphabet.index(text[-2]) ^ 1]
    for other in (text[:-1], text + "=", text[:-2] + neighbour + "="):
        given = BODY.with_headers(("X-Shopify-Hmac-Sha256", other))
        assert not verify(scheme_named("shopify"), given, [OLD], NOW).ok


@pytest.mark.parametrize(("name", "weak"), [("github", "X-Hub-Signature"), ("spacelift", "X-Signature")])
def test_a_weak_signature_never_saves_a_wrong_strong_one(name: str, weak: str) -> None:
    """SHA-1 counts only with the option, and only where the stronger header is absent altogether."""
    scheme = scheme_named(name)
    both = sign(scheme, BODY, [OLD], NOW, Options(legacy=True))
    strong = next(key for key, _ in both.headers if key.endswith("256"))
    alone = msgspec.structs.replace(both, headers=tuple(pair for pair in both.headers if pair[0] == weak))
    assert verify(scheme, alone, [OLD], NOW).reason is Reason.MISSING_HEADER
    assert verify(scheme, alone, [OLD], NOW, Options(legacy=True)).ok
    for wrong in ("sha256=" + "0" * 64, ""):
        spoiled = both.with_headers((strong, wrong))
        assert not verify(scheme, spoiled, [OLD], NOW, Options(legacy=True)).ok


def test_old_scalr_needs_the_option() -> None:
    """Scalr's older SHA-1 stands in the same header: the option takes it, and still takes SHA-256."""
    scheme, legacy = scheme_named("scalr"), Options(legacy=True)
    date = "Wed, 11 Feb 2026 09:19:50 GMT"
    mac = hmac.digest(OLD.value.encode(), BODY.body + date.encode(), "sha1").hex()
    old = BODY.with_headers(("Date", date), ("X-Signature", mac))
    assert not verify(scheme, old, [OLD], NOW).ok
    assert verify(scheme, old, [OLD], NOW, legacy).ok
    assert verify(scheme, sign(scheme, BODY, [OLD], NOW), [OLD], NOW, legacy).ok


@pytest.mark.parametrize(
    ("name", "at_300"),
    [("scalr", False), ("slack", True), ("stripe", True), ("zoom", True), ("svix", True), ("gitlab-signing", True)],
)
def test_the_boundary_of_the_tolerance(name: str, at_300: bool) -> None:
    """Exactly 300 s, old or ahead, passes everywhere but with Scalr; a second more never does, a second less always."""
    scheme, key = scheme_named(name), BASE64
    for direction in (1, -1):
        for seconds, passes in ((299, True), (300, at_300), (301, False)):
            then = NOW - timedelta(seconds=seconds * direction)
            signed = sign(scheme, BODY, [key], then, Options(message_id="msg_1"))
            verdict = verify(scheme, signed, [key], NOW)
            assert verdict.ok is passes
            if not passes:
                assert verdict.reason is (Reason.TOO_OLD if direction == 1 else Reason.IN_FUTURE)
                assert verdict.secret == 0


def test_the_tolerance_can_be_set() -> None:
    """An endpoint's own tolerance replaces the scheme's."""
    signed = sign(scheme_named("slack"), BODY, [OLD], NOW - timedelta(seconds=500))
    assert verify(scheme_named("slack"), signed, [OLD], NOW, Options(tolerance=600)).ok
    assert verify(scheme_named("slack"), signed, [OLD], NOW, Options(tolerance=10)).reason is Reason.TOO_OLD


@pytest.mark.parametrize("stamp", ["nan", "1e400", "-1", "+1770801600", " 1770801600", "1_770", "١٧٧", "9" * 5000, ""])
def test_a_timestamp_is_digits(stamp: str) -> None:
    """What only looks like a number is refused, also under a right signature."""
    mac = hmac.digest(OLD.value.encode(), f"v0:{stamp}:".encode() + BODY.body, "sha256").hex()
    given = BODY.with_headers(("X-Slack-Signature", f"v0={mac}"), ("X-Slack-Request-Timestamp", stamp))
    verdict = verify(scheme_named("slack"), given, [OLD], NOW)
    assert verdict.reason in (Reason.MALFORMED_TIMESTAMP, Reason.NON_ASCII_HEADER, Reason.MISSING_HEADER)


def test_a_dot_in_a_message_id_is_refused() -> None:
    """(a, 1, 2) and (a.1, 2) sign the same bytes; so an old message could be passed off as a fresh one."""
    scheme = scheme_named("standard-webhooks")
    stamp = str(int(NOW.timestamp()))
    signed = sign(scheme, SignedRequest(body=f"{stamp}.{{}}".encode()), [BASE64], NOW, Options(message_id="msg"))
    shifted = SignedRequest(body=b"{}").with_headers(
        ("webhook-id", f"msg.{stamp}"),
        ("webhook-timestamp", stamp),
        ("webhook-signature", header(signed, "webhook-signature")),
    )
    assert verify(scheme, shifted, [BASE64], NOW).reason is Reason.MALFORMED_ID
    with pytest.raises(InvalidInputError):
        sign(scheme, BODY, [BASE64], NOW, Options(message_id="a.b"))


def test_svix_falls_back_to_the_standard_headers_but_never_mixes_them() -> None:
    """`webhook-*` counts as a whole; one header of each kind does not make a set."""
    signed = sign(scheme_named("standard-webhooks"), BODY, [BASE64], NOW, Options(message_id="msg_1"))
    svix = scheme_named("svix")
    assert verify(svix, signed, [BASE64], NOW).delivery_id == "msg_1"
    mixed = tuple((name.replace("webhook-id", "svix-id"), value) for name, value in signed.headers)
    assert not verify(svix, msgspec.structs.replace(signed, headers=mixed), [BASE64], NOW).ok


def test_grafana_signs_the_time_only_where_it_is_configured() -> None:
    """With a configured timestamp header the body alone is not enough; its absence is no downgrade."""
    grafana, timed = scheme_named("grafana"), Options(timestamp_header="X-Time")
    bare = sign(grafana, BODY, [OLD], NOW)
    signed = sign(grafana, BODY, [OLD], NOW, timed)
    assert verify(grafana, bare, [OLD], NOW).ok
    assert verify(grafana, bare, [OLD], NOW, timed).reason is Reason.MISSING_HEADER
    assert verify(grafana, signed, [OLD], NOW, timed).ok
    assert not verify(grafana, signed, [OLD], NOW).ok


def test_a_list_takes_any_entry_of_the_known_version() -> None:
    """While a secret is rotated the sender signs with both; unknown versions are passed over."""
    pagerduty = scheme_named("pagerduty")
    signed = sign(pagerduty, BODY, [OLD, NEW], NOW)
    assert header(signed, "X-PagerDuty-Signature").count("v1=") == 2
    assert verify(pagerduty, signed, [NEW], NOW).ok
    text = "v9=abc, " + header(signed, "X-PagerDuty-Signature")
    assert verify(pagerduty, signed.with_headers(("X-PagerDuty-Signature", text)), [OLD], NOW).ok


def test_a_header_full_of_signatures_is_refused() -> None:
    """No rotation needs more than a few; a stranger's list is not worked through."""
    many = BODY.with_headers(("X-PagerDuty-Signature", ",".join(["v1=" + "0" * 64] * 100)))
    assert verify(scheme_named("pagerduty"), many, [OLD], NOW).reason is Reason.TOO_MANY_SIGNATURES


def test_two_timestamps_in_stripes_header_are_refused() -> None:
    """Which of two `t=` was signed would be a guess."""
    signed = sign(scheme_named("stripe"), BODY, [OLD], NOW)
    text = "t=1," + header(signed, "Stripe-Signature")
    given = BODY.with_headers(("Stripe-Signature", text))
    assert verify(scheme_named("stripe"), given, [OLD], NOW).reason is Reason.MALFORMED_TIMESTAMP


def test_teams_scheme_name_has_no_case() -> None:
    """HTTP authentication schemes compare without case."""
    teams, key = scheme_named("teams"), Secret(value="c3Rvcm1sZXQ=")
    signed = sign(teams, BODY, [key], NOW)
    lower = "hmac" + header(signed, "Authorization").removeprefix("HMAC")
    assert verify(teams, BODY.with_headers(("Authorization", lower)), [key], NOW).ok


def test_zoom_takes_the_compact_form_unless_told_otherwise() -> None:
    """Zoom's own library signs JSON.stringify of the body; an endpoint may insist on the raw bytes."""
    zoom = scheme_named("zoom")
    compact = sign(zoom, SignedRequest(body=b'{"a":1,"b":"x"}'), [OLD], NOW)
    pretty = msgspec.structs.replace(compact, body=b'{ "a": 1.0,\n "b": "x" }')
    assert verify(zoom, pretty, [OLD], NOW).ok
    assert not verify(zoom, pretty, [OLD], NOW, Options(reserialised=False)).ok
    assert not verify(zoom, msgspec.structs.replace(pretty, body=b'{ "a": 2, "b": "x" }'), [OLD], NOW).ok


def test_a_users_descriptor_signs_and_verifies() -> None:
    """generic_hmac runs what the user described: parts of the request, base64url, a list."""
    descriptor = Descriptor(
        headers=(HeaderNames(signature="X-Sig", timestamp="X-Time", id="X-Id"),),
        encoding=Encoding.BASE64URL,
        signed="{method} {path} {url}|{header:X-Tenant}|{id}|{timestamp}|{{}}{body}",
        prefix="s=",
        separator=";",
    )
    options = Options(descriptor=descriptor, message_id="m1")
    request = SignedRequest(method="PUT", url="https://h.example/a?b=c", headers=(("X-Tenant", "acme"),), body=b"\xff")
    signed = sign(GENERIC_HMAC, request, [OLD], NOW, options)
    assert verify(GENERIC_HMAC, signed, [OLD], NOW, options).ok
    for changed in (
        msgspec.structs.replace(signed, method="POST"),
        msgspec.structs.replace(signed, url="https://h.example/a?b=d"),
        signed.with_headers(("X-Tenant", "evil")),
        signed.with_headers(("X-Id", "m2")),
    ):
        assert verify(GENERIC_HMAC, changed, [OLD], NOW, options).reason is Reason.MISMATCH
    assert verify(GENERIC_HMAC, signed, [OLD], NOW).reason is Reason.NOT_CONFIGURED


@pytest.mark.parametrize("text", ["{", "}", "{bodie}", "{header}", "{body:x}", "{}", "a{body"])
def test_a_template_that_cannot_be_understood_is_an_error(text: str) -> None:
    """Every broken brace and unknown name is told, never guessed."""
    with pytest.raises(TemplateError):
        parse_template(text)


def test_a_secrets_repr_holds_no_secret() -> None:
    """Neither repr nor str nor a traceback's locals show the value."""
    secret = Secret(value="hunter2", name="key-1")
    assert "hunter2" not in f"{secret!r} {secret} {[secret]} {secret.__rich_repr__()}"
