"""How many events per second become durable, and how long one waits, with the disk's own fdatasync beside it.

    python bench/store_record.py [--seconds 3] [--bytes 10240] [--callers 1 32 128] [--directory .]

Each caller records one event after the other, each with a body of its own; a record counts when it is on the disk. The numbers
mean nothing without the line about fdatasync: group commit is what makes the rate larger than one through that time.
"""

import argparse
import asyncio
import json
import os
import random
import sqlite3
import tempfile
import time
from pathlib import Path

from stormlet.foundation.clock import SystemClock
from stormlet.foundation.identifiers import new_id
from stormlet.foundation.settings import Storage
from stormlet.model.event import Event, EventKind
from stormlet.model.trigger import TriggerInstance
from stormlet.store.sqlite.backend import SqliteStore

HEADERS = tuple((f"X-Header-{n}", f"some value {n}") for n in range(12))


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` of the sorted values lie, in milliseconds."""
    return values[min(int(len(values) * share), len(values) - 1)] * 1000


def fdatasync_times(directory: Path, times: int = 300) -> list[float]:
    """Write 4 KB and fdatasync, again and again. Returns sorted seconds."""
    taken = []
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        for _ in range(times):
            os.write(file.fileno(), b"x" * 4096)
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return sorted(taken)


def bodies(size: int, number: int = 50) -> list[bytes]:
    """Make JSON like that of webhooks: keys that repeat, values that do not."""
    chance = random.Random(1)
    made = []
    for _ in range(number):
        rows = []
        while len(json.dumps(rows)) < size:
            rows.append(
                {
                    "id": chance.randrange(10**9),
                    "name": f"run-{chance.randrange(10**6)}",
                    "url": f"https://example.com/api/runs/{chance.randrange(10**6)}",
                    "applied": True,
                    "sha": chance.randbytes(20).hex(),
                }
            )
        made.append(json.dumps(rows).encode())
    return made


async def record_for(store: SqliteStore, seconds: float, callers: int, payloads: list[bytes]) -> list[float]:
    """Record with that many callers at once. Returns sorted seconds that each record took."""
    clock, taken, end = SystemClock(), list[float](), time.perf_counter() + seconds

    async def call() -> None:
        while (begun := time.perf_counter()) < end:
            now = clock.now()
            event = Event(
                id=new_id(now),
                kind=EventKind.CUSTOM,
                url="bench",
                received_at=now,
                body=payloads[len(taken) % len(payloads)],
                headers=HEADERS,
            )
            instance = TriggerInstance(
                id=new_id(now),
                trigger=f"core.bench{len(taken) % 20}",
                trigger_type="core.st2.webhook",
                occurrence_time=now,
                event_id=event.id,
            )
            await store.record([instance], event)
            taken.append(time.perf_counter() - begun)

    await asyncio.gather(*(call() for _ in range(callers)))
    return sorted(taken)


async def measure(arguments: argparse.Namespace) -> None:
    payloads = bodies(arguments.bytes)
    print(f"SQLite {sqlite3.sqlite_version}, bodies of {len(payloads[0])} bytes, {arguments.seconds:g} s each")
    with tempfile.TemporaryDirectory(dir=arguments.directory) as home:
        syncs = fdatasync_times(Path(home))
        print(f"fdatasync of 4 KB: p50 {percentile(syncs, 0.5):.3f} ms, p99 {percentile(syncs, 0.99):.3f} ms")
        path = Path(home) / "bench.db"
        store = SqliteStore(path, SystemClock(), Storage(reserve_bytes=0))
        await store.open()
        written = 0
        for callers in arguments.callers:
            begun, processor = time.perf_counter(), time.process_time()
            taken = await record_for(store, arguments.seconds, callers, payloads)
            rate = len(taken) / (time.perf_counter() - begun)
            cost = (time.process_time() - processor) / len(taken) * 1e6
            written += len(taken)
            print(
                f"{callers:4} callers: {rate:8.0f} records/s, p50 {percentile(taken, 0.5):6.2f} ms, "
                f"p99 {percentile(taken, 0.99):6.2f} ms, most {taken[-1] * 1000:6.1f} ms, {cost:4.0f} us of CPU each"
            )
        await store.close()
        print(f"{path.stat().st_size / written:.0f} bytes on disk for each event")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--bytes", type=int, default=10_240)
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 32, 128])
    parser.add_argument("--directory", default=".", help="where the database is made; a disk, not a tmpfs")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
