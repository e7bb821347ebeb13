"""Handshakes at the door: the signature first, then the exact reply, and nothing is dispatched or recorded."""

import datetime as dt
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from stormlet.foundation.egress import Answer as Fetched
from stormlet.foundation.errors import ForbiddenError, OverloadedError
from stormlet.signatures.registry import scheme_named, sign
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.secret import Secret

from .conftest import KEY, Answer, Door, Serve

SECRET = "correct horse battery staple"
RULES = {"listens": "in"}
VARIABLES = {"S": SECRET}


def guarded(scheme: str, **more: Any) -> dict[str, dict[str, Any]]:
    return {"guarded": {"url": "in", "scheme": scheme, "secret": "env:S", **more}}


async def nothing_happened(door: Door) -> bool:
    refused = await door.engine.guarding.rejections("default.guarded")
    return await door.instances() == [] and refused == []


@pytest.mark.parametrize(
    ("scheme", "document", "headers", "reply"),
    [
        (
            "slack",
            {"type": "url_verification", "challenge": "c4LLe-nge"},
            {},
            (200, b"c4LLe-nge", "text/plain; charset=utf-8"),
        ),
        ("hcp", {"event_action": "test"}, {}, (200, b"", "application/json")),
        ("tfc", {"notifications": [{"trigger": "verification"}]}, {}, (200, b"", "application/json")),
        ("github", {"zen": "z"}, {"X-GitHub-Event": "ping"}, (200, b"", "application/json")),
        ("bitbucket", {"test": True}, {"X-Event-Key": "diagnostics:ping"}, (200, b"", "application/json")),
        ("pagerduty", {"event": {"event_type": "pagey.ping"}}, {}, (200, b"", "application/json")),
    ],
)
async def test_a_signed_handshake(
    serve: Serve, scheme: str, document: Any, headers: dict[str, str], reply: tuple[int, bytes, str]
) -> None:
    """Answered as the sender wants it, also where no rule and no mapping knows the URL, and recorded nowhere."""
    for rules in ({}, RULES):
        door = await serve(guarded(scheme), rules, variables=VARIABLES, home=f"home{len(rules)}")
        answer = await door.signed("in", scheme, SECRET, json.dumps(document).encode(), headers)
        assert (answer.status, answer.body, answer.headers["content-type"]) == reply
        assert await nothing_happened(door)


@pytest.mark.parametrize("auth", ["signature", "both", "none", "key"])
async def test_an_unsigned_challenge_is_never_echoed(serve: Serve, auth: str) -> None:
    """Whatever the source asks for; where nothing has to be signed it is an event like any other."""
    for scheme, document in (
        ("slack", {"type": "url_verification", "challenge": "CANARY-challenge"}),
        ("zoom", {"event": "endpoint.url_validation", "payload": {"plainToken": "CANARY-token"}}),
    ):
        body = json.dumps(document).encode()
        source = guarded(scheme, auth=auth, reply={"status": 200, "body": {}})
        if auth in ("none", "key"):
            source = {"guarded": {"url": "in", "auth": auth, "reply": {"status": 200, "body": {}}}}
        door = await serve(source, RULES, variables=VARIABLES, home=f"home-{scheme}")
        for headers in ({}, {"X-Slack-Signature": "v0=" + "0" * 64, "X-Slack-Request-Timestamp": "1770801600"}):
            answer = await door.send("in", body, headers, key=KEY)
            assert b"CANARY" not in answer.body
            assert b"encryptedToken" not in answer.body
            assert answer.status == (401 if auth in ("signature", "both") else 200)


async def test_zoom(serve: Serve) -> None:
    """The HMAC of the token, for who signed the question."""
    door = await serve(guarded("zoom"), RULES, variables=VARIABLES)
    body = b'{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}'
    answer = await door.signed("in", "zoom", SECRET, body)
    assert answer.status == 200
    assert answer.json["plainToken"] == "abc"
    assert len(answer.json["encryptedToken"]) == 64
    assert await nothing_happened(door)


async def test_discord(serve: Serve) -> None:
    """PING is answered; the probe with a bad signature, by which Discord tests an endpoint, is 401; an event is 204."""
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes_raw().hex()
    door = await serve(guarded("discord"), RULES, variables={"S": key.public_key().public_bytes_raw().hex()})

    async def post(document: Any, *, spoil: bool = False) -> Answer:
        request = door.sign("in", "discord", private, json.dumps(document).encode())
        spoilt = [
            (n, v[:-2] + ("00" if v[-2:] != "00" else "11") if spoil and "Ed25519" in n else v)
            for n, v in request.headers
        ]
        return await door.send("in", request.body, spoilt)

    ping = await post({"type": 1})
    assert (ping.status, ping.json) == (200, {"type": 1})
    probe = await post({"type": 1}, spoil=True)
    assert (probe.status, b'{"type":1}' in probe.body) == (401, False)
    webhook_ping = await post({"type": 0})
    assert (webhook_ping.status, webhook_ping.body, "content-type" in webhook_ping.headers) == (204, b"", True)
    assert await door.instances() == []
    assert (await post({"type": 2, "id": "1"})).status == 204
    assert len(await door.instances()) == 1


async def test_microsoft_graph(serve: Serve) -> None:
    """The validation token comes back as plain text, without a signature: the protocol has none. Notifications need the state."""
    door = await serve(guarded("msgraph"), RULES, variables=VARIABLES)
    answer = await door.send("in", b"", query="validationToken=a%3Cb%3E%20c")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"a<b> c", "text/plain; charset=utf-8")
    assert await nothing_happened(door)
    wrong = {"value": [{"id": "1", "clientState": "guess"}]}
    assert (await door.send("in", json.dumps(wrong).encode())).status == 401


async def test_cloudevents_consent(serve: Serve) -> None:
    """OPTIONS asks; consent is in the headers, for stated origins only; browsers' OPTIONS are as ever."""
    source = guarded("github", cloudevents=True, options={"allowed_origins": ["events.example"], "allowed_rate": 120})
    door = await serve(source, RULES, variables=VARIABLES)
    asked = {"WebHook-Request-Origin": "events.example", "WebHook-Request-Rate": "300"}
    answer = await door.send("in", b"", asked, method="OPTIONS")
    assert (answer.status, answer.headers["webhook-allowed-origin"]) == (200, "events.example")
    assert answer.headers["webhook-allowed-rate"] == "120"
    stranger = await door.send("in", b"", {"WebHook-Request-Origin": "evil.example"}, method="OPTIONS")
    assert "webhook-allowed-origin" not in stranger.headers
    for hook in ("in", "unknown"):
        browser = await door.send(
            hook, b"", {"Origin": "https://x", "Access-Control-Request-Method": "POST"}, method="OPTIONS"
        )
        assert browser.status == 200
        assert "webhook-allowed-origin" not in browser.headers


TOPIC = "arn:aws:sns:eu-west-3:123456789012:acme"
CERTIFICATE_URL = "https://sns.eu-west-3.amazonaws.com/SimpleNotificationService-1.pem"
SUBSCRIBE_URL = "https://sns.eu-west-3.amazonaws.com/?Action=ConfirmSubscription&Token=abc"


class Amazon:
    """SNS's side: signs messages, and serves what is fetched."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
        start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
        builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + dt.timedelta(days=36500))
        self.pem = builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self.fetched: list[str] = []
        self.status = 200
        self.error: Exception | None = None

    async def fetch(self, url: str) -> Fetched:
        self.fetched.append(url)
        if self.error is not None:
            raise self.error
        return Fetched(status=self.status, headers={}, body=self.pem if url.endswith(".pem") else b"<ok/>")

    def message(self, kind: str = "Notification", **more: str) -> bytes:
        document = {
            "Type": kind,
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": TOPIC,
            "Message": '{"alarm": "disk"}',
            "Timestamp": "2026-02-11T09:20:00.000Z",
            "SigningCertURL": CERTIFICATE_URL,
        }
        if kind != "Notification":
            document |= {"SubscribeURL": SUBSCRIBE_URL, "Token": "abc"}
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        request = SignedRequest(body=json.dumps(document | more).encode())
        return sign(scheme_named("aws-sns"), request, [Secret(value=pem)], dt.datetime.now(dt.UTC)).body


@pytest.fixture(scope="module")
def amazon_key() -> Amazon:
    return Amazon()


@pytest.fixture
def amazon(amazon_key: Amazon) -> Amazon:
    amazon_key.fetched, amazon_key.status, amazon_key.error = [], 200, None
    return amazon_key


SNS = {"guarded": {"url": "in", "scheme": "aws-sns", "options": {"topics": [TOPIC]}}}
PLAIN = {"Content-Type": "text/plain; charset=UTF-8"}


async def test_sns(serve: Serve, amazon: Amazon) -> None:
    """JSON under text/plain; the certificate is fetched once; a second copy makes no second event."""
    door = await serve(SNS, RULES, fetch=amazon.fetch)
    for _ in range(3):
        assert (await door.send("in", amazon.message(), PLAIN)).status == 202
    assert amazon.fetched == [CERTIFICATE_URL]
    (instance,) = await door.instances()
    assert instance["payload"]["body"]["TopicArn"] == TOPIC


async def test_sns_subscription(serve: Serve, amazon: Amazon) -> None:
    """The URL is fetched once, after the signature; where it cannot be, SNS is told to come again."""
    door = await serve(SNS, RULES, fetch=amazon.fetch)
    confirmation = amazon.message("SubscriptionConfirmation")
    answer = await door.send("in", confirmation, PLAIN)
    assert (answer.status, amazon.fetched) == (200, [CERTIFICATE_URL, SUBSCRIBE_URL])
    amazon.error = OverloadedError("unreachable")
    again = await door.send("in", confirmation, PLAIN)
    assert (again.status, again.headers["retry-after"]) == (503, "30")
    assert await nothing_happened(door)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"TopicArn": "arn:aws:sns:eu-west-3:999999999999:stranger"}, 403),
        ({"SubscribeURL": "https://evil.example/?x"}, 403),
        ({"SubscribeURL": "https://169.254.169.254/latest/meta-data"}, 403),
        ({"SubscribeURL": "http://sns.eu-west-3.amazonaws.com/?Action=ConfirmSubscription"}, 403),
    ],
)
async def test_sns_confirms_nothing_for_strangers(
    serve: Serve, amazon: Amazon, more: dict[str, str], status: int
) -> None:
    """Another topic, or a URL that is not SNS's: refused, and never fetched."""
    door = await serve(SNS, RULES, fetch=amazon.fetch)
    assert (await door.send("in", amazon.message("SubscriptionConfirmation", **more), PLAIN)).status == status
    assert amazon.fetched == [CERTIFICATE_URL]


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.eu-west-3.amazonaws.com.evil.example/x.pem",
        "https://evil.example/sns.eu-west-3.amazonaws.com/x.pem",
        "http://sns.eu-west-3.amazonaws.com/x.pem",
        "https://sns.eu-west-3.amazonaws.com@127.0.0.1/x.pem",
        "https://127.0.0.1/x.pem",
        "https://sns.eu-west-3.amazonaws.com/x.pem?a=b",
        "file:///etc/passwd",
    ],
)
async def test_a_certificate_of_somebody_else(serve: Serve, amazon: Amazon, url: str) -> None:
    """Nothing is fetched; whoever may choose the certificate may sign."""
    door = await serve(SNS, RULES, fetch=amazon.fetch)
    assert (await door.send("in", amazon.message(SigningCertURL=url), PLAIN)).status == 401
    assert amazon.fetched == []


async def test_many_certificates(serve: Serve, amazon: Amazon) -> None:
    """A stranger who names a new one each time makes us fetch ten, and then one in ten seconds; failures are remembered."""
    amazon.status = 404
    door = await serve(SNS, RULES, fetch=amazon.fetch)
    for number in range(30):
        url = f"https://sns.eu-west-3.amazonaws.com/{number % 15}.pem"
        assert (await door.send("in", amazon.message(SigningCertURL=url), PLAIN)).status == 401
    assert len(amazon.fetched) == 10
    amazon.status = 200
    door.clock.pass_by(60)
    assert (await door.send("in", amazon.message(), PLAIN)).status == 202


async def test_sns_at_a_private_address(serve: Serve, amazon: Amazon, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of SNS that leads into this network is refused by its address, by the client that the server really uses."""
    import asyncio
    import socket

    from stormlet.flow.verification.certificates import fetch_from_sns

    async def poisoned(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", poisoned, raising=False)
    with pytest.raises(ForbiddenError, match="not a public address"):
        await fetch_from_sns(CERTIFICATE_URL)
    with pytest.raises(ForbiddenError, match="no URL of SNS"):
        await fetch_from_sns("https://evil.example/x.pem")


async def test_raw_delivery_is_not_signed(serve: Serve, amazon: Amazon) -> None:
    """Refused: there is nothing to verify."""
    door = await serve(SNS, RULES, fetch=amazon.fetch)
    assert (await door.send("in", b'{"alarm": "disk"}', PLAIN)).status == 401


async def test_a_handshake_in_a_compressed_body(serve: Serve) -> None:
    """The signature is over the compressed bytes; the challenge inside is found all the same."""
    import gzip

    door = await serve(guarded("slack"), RULES, variables=VARIABLES)
    body = gzip.compress(b'{"type": "url_verification", "challenge": "zipped"}')
    answer = await door.signed("in", "slack", SECRET, body, {"Content-Encoding": "gzip"})
    assert (answer.status, answer.body) == (200, b"zipped")
