"""Where our requests may go. Real sockets: the canary listens on loopback and must never be reached."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from stormlet.foundation.egress import EgressClient, EgressPolicy, VettingResolver, check_url, refusal
from stormlet.foundation.errors import ForbiddenError, InvalidInputError, OverloadedError, TooLargeError

DANGEROUS = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "192.88.99.1",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2001:0:1::1",
    "2001:db8::1",
    "fe80::1",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "ff02::1",
    "5f00::1",
    "3fff::1",
]


@pytest.mark.parametrize("text", DANGEROUS)
def test_addresses_that_are_not_public_are_refused(text: str) -> None:
    """Loopback, private, link-local, CGNAT, multicast, mapped, NAT64, 6to4, Teredo, documentation and reserved ones."""
    assert refusal(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"])
def test_public_addresses_are_taken(text: str) -> None:
    """What lies just beside the refused blocks, too."""
    assert refusal(ipaddress.ip_address(text)) == ""


def test_an_allow_list_opens_what_it_names_and_nothing_else() -> None:
    """Also for the mapped form of an address."""
    allow = (ipaddress.ip_network("127.0.0.0/8"),)
    assert refusal(ipaddress.ip_address("127.0.0.1"), allow) == ""
    assert refusal(ipaddress.ip_address("::ffff:127.0.0.1"), allow) == ""
    assert refusal(ipaddress.ip_address("10.0.0.1"), allow)
    assert refusal(ipaddress.ip_address("::1"), allow)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("", InvalidInputError),
        ("example.org/x", InvalidInputError),
        ("https://", InvalidInputError),
        ("https://user@example.org/", InvalidInputError),
        ("https://user:pw@example.org/", InvalidInputError),
        ("https://example.org:99999/", InvalidInputError),
        ("https://[::1/", InvalidInputError),
        ("http://example.org/", ForbiddenError),
        ("file:///etc/passwd", InvalidInputError),
        ("gopher://example.org/", ForbiddenError),
        ("https://example.org:22/", ForbiddenError),
        ("https://127.0.0.1/", ForbiddenError),
        ("https://[::1]/", ForbiddenError),
        ("https://[::ffff:169.254.169.254]/", ForbiddenError),
        ("https://[fe80::1%25eth0]/", ForbiddenError),
    ],
)
def test_a_url_that_may_not_be_called_is_refused_before_any_socket(url: str, error: type[Exception]) -> None:
    """The text alone tells."""
    with pytest.raises(error):
        check_url(url, EgressPolicy())


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001", "localhost", "0", "0x7f000001", "[::1]"]
)
async def test_no_spelling_reaches_loopback(host: str) -> None:
    """The canary hears nothing, however its address is written."""
    async with canary() as (port, heard), client(port=port) as egress:
        with pytest.raises((ForbiddenError, InvalidInputError, OverloadedError)):
            await egress.request("GET", f"http://{host}:{port}/")
    assert heard == []


async def test_a_name_is_resolved_once_and_that_address_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebinding: a name that is public when asked first and loopback when asked again does not get us to loopback."""
    answers = [("8.8.8.8",), ("127.0.0.1",)]
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        address = answers[min(len(asked), len(answers)) - 1][0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    resolver = VettingResolver(EgressPolicy())
    assert [found["host"] for found in await resolver.resolve("rebind.example", 443)] == ["8.8.8.8"]
    with pytest.raises(ForbiddenError, match=r"127\.0\.0\.1 is not a public address"):
        await resolver.resolve("rebind.example", 443)


async def test_a_redirect_is_an_answer_not_an_order() -> None:
    """The place it points to is not called."""
    elsewhere = canary(b"HTTP/1.1 302 Found\r\nLocation: /second\r\nContent-Length: 0\r\n\r\n")
    async with elsewhere as (port, heard), client(port=port, allow=("127.0.0.0/8",)) as egress:
        answer = await egress.request("GET", f"http://127.0.0.1:{port}/first")
    assert answer.status == 302
    assert [line.split()[1] for line in heard] == [b"/first"]


async def test_an_endless_answer_is_cut_off() -> None:
    """More than the policy reads is an error, and the connection goes."""
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 200_000
    async with canary(endless) as (port, _), client(port=port, allow=("127.0.0.0/8",)) as egress:
        with pytest.raises(TooLargeError):
            await egress.request("GET", f"http://127.0.0.1:{port}/")


async def test_a_silent_server_does_not_hold_us() -> None:
    """The policy's time is all it gets."""
    async with canary(b"") as (port, _), client(port=port, allow=("127.0.0.0/8",), seconds=0.2) as egress:
        with pytest.raises(OverloadedError, match="did not answer within"):
            await egress.request("GET", f"http://127.0.0.1:{port}/")


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would connect where we vetted nothing."""
    async with canary() as (proxy, heard):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy}")
        async with canary() as (port, reached), client(port=port, allow=("127.0.0.0/8",)) as egress:
            assert (await egress.request("GET", f"http://127.0.0.1:{port}/")).status == 200
    assert heard == []
    assert reached


def client(*, port: int, allow: tuple[str, ...] = (), seconds: float = 5) -> EgressClient:
    policy = EgressPolicy(allow=allow, ports=(port,), schemes=("http",), seconds=seconds)
    return EgressClient(policy)


@asynccontextmanager
async def canary(
    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server on loopback that notes the first line of whatever reaches it; with an empty answer it keeps silent."""
    heard: list[bytes] = []
    writers: list[asyncio.StreamWriter] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        heard.append(head.split(b"\r\n")[0])
        if answer:
            writer.write(answer)

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()
