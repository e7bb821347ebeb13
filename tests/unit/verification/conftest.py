"""A whole engine whose webhooks sources guard, asked over real sockets, with a clock that a test owns."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from stormlet.app import Engine
from stormlet.flow.verification.certificates import Fetch
from stormlet.foundation.clock import SystemClock
from stormlet.foundation.egress import Answer as Fetched
from stormlet.foundation.errors import ForbiddenError
from stormlet.foundation.settings import Auth, Bootstrap, Content, Limits, Server, Settings, Storage
from stormlet.signatures.registry import scheme_named, sign
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.scheme import Options
from stormlet.signatures.secret import Secret

KEY = "unit-test-key-0123456789"
NOW = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
RULE = """
name: {name}
enabled: true
trigger: {{type: core.st2.webhook, parameters: {{url: {url}}}}}
action: {{ref: core.noop}}
"""


class OwnedClock(SystemClock):
    """The machine's monotonic clock, and a wall clock that stands where a test puts it."""

    def __init__(self) -> None:
        self.moment = NOW
        self.ahead = 0.0

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    def pass_by(self, seconds: float) -> None:
        """Let both clocks go on."""
        self.moment += timedelta(seconds=seconds)
        self.ahead += seconds


class Answer:
    """One HTTP answer, as it came."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Door:
    """A served engine with guarded webhooks."""

    def __init__(self, engine: Engine, clock: OwnedClock) -> None:
        self.engine = engine
        self.clock = clock
        self.port = engine.server.port

    async def send(
        self,
        hook: str,
        body: bytes = b"{}",
        headers: Mapping[str, str] | list[tuple[str, str]] | None = None,
        *,
        method: str = "POST",
        query: str = "",
        key: str | None = None,
    ) -> Answer:
        """Send one request as it is: no credential unless `key` is given."""
        given = list(headers.items()) if isinstance(headers, Mapping) else list(headers or [])
        names = {name.lower() for name, _ in given}
        lines = [("Host", "hooks.example.org"), ("Connection", "close"), ("Content-Length", str(len(body)))]
        if "content-type" not in names:
            lines.append(("Content-Type", "application/json"))
        if key is not None:
            lines.append(("St2-Api-Key", key))
        path = f"/api/v1/webhooks/{hook}" + (f"?{query}" if query else "")
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in [*lines, *given])
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**26)
        try:
            async with asyncio.timeout(15):
                writer.write(head.encode("utf-8", "surrogateescape") + b"\r\n" + body)
                await writer.drain()
                return Answer(await reader.read())
        finally:
            writer.close()

    async def signed(
        self,
        hook: str,
        scheme: str,
        secret: str | Secret,
        body: bytes = b"{}",
        headers: Mapping[str, str] | None = None,
        *,
        age: float = 0,
        options: Options | None = None,
        **more: Any,
    ) -> Answer:
        """Send one request as its sender would sign it, `age` seconds ago."""
        request = self.sign(hook, scheme, secret, body, headers, age=age, options=options, query=more.get("query", ""))
        return await self.send(hook, request.body, list(request.headers), **more)

    def sign(
        self,
        hook: str,
        scheme: str,
        secret: str | Secret,
        body: bytes = b"{}",
        headers: Mapping[str, str] | None = None,
        *,
        age: float = 0,
        options: Options | None = None,
        query: str = "",
    ) -> SignedRequest:
        url = f"http://hooks.example.org/api/v1/webhooks/{hook}" + (f"?{query}" if query else "")
        given = tuple((headers or {"Content-Type": "application/json"}).items())
        if not any(name.lower() == "content-type" for name, _ in given):
            given = (("Content-Type", "application/json"), *given)
        used = secret if isinstance(secret, Secret) else Secret(value=secret)
        request = SignedRequest(url=url, headers=given, body=body)
        return sign(scheme_named(scheme), request, [used], self.clock.moment - timedelta(seconds=age), options)

    async def api(self, method: str, path: str) -> Answer:
        """Ask the API, with the API key."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**26)
        try:
            async with asyncio.timeout(15):
                head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nSt2-Api-Key: {KEY}\r\n\r\n"
                writer.write(head.encode())
                return Answer(await reader.read())
        finally:
            writer.close()

    async def instances(self) -> list[dict[str, Any]]:
        """Return all trigger instances, the oldest first."""
        found: list[dict[str, Any]] = (await self.api("GET", "/api/v1/triggerinstances?limit=-1")).json
        whole = [(await self.api("GET", f"/api/v1/triggerinstances/{one['id']}")).json for one in found]
        return whole[::-1]

    async def until(self, true: Callable[[], Awaitable[Any]], deadline: float = 10) -> Any:
        """Poll until `true()` returns something true, and return that."""
        tick = asyncio.Event()
        async with asyncio.timeout(deadline):
            while not (found := await true()):
                try:
                    await asyncio.wait_for(tick.wait(), 0.02)
                except TimeoutError:
                    continue
            return found


Serve = Callable[..., Awaitable[Door]]


async def nowhere(url: str) -> Fetched:
    """A network that reaches nobody."""
    raise ForbiddenError(f"{url} is refused")


@pytest.fixture
def clock() -> OwnedClock:
    return OwnedClock()


@pytest.fixture
async def serve(tmp_path: Path, clock: OwnedClock) -> AsyncIterator[Serve]:
    """A maker of served engines; each is stopped at the end.

    `sources` are documents by name, as files have them; `rules` are names of rules by the URL that they listen at.
    """
    engines: list[Engine] = []

    async def start(
        sources: Mapping[str, Mapping[str, Any]],
        rules: Mapping[str, str] | None = None,
        *,
        variables: Mapping[str, str] | None = None,
        fetch: Fetch = nowhere,
        limits: Limits | None = None,
        server: Server | None = None,
        auth: Auth | None = None,
        home: str = "home",
    ) -> Door:
        places = {}
        for part in ("sources", "rules"):
            places[part] = tmp_path / part
            places[part].mkdir(exist_ok=True)
        for name, document in sources.items():
            (places["sources"] / f"{name}.yaml").write_text(yaml.safe_dump({"name": name, **document}))
        for name, url in (rules or {}).items():
            (places["rules"] / f"{name}.yaml").write_text(RULE.format(name=name, url=url))
        settings = msgspec.structs.replace(
            Settings(),
            home=str(tmp_path / home),
            server=server or Server(port=0, shutdown_grace=0.2),
            limits=limits or Limits(),
            auth=auth or Auth(),
            store=Storage(reserve_bytes=0),
            content=Content(rules=[str(places["rules"])], sources=[str(places["sources"])], watch=False),
        )
        bootstrap = Bootstrap(api_key=KEY, admin_password="unit-test-password")
        engine = Engine(settings, bootstrap, clock, variables=variables or {}, fetch=fetch)
        engines.append(engine)
        await engine.start()
        return Door(engine, clock)

    yield start
    for engine in engines:
        await engine.stop()
