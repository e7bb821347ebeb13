"""What strangers and broken clients send, byte by byte: each gets a clear answer or is closed, and nothing is stored of it."""

import asyncio
import gzip
import json
import logging
import random
from time import perf_counter

import pytest

from stormlet.foundation.settings import Limits, Server

from .conftest import KEY, Answer, Serve, Served, close

HOOK = "/api/v1/webhooks/in"
HEAD = (
    f"POST {HOOK} HTTP/1.1\r\nHost: x\r\nSt2-Api-Key: {KEY}\r\nContent-Type: application/json\r\nConnection: close\r\n"
)


async def refused(served: Served, answer: Answer, status: int, text: str) -> None:
    """Hold a refusal's shape: status, reason, and that nothing was stored."""
    assert answer.status == status, answer.body
    assert text in answer.json["faultstring"]
    assert answer.json["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert "x-request-id" in answer.headers
    assert await served.count_instances() == 0


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"a": 1', "truncated"),
        (b'{"a": NaN}', "malformed"),
        (b'{"a": "\xff\xfe"}', "UTF-8"),
        (b"[" * 10_000 + b"]" * 10_000, "nested deeper than 100"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b"5", "is not of type 'object'"),
        (b'"text"', "is not of type 'object'"),
        (b"null", "is not of type 'object'"),
        (b"1" * 10_000, "range"),
    ],
)
async def test_bodies_that_are_no_events(served: Served, body: bytes, text: str) -> None:
    """400 with the reason."""
    await refused(served, await served.post(HOOK, body), 400, text)


async def test_other_content_types(served: Served) -> None:
    """400 in StackStorm's words, and what to send instead."""
    answer = await served.post(HOOK, b"<a/>", headers={"Content-Type": "text/xml"})
    await refused(served, answer, 400, 'Failed to parse request body: Unsupported Content-Type: "text/xml"')
    assert "application/json" in answer.json["hint"]


async def test_an_empty_body_is_an_empty_object_and_equal_keys_are_the_last_one(served: Served) -> None:
    """As in StackStorm."""
    assert (await served.post(HOOK, b"")).json == {}
    assert (await served.post(HOOK, b'{"a": 1, "a": 2}')).json == {"a": 2}
    assert await served.count_instances() == 2


async def test_a_body_that_says_it_is_too_large_is_refused_unread(served: Served) -> None:
    """413 comes before a byte of the body was sent."""
    reader, writer = await served.connect()
    writer.write(f"{HEAD}Content-Length: 52428800\r\n\r\n".encode())
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
    assert b" 413 " in head.split(b"\r\n")[0]
    await close(writer)
    assert await served.count_instances() == 0


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large_is_refused_while_it_comes(served: Served, chunked: bool) -> None:
    """Fifty mebibytes, with and without saying so: 413, and the client that sends on is not reset before it can read it."""
    piece = b"x" * (1024 * 1024)
    reader, writer = await served.connect()
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {50 * len(piece)}"
    writer.write(f"{HEAD}{length}\r\n\r\n".encode())
    async with asyncio.timeout(20):
        for _ in range(50):
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            await writer.drain()
        if chunked:
            writer.write(b"0\r\n\r\n")
        answer = Answer(await reader.read())
    await close(writer)
    await refused(served, answer, 413, "larger than 1048576 bytes")


async def test_a_body_cut_short_is_not_an_event(served: Served) -> None:
    """The sender is gone in the middle: closed, nothing stored, nothing but a line in the log."""
    for eof in (True, False):
        reader, writer = await served.connect()
        writer.write(f'{HEAD}Content-Length: 100\r\n\r\n{{"a":'.encode())
        await writer.drain()
        if eof:
            writer.write_eof()
            assert await reader.read() == b""
        await close(writer)
    assert await served.count_instances() == 0
    assert (await served.post(HOOK, {})).status == 202


async def test_a_bomb_is_neither_unpacked_for_strangers_nor_for_friends(served: Served) -> None:
    """What becomes a thousand times larger: 401 or 413 within milliseconds."""
    bomb = gzip.compress(b"0" * 2**26)
    headers = {"Content-Encoding": "gzip"}
    started = perf_counter()
    assert (await served.post(HOOK, bomb, headers=headers, key=None)).status == 401
    await refused(served, await served.post(HOOK, bomb, headers=headers), 413, "when decompressed")
    assert perf_counter() - started < 2


async def test_compressed_events_are_read_and_unknown_encodings_are_not(served: Served) -> None:
    """gzip works; brotli is 415, with what is understood in a header; a damaged one is 400."""
    packed = gzip.compress(b'{"a": 1}')
    answer = await served.post(HOOK, packed, headers={"Content-Encoding": "gzip"})
    assert (answer.status, answer.json) == (202, {"a": 1})
    answer = await served.post(HOOK, packed, headers={"Content-Encoding": "br"})
    assert answer.status == 415
    assert answer.headers["accept-encoding"] == "gzip, deflate"
    assert (await served.post(HOOK, packed[:-4], headers={"Content-Encoding": "gzip"})).status == 400
    instance = (await served.get("/api/v1/triggerinstances")).json[0]
    assert instance["payload"]["body"] == {"a": 1}


@pytest.mark.parametrize(
    "sent",
    [
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello",
        "GET /a HTTP/1.1\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
        "GET /" + "a" * 10_000 + " HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nA: " + "b" * 9_000 + "\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\n" + "".join(f"A{n}: b\r\n" for n in range(200)) + "\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        "GET /a HTTP/9.9\r\nHost: x\r\n\r\n",
    ],
    ids=["cl+te", "two-cl", "bad-cl", "no-host", "fold", "nul", "long-url", "long-header", "headers", "tls", "version"],
)
async def test_what_is_no_http(served: Served, sent: str) -> None:
    """400 in our shape and closed; what comes behind is not taken for a second request."""
    answer = Answer(await served.raw((sent + "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").encode("latin-1")))
    assert answer.status == 400
    assert answer.json["faultstring"].startswith("The request is malformed")
    assert answer.headers["server"] == "stormlet"
    assert answer.body.count(b"HTTP/1.") == 0


async def test_malformed_requests_do_not_fill_the_log(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """A hundred of them leave a line a second, without a traceback and without their bytes."""
    caplog.set_level(logging.INFO)
    started = perf_counter()
    await asyncio.gather(*(served.raw(b"GET /CANARY\x01\r\n\r\n") for _ in range(100)))
    lines = [record for record in caplog.records if record.name.startswith("stormlet")]
    assert 1 <= len(lines) <= 2 + (perf_counter() - started)
    assert all(record.exc_info is None and "CANARY" not in record.getMessage() for record in lines)
    assert served.engine.metrics.http_malformed._value.get() == 100


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("GET /a HTTP/1.1\r\nHost: x\r\nX-Auth-Token: CANARY" + "b" * 10_000 + "\r\n\r\n", "longer than 8190 bytes"),
        ("GET /a?st2-api-key=CANARY" + "a" * 10_000 + " HTTP/1.1\r\nHost: x\r\n\r\n", "longer than 8190 bytes"),
        ("GET /a?st2-api-key=CANARY\x01 HTTP/1.1\r\nHost: x\r\n\r\n", "malformed"),
        ("GET http://[CANARY/ HTTP/1.1\r\nHost: x\r\n\r\n", "malformed"),
        ("GET /a HTTP/1.1\r\nHost: x\r\nX-Auth-Token: CANARY\x00\r\n\r\n", "a header"),
        ("GET /a HTTP/1.1\r\nHost: x\r\nCANARY key: b\r\n\r\n", "a header"),
        ("CANARY\r\n\r\n", "malformed"),
        ("GET /a CANARY/1.1\r\nHost: x\r\n\r\n", "malformed"),
        ("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: CANARY\r\n\r\n", "malformed"),
    ],
    ids=["long-header", "long-url", "url", "host", "value", "name", "method", "version", "length"],
)
async def test_malformed_requests_are_not_repeated(
    served: Served, caplog: pytest.LogCaptureFixture, sent: str, said: str
) -> None:
    """A credential in a request that is none is neither in the answer nor in the log, which say what was wrong."""
    caplog.set_level(logging.DEBUG)
    answer = Answer(await served.raw(sent.encode("latin-1")))
    assert answer.status == 400
    assert said in answer.json["faultstring"]
    assert b"CANARY" not in answer.head + answer.body
    assert "CANARY" not in caplog.text


async def test_slow_bodies_are_given_up(serve: Serve) -> None:
    """408 with the reason, and closed; nothing stored."""
    served = await serve(Limits(body_seconds=0.3))
    answer = Answer(await served.raw(f"{HEAD}Content-Length: 100\r\n\r\n{{".encode()))
    await refused(served, answer, 408, "did not arrive within 0.3 seconds")
    assert answer.headers["connection"] == "close"


async def test_590_stuck_connections_are_all_closed(serve: Serve) -> None:
    """Silent ones, ones that drip their headers and ones that drip their bodies: gone by the deadline, others unharmed."""
    served = await serve(Limits(header_seconds=1.0, body_seconds=1.0, idle_seconds=2.0))
    drips = (
        [b"GET / HTTP/1.1\r\nHost: x\r\nA: b"] * 500 + [b""] * 50 + [f"{HEAD}Content-Length: 9\r\n\r\n{{".encode()] * 40
    )
    started = perf_counter()
    everybody = asyncio.gather(*(served.raw(sent) for sent in drips))
    slowest = 0.0
    while not everybody.done():
        before = perf_counter()
        assert (await served.post(HOOK, {})).status == 202
        slowest = max(slowest, perf_counter() - before)
    assert len(await everybody) == 590
    assert perf_counter() - started < 1.0 + 4.0  # the deadline, and the time that two cores take for 590 of them
    assert slowest < 2


async def test_a_connection_that_drips_a_second_request_is_closed(serve: Serve) -> None:
    """The deadline counts from the first byte of each request's headers, not only the first's."""
    served = await serve(Limits(header_seconds=0.5, idle_seconds=60))
    reader, writer = await served.connect()
    async with asyncio.timeout(10):
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"ok\n")
        writer.write(b"GET /livez HT")
        assert await reader.read() == b""
    await close(writer)


async def test_more_connections_than_allowed_are_closed_at_once(serve: Serve) -> None:
    """Those that are open go on; a place that becomes free is given again."""
    served = await serve(server=Server(port=0, shutdown_grace=0.2, max_connections=3))
    held = [await served.connect() for _ in range(3)]
    for reader, writer in held:
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"ok\n")
    assert await served.raw(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    await close(held.pop()[1])

    async def again() -> bool:
        return b" 200 " in await served.raw(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    await served.until(again)
    for _, writer in held:
        await close(writer)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/%2e%2e/%2e%2e/etc/passwd", 404),
        ("/api/v1/../../etc/passwd", 404),
        ("/api/v1/actions/views/entry_point/..%2f..%2fetc%2fpasswd", 404),
        ("/api/v1/rules/%ff", 400),
        ("/api/v1/rules/%00", 404),
        ("/api/v1/rules/%0d%0aX-Evil:%201", 404),
        ("//evil.example/api/v1/rules", 404),
    ],
)
async def test_paths_that_want_elsewhere(served: Served, path: str, status: int) -> None:
    """They are names that nothing has; none is redirected, none gets a header of its own choice."""
    answer = await served.get(path)
    assert answer.status == status, answer.body
    assert "x-evil" not in answer.headers
    assert "location" not in answer.headers
    assert b"root:" not in answer.body


@pytest.mark.parametrize("given", ["a\tb", "a b", "x" * 200, "<script>", "é", '"', "a;b"])
async def test_a_request_id_that_could_do_harm_is_not_repeated(served: Served, given: str) -> None:
    """A fresh one is made instead; a harmless one is echoed, on refusals too."""
    answer = await served.get("/livez", headers={"X-Request-ID": given})
    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 36
    for path in ("/livez", "/nowhere"):
        assert (await served.get(path, headers={"X-Request-ID": "abc-123"})).headers["x-request-id"] == "abc-123"


async def test_the_log_shows_no_credential_and_breaks_no_line(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Not of a good request, a refused one, one without a route, and not of a key in a path."""
    caplog.set_level(logging.DEBUG)
    for path in (
        f"{HOOK}?st2-api-key={KEY}",
        f"/api/v1/rules?x-auth-token={KEY}&limit=x",
        f"/nowhere?st2-api-key={KEY}",
        f"/api/v1/apikeys/{KEY}",
        f"/api/v1/apikeys/CANARY-{KEY}",
        "/api/v1/rules/%0a%1b[31mforged",
    ):
        await served.request("POST" if "webhooks" in path else "GET", path, {}, key=None)
        await served.request("POST" if "webhooks" in path else "GET", path, {})
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert KEY not in text
    assert "/api/v1/rules" in text
    assert "\x1b" not in text
    assert all("\n" not in record.getMessage() for record in caplog.records if record.name == "stormlet.access")


async def test_credentials_are_in_no_payload_and_no_file(served: Served) -> None:
    """Whatever place they came in by: the stored event has none of them."""
    for headers, query in (
        ({"St2-Api-Key": KEY}, ""),
        ({"X-Auth-Token": KEY}, ""),
        ({"Authorization": f"Bearer {KEY}", "Cookie": "auth-token=CANARY-cookie"}, ""),
        ({"X-Original-URI": f"/in?st2-api-key={KEY}"}, f"?st2-api-key={KEY}"),
        ({}, f"?x-auth-token={KEY}"),
    ):
        assert (await served.post(HOOK + query, {"a": 1}, headers=headers, key=None)).status == 202
    assert KEY not in json.dumps((await served.get("/api/v1/triggerinstances")).json)
    files = [path for path in served.engine.home.path.rglob("*") if path.is_file() and path.name != "cli.json"]
    for path in files:
        content = path.read_bytes()
        assert KEY.encode() not in content, path
        assert b"CANARY-cookie" not in content, path


async def test_curl_waits_for_a_word_before_it_sends(served: Served) -> None:
    """`Expect: 100-continue` is answered once the sender is known and the size is right, and not before."""
    reader, writer = await served.connect()
    async with asyncio.timeout(5):
        writer.write(f"{HEAD}Expect: 100-continue\r\nContent-Length: 7\r\n\r\n".encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b'{"a":1}')
        answer = Answer(await reader.read())
        assert (answer.status, answer.json) == (202, {"a": 1})
    await close(writer)
    anonymous = HEAD.replace(f"St2-Api-Key: {KEY}\r\n", "")
    raw = await served.raw(f"{anonymous}Expect: 100-continue\r\nContent-Length: 7\r\n\r\n".encode())
    assert raw.startswith(b"HTTP/1.1 401 ")


async def test_mutated_requests_are_no_faults(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """A good request with bytes changed, dropped, doubled and put in, a thousand times: refused or served, never a fault."""
    caplog.set_level(logging.ERROR)
    dice = random.Random(7)
    good = f'{HEAD}Accept: */*\r\nContent-Length: 15\r\n\r\n{{"a": [1, "b"]}}'.encode()

    async def one() -> None:
        mutated = bytearray(good)
        for _ in range(dice.randint(1, 6)):
            place = dice.randrange(len(mutated))
            match dice.randrange(4):
                case 0:
                    mutated[place] = dice.randrange(256)
                case 1:
                    del mutated[place : place + dice.randrange(1, 9)]
                case 2:
                    mutated[place:place] = mutated[place : place + dice.randrange(1, 40)]
                case _:
                    mutated[place:place] = dice.choice([b"\r\n", b"\x00", b"%ff", b"\xff" * 3, b"/" * 9, b": ", b"?"])
        raw = await served.raw(bytes(mutated), eof=True)
        assert not raw or Answer(raw).status in {202, 400, 401, 404, 413, 415}, (bytes(mutated), raw)

    for _ in range(20):
        await asyncio.gather(*(one() for _ in range(50)))
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert (await served.post(HOOK, {})).status == 202
