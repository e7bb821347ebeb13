"""A whole engine in this process, on a port of its own, asked over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stormlet.app import Engine
from stormlet.foundation.settings import Bootstrap, Content, Limits, Server, Settings, Storage

KEY = "unit-test-key-0123456789"
PASSWORD = "unit-test-password"

RULE = """
name: {name}
enabled: true
trigger:
  type: core.st2.webhook
  parameters: {{url: {url}}}
action:
  ref: core.noop
"""
TRIGGER = """
name: typed
pack: mypack
payload_schema:
  type: object
  properties:
    n: {type: integer, required: true}
"""
ACTION = """
name: act
runner_type: local-shell-cmd
description: An action with a secret
parameters:
  cmd: {type: string, default: "echo $SECRET", immutable: true}
  env: {type: object, default: {SECRET: "{{ password }}"}}
  password: {type: string, secret: true, default: ""}
  note: {type: string, default: ""}
"""
PACKED_RULE = """
name: packed
enabled: true
trigger: {type: mypack.typed}
action:
  ref: mypack.act
  parameters: {password: "hunter2-CANARY"}
"""


class Answer:
    """One HTTP answer, as it came."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.head = head
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """A served engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.port = engine.server.port

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, limit=64 * 1024 * 1024)

    async def raw(self, sent: bytes, *, eof: bool = False, deadline: float = 15) -> bytes:
        """Send bytes on a connection of their own, and return all that comes until the server closes."""
        reader, writer = await self.connect()
        try:
            async with asyncio.timeout(deadline):
                try:
                    writer.write(sent)
                    await writer.drain()
                    if eof:
                        writer.write_eof()
                    return await reader.read()
                except ConnectionError:
                    return b""
        finally:
            await close(writer)

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        key: str | None = KEY,
    ) -> Answer:
        """Send one request. `body` is JSON unless it is bytes; `key` None sends no credential."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        lines = {"Host": f"127.0.0.1:{self.port}", "Connection": "close"}
        if key is not None:
            lines["St2-Api-Key"] = key
        if data or method in ("POST", "PUT"):
            lines |= {"Content-Length": str(len(data)), "Content-Type": "application/json"}
        lines |= headers or {}
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        answer = await self.raw(head.encode("latin-1", "surrogateescape") + b"\r\n" + data)
        return Answer(answer)

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.request("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.request("POST", path, body, **more)

    async def put(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.request("PUT", path, body, **more)

    async def delete(self, path: str, **more: Any) -> Answer:
        return await self.request("DELETE", path, **more)

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

    async def count_instances(self) -> int:
        return int((await self.get("/api/v1/triggerinstances")).headers["x-total-count"])


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        return


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """Rules on the hooks `in` and `a/b`, and the pack `mypack`."""
    rules = tmp_path / "rules"
    rules.mkdir()
    for name, url in (("plain", "in"), ("nested", "a/b")):
        (rules / f"{name}.yaml").write_text(RULE.format(name=name, url=url))
    pack = tmp_path / "packs" / "mypack"
    for part, text in (
        ("pack.yaml", "name: mypack\ndescription: d\nversion: 1.0.0\nauthor: a\nemail: a@b.c\n"),
        ("triggers/typed.yaml", TRIGGER),
        ("actions/act.yaml", ACTION),
        ("rules/packed.yaml", PACKED_RULE),
    ):
        path = pack / part
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
async def serve(content: Path, tmp_path: Path) -> AsyncIterator[Serve]:
    """A maker of served engines; each is stopped at the end."""
    engines: list[Engine] = []

    async def start(
        limits: Limits | None = None, server: Server | None = None, settings: Settings | None = None
    ) -> Served:
        base = settings or Settings()
        made = msgspec.structs.replace(
            base,
            home=str(tmp_path / f"home{len(engines)}"),
            server=server or Server(port=0, shutdown_grace=0.2),
            limits=limits or Limits(),
            store=Storage(reserve_bytes=0),
            content=Content(rules=[str(content / "rules")], packs=[str(content / "packs")], watch=False),
        )
        engine = Engine(made, Bootstrap(api_key=KEY, admin_password=PASSWORD))
        engines.append(engine)
        await engine.start()
        return Served(engine)

    yield start
    for engine in engines:
        await engine.stop()


@pytest.fixture
async def served(serve: Serve) -> Served:
    """An engine with default limits."""
    return await serve()
