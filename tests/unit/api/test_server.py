"""The server as a service: how it starts, refuses to start, and stops."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stormlet.api.server import HttpServer
from stormlet.app import Engine
from stormlet.foundation.errors import SettingsError
from stormlet.foundation.settings import Auth, Bootstrap, Server, Settings, Storage

from .conftest import KEY, Answer, Serve, Served, close


def with_settings(served: Served, **changed: Any) -> HttpServer:
    services = served.engine.server._services
    settings = msgspec.structs.replace(services.settings, **changed)
    return HttpServer(msgspec.structs.replace(services, settings=settings))


async def test_a_port_that_is_taken_is_named(served: Served) -> None:
    """With the flag that chooses another."""
    with pytest.raises(SettingsError, match=f"port {served.port} on 127.0.0.1 is taken") as caught:
        await with_settings(served, server=Server(port=served.port)).start()
    assert "--port" in caught.value.hint


async def test_an_address_that_is_not_ours_is_named(served: Served) -> None:
    """With the flag that chooses another."""
    with pytest.raises(SettingsError, match=r"192\.0\.2\.1 is not an address of this machine"):
        await with_settings(served, server=Server(host="192.0.2.1", port=0)).start()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
async def test_without_authentication_only_loopback_is_served(served: Served, host: str) -> None:
    """A hook that anybody could reach is not opened by accident."""
    server = with_settings(served, auth=Auth(enable=False), server=Server(host=host, port=0))
    with pytest.raises(SettingsError, match=r"auth\.enable is false"):
        await server.start()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_loopback_may_be_open(served: Served, host: str) -> None:
    """That is what the setting is for: trying things out on one's own machine."""
    server = with_settings(served, auth=Auth(enable=False), server=Server(host=host, port=0))
    await server.start()
    assert server.url.endswith(f":{server.port}")
    await server.stop(0)


async def test_starting_and_stopping_twice_is_once(served: Served) -> None:
    """And stopping what never started is nothing."""
    server = with_settings(served, server=Server(port=0))
    await server.stop(0)
    await server.start()
    await server.start()
    await server.stop(0.1)
    await server.stop(0.1)


async def test_a_drain_resets_nobody(served: Served) -> None:
    """Keep-alive clients, busy ones and ones that ask once more when the stop has begun, get each answer, the last one with
    `Connection: close`; new connections are refused."""
    server = with_settings(served, server=Server(port=0))
    await server.start()
    busy, begun = asyncio.Event(), asyncio.Event()
    answered, closed = [0] * 16, [0] * 16

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        request = f"POST /v1/webhooks/in HTTP/1.1\r\nHost: x\r\nSt2-Api-Key: {KEY}\r\nContent-Length: 2\r\n\r\n{{}}"
        while True:
            writer.write(request.encode())
            head = await reader.readuntil(b"\r\n\r\n")  # raises where the connection was reset
            assert b" 202 " in head.split(b"\r\n")[0]
            await reader.readexactly(2)
            answered[number] += 1
            if answered[number] == 5:
                busy.set()
                if number % 2:
                    await begun.wait()
            if b"Connection: close" in head:
                closed[number] += 1
                assert await reader.read() == b""
                break
        await close(writer)

    clients = asyncio.gather(*(client(number) for number in range(16)))
    await busy.wait()
    stopping = asyncio.ensure_future(server.stop(10))
    await asyncio.wait({stopping}, timeout=0.2)
    begun.set()
    await asyncio.wait_for(stopping, 5)
    await clients
    assert closed == [1] * 16
    with pytest.raises(OSError, match="Connect"):
        await asyncio.open_connection("127.0.0.1", server.port)
    assert await served.count_instances() == sum(answered)


async def test_idle_connections_do_not_hold_a_stop_up(served: Served) -> None:
    """They are closed after a moment, whatever grace there is."""
    server = with_settings(served, server=Server(port=0))
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"ok\n")
    await asyncio.wait_for(server.stop(60), 5)
    assert await reader.read() == b""
    await close(writer)


async def test_a_request_under_way_is_answered_within_the_grace(served: Served) -> None:
    """A body that is still coming when the stop begins is waited for."""
    server = with_settings(served, server=Server(port=0))
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"POST /v1/webhooks/in HTTP/1.1\r\nHost: x\r\nSt2-Api-Key: {KEY}\r\nContent-Length: 7\r\n\r\n"
    writer.write(head.encode())
    writer.write(b'{"a"')
    await writer.drain()
    stopping = asyncio.ensure_future(server.stop(30))
    done, _ = await asyncio.wait({stopping}, timeout=1.5)
    assert not done
    writer.write(b":1}")
    answer = Answer(await reader.read())
    assert (answer.status, answer.json, answer.headers["connection"]) == (202, {"a": 1}, "close")
    await asyncio.wait_for(stopping, 5)
    await close(writer)


async def test_what_does_not_end_is_cut_off(served: Served) -> None:
    """After the grace."""
    server = with_settings(served, server=Server(port=0))
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"POST /v1/webhooks/in HTTP/1.1\r\nHost: x\r\nSt2-Api-Key: {KEY}\r\nContent-Length: 7\r\n\r\n"
    writer.write(head.encode())
    await writer.drain()
    await asyncio.wait_for(server.stop(1.2), 10)
    assert await reader.read() == b""
    await close(writer)


def test_the_url_is_one_that_this_machine_can_use(serve: Serve) -> None:
    """Listening everywhere means here as well; IPv6 is put in brackets."""
    for host, url in (
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::1", "http://[::1]:1"),
        ("localhost", "http://localhost:1"),
    ):
        server = HttpServer.__new__(HttpServer)
        server._settings = Settings(server=Server(host=host)).server
        server.port = 1
        assert server.url == url


async def test_ipv6_is_served_where_the_machine_has_it(served: Served) -> None:
    """A whole request over ::1."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    server = with_settings(served, server=Server(host="::1", port=0))
    try:
        await server.start()
    except SettingsError:
        pytest.skip("no IPv6 here")
    reader, writer = await asyncio.open_connection("::1", server.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).endswith(b"ok\n")
    await close(writer)
    await server.stop(0.1)


@pytest.mark.parametrize(("key", "warned"), [("seven77", True), ("eight888", False)])
async def test_a_short_key_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, key: str, warned: bool
) -> None:
    """At the start, without the key itself; it is taken all the same."""
    settings = Settings(home=str(tmp_path / "home"), server=Server(port=0), store=Storage(reserve_bytes=0))
    engine = Engine(settings, Bootstrap(api_key=key, admin_password="unit-test-password"))
    await engine.start()
    try:
        answer = await Served(engine).get("/api/v1/rules", key=key)
    finally:
        await engine.stop()
    assert answer.status == 200
    assert ("STORMLET_BOOTSTRAP_API_KEY has" in caplog.text) is warned
    assert key not in caplog.text
