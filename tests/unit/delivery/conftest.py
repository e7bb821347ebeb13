"""A dispatcher on a real SQLite store, and receivers on real sockets that behave as a test tells them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stormlet.flow.delivery.attempt import ActionRequest, Sender
from stormlet.flow.delivery.confirmation import Confirmation
from stormlet.flow.delivery.dispatcher import Dispatcher, egress_policy
from stormlet.flow.delivery.endpoints import CompiledEndpoint, EndpointBook, EndpointTable, compile_endpoint
from stormlet.flow.delivery.loop_guard import LoopGuard
from stormlet.flow.delivery.publishing import Publisher
from stormlet.foundation.clock import SystemClock
from stormlet.foundation.egress import EgressClient
from stormlet.foundation.identifiers import new_id
from stormlet.foundation.settings import Delivery as DeliverySettings
from stormlet.foundation.settings import Storage
from stormlet.foundation.supervisor import Supervisor
from stormlet.foundation.telemetry import Metrics
from stormlet.foundation.templates import Templates
from stormlet.model.action import Action
from stormlet.model.delivery import Delivery, DeliveryStatus, Planned
from stormlet.model.endpoint import Endpoint, EndpointSecret, EndpointState
from stormlet.model.message import Message
from stormlet.model.rule import Rule
from stormlet.store.delivery_interface import DeliveryFilter
from stormlet.store.interface import Page
from stormlet.store.sqlite.backend import SqliteStore

DEADLINE = 20.0
SECRET = "whsec_c3Rvcm1sZXQgc3Rvcm1sZXQgc3Rvcm1sZXQgIQ=="
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(status: int, headers: str = "", body: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}".encode()


class Request:
    """What a receiver was sent."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = lines[0].split(" ", 2)
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        self.body = body


Behaviour = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


class Receiver:
    """An HTTP server that answers what a test says: bytes, or a function that writes."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.changed = asyncio.Condition()
        self.answers: list[bytes | Behaviour] = []
        self.then: bytes | Behaviour = OK
        self.released = asyncio.Event()
        self.connections = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self, **options: Any) -> "Receiver":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, **options)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def hang(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """Say nothing until the test ends."""
        await self.released.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                request = Request(head[:-4], b"")
                request.body = await reader.readexactly(int(request.headers.get("content-length", "0")))
                async with self.changed:
                    self.requests.append(request)
                    self.changed.notify_all()
                chosen = self.answers.pop(0) if self.answers else self.then
                if isinstance(chosen, bytes):
                    writer.write(chosen)
                    await writer.drain()
                else:
                    await chosen(request, writer)
        self._tasks.discard(task)
        writer.close()

    async def received(self, count: int) -> list[Request]:
        """Wait until so many requests came."""
        async with asyncio.timeout(DEADLINE), self.changed:
            await self.changed.wait_for(lambda: len(self.requests) >= count)
        return self.requests

    async def close(self) -> None:
        self.released.set()
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class StepClock(SystemClock):
    """The machine's clock, whose wall time a test can step."""

    def __init__(self) -> None:
        self.step = timedelta()

    def now(self) -> datetime:
        return super().now() + self.step


class Rig:
    """Everything that sends, over one database file. It is the content too: which endpoints there are."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = StepClock()
        self.settings = DeliverySettings(
            schedule=(0.0, 0.05, 0.05, 0.05), jitter=0.0, timeout=5.0, allow=["127.0.0.0/8"], ports=(0,), http=True
        )
        self.endpoints = EndpointTable()
        self.rules: dict[str, Rule] = {}
        self.actions: dict[str, Action] = {}
        self.ran: list[ActionRequest] = []
        self.secrets = {"test": SECRET}
        self.guard = LoopGuard(bytes(32))

    def rule(self, ref_or_id: str) -> Rule | None:
        return self.rules.get(ref_or_id)

    def action(self, ref_or_id: str) -> Action | None:
        return self.actions.get(ref_or_id)

    async def open(self) -> "Rig":
        self.supervisor = Supervisor()
        self.store = SqliteStore(self.directory / "stormlet.db", self.clock, Storage(reserve_bytes=0))
        await self.store.open()
        self.book = EndpointBook(self.store)
        await self.book.load()
        self.publisher = Publisher(
            content=lambda: self,
            may_wait=self.book.may_wait,
            guard=self.guard,
            base_url=lambda: "https://stormlet.example",
        )
        self.client = EgressClient(egress_policy(self.settings))
        self.sender = Sender(
            client=self.client,
            clock=self.clock,
            guard=self.guard,
            open_secret=lambda ref, secret: self.secrets.get(secret.reference, ""),
            run_action=self._run,
            timeout=self.settings.timeout,
        )
        self.dispatcher = Dispatcher(
            store=self.store,
            clock=self.clock,
            supervisor=self.supervisor,
            settings=self.settings,
            metrics=Metrics(),
            table=lambda: self.endpoints,
            book=self.book,
            client=self.client,
            sender=self.sender,
            publisher=self.publisher,
            chance=lambda: 0.0,
        )
        self.confirmation = Confirmation(
            clock=self.clock,
            supervisor=self.supervisor,
            table=lambda: self.endpoints,
            book=self.book,
            sender=self.sender,
            opened=self.dispatcher.wake,
        )
        return self

    async def _run(self, request: ActionRequest) -> str:
        self.ran.append(request)
        return new_id(self.clock.now())

    async def close(self) -> None:
        await self.confirmation.stop(0)
        await self.dispatcher.stop(0)
        await self.supervisor.close()
        await self.store.close()

    def add(self, url: str = "", *, name: str = "one", **fields: Any) -> CompiledEndpoint:
        """Add an endpoint to the content."""
        if "secrets" not in fields and not fields.get("action"):
            fields["secrets"] = (EndpointSecret(name="1", reference="test"),)
        endpoint = Endpoint(id=f"{len(self.endpoints.endpoints):024x}", pack="tests", name=name, url=url, **fields)
        compiled, problems = compile_endpoint(endpoint, Templates(), lambda each: (None, []))
        assert compiled is not None, problems
        others = [each for each in self.endpoints.endpoints.values() if each.ref != compiled.ref]
        self.endpoints = EndpointTable([*others, compiled])
        return compiled

    async def verified(self, url: str = "", *, name: str = "one", **fields: Any) -> CompiledEndpoint:
        """Add an endpoint that has said already that it is there."""
        compiled = self.add(url, name=name, **fields)
        now = self.clock.now()
        await self.book.put(EndpointState(ref=compiled.ref, verified_at=now, verified_as=compiled.fingerprint))
        return compiled

    def message(self, kind: str = "deploy.finished", **fields: Any) -> Message:
        now = self.clock.now()
        return Message(
            **{"id": new_id(now), "type": kind, "time": now, "subject": "execution:1", "pack": "tests", **fields}
        )

    async def plan(self, *refs: str, message: Message | None = None, keys: dict[str, str] | None = None) -> Message:
        """Plan a message for these endpoints."""
        message = message or self.message()
        await self.store.plan([Planned(message=message, endpoints=refs, order_keys=keys or {})])
        self.dispatcher.wake()
        return message

    async def deliveries(self, **wanted: Any) -> list[Delivery]:
        return (await self.store.list_deliveries(DeliveryFilter(**wanted), Page(limit=None)))[0]

    async def until(self, true: Callable[[], Awaitable[Any]]) -> Any:
        """Poll until something holds, and return it."""
        async with asyncio.timeout(DEADLINE):
            while not (found := await true()):
                await self.clock.sleep(0.01)
        return found

    async def ended(self, message: Message, status: DeliveryStatus, count: int = 1) -> list[Delivery]:
        """Wait until the deliveries of a message have come to this status."""

        async def there() -> list[Delivery]:
            found = await self.deliveries(message_id=message.id, status=status)
            return found if len(found) >= count else []

        found: list[Delivery] = await self.until(there)
        return found


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = await Rig(tmp_path).open()
    yield made
    await made.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = await Receiver().start()
    yield made
    await made.close()


@pytest.fixture
async def other() -> AsyncIterator[Receiver]:
    made = await Receiver().start()
    yield made
    await made.close()
