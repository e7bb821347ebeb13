"""Where a request of ours may go, when a stranger had a say in its URL.

A URL is judged by the address that is connected to, not by its text: `127.1`, `0x7f.1` and a name that resolves differently
the second time all end at an address, and that address is vetted in the connector's own resolver, once, and then connected to.
Redirects are never followed, the environment's proxies are not used, and only so many bytes of an answer are read.

`ipaddress.is_global` is no such judge: on Python 3.11 it lets NAT64, 6to4 and multicast addresses through.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from stormlet.foundation.errors import ForbiddenError, InvalidInputError, OverloadedError, TooLargeError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Special-purpose blocks of IPv4 (IANA registry, RFC 6890 and successors), multicast and reserved space.
_REFUSED_V4: Final = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Of IPv6 only global unicast is taken at all, and of that not the blocks that embed or tunnel to something else.
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6: Final = tuple(
    ipaddress.IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_MOST_STALE: Final = 3
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")


class EgressPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of outgoing request may do. `allow` are CIDR blocks that are reached although they are not public."""

    allow: tuple[str, ...] = ()
    ports: tuple[int, ...] = (443,)
    schemes: tuple[str, ...] = ("https",)
    seconds: float = 10.0
    answer_bytes: int = 64 * 1024
    connections: int = 100
    """Open at the same time; more requests than that wait for each other."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: str = ""
    """Why this is not the whole body; only `exchange` takes such an answer."""


def refusal(address: Address, allow: Sequence[Network] = ()) -> str:
    """Return why this address is not connected to; empty where it is."""
    if any(address in block for block in allow if block.version == address.version):
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _MAPPED and address.ipv4_mapped is not None:
            return refusal(address.ipv4_mapped, allow)
        public = address in _GLOBAL_V6 and not any(address in block for block in _REFUSED_V6)
    else:
        public = not any(address in block for block in _REFUSED_V4)
    return "" if public else f"{address} is not a public address"


@lru_cache(maxsize=1024)
def check_url(url: str, policy: EgressPolicy) -> str:
    """Return the URL's host, once everything that can be told from the text is right.

    Raises:
        InvalidInputError: it is not a URL, or names a user.
        ForbiddenError: its scheme, port or literal address is not allowed.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError as error:
        raise InvalidInputError(f"the URL cannot be read: {error}") from None
    host = parts.hostname or ""
    if not parts.scheme or not host:
        raise InvalidInputError("the URL needs a scheme and a host", hint="such as https://example.org/hook")
    if parts.username is not None or parts.password is not None:
        raise InvalidInputError("the URL must not hold a user or password", hint="send credentials in a header")
    if parts.scheme not in policy.schemes:
        raise ForbiddenError(f"{parts.scheme}: URLs are not allowed", hint=f"allowed: {', '.join(policy.schemes)}")
    if port not in policy.ports and 0 not in policy.ports:
        raise ForbiddenError(f"port {port} is not allowed", hint=f"allowed: {', '.join(map(str, policy.ports))}")
    try:
        literal = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if why := refusal(literal, _networks(policy)):
        raise ForbiddenError(why)
    return host


class VettingResolver(AbstractResolver):
    """Resolves a name once and hands on only addresses that may be connected to."""

    def __init__(self, policy: EgressPolicy) -> None:
        self._allow = _networks(policy)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return vetted addresses.

        Raises:
            ForbiddenError: the name resolves to addresses that are all refused.
            OSError: it does not resolve.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        vetted: list[ResolveResult] = []
        why = ""
        for kind, _, protocol, _, place in found:
            address = str(place[0])
            reason = refusal(ipaddress.ip_address(address.partition("%")[0]), self._allow)
            why = why or reason
            if not reason:
                vetted.append(
                    ResolveResult(
                        hostname=host,
                        host=address,
                        port=port,
                        family=kind,
                        proto=protocol,
                        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                    )
                )
        if not vetted:
            raise ForbiddenError(f"{host} is refused: {why or 'it has no address'}")
        return vetted

    async def close(self) -> None:
        """Nothing is held."""


class EgressClient:
    """Sends requests under one policy. Use as an async context manager."""

    def __init__(self, policy: EgressPolicy) -> None:
        self._policy = policy
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "EgressClient":
        """Open the connection pool."""
        connector = aiohttp.TCPConnector(
            resolver=VettingResolver(self._policy), use_dns_cache=False, limit=self._policy.connections
        )
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_reuseconn.append(_note_reuse)
        self._session = aiohttp.ClientSession(
            connector=connector,
            trace_configs=[tracing],
            trust_env=False,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._policy.seconds),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection pool."""
        if self._session is not None:
            await self._session.close()

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Send one request and read its answer, at most `policy.answer_bytes` of it.

        Raises:
            InvalidInputError, ForbiddenError: as `check_url`, or the name resolves to refused addresses only.
            TooLargeError: the answer is larger than is read.
            OverloadedError: the other side cannot be reached, or does not answer in time.
        """
        if self._session is None:
            raise RuntimeError("the client is not open")
        host = check_url(url, self._policy)
        try:
            async with self._session.request(
                method, url, headers=headers, data=body, allow_redirects=False
            ) as response:
                content = await self._read(response)
                return Answer(status=response.status, headers=dict(response.headers), body=content)
        except ForbiddenError:
            raise
        except TimeoutError:
            raise OverloadedError(f"{host} did not answer within {self._policy.seconds:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise OverloadedError(f"{host} cannot be reached: {type(error).__name__}: {error}") from None

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        seconds: float | None = None,
    ) -> Answer:
        """Send one request to a stranger who may be hostile or broken, and return what can be had of the answer.

        Once there is a status, nothing that the body does is an error: it may be endless, or stop in the middle, and `cut` says
        so. A kept connection that turns out to be closed is no answer, so the request is sent again on another one.

        Args:
            method: of the request.
            url: where to.
            headers: in this order, as they are.
            body: the very bytes to send.
            seconds: for all of it; None: as the policy says.

        Raises:
            InvalidInputError, ForbiddenError: as `request`.
            OverloadedError: no status came: not reached, not in time, or what came was no HTTP.
        """
        if self._session is None:
            raise RuntimeError("the client is not open")
        host, limit = check_url(url, self._policy), seconds or self._policy.seconds
        stale = 0
        while True:
            reuse = _Reuse()
            try:
                return await self._exchange_once(self._session, method, url, headers, body, limit, reuse)
            except ForbiddenError:
                raise
            except TimeoutError:
                raise OverloadedError(f"{host} did not answer within {limit:g} s") from None
            except (aiohttp.ServerDisconnectedError, ConnectionError) as error:
                stale += 1
                if not reuse.reused or stale > _MOST_STALE:
                    raise OverloadedError(f"{host} closed the connection: {_said(error)}") from None
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise OverloadedError(f"{host} cannot be reached: {_said(error)}") from None

    async def _exchange_once(
        self,
        session: aiohttp.ClientSession,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | None,
        seconds: float,
        reuse: "_Reuse",
    ) -> Answer:
        async with session.request(
            method,
            url,
            headers=list(headers),
            skip_auto_headers=("Accept-Encoding",),
            data=body,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=seconds),
            trace_request_ctx=reuse,
        ) as response:
            content, cut = bytearray(), ""
            try:
                async for chunk in response.content.iter_chunked(16 * 1024):
                    content += chunk
                    if len(content) > self._policy.answer_bytes:
                        cut = f"only the first {self._policy.answer_bytes} bytes of the answer were read"
                        break
            except TimeoutError:
                cut = f"the answer did not end within {seconds:g} s"
            except (aiohttp.ClientError, OSError) as error:
                cut = f"the answer broke off: {_said(error)}"
            if cut:
                response.close()
            kept = bytes(content[: self._policy.answer_bytes])
            found = {str(name): value for name, value in response.headers.items()}
            return Answer(status=response.status, headers=found, body=kept, cut=cut)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_chunked(16 * 1024):
            content += chunk
            if len(content) > self._policy.answer_bytes:
                response.close()
                raise TooLargeError(f"the answer is larger than {self._policy.answer_bytes} bytes")
        return bytes(content)


class _Reuse:
    """Whether a request went over a connection that was open already."""

    reused = False


async def _note_reuse(session: aiohttp.ClientSession, context: Any, parameters: Any) -> None:
    if isinstance(context.trace_request_ctx, _Reuse):
        context.trace_request_ctx.reused = True


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]


@lru_cache(maxsize=16)
def _networks(policy: EgressPolicy) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(block) for block in policy.allow)
    except ValueError as error:
        raise InvalidInputError(f"not a CIDR block: {error}") from None
