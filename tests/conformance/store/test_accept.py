"""Step 1: what is recorded is there, whole, once, and after a restart."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.model.event import EventKind
from stormlet.model.trigger import TriggerInstanceStatus
from stormlet.store.interface import InstanceFilter as Filter
from stormlet.store.interface import Page, Store


async def test_a_recorded_request_comes_back_whole(store: Store, new: Any) -> None:
    """Body bytes, header order and spelling, query, everything."""
    event = new.event(body=bytes(range(256)) * 50, kind=EventKind.GENERIC)
    instance = new.instance(event_id=event.id)
    await store.record([instance], event)
    stored = await store.trigger_instance(instance.id)
    assert stored is not None
    assert stored.event == event
    assert stored.instance == instance


async def test_what_is_recorded_outlives_a_restart(make_store: Callable[[], Store], new: Any) -> None:
    """Also what nobody has decided yet."""
    event, first = new.event(), make_store()
    instance = new.instance(event_id=event.id)
    await first.open()
    await first.record([instance], event)
    await first.close()
    second = make_store()
    await second.open()
    pending = await second.pending_instances(10)
    await second.close()
    assert [(one.instance, one.event) for one in pending] == [(instance, event)]


async def test_the_same_record_twice_is_one_record(store: Store, new: Any) -> None:
    """Whoever was interrupted may simply do it again."""
    event = new.event()
    instance = new.instance(event_id=event.id)
    await store.record([instance], event)
    await store.record([instance], event)
    assert len(await store.pending_instances(10)) == 1


async def test_a_record_again_never_wakes_a_decided_instance(store: Store, new: Any) -> None:
    """An instance that was decided stays decided."""
    instance = new.instance()
    await store.record([instance])
    assert await store.conclude_decision(new.decision(instance))
    await store.record([instance])
    assert await store.pending_instances(10) == []


async def test_a_payload_that_came_over_http_is_not_stored_twice(store: Store, new: Any) -> None:
    """The event stands for it."""
    event = new.event()
    instance = new.instance(event_id=event.id, payload={"body": "again"})
    await store.record([instance], event)
    (stored,) = await store.pending_instances(10)
    assert stored.instance.payload is None
    assert stored.event == event


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {},
        [],
        "text",
        {"n": 2**64, "m": -(2**200), "f": 0.1, "big": 1e300, "nested": [[{"a": [None, True]}]]},
        {"unicode": "žluťoučký 🐎 \u0000 \u2028", "": "empty key"},
        list(range(10_000)),
    ],
)
async def test_a_payload_comes_back_as_it_was(store: Store, new: Any, payload: Any) -> None:
    """Integers of any size included."""
    instance = new.instance(payload=payload)
    await store.record([instance])
    stored = await store.trigger_instance(instance.id)
    assert stored is not None
    assert stored.instance == instance
    assert stored.event is None


async def test_a_payload_that_json_has_not_is_refused_and_nothing_is_written(store: Store, new: Any) -> None:
    """And a neighbour of the same commit is not touched."""
    good = new.instance(payload=1)
    with pytest.raises(InvalidInputError, match="JSON"):
        await store.record([good, new.instance(payload=object())])
    assert await store.trigger_instance(good.id) is None
    await store.record([good])


async def test_several_triggers_may_share_one_request(store: Store, new: Any) -> None:
    """One event, two instances, one transaction."""
    event = new.event()
    instances = [new.instance(event_id=event.id, trigger=f"core.hook{n}") for n in range(2)]
    await store.record(instances, event)
    assert [one.event for one in await store.pending_instances(10)] == [event, event]


async def test_a_later_instance_may_refer_to_an_older_request(store: Store, new: Any) -> None:
    """As long as the request is kept."""
    event = new.event()
    await store.record([new.instance(event_id=event.id)], event)
    await store.record([new.instance(event_id=event.id)])
    assert len(await store.pending_instances(10)) == 2
    with pytest.raises(NotFoundError, match="not kept"):
        await store.record([new.instance(event_id="f" * 24)])


async def test_the_oldest_come_first_and_only_as_many_as_wanted(store: Store, new: Any) -> None:
    """In the order in which they were recorded, whatever their own time says."""
    instances = [new.instance() for _ in range(5)]
    for instance in reversed(instances):
        await store.record([instance])
    pending = await store.pending_instances(3)
    assert [one.instance.id for one in pending] == [one.id for one in reversed(instances[2:])]


async def test_an_instance_that_failed_its_schema_is_recorded_but_not_pending(store: Store, new: Any) -> None:
    """It is kept for people to see."""
    failed = new.instance(status=TriggerInstanceStatus.PROCESSING_FAILED, failure_reason="payload: 'x' is missing")
    await store.record([failed])
    assert await store.pending_instances(10) == []
    stored, total = await store.list_trigger_instances(Filter(status=failed.status), Page())
    assert [one.instance for one in stored] == [failed]
    assert total == 1


async def test_nothing_recorded_is_nothing_written(store: Store, new: Any) -> None:
    """A request without an instance has no meaning to anybody."""
    await store.record([], new.event())
    assert await store.pending_instances(10) == []
    assert msgspec.structs.asdict(await store.totals())["pending_instances"] == 0


async def test_what_is_not_there_is_none(store: Store) -> None:
    """Not an error."""
    assert await store.trigger_instance("0" * 24) is None
    assert await store.execution("0" * 24) is None
    assert await store.enforcement("0" * 24) is None
    assert await store.last_execution() is None
    assert await store.output("0" * 24) == []
