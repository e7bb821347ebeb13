"""Credentials that are compared: Basic, Bearer, headers and parameters."""

from datetime import UTC, datetime

import pytest

from stormlet.signatures.registry import scheme_named, sign, verify
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.scheme import Options
from stormlet.signatures.secret import Secret
from stormlet.signatures.verification import Reason

NOW = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
URL = "https://hooks.example.org/x"


@pytest.mark.parametrize(
    "secret",
    [
        Secret(value="t0ken", kind="bearer"),
        Secret(value="pä:ss", username="prométhée"),
        Secret(value="t0ken", kind="header", name="X-Acme"),
        Secret(value="a b&c=é%", kind="query", name="key"),
        Secret(value="k", kind="api-key"),
        Secret(value="k", kind="token"),
    ],
)
def test_each_kind_is_recognised_where_it_belongs(secret: Secret) -> None:
    """What `sign` puts there, `verify` finds there; another value is refused."""
    scheme = scheme_named("credentials")
    for url in (URL, URL + "?", URL + "?a=1"):
        signed = sign(scheme, SignedRequest(url=url), [secret], NOW)
        assert verify(scheme, signed, [secret], NOW).ok
        other = Secret(value=secret.value + "x", kind=secret.kind, name=secret.name, username=secret.username)
        assert verify(scheme, signed, [other], NOW).reason is Reason.MISMATCH
        assert verify(scheme, signed, [other, secret], NOW).secret == 1


def test_one_right_and_one_wrong_credential_are_refused() -> None:
    """A good key beside a bad token is a mistake at best; both good is fine."""
    scheme = scheme_named("stackstorm")
    secrets = [Secret(value="key", kind="api-key"), Secret(value="token", kind="token")]
    both = SignedRequest(url=URL, headers=(("St2-Api-Key", "key"), ("X-Auth-Token", "token")))
    assert verify(scheme, both, secrets, NOW).ok
    assert not verify(scheme, both.with_headers(("X-Auth-Token", "wrong")), secrets, NOW).ok
    elsewhere = SignedRequest(url=URL + "?st2-api-key=wrong", headers=(("St2-Api-Key", "key"),))
    assert not verify(scheme, elsewhere, secrets, NOW).ok


def test_a_repeated_parameter_is_refused() -> None:
    """Of two tokens in one URL, which one counts would be a guess."""
    scheme, secret = scheme_named("dockerhub"), Secret(value="right")
    assert verify(scheme, SignedRequest(url=URL + "?token=right"), [secret], NOW).ok
    twice = SignedRequest(url=URL + "?token=right&token=right")
    assert verify(scheme, twice, [secret], NOW).reason is Reason.DUPLICATE_HEADER
    assert verify(scheme, SignedRequest(url=URL + "?TOKEN=right"), [secret], NOW).reason is Reason.MISSING_CREDENTIAL


def test_a_token_expires_at_its_second() -> None:
    """From `expires_at` on, a token no longer counts; a disabled key is told apart from a wrong one."""
    scheme = scheme_named("stackstorm")
    request = SignedRequest(url=URL, headers=(("X-Auth-Token", "t"),))
    for expires, reason in ((NOW.timestamp(), Reason.EXPIRED), (NOW.timestamp() + 1, Reason.OK)):
        secret = Secret(value="t", kind="token", expires_at=expires)
        assert verify(scheme, request, [secret], NOW).reason is reason
    off = [Secret(value="t", kind="token", enabled=False), Secret(value="u", kind="token")]
    assert verify(scheme, request, off, NOW).reason is Reason.DISABLED


def test_another_authentication_scheme_is_no_bearer() -> None:
    """The right token after `Basic` or nothing is wrong; the scheme's name has no case."""
    scheme, secret = scheme_named("alertmanager"), Secret(value="t")
    for text, passes in (("Bearer t", True), ("bEARER t", True), ("Basic t", False), ("t", False), ("Bearer ", False)):
        request = SignedRequest(url=URL, headers=(("Authorization", text),))
        assert verify(scheme, request, [secret], NOW).ok is passes


def test_a_basic_password_in_another_base64_spelling_is_refused() -> None:
    """Cut padding decodes the same; the text that was configured is what is compared."""
    scheme, secret = scheme_named("alertmanager"), Secret(value="pass1", username="a")
    signed = sign(scheme, SignedRequest(url=URL), [secret], NOW)
    cut = SignedRequest(url=URL, headers=(("Authorization", signed.headers[-1][1].rstrip("=")),))
    assert not verify(scheme, cut, [secret], NOW).ok


def test_the_header_of_a_sender_can_be_chosen() -> None:
    """Datadog sends whatever header was configured there."""
    request = SignedRequest(url=URL, headers=(("X-Mine", "v"),))
    assert verify(scheme_named("datadog"), request, [Secret(value="v")], NOW, Options(header="X-Mine")).ok
    assert verify(scheme_named("datadog"), request, [Secret(value="v", name="X-Mine")], NOW).ok
    assert not verify(scheme_named("datadog"), request, [Secret(value="v")], NOW).ok
