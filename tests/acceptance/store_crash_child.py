"""The child of test_store_crash.py: uses a store as an engine does, and says what it was promised.

    store_crash_child.py DATABASE MODE

Modes: `record` records, decides and carries out until it is killed; `hasty` does the same with a writer that is broken on
purpose; the others do one thing and say what came of it. Each line is written with one system call, so that what the parent
reads was said, whatever happened to this process afterwards.
"""

import asyncio
import json
import os
import resource
import sqlite3
import sys
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from stormlet.foundation.clock import SystemClock
from stormlet.foundation.errors import OverloadedError, StormletError
from stormlet.foundation.identifiers import new_id
from stormlet.foundation.settings import Storage
from stormlet.model.enforcement import Enforcement, EnforcementStatus
from stormlet.model.event import Event, EventKind
from stormlet.model.execution import Claim, Execution, ExecutionStatus, Outcome
from stormlet.model.trigger import TriggerInstance, TriggerInstanceStatus
from stormlet.store.interface import Decision, EnforcementFilter, Page
from stormlet.store.sqlite import checkpoints, opening
from stormlet.store.sqlite.backend import SqliteStore
from stormlet.store.sqlite.writer import Writer

CLOCK = SystemClock()
CALLERS = 16


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class HastyWriter(Writer):
    """Broken on purpose: it answers before the commit. The drill must catch it."""

    async def run(self, work: Any, *, new: bool = False, weight: int = 0) -> Any:
        writing = asyncio.ensure_future(super().run(work, new=new, weight=weight))
        if not new:
            return await writing
        writing.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait([writing], timeout=0)
        return None


def make_store(path: Path, *, hasty: bool = False, reserve_bytes: int = 0) -> SqliteStore:
    store = SqliteStore(path, CLOCK, Storage(reserve_bytes=reserve_bytes, lock_seconds=1.0))
    if hasty:
        store._writer.__class__ = HastyWriter
    return store


def happening(size: int = 2000) -> tuple[TriggerInstance, Event]:
    now = CLOCK.now()
    body = json.dumps({"noise": os.urandom(size // 4).hex(), "text": "x" * (size // 2)}).encode()
    event = Event(id=new_id(now), kind=EventKind.CUSTOM, url="crash", received_at=now, body=body)
    instance = TriggerInstance(
        id=new_id(now), trigger="core.crash", trigger_type="core.st2.webhook", occurrence_time=now, event_id=event.id
    )
    return instance, event


async def record_for_ever(store: SqliteStore) -> None:
    while True:
        instance, event = happening()
        try:
            await store.record([instance], event)
        except OverloadedError:
            await CLOCK.sleep(0.001)
            continue
        say("recorded", instance.id, sha256(event.body).hexdigest())


async def decide_for_ever(store: SqliteStore) -> None:
    while True:
        pending = await store.pending_instances(50)
        await asyncio.gather(*(decide(store, one.instance) for one in pending))
        if not pending:
            await CLOCK.sleep(0.001)


async def decide(store: SqliteStore, instance: TriggerInstance) -> None:
    now = CLOCK.now()
    execution = Execution(
        id=new_id(now),
        action="core.noop",
        runner_type="noop",
        status=ExecutionStatus.REQUESTED,
        requested_at=now,
        trigger_instance_id=instance.id,
    )
    enforcement = Enforcement(
        id=new_id(now),
        rule="crash.rule",
        rule_id="a" * 24,
        trigger_instance_id=instance.id,
        enforced_at=now,
        status=EnforcementStatus.SUCCEEDED,
        execution_id=execution.id,
    )
    decision = Decision(
        trigger_instance_id=instance.id,
        status=TriggerInstanceStatus.PROCESSED,
        enforcements=(enforcement,),
        executions=(execution,),
    )
    if await store.conclude_decision(decision):
        say("decided", instance.id)


async def carry_out_for_ever(store: SqliteStore) -> None:
    worker = str(os.getpid())
    while True:
        now = CLOCK.now()
        claims = await store.claim_executions(worker, 20, now, now + timedelta(seconds=30))
        await asyncio.gather(*(conclude(store, claim) for claim in claims))
        if not claims:
            await CLOCK.sleep(0.001)


async def conclude(store: SqliteStore, claim: Claim) -> None:
    outcome = Outcome(
        execution_id=claim.execution.id,
        token=claim.token,
        status=ExecutionStatus.SUCCEEDED,
        result={"by": os.getpid()},
        ended_at=CLOCK.now(),
    )
    if await store.conclude_execution(outcome):
        say("concluded", claim.execution.id)


async def work_until_killed(path: Path, *, hasty: bool) -> None:
    store = make_store(path, hasty=hasty)
    await store.open()
    say("open")
    recorders = [record_for_ever(store) for _ in range(CALLERS)]
    await asyncio.gather(decide_for_ever(store), carry_out_for_ever(store), *recorders)


async def work_for_a_while(path: Path, *, unsafe: bool) -> None:
    """Record, decide and carry out some events, moving the log often; `unsafe` with fewer fsyncs than the promise needs."""
    opening.CHECKPOINT_BYTES = checkpoints.CHECKPOINT_BYTES = 128 * 1024
    if unsafe:
        configure = opening._configure

        def configure_unsafely(connection: sqlite3.Connection, where: Path) -> None:
            configure(connection, where)
            connection.execute("PRAGMA synchronous = NORMAL")

        opening._configure = configure_unsafely
    store = make_store(path)
    await store.open()

    async def record_some() -> None:
        for _ in range(12):
            instance, event = happening(600)
            await store.record([instance], event)
            say("recorded", instance.id)

    rest = [asyncio.ensure_future(work(store)) for work in (decide_for_ever, carry_out_for_ever)]
    await asyncio.gather(*(record_some() for _ in range(CALLERS)))
    for work in rest:
        work.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    await store.close()


async def settle(path: Path) -> None:
    """Finish what was left behind, as a restart does: decide what waits, run again what was running, run the rest."""
    store = make_store(path)
    await store.open()
    for claim in await store.expired_executions(CLOCK.now() + timedelta(days=1), 10_000):
        await store.requeue_execution(claim.execution.id, claim.token, CLOCK.now())
    while pending := await store.pending_instances(500):
        await asyncio.gather(*(decide(store, one.instance) for one in pending))
    while claims := await store.claim_executions("s", 500, CLOCK.now(), CLOCK.now() + timedelta(seconds=30)):
        await asyncio.gather(*(conclude(store, claim) for claim in claims))
    await store.close()


async def fill(store: SqliteStore, most: int) -> int:
    """Record until an error comes; returns how many were taken."""
    for n in range(most):
        instance, event = happening(20_000)
        try:
            await store.record([instance], event)
        except StormletError as error:
            say("refused", type(error).__name__, getattr(error, "disk_full", False), str(error))
            return n
        say("recorded", instance.id)
    return most


async def fill_the_disk(path: Path, reserve_bytes: int) -> None:
    """Fill a small disk; then what was accepted before must still be decided and concluded, and room must help."""
    ballast = path.with_name("ballast")
    ballast.write_bytes(os.urandom(1024 * 1024))
    store = make_store(path, reserve_bytes=reserve_bytes)
    await store.open()
    await fill(store, 100_000)
    if reserve_bytes:
        pending = await store.pending_instances(20)
        for one in pending:
            await decide(store, one.instance)
        claims = await store.claim_executions("w", 20, CLOCK.now(), CLOCK.now() + timedelta(seconds=30))
        for claim in claims:
            await conclude(store, claim)
    ballast.unlink()
    say("room", await fill(store, 3))
    await store.close()


async def fail_to_write(path: Path) -> None:
    """Let the kernel refuse to make any file longer than a limit: an I/O error in the middle of a commit."""
    store = make_store(path)
    await store.open()
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, resource.RLIM_INFINITY))
    await fill(store, 100_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await fill(store, 1)
    try:
        await store.check()
    except StormletError as error:
        say("check", type(error).__name__)
    await store.close()


async def read_all(path: Path) -> None:
    """Say of each instance that can be read what its body is."""
    store = make_store(path)
    try:
        await store.open()
        page = Page(limit=None)
        ids = [one.trigger_instance_id for one in (await store.list_enforcements(EnforcementFilter(), page))[0]]
        for identity in ids:
            try:
                stored = await store.trigger_instance(identity)
            except StormletError as error:
                say("unreadable", identity, type(error).__name__)
                continue
            body = stored.event.body if stored is not None and stored.event is not None else b""
            say("body", identity, sha256(body).hexdigest())
    except StormletError as error:
        say("failed", type(error).__name__, str(error))
    await store.close()


async def use_once(path: Path) -> None:
    """Open, record one, close, and say what went wrong."""
    store = make_store(path)
    try:
        await store.open()
        await fill(store, 1)
    except StormletError as error:
        say("failed", type(error).__name__, str(error))
    await store.close()


def main() -> None:
    path, mode = Path(sys.argv[1]), sys.argv[2]
    if mode == "as-nobody":
        os.seteuid(65534) if os.geteuid() == 0 else None
    modes = {
        "record": lambda: work_until_killed(path, hasty=False),
        "hasty": lambda: work_until_killed(path, hasty=True),
        "while": lambda: work_for_a_while(path, unsafe=False),
        "unsafe-while": lambda: work_for_a_while(path, unsafe=True),
        "settle": lambda: settle(path),
        "full": lambda: fill_the_disk(path, reserve_bytes=0),
        "reserve": lambda: fill_the_disk(path, reserve_bytes=2 * 1024 * 1024),
        "io-error": lambda: fail_to_write(path),
        "read": lambda: read_all(path),
        "once": lambda: use_once(path),
        "as-nobody": lambda: use_once(path),
    }
    asyncio.run(modes[mode]())


main()
