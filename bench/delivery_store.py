"""How many deliveries per second the store plans, hands out and concludes, and whether a mountain of them costs memory or time.

    python bench/delivery_store.py [--deliveries 100000] [--endpoints 100] [--mountain 1000000] [--directory .]

First `--deliveries` are planned for all endpoints, as messages that all of them want; then claimed a page at a time, then
concluded by many callers at once, as an engine does it. Then one more endpoint gets a mountain of `--mountain`, and a claim
for the others is timed, with what the process weighs. Nothing is sent: this is the ceiling that the disk sets.
"""

import argparse
import asyncio
import resource
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stormlet.foundation.clock import SystemClock
from stormlet.foundation.identifiers import new_id
from stormlet.foundation.settings import Storage
from stormlet.model.delivery import Attempt, ClaimedDelivery, DeliveryStatus, Planned
from stormlet.model.message import Message
from stormlet.store.sqlite.backend import SqliteStore

LEASE = timedelta(minutes=10)
CALLERS = 64
MOUNTAIN = "bench.mountain"


def message(n: int) -> Message:
    """Make a message of the size that ours have, about 600 bytes as JSON."""
    now = datetime.now(UTC)
    return Message(
        id=new_id(now),
        type="execution.succeeded",
        time=now,
        subject=f"execution:{n}",
        pack="examples",
        tags=("team:web",),
        caused_by="examples.deploy",
        url=f"https://stormlet.example/executions/{n}",
        data={
            "execution": {"id": new_id(now), "action": "core.local", "status": "succeeded", "n": n, "note": "x" * 300}
        },
    )


def attempt(claim: ClaimedDelivery) -> Attempt:
    """Make an attempt as it is kept: a request of 700 bytes, an answer of 15."""
    return Attempt(
        delivery_id=claim.delivery.id,
        started_at=datetime.now(UTC),
        seconds=0.01,
        status_code=200,
        method="POST",
        url="https://receiver.example/hook",
        secrets=("1",),
        request_headers=(("webhook-id", claim.message.id), ("webhook-timestamp", "1"), ("webhook-signature", "v1,***")),
        request_body=f'{{"type": "{claim.message.type}", "data": "{claim.delivery.id * 25}"}}'.encode(),
        answer_headers=(("content-length", "15"), ("content-type", "application/json")),
        answer_body=b'{"status":"ok"}',
    )


def weight() -> float:
    """Return the most memory that the process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def rate(what: str, number: int, work: Awaitable[object]) -> None:
    begun, processor = time.perf_counter(), time.process_time()
    await work
    seconds, busy = time.perf_counter() - begun, time.process_time() - processor
    print(f"{what:32} {number / seconds:8.0f}/s {busy / number * 1e6:6.0f} us of CPU each, {weight():5.0f} MiB")


async def at_once(callers: int, items: Sequence[object], call: Callable[[int], Awaitable[object]]) -> None:
    """Call with each index, that many at the same time."""
    rest = iter(range(len(items)))

    async def go_on() -> None:
        for n in rest:
            await call(n)

    await asyncio.gather(*(go_on() for _ in range(callers)))


async def claim_all(store: SqliteStore, endpoints: list[str], page: int) -> list[ClaimedDelivery]:
    claims: list[ClaimedDelivery] = []
    room = dict.fromkeys(endpoints, page)
    while some := await store.claim_deliveries("w", page, datetime.now(UTC), datetime.now(UTC) + LEASE, room):
        claims += some
    return claims


async def measure(arguments: argparse.Namespace, store: SqliteStore) -> None:
    endpoints = [f"bench.e{n:03}" for n in range(arguments.endpoints)]
    number = arguments.deliveries // len(endpoints)
    made = [Planned(message=message(n), endpoints=tuple(endpoints)) for n in range(number)]
    total = number * len(endpoints)
    await rate(
        f"plan, {len(endpoints)} for each message", total, at_once(CALLERS, made, lambda n: store.plan([made[n]]))
    )
    claims: list[ClaimedDelivery] = []

    async def claim() -> None:
        claims.extend(await claim_all(store, endpoints, 200))

    await rate("claim, 200 at a time", total, claim())

    async def conclude(n: int) -> None:
        one = claims[n]
        await store.conclude_attempt(one.delivery.id, one.token, attempt(one), DeliveryStatus.DELIVERED)

    await rate(f"conclude, {CALLERS} callers", total, at_once(CALLERS, claims, conclude))
    assert len(claims) == total


async def mountain(arguments: argparse.Namespace, store: SqliteStore) -> None:
    async def pile() -> None:
        for start in range(0, arguments.mountain, 1000):
            await store.plan([Planned(message=message(start + n), endpoints=(MOUNTAIN,)) for n in range(1000)])

    await rate("plan a mountain for one", arguments.mountain, pile())
    names = [f"bench.e{n:03}" for n in range(arguments.endpoints)]
    await store.plan([Planned(message=message(n), endpoints=tuple(names)) for n in range(20)])
    taken = []
    room = dict.fromkeys([*names, MOUNTAIN], 10)
    for _ in range(15):
        begun = time.perf_counter()
        claims = await store.claim_deliveries("w", 200, datetime.now(UTC), datetime.now(UTC) + LEASE, room)
        taken.append((time.perf_counter() - begun) * 1000)
        if any(claim.delivery.endpoint == MOUNTAIN for claim in claims):
            room[MOUNTAIN] = 0
    print(f"claim beside the mountain: {min(taken):.1f} to {max(taken):.1f} ms, {weight():.0f} MiB")
    begun = time.perf_counter()
    waiting = await store.waiting_deliveries()
    print(f"count what waits ({waiting[MOUNTAIN].planned}): {(time.perf_counter() - begun) * 1000:.0f} ms")


async def run(arguments: argparse.Namespace) -> None:
    print(f"SQLite {sqlite3.sqlite_version}, {arguments.deliveries} deliveries, {arguments.endpoints} endpoints")
    with tempfile.TemporaryDirectory(dir=arguments.directory) as home:
        path = Path(home) / "bench.db"
        store = SqliteStore(path, SystemClock(), Storage(reserve_bytes=0))
        await store.open()
        await measure(arguments, store)
        print(f"{path.stat().st_size / arguments.deliveries:.0f} bytes on disk for each")
        if arguments.mountain:
            await mountain(arguments, store)
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deliveries", type=int, default=100_000)
    parser.add_argument("--endpoints", type=int, default=100)
    parser.add_argument("--mountain", type=int, default=1_000_000)
    parser.add_argument("--directory", default=".", help="where the database is made; a disk, not a tmpfs")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
