"""One attempt against receivers that are broken or hostile."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stormlet.flow.delivery.attempt import Outcome, shown_url
from stormlet.foundation.errors import OverloadedError
from stormlet.foundation.settings import Delivery as DeliverySettings
from stormlet.model.endpoint import EndpointSecret

from .conftest import OK, Receiver, Rig, answer


async def attempt(rig: Rig, url: str, **fields: Any) -> Outcome:
    compiled = rig.add(url, **fields)
    await rig.client.__aenter__()
    try:
        return await rig.sender.attempt(compiled, rig.message(), 1)
    finally:
        await rig.client.__aexit__(None, None, None)


async def test_hanging_in_headers_is_no_answer(rig: Rig, receiver: Receiver) -> None:
    """A receiver that never answers costs the timeout and no more."""
    receiver.then = receiver.hang
    outcome = await attempt(rig, receiver.url, timeout=0.2)
    assert outcome.attempt.status_code is None
    assert "did not answer within 0.2 s" in outcome.attempt.error
    assert 0.2 <= outcome.attempt.seconds < 5


async def test_hanging_at_connect(rig: Rig) -> None:
    """A listener whose queue is full, so that connecting never ends."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        outcome = await attempt(rig, f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=0.2)
        for filler in fillers:
            filler.close()
    assert outcome.attempt.status_code is None
    assert "did not answer" in outcome.attempt.error


async def test_hanging_in_tls(rig: Rig, receiver: Receiver) -> None:
    """A server that takes the connection and never shakes hands."""
    outcome = await attempt(rig, receiver.url.replace("http", "https", 1), timeout=0.2)
    assert outcome.attempt.status_code is None
    assert receiver.requests == []


async def test_hanging_in_the_body_has_answered(rig: Rig, receiver: Receiver) -> None:
    """Who says 200 and then hangs has received the message; what is missing is said."""

    async def half(request: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await receiver.released.wait()

    receiver.then = half
    outcome = await attempt(rig, receiver.url, timeout=0.3)
    assert (outcome.answer.status, outcome.answer.body) == (200, b"half")
    assert "did not end within" in outcome.note


async def test_endless_answer_is_cut(rig: Rig, receiver: Receiver) -> None:
    """Of 10 GB 64 KiB are read, and then the connection is closed."""
    written = 0

    async def endless(request: Any, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            written += 65536

    receiver.then = endless
    outcome = await attempt(rig, receiver.url)
    assert outcome.answer.status == 200
    assert len(outcome.attempt.answer_body) == 65536
    assert written < 64 * 1024 * 1024
    assert "65536 bytes" in outcome.note


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff\x00 nonsense\r\n\r\n",
        b"HTTP/9.9 200\r\n\r\n",
        b"HTTP/1.1 OK 200\r\n\r\n",
        b"",
        b"HTTP/1.1 20",
        b"\r\n" * 50,
    ],
)
async def test_garbage_is_no_answer(rig: Rig, receiver: Receiver, garbage: bytes) -> None:
    """What is not HTTP, or breaks off before there is a status, is an error and never a success."""

    async def speak(request: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(garbage)
        await writer.drain()
        writer.close()

    receiver.then = speak
    outcome = await attempt(rig, receiver.url, timeout=2.0)
    assert outcome.attempt.status_code is None
    assert outcome.attempt.error
    assert not outcome.answer.permanent


async def test_closed_keep_alive_is_sent_again(rig: Rig, receiver: Receiver) -> None:
    """A kept connection that the receiver closes at the next request is no failure: the request goes over a new one."""
    closing = [True]

    async def close_first(request: Any, writer: asyncio.StreamWriter) -> None:
        if closing and len(receiver.requests) == 2:
            closing.clear()
            writer.close()
            return
        writer.write(OK)

    receiver.then = close_first
    compiled = rig.add(receiver.url)
    await rig.client.__aenter__()
    outcomes = [await rig.sender.attempt(compiled, rig.message(), 1) for _ in range(2)]
    await rig.client.__aexit__(None, None, None)
    assert [outcome.answer.status for outcome in outcomes] == [200, 200]
    assert (len(receiver.requests), receiver.connections) == (3, 2)


def _certificate(directory: Path) -> ssl.SSLContext:
    """A self-signed certificate that nobody trusts."""
    from datetime import UTC, datetime, timedelta

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    path = directory / "certificate.pem"
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def test_untrusted_certificate_is_refused(rig: Rig, tmp_path: Path) -> None:
    """Nothing is sent to a server whose certificate is not trusted, and the error says that it is that."""
    receiver = await Receiver().start(ssl=_certificate(tmp_path))
    outcome = await attempt(rig, receiver.url.replace("http", "https", 1))
    await receiver.close()
    assert "certificate" in outcome.attempt.error.lower()
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("//no.scheme/x", "scheme"),
        ("https://user:hunter22@example.org/", "user or password"),
        ("http://10.1.2.3/", "not a public address"),
        ("http://[::ffff:10.0.0.1]/", "not a public address"),
        ("http://169.254.169.254/latest", "not a public address"),
        ("http://100.64.0.1/", "not a public address"),
        ("ftp://example.org/", "not allowed"),
        ("http://name-that-does-not-resolve.invalid/", "cannot be reached"),
    ],
)
async def test_urls_that_are_refused(rig: Rig, url: str, said: str) -> None:
    """Bad URLs and private addresses are refused by a sentence; no password is kept."""
    outcome = await attempt(rig, url)
    assert said in outcome.attempt.error
    assert outcome.attempt.status_code is None
    assert b"hunter22" not in msgspec.json.encode(outcome.attempt)


async def test_a_name_that_turns_to_loopback_is_refused(
    rig: Rig, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: what counts is the address that is connected to, each time; and it is looked up once for each."""
    rig.settings = DeliverySettings(ports=(0,), http=True)  # loopback is not allowed here
    await rig.close()
    await rig.open()
    loop = asyncio.get_running_loop()
    lookups: list[str] = []
    answers = ["127.0.0.1", "10.0.0.7", "::1"]

    async def rebinding(host: str, port: int, **options: Any) -> list[Any]:
        lookups.append(host)
        address = answers[len(lookups) - 1]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(loop, "getaddrinfo", rebinding)
    for number in range(3):
        outcome = await attempt(rig, f"http://rebind.example:{receiver.port}/", name=f"e{number}")
        assert "not a public address" in outcome.attempt.error
    assert (len(lookups), receiver.connections) == (3, 0)


async def test_what_is_kept_is_masked(rig: Rig, receiver: Receiver) -> None:
    """Credentials of the endpoint's own headers and in the URL are sent, and not kept."""
    receiver.then = answer(200, "Set-Cookie: session=crumb\r\n")
    outcome = await attempt(
        rig, receiver.url + "?token=t0psecret", headers={"Authorization": "Bearer t0psecret", "X-Site": "north"}
    )
    (request,) = receiver.requests
    assert request.headers["authorization"] == "Bearer t0psecret"
    assert request.path.endswith("?token=t0psecret")
    kept = msgspec.json.encode(outcome.attempt)
    assert b"t0psecret" not in kept
    assert b"crumb" not in kept
    assert ("X-Site", "north") in outcome.attempt.request_headers


async def test_large_bodies_are_kept_in_part(rig: Rig, receiver: Receiver) -> None:
    """Of what was sent 64 KiB are kept, with the size of the whole."""
    compiled = rig.add(receiver.url)
    await rig.client.__aenter__()
    outcome = await rig.sender.attempt(compiled, rig.message(data={"text": "x" * 100_000}), 1)
    await rig.client.__aexit__(None, None, None)
    assert len(outcome.attempt.request_body) == 65536
    assert outcome.attempt.request_size == len(receiver.requests[0].body) > 100_000


async def test_template_that_fails_is_permanent(rig: Rig, receiver: Receiver) -> None:
    """A template that cannot be rendered is not tried again, and nothing is sent."""
    outcome = await attempt(
        rig, receiver.url, format="template", options={"body": "{{ message.data.a.b.c.d }}"}, secrets=()
    )
    assert outcome.answer.permanent
    assert outcome.attempt.error
    assert receiver.requests == []


async def test_missing_secret_sends_nothing(rig: Rig, receiver: Receiver) -> None:
    """Without its secret an endpoint gets nothing unsigned; it is tried again, for the secret may come."""
    outcome = await attempt(rig, receiver.url, secrets=(EndpointSecret(name="new", reference="absent"),))
    assert "secret `new` of the endpoint is not there" in outcome.attempt.error
    assert not outcome.answer.permanent
    assert receiver.requests == []


async def test_engine_that_cannot_take_the_action_tries_again(rig: Rig) -> None:
    """An execution that cannot be stored now is asked for later."""

    async def full(request: Any) -> str:
        raise OverloadedError("the disk is full")

    rig.sender._run_action = full
    outcome = await attempt(rig, "", action="examples.deploy")
    assert "the disk is full" in outcome.attempt.error
    assert not outcome.answer.permanent


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "https://hooks.example/services/T000/B000/abcDEF123456ghiJKL789012",
            "https://hooks.example/services/T000/B000/********",
        ),
        ("https://user:pw@example.org:8443/hook?sig=abc&x=", "https://example.org:8443/hook?sig=********&x=********"),
        (
            "https://example.org/webhooks/deployments-of-production",
            "https://example.org/webhooks/deployments-of-production",
        ),
    ],
)
def test_urls_as_shown(url: str, shown: str) -> None:
    """What looks like a credential in a URL is masked, and the rest is left to be read."""
    assert shown_url(url) == shown
