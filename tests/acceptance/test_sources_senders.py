"""Senders' own libraries post to a real server: what they sign is taken, once, and what they sign with another key is not."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import stripe
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from slack_sdk.signature import SignatureVerifier
from standardwebhooks.webhooks import Webhook
from svix.webhooks import Webhook as SvixWebhook
from twilio.request_validator import RequestValidator

from .conftest import Answer, Server

BASE64_SECRET = "whsec_c3Rvcm1sZXQgc3Rvcm1sZXQgc3Rvcm1sZXQgIQ=="
TEXT_SECRET = "whsec_text_correct_horse_battery"
PUBLIC = "https://hooks.example.org/api/v1/webhooks"
SOURCES = {
    "stripe": "scheme: stripe\nsecret: env:TEXT_SECRET",
    "slack": "scheme: slack\nsecret: env:TEXT_SECRET",
    "standard": "scheme: standard-webhooks\nsecret: env:BASE64_SECRET",
    "svix": "scheme: svix\nsecret: env:BASE64_SECRET",
    "twilio": f"scheme: twilio\nsecret: env:TEXT_SECRET\noptions: {{public_url: '{PUBLIC}/twilio'}}",
    "events": "scheme: cloudevents\nsecret: env:TEXT_SECRET",
}
RULE = """
name: {name}
enabled: true
trigger: {{type: core.st2.webhook, parameters: {{url: "{name}"}}}}
action: {{ref: core.noop}}
"""


@pytest.fixture
def server(tmp_path: Path, make_server: Callable[..., Server]) -> Iterator[Server]:
    """A server with one source, and one rule, for each sender."""
    sources, rules = tmp_path / "sources", tmp_path / "rules"
    sources.mkdir()
    rules.mkdir()
    for name, text in SOURCES.items():
        (sources / f"{name}.yaml").write_text(f"url: {name}\n{text}\n", encoding="utf-8")
        (rules / f"{name}.yaml").write_text(RULE.format(name=name), encoding="utf-8")
    environment = {
        "TEXT_SECRET": TEXT_SECRET,
        "BASE64_SECRET": BASE64_SECRET,
        "STORMLET_CONTENT__SOURCES": str(sources),
    }
    return make_server(rules=rules, environment=environment)


def post(server: Server, hook: str, body: bytes, headers: dict[str, str], query: str = "") -> Answer:
    return server.post(f"/api/v1/webhooks/{hook}{query}", body, headers=headers, key=None)


def events(server: Server) -> list[Any]:
    found = server.get("/api/v1/triggerinstances?limit=-1").json
    return [server.get(f"/api/v1/triggerinstances/{one['id']}").json["payload"]["body"] for one in found][::-1]


def taken_once(server: Server, hook: str, body: bytes, headers: dict[str, str], query: str = "") -> Any:
    """Post a request twice, and once with another body; return the one event that came of it."""
    before = len(events(server))
    first, second = (post(server, hook, body, headers, query) for _ in range(2))
    assert first.status == 202, first.body
    assert (second.status, second.body, second.headers["x-event-id"]) == (202, first.body, first.headers["x-event-id"])
    assert post(server, hook, body + b" ", headers, query).status == 401
    found = events(server)
    assert len(found) == before + 1
    return found[-1]


def test_stripe(server: Server) -> None:
    """stripe's own header; the whole secret with its whsec_ is the key."""
    body = json.dumps({"id": "evt_1", "type": "invoice.paid", "data": {"name": "é"}})
    header = stripe.WebhookSignature.generate_signature_header(body, TEXT_SECRET)
    assert taken_once(server, "stripe", body.encode(), {"Stripe-Signature": header})["type"] == "invoice.paid"
    late = stripe.WebhookSignature.generate_signature_header(body, TEXT_SECRET, int(time.time()) - 302)
    assert post(server, "stripe", body.encode(), {"Stripe-Signature": late}).status == 401


def test_slack(server: Server) -> None:
    """slack_sdk's signature; a challenge with it is echoed, one without is not."""
    signer, now = SignatureVerifier(TEXT_SECRET), str(int(time.time()))

    def headers(body: str) -> dict[str, str]:
        made = signer.generate_signature(timestamp=now, body=body)
        assert made is not None
        return {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": made}

    body = '{"type": "event_callback", "event_id": "Ev1", "event": {"type": "message"}}'
    assert taken_once(server, "slack", body.encode(), headers(body))["event_id"] == "Ev1"
    challenge = '{"type": "url_verification", "challenge": "c4ll3nge"}'
    answer = post(server, "slack", challenge.encode(), headers(challenge))
    assert (answer.status, answer.body) == (200, b"c4ll3nge")
    assert b"c4ll3nge" not in post(server, "slack", challenge.encode(), headers(body)).body


@pytest.mark.parametrize(("hook", "prefix"), [("standard", "webhook"), ("svix", "svix"), ("svix", "webhook")])
def test_standard_webhooks_and_svix(server: Server, hook: str, prefix: str) -> None:
    """Both libraries, and both spellings of the headers."""
    body, now, message = '{"type": "contact.created"}', datetime.now(UTC), f"msg_{uuid.uuid4().hex}"
    library = SvixWebhook(BASE64_SECRET) if prefix == "svix" else Webhook(BASE64_SECRET)
    signature = library.sign(message, now, body)
    headers = {
        f"{prefix}-id": message,
        f"{prefix}-timestamp": str(int(now.timestamp())),
        f"{prefix}-signature": f"v1,{'A' * 43}= {signature}",
    }
    assert taken_once(server, hook, body.encode(), headers)["type"] == "contact.created"


def test_twilio(server: Server) -> None:
    """Twilio signs the URL that it calls, which here is that of a proxy in front; forms and JSON."""
    validator = RequestValidator(TEXT_SECRET)
    form = {"From": "+15550001", "Body": "héllo & more", "Empty": ""}
    from urllib.parse import urlencode

    headers = {
        "X-Twilio-Signature": validator.compute_signature(f"{PUBLIC}/twilio?a=b", form),
        "Content-Type": "application/x-www-form-urlencoded",
        "I-Twilio-Idempotency-Token": "t-1",
    }
    found = taken_once(server, "twilio", urlencode(form).encode(), headers, "?a=b")
    assert found["Body"] == ["héllo & more"]


def test_cloudevents(server: Server) -> None:
    """The SDK's binary and structured messages are one event when they are one, whatever the mode."""
    attributes = {"id": "1", "source": "/hosts/db-3", "type": "com.acme.disk.full", "time": datetime.now(UTC)}
    event = CloudEvent(
        attributes={**attributes, "subject": 'sp ace % "q" é', "datacontenttype": "application/json"}, data={"n": 1}
    )
    token = {"Authorization": f"Bearer {TEXT_SECRET}"}
    for message in (to_binary_event(event), to_structured_event(event)):
        headers = {name.title(): value for name, value in message.headers.items()} | token
        answer = post(server, "events", message.body, headers)
        assert answer.status == 202, answer.body
    assert post(server, "events", message.body, {**headers, "Authorization": "Bearer wrong"}).status == 401
    (found,) = events(server)
    assert (found["subject"], found["data"], found["type"]) == ('sp ace % "q" é', {"n": 1}, "com.acme.disk.full")
