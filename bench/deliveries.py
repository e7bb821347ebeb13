"""How many signed deliveries per second reach 100 endpoints, and how many when one of them hangs.

    python bench/deliveries.py [--deliveries 15000] [--endpoints 100] [--seconds 60] [--rounds 3] [--directory DIR]

Everything is real: the SQLite store with its commits, the dispatcher, signatures of Standard Webhooks, HTTP over loopback. The
receiver is a process of its own that answers 200 at once; under /hang it reads the request and never answers. In every second
round one endpoint of all hangs for its timeout of 30 s, and what the others get is compared with the rounds without.
"""

import argparse
import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from stormlet.flow.delivery.attempt import ActionRequest, Sender
from stormlet.flow.delivery.dispatcher import Dispatcher, egress_policy
from stormlet.flow.delivery.endpoints import CompiledEndpoint, EndpointBook, EndpointTable, compile_endpoint
from stormlet.flow.delivery.loop_guard import LoopGuard
from stormlet.flow.delivery.publishing import Publisher
from stormlet.flow.delivery.secrets import generate
from stormlet.foundation.clock import SystemClock
from stormlet.foundation.egress import EgressClient
from stormlet.foundation.identifiers import new_id
from stormlet.foundation.settings import Delivery, Storage
from stormlet.foundation.supervisor import Supervisor
from stormlet.foundation.telemetry import Metrics
from stormlet.foundation.templates import Templates
from stormlet.model.action import Action
from stormlet.model.delivery import Planned
from stormlet.model.endpoint import Endpoint, EndpointSecret, EndpointState
from stormlet.model.message import Message
from stormlet.model.rule import Rule
from stormlet.store.sqlite.backend import SqliteStore

HANGING = 30.0
PAGE = 500


class Content:
    """Endpoints, and nothing else."""

    def __init__(self, endpoints: EndpointTable) -> None:
        self.endpoints = endpoints

    def rule(self, ref_or_id: str) -> Rule | None:
        return None

    def action(self, ref_or_id: str) -> Action | None:
        return None


class Receiver(asyncio.Protocol):
    """Answers 200 to whatever ends with its Content-Length; never where the path is /hang."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.seen = b""

    def data_received(self, data: bytes) -> None:
        self.seen += data
        while (end := self.seen.find(b"\r\n\r\n")) >= 0:
            head = self.seen[:end].lower()
            size = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            if len(self.seen) < end + 4 + size:
                return
            self.seen = self.seen[end + 4 + size :]
            if not head.startswith(b"post /hang"):
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")  # type: ignore[attr-defined]


async def receive() -> None:
    """Serve until killed; the port is printed first."""
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def endpoint(number: int, url: str) -> CompiledEndpoint:
    made = Endpoint(
        id=f"{number:024x}",
        pack="bench",
        name=f"e{number}",
        url=url,
        timeout=HANGING,
        secrets=(EndpointSecret(name="1", reference=f"bench:{number}"),),
    )
    compiled, problems = compile_endpoint(made, Templates(), lambda each: (None, []))
    assert compiled is not None, problems
    return compiled


def message(number: int) -> Message:
    now = datetime.now(UTC)
    data = {
        "execution": {"id": f"{number:024x}", "action": "core.local", "status": "succeeded", "user": "stanley"},
        "note": "x" * 300,
    }
    return Message(
        id=new_id(now), type="execution.succeeded", time=now, subject=f"execution:{number}", pack="bench", data=data
    )


async def plan(store: SqliteStore, refs: list[str], deliveries: int) -> None:
    number = max(deliveries // len(refs), 1)
    everybody = [Planned(message=message(each), endpoints=tuple(refs)) for each in range(number)]
    for start in range(0, len(everybody), PAGE):
        await store.plan(everybody[start : start + PAGE])


async def one_round(directory: Path, base: str, arguments: argparse.Namespace, *, hanging: bool) -> float:
    """Return deliveries a second to the endpoints that answer."""
    clock, supervisor = SystemClock(), Supervisor()
    store = SqliteStore(directory / f"bench-{hanging}.db", clock, Storage(reserve_bytes=0))
    await store.open()
    count = arguments.endpoints
    compiled = [endpoint(n, f"{base}/{'hang' if hanging and n == 0 else n}") for n in range(count)]
    table = EndpointTable(compiled)
    now = clock.now()
    for each in compiled:
        await store.put_endpoint_state(EndpointState(ref=each.ref, verified_at=now, verified_as=each.fingerprint))
    book = EndpointBook(store)
    await book.load()
    settings = Delivery(allow=["127.0.0.0/8"], ports=(0,), http=True)
    guard, secrets = LoopGuard(bytes(32)), {f"bench:{n}": generate() for n in range(count)}

    async def nothing(request: ActionRequest) -> str:
        return ""

    client = EgressClient(egress_policy(settings))
    sender = Sender(
        client=client,
        clock=clock,
        guard=guard,
        open_secret=lambda ref, each: secrets[each.reference],
        run_action=nothing,
        timeout=settings.timeout,
    )
    content = Content(table)
    dispatcher = Dispatcher(
        store=store,
        clock=clock,
        supervisor=supervisor,
        settings=settings,
        metrics=Metrics(),
        table=lambda: table,
        book=book,
        client=client,
        sender=sender,
        publisher=Publisher(content=lambda: content, may_wait=book.may_wait, guard=guard, base_url=lambda: ""),
    )
    refs = [each.ref for each in compiled]
    await plan(store, refs, arguments.deliveries)
    wanted = (count - 1 if hanging else count) * max(arguments.deliveries // count, 1)
    answering = set(refs[1:] if hanging else refs)
    started = time.perf_counter()
    await dispatcher.start()
    speeds, before, left = [], 0, wanted
    while left and time.perf_counter() - started < arguments.seconds:
        await asyncio.sleep(1)
        waiting = await store.waiting_deliveries()
        left = sum(each.planned + each.delivering for ref, each in waiting.items() if ref in answering)
        speeds.append(wanted - left - before)
        before = wanted - left
    took = time.perf_counter() - started
    speed = (wanted - left) / took
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    name = "one hangs for 30 s" if hanging else "all answer"
    print(
        f"{name:20} {speed:8.0f}/s over {took:5.1f} s; median second {statistics.median(speeds):.0f}; peak {peak} MB",
        flush=True,
    )
    await dispatcher.stop(0)
    await supervisor.close()
    await store.close()
    return speed


async def main(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        receiver = subprocess.Popen([sys.executable, __file__, "--receive"], stdout=subprocess.PIPE, text=True)
        try:
            assert receiver.stdout is not None
            base = f"http://127.0.0.1:{int(receiver.stdout.readline())}"
            # Turn and turn about, so that whatever else the machine does falls on both alike.
            well, ill = [], []
            for number in range(arguments.rounds):
                place = Path(directory) / str(number)
                place.mkdir()
                well.append(await one_round(place, base, arguments, hanging=False))
                ill.append(await one_round(place, base, arguments, hanging=True))
        finally:
            receiver.kill()
            receiver.wait()
    others = (arguments.endpoints - 1) / arguments.endpoints
    ratio = statistics.median(ill) / (statistics.median(well) * others)
    print(f"median of {arguments.rounds} rounds: {statistics.median(well):.0f} deliveries/s")
    print(f"with one that hangs, the others get {ratio:.0%} of what they had")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=15000)
    parser.add_argument("--endpoints", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60, help="longest time of one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", default=None)
    parser.add_argument("--receive", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    uvloop.run(receive() if given.receive else main(given))
