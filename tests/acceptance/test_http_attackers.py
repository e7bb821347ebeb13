"""Strangers, crowds and a stop in the middle of it, against a real process on its fast event loop."""

import asyncio
import gzip
import re
import signal
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from .conftest import KEY

RULE = """
name: in
enabled: true
trigger: {type: core.st2.webhook, parameters: {url: in}}
action: {ref: core.noop}
"""
HEAD = f"POST /api/v1/webhooks/in HTTP/1.1\r\nHost: x\r\nSt2-Api-Key: {KEY}\r\nContent-Type: application/json\r\n"
POST = f"{HEAD}Content-Length: 2\r\n\r\n{{}}".encode()
MEBIBYTE = 1024 * 1024


@pytest.fixture
def server(make_server: Callable[..., Any], rules_directory: Path, write_rule: Callable[..., Path]) -> Any:
    """A server with one hook and short deadlines."""
    write_rule("in", RULE)
    deadlines = {"STORMLET_LIMITS__HEADER_SECONDS": "2", "STORMLET_LIMITS__BODY_SECONDS": "2"}
    return make_server(rules=rules_directory, environment=deadlines)


def memory(server: Any) -> int:
    """Return the most memory that the server ever had resident, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


async def connect(server: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", server.port, limit=4 * MEBIBYTE)


async def send(server: Any, *parts: bytes) -> bytes:
    """Send on a connection of its own and return all that comes until it is closed."""
    reader, writer = await connect(server)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def answer_times(server: Any, until: "asyncio.Future[Any]") -> list[float]:
    """Post events one after the other until something is done; return how long each took."""
    reader, writer = await connect(server)
    times = []
    while not until.done():
        started = perf_counter()
        writer.write(POST)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 202 " in head.split(b"\r\n")[0]
        await reader.readexactly(2)
        times.append(perf_counter() - started)
    writer.close()
    return times


async def test_590_stuck_connections(server: Any) -> None:
    """Slow headers, silence and slow bodies: all closed by their deadlines, and nobody else waits."""
    stuck = [b"GET / HTTP/1.1\r\nA: b"] * 500 + [b""] * 50 + [f"{HEAD}Content-Length: 9\r\n\r\n{{".encode()] * 40
    started = perf_counter()
    everybody = asyncio.gather(*(send(server, part) for part in stuck))
    times = await answer_times(server, everybody)
    assert len(await everybody) == 590
    assert perf_counter() - started < 2 + 3
    assert sorted(times)[len(times) // 2] < 0.05
    assert not [line for line in server.lines if "Traceback" in line]


@pytest.mark.parametrize("length", ["Content-Length: 52428800", "Transfer-Encoding: chunked"])
async def test_huge_uploads(server: Any, length: str) -> None:
    """Twenty of fifty mebibytes at once: each is 413, and memory stays what it was."""
    before = memory(server)
    piece = b"x" * MEBIBYTE
    part = b"%x\r\n%s\r\n" % (len(piece), piece) if "chunked" in length else piece
    uploads = asyncio.gather(
        *(send(server, f"{HEAD}Connection: close\r\n{length}\r\n\r\n".encode(), *[part] * 50) for _ in range(20))
    )
    await answer_times(server, uploads)
    answers = await uploads
    assert all(answer.startswith(b"HTTP/1.1 413 ") for answer in answers if answer)
    assert sum(bool(answer) for answer in answers) >= 15  # who sends on for seconds after the answer may be cut off
    assert memory(server) - before < 48 * MEBIBYTE


async def test_bombs(server: Any) -> None:
    """A megabyte that becomes a gigabyte, from strangers and from somebody with a key: nobody notices."""
    bomb = gzip.compress(b"\0" * (256 * MEBIBYTE))
    before = memory(server)
    head = f"{HEAD}Connection: close\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    anonymous = head.replace(f"St2-Api-Key: {KEY}\r\n", "")
    sent = [send(server, text.encode(), bomb) for text in (head, anonymous) * 10]
    bombs = asyncio.gather(*sent)
    times = await answer_times(server, bombs)
    statuses = sorted(answer.split()[1] for answer in await bombs)
    assert statuses == [b"401"] * 10 + [b"413"] * 10
    assert max(times) < 0.5
    assert memory(server) - before < 32 * MEBIBYTE


async def test_malformed_requests(server: Any) -> None:
    """A thousand of them: all 400, a few lines in the log, no traceback, none of their bytes."""
    lines = len(server.lines)
    started = perf_counter()
    answers = await asyncio.gather(*(send(server, b"GET /CANARY\x01 HTTP/1.1\r\n\r\n") for _ in range(1000)))
    assert {answer.split()[1] for answer in answers} == {b"400"}
    assert len(server.lines) - lines <= perf_counter() - started + 3
    assert "CANARY" not in server.log
    assert "Traceback" not in server.log


async def test_a_crowd(make_server: Callable[..., Any], rules_directory: Path, write_rule: Callable[..., Path]) -> None:
    """Six hundred at once where fifty may wait: taken or told to come back, and what was taken is there."""
    write_rule("in", RULE)
    server = make_server(rules=rules_directory, environment={"STORMLET_LIMITS__QUEUE": "50"})

    async def client() -> tuple[int, int]:
        reader, writer = await connect(server)
        taken = told = 0
        for _ in range(10):
            writer.write(POST)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            found = re.search(rb"content-length: (\d+)", head)
            assert found
            await reader.readexactly(int(found[1]))
            status = head.split()[1]
            assert status == b"202" or (status == b"503" and b"retry-after: " in head)
            taken, told = taken + (status == b"202"), told + (status == b"503")
        writer.close()
        return taken, told

    results = await asyncio.gather(*(client() for _ in range(600)))
    taken, told = sum(each[0] for each in results), sum(each[1] for each in results)
    assert taken + told == 6000
    assert taken > 0
    assert told > 0
    total = server.get("/api/v1/triggerinstances?limit=1").headers["x-total-count"]
    assert int(total) == taken


async def test_sigterm_in_the_middle(server: Any) -> None:
    """Thirty-two busy connections: no request is reset, each gets a last answer, all that was acknowledged is there later."""
    acknowledged = 0
    busy = asyncio.Event()

    async def client() -> None:
        nonlocal acknowledged
        reader, writer = await connect(server)
        while True:
            writer.write(POST)
            head = await reader.readuntil(b"\r\n\r\n")  # raises where the connection was reset
            assert b" 202 " in head.split(b"\r\n")[0]
            await reader.readexactly(2)
            acknowledged += 1
            if acknowledged > 500:
                busy.set()
            if b"connection: close" in head.lower():
                writer.close()
                return

    clients = asyncio.gather(*(client() for _ in range(32)))
    await busy.wait()
    server.process.send_signal(signal.SIGTERM)
    await clients
    assert await asyncio.to_thread(server.process.wait, 30) == 0
    await asyncio.to_thread(server.start)
    total = server.get("/api/v1/triggerinstances?limit=1").headers["x-total-count"]
    assert int(total) == acknowledged
