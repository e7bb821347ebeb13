"""Retention: what is over goes, what waits never does."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from stormlet.foundation.errors import NotFoundError
from stormlet.model.execution import ExecutionStatus, OutputChunk, OutputKind
from stormlet.store.interface import EnforcementFilter, ExecutionFilter, InstanceFilter, Page, Store

ALL = Page(limit=None)


async def test_what_is_over_goes_with_all_that_belongs_to_it(store: Store, new: Any, claim: Any) -> None:
    """Event, enforcements, execution, result, output."""
    event = new.event()
    instance = new.instance(event_id=event.id)
    await store.record([instance], event)
    execution = new.execution(trigger_instance_id=instance.id)
    await store.conclude_decision(
        new.decision(instance, enforcements=(new.enforcement(instance),), executions=(execution,))
    )
    (one,) = await claim()
    chunk = OutputChunk(execution_id=execution.id, sequence=0, kind=OutputKind.STDOUT, timestamp=new.moment(), data="x")
    await store.append_output([chunk])
    await store.conclude_execution(new.outcome(one))
    assert await store.purge(new.moment(), 100) == 2
    assert await store.purge(new.moment(), 100) == 0
    assert await store.list_trigger_instances(InstanceFilter(), ALL) == ([], 0)
    assert await store.list_enforcements(EnforcementFilter(), ALL) == ([], 0)
    assert await store.list_executions(ExecutionFilter(), ALL) == ([], 0)
    assert await store.output(execution.id) == []
    with pytest.raises(NotFoundError):
        await store.record([new.instance(event_id=event.id)])


async def test_what_waits_or_runs_never_goes(store: Store, new: Any, claim: Any) -> None:
    """However old it is; nor the instance that it came from."""
    pending, cause = new.instance(), new.instance()
    await store.record([pending, cause])
    running, waiting = new.execution(trigger_instance_id=cause.id), new.execution()
    delayed = new.execution(status=ExecutionStatus.DELAYED, delay_until=new.moment() + timedelta(days=900))
    await store.conclude_decision(new.decision(cause, executions=(running, waiting, delayed)))
    (one,) = await claim(limit=1)
    far = new.moment() + timedelta(days=1000)
    assert await store.purge(far, 100) == 0
    await store.conclude_execution(new.outcome(one))
    assert await store.purge(far, 100) == 2
    assert [s.instance.id for s in (await store.list_trigger_instances(InstanceFilter(), ALL))[0]] == [pending.id]
    assert (await store.list_executions(ExecutionFilter(), ALL))[1] == 2


async def test_what_is_young_stays(store: Store, new: Any) -> None:
    """The bound is exclusive."""
    old, young = new.instance(), new.instance()
    await store.record([old, young])
    for instance in (old, young):
        await store.conclude_decision(new.decision(instance))
    assert await store.purge(young.occurrence_time, 100) == 1
    assert await store.trigger_instance(young.id) is not None


async def test_a_request_stays_while_an_instance_refers_to_it(store: Store, new: Any) -> None:
    """It goes with the last."""
    event = new.event()
    first, second = new.instance(event_id=event.id), new.instance(event_id=event.id)
    await store.record([first, second], event)
    await store.conclude_decision(new.decision(first))
    assert await store.purge(new.moment(), 100) == 1
    stored = await store.trigger_instance(second.id)
    assert stored is not None
    assert stored.event == event


async def test_a_purge_is_bounded_and_complete(store: Store, new: Any) -> None:
    """Never more than asked for; again and again until 0."""
    instances = [new.instance() for _ in range(130)]
    await store.record(instances)
    await asyncio.gather(*(store.conclude_decision(new.decision(instance)) for instance in instances))
    before = new.moment()
    assert await store.purge(before, 7) == 7
    assert await store.purge(before, 120) == 120
    assert await store.purge(before, 100) == 3
    assert await store.purge(before, 100) == 0
