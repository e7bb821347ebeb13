"""What sources remember: delivery ids, versions, rejections, uses of secrets."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from stormlet.model.arrival import Arrival, DeliveryClaim, OrderClaim, Recorded, Rejection, SecretUse, is_newer
from stormlet.model.trigger import TriggerInstanceStatus
from stormlet.store.interface import InstanceFilter, Page, Store


def arrival(new: Any, delivery: str | None = None, order: tuple[str, Any] | None = None, **more: Any) -> Arrival:
    """An event with one instance, from the source `p.s`."""
    event = new.event()
    instance = new.instance(event_id=event.id)
    horizon = event.received_at + timedelta(days=7)
    claim = DeliveryClaim(source="p.s", delivery_id=delivery, expires_at=horizon) if delivery else None
    place = OrderClaim(source="p.s", key=order[0], version=order[1]) if order else None
    return Arrival(instances=(instance,), event=event, delivery=claim, order=place, **more)


async def count(store: Store) -> int:
    return (await store.list_trigger_instances(InstanceFilter(), Page()))[1]


async def test_a_delivery_is_taken_once(store: Store, new: Any) -> None:
    """The second copy is not stored, and is told whose duplicate it is."""
    first, second = arrival(new, "d-1"), arrival(new, "d-1")
    assert await store.admit([first]) == [Recorded()]
    assert await store.admit([second]) == [Recorded(duplicate_of=first.event.id)]
    assert await count(store) == 1


async def test_of_copies_that_race_one_is_stored(store: Store, new: Any) -> None:
    """Fifty at once: one event, forty-nine duplicates of it."""
    copies = [arrival(new, "race") for _ in range(50)]
    answers = [one for found in await asyncio.gather(*(store.admit([copy]) for copy in copies)) for one in found]
    stored = [copy.event.id for copy, answer in zip(copies, answers, strict=True) if answer.duplicate_of is None]
    assert len(stored) == 1
    assert {answer.duplicate_of for answer in answers} == {None, stored[0]}
    assert await count(store) == 1


async def test_a_delivery_is_known_after_a_restart(make_store: Callable[[], Store], new: Any) -> None:
    """The id is on disk with its event."""
    first, second = arrival(new, "d-1"), arrival(new, "d-1")
    store = make_store()
    await store.open()
    await store.admit([first])
    await store.close()
    again = make_store()
    await again.open()
    assert (await again.admit([second]))[0].duplicate_of == first.event.id
    await again.close()


async def test_doing_it_again_after_an_interruption_is_no_duplicate(store: Store, new: Any) -> None:
    """The same event may be recorded twice: whoever did not hear that it was stored may try again."""
    first = arrival(new, "d-1")
    assert await store.admit([first]) == await store.admit([first]) == [Recorded()]
    assert await count(store) == 1


async def test_an_id_is_free_again_after_its_horizon(store: Store, new: Any) -> None:
    """And purging forgets it, not before."""
    first = arrival(new, "d-1")
    await store.admit([first])
    assert first.delivery is not None
    assert await store.purge_deliveries(first.delivery.expires_at - timedelta(seconds=1), 10) == 0
    late = arrival(new, "d-1")
    later = msgspec.structs.replace(late.event, received_at=first.delivery.expires_at + timedelta(seconds=1))
    assert (await store.admit([msgspec.structs.replace(late, event=later)]))[0].duplicate_of is None
    assert await store.purge_deliveries(first.delivery.expires_at + timedelta(days=30), 10) == 1


async def test_ids_of_two_sources_do_not_meet(store: Store, new: Any) -> None:
    """Two accounts may number their deliveries alike."""
    first, second = arrival(new, "1"), arrival(new, "1")
    other = msgspec.structs.replace(second, delivery=msgspec.structs.replace(second.delivery, source="p.other"))
    assert await store.admit([first, other]) == [Recorded(), Recorded()]


async def test_an_older_version_is_recorded_and_not_dispatched(store: Store, new: Any) -> None:
    """It is there to be seen, processed from the start; a newer one is pending."""
    five, four, six = (arrival(new, order=("run-1", version)) for version in (5, 4, 6))
    assert [answer.stale for answer in await store.admit([five, four, six])] == [False, True, False]
    stored = await store.trigger_instance(four.instances[0].id)
    assert stored is not None
    assert stored.instance.status is TriggerInstanceStatus.PROCESSED
    assert "stale" in stored.instance.failure_reason
    assert len(await store.pending_instances(10)) == 2


@pytest.mark.parametrize(
    ("version", "known", "newer"),
    [
        (2, 1, True),
        (1, 1, False),
        (10, 9, True),
        ("10", "9", True),
        ("10", 9, True),
        (1.5, 1, True),
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", True),
        ("b", "a", True),
        ("a", "b", False),
    ],
)
def test_versions_compare_as_what_they_are(version: Any, known: Any, newer: bool) -> None:
    """Numbers as numbers, also written as text; moments as text."""
    assert is_newer(version, known) is newer


async def test_one_of_a_batch_being_a_duplicate_does_not_lose_the_others(store: Store, new: Any) -> None:
    """A batch is one transaction, and each of its events has its own claim."""
    await store.admit([arrival(new, "1")])
    answers = await store.admit([arrival(new, name) for name in ("1", "2", "3")])
    assert [answer.duplicate_of is None for answer in answers] == [False, True, True]
    assert await count(store) == 3


async def test_rejections_are_bounded(store: Store, new: Any) -> None:
    """Only the newest are kept, source by source."""
    made = [rejection(new, "p.s") for _ in range(7)]
    other = rejection(new, "p.other")
    for one in (other, *made):
        await store.put_rejection(one, keep=3)
    assert [one.id for one in await store.rejections("p.s", 10)] == [one.id for one in reversed(made[-3:])]
    assert await store.rejection(made[-1].id) == made[-1]
    assert await store.rejections("p.other", 10) == [other]
    assert await store.delete_rejection(made[-1].id)
    assert not await store.delete_rejection(made[-1].id)


async def test_the_last_use_of_a_secret_is_known(store: Store, new: Any) -> None:
    """The latest moment stays, also where the clock steps back."""
    now = new.moment()
    for moment in (now, now + timedelta(hours=1), now - timedelta(hours=1)):
        await store.admit([arrival(new, secret=SecretUse(source="p.s", secret="1", used_at=moment))])
    assert await store.secret_uses("p.s") == {"1": now + timedelta(hours=1)}


def rejection(new: Any, source: str) -> Rejection:
    return Rejection(
        id=new.identity(),
        source=source,
        url="github",
        received_at=new.moment(),
        reason="mismatch",
        detail="the signature is wrong",
        remote="127.0.0.1",
        size=12,
        sealed=b"\x00\x01sealed",
    )
