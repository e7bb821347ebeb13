"""Handshakes: what is answered, in which order, and what never is."""

import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from stormlet.signatures.handshakes import (
    answer_signed,
    answer_unsigned,
    event_reply,
    graph_validation,
    refusal_status,
    webhook_consent,
)
from stormlet.signatures.registry import SCHEMES, scheme_named, sign, verify
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.scheme import Options
from stormlet.signatures.secret import Secret
from stormlet.signatures.verification import Reason, Verification, accepted

NOW = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
KEY = Secret(value="the secret")


def answered(name: str, document: Any, *headers: tuple[str, str]) -> Any:
    request = SignedRequest(headers=headers, body=json.dumps(document).encode())
    return answer_signed(scheme_named(name), request, accepted(secret=0), [KEY])


def test_a_refused_challenge_is_never_answered() -> None:
    """Unsigned, the challenge is not echoed, by no scheme."""
    body = {
        "type": "url_verification",
        "challenge": "c",
        "event": "endpoint.url_validation",
        "payload": {"plainToken": "p"},
    }
    refused = Verification(ok=False, reason=Reason.MISMATCH)
    for scheme in SCHEMES:
        request = SignedRequest(body=json.dumps(body).encode())
        assert answer_signed(scheme, request, refused, [KEY]) is None
        assert answer_unsigned(scheme, request, Options()) is None


def test_zooms_token_is_signed_with_the_secret_that_verified() -> None:
    """During a rotation the answer is keyed like the question."""
    zoom, old = scheme_named("zoom"), Secret(value="old")
    request = SignedRequest(body=b'{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}')
    signed = sign(zoom, request, [old], NOW)
    verdict = verify(zoom, signed, [KEY, old], NOW)
    reply = answer_signed(zoom, signed, verdict, [KEY, old])
    assert reply is not None
    mac = hmac.digest(b"old", b"abc", "sha256").hex()
    assert json.loads(reply.body) == {"plainToken": "abc", "encryptedToken": mac}


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"type": 1, "id": "1"}, 200),
        ({"type": 0}, 204),
        ({"type": 2}, None),
        ({"type": True}, None),
        ({"type": 1, "event": {"type": "APPLICATION_AUTHORIZED"}}, None),
    ],
)
def test_discords_two_pings_are_not_its_events(document: Any, status: int | None) -> None:
    """Type 1 is a ping of an interaction, but an event of a webhook, which has `event`."""
    reply = answered("discord", document)
    assert (reply.status if reply else None) == status


@pytest.mark.parametrize(
    ("name", "document", "headers"),
    [
        ("hcp", {"event_action": "test"}, ()),
        ("hcp", {"eventAction": "test"}, ()),
        ("tfc", {"notifications": [{"trigger": "verification"}]}, ()),
        ("tfc", {"payload_version": "2", "trigger": "verification"}, ()),
        ("github", {"zen": "z"}, (("X-GitHub-Event", "ping"),)),
        ("bitbucket", {"test": True}, (("X-Event-Key", "diagnostics:ping"),)),
        ("pagerduty", {"event": {"event_type": "pagey.ping"}}, ()),
        ("aws-sns", {"Type": "UnsubscribeConfirmation", "SubscribeURL": "https://sns.a-1.amazonaws.com/"}, ()),
    ],
)
def test_tests_and_pings_are_answered_and_not_dispatched(name: str, document: Any, headers: Any) -> None:
    """A 200 with nothing else: no event, nothing fetched."""
    reply = answered(name, document, *headers)
    assert (reply.status, reply.dispatch, reply.fetch, reply.body) == (200, False, (), b"")


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("hcp", {"event_action": "create"}),
        ("tfc", {"notifications": [{"trigger": "run:errored"}]}),
        ("tfc", {"notifications": []}),
        ("github", {"zen": "z"}),
        ("slack", {"type": "event_callback", "challenge": "c"}),
        ("slack", {"type": "url_verification", "challenge": 7}),
        ("slack", []),
        ("zoom", {"event": "meeting.started"}),
        ("aws-sns", {"Type": "Notification"}),
        ("stripe", {"type": "url_verification", "challenge": "c"}),
    ],
)
def test_an_ordinary_event_is_no_handshake(name: str, document: Any) -> None:
    """It goes on to be dispatched."""
    assert answered(name, document) is None


def test_a_subscription_is_confirmed_only_at_sns() -> None:
    """SubscribeURL is fetched if it is SNS's, and refused if it leads elsewhere."""
    url = "https://sns.eu-west-3.amazonaws.com/?Action=ConfirmSubscription"
    assert answered("sns", {"Type": "SubscriptionConfirmation", "SubscribeURL": url}).fetch == (url,)
    for bad in ("https://evil.example/", "http://169.254.169.254/", None, 7):
        reply = answered("sns", {"Type": "SubscriptionConfirmation", "SubscribeURL": bad})
        assert (reply.status, reply.fetch) == (403, ())


@pytest.mark.parametrize(
    ("query", "status", "body"),
    [
        ("validationToken=a%20b%2B%3Cb%3E+%C3%A9", 200, "a b+<b> é"),
        ("x=1&validationToken=t", 200, "t"),
        ("validationToken=", 400, ""),
        ("validationToken=%FF", 400, ""),
        ("validationToken=a&validationToken=b", 400, ""),
        ("validationToken=" + "a" * 5000, 400, ""),
        ("validationtoken=a", None, ""),
    ],
)
def test_graphs_token_comes_back_as_plain_text(query: str, status: int | None, body: str) -> None:
    """Decoded once, never as HTML; doubled, empty, oversized or broken tokens are refused."""
    reply = graph_validation(SignedRequest(url=f"https://h.example/x?{query}"))
    assert (reply.status if reply else None) == status
    if reply is not None and status == 200:
        assert reply.body.decode() == body
        assert dict(reply.headers)["Content-Type"].startswith("text/plain")
        assert dict(reply.headers)["X-Content-Type-Options"] == "nosniff"


def consent(options: Options, *headers: tuple[str, str]) -> Any:
    return webhook_consent(SignedRequest(method="OPTIONS", headers=headers), options)


def test_consent_is_given_to_known_origins_only() -> None:
    """The origin is never echoed: what was configured is sent, or `*`, or nothing."""
    origin = ("WebHook-Request-Origin", "Emitter.example")
    known = Options(allowed_origins=("emitter.example",), allowed_rate=60)
    headers = dict(consent(known, origin, ("WebHook-Request-Rate", "120")).headers)
    assert (headers["WebHook-Allowed-Origin"], headers["WebHook-Allowed-Rate"]) == ("emitter.example", "60")
    assert dict(consent(Options(allowed_origins=("*",)), origin).headers)["WebHook-Allowed-Origin"] == "*"
    for options, given in (
        (Options(), (origin,)),
        (known, (("WebHook-Request-Origin", "evil.example"),)),
        (known, (origin, origin)),
    ):
        assert "WebHook-Allowed-Origin" not in dict(consent(options, *given).headers)
    assert consent(known) is None
    assert webhook_consent(SignedRequest(method="POST", headers=(origin,)), known) is None


@pytest.mark.parametrize(
    ("asked", "rate"), [("30", "30"), ("0", "60"), ("-1", "60"), ("x", "60"), ("9" * 50, "60"), ("٣", "60")]
)
def test_the_rate_is_a_whole_number(asked: str, rate: str) -> None:
    """What was asked for if it is less than what is allowed, and never what is not a number."""
    options = Options(allowed_origins=("*",), allowed_rate=60)
    reply = consent(options, ("WebHook-Request-Origin", "a"), ("WebHook-Request-Rate", asked))
    assert dict(reply.headers)["WebHook-Allowed-Rate"] == rate


def test_events_get_the_reply_that_their_sender_wants() -> None:
    """Scalr's own server says Status ok; Teams shows the reply in the channel; the rest is accepted."""
    assert json.loads(event_reply(scheme_named("scalr"), SignedRequest()).body) == {"Status": "ok"}
    assert json.loads(event_reply(scheme_named("teams"), SignedRequest()).body)["type"] == "message"
    assert all(event_reply(scheme, SignedRequest()).dispatch for scheme in SCHEMES)


def test_a_refusal_has_a_status_that_says_little() -> None:
    """401, or 403 where the sender is known and not allowed, or 400 where a known sender's event is broken."""
    assert refusal_status(Verification(ok=False, reason=Reason.MISMATCH)) == 401
    assert refusal_status(Verification(ok=False, reason=Reason.MALFORMED_BODY)) == 401
    assert refusal_status(Verification(ok=False, reason=Reason.MALFORMED_BODY, secret=0)) == 400
    assert refusal_status(Verification(ok=False, reason=Reason.NOT_ALLOWED)) == 403
