"""Deliveries as they are seen and stepped into: listed, resent, canceled, forgotten."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from stormlet.foundation.errors import ConflictError
from stormlet.model.delivery import Delivery, DeliveryStatus
from stormlet.store.delivery_interface import DeliveryFilter
from stormlet.store.interface import Page, Store

S = DeliveryStatus
EVERYTHING = DeliveryFilter()
FAR = timedelta(days=30)


async def everything(store: Store, wanted: DeliveryFilter = EVERYTHING) -> list[Delivery]:
    found, total = await store.list_deliveries(wanted, Page(limit=None, ascending=True))
    assert total == len(found)
    return found


# Looking


async def test_listings_filter_and_count(store: Store, new: Any, sender: Any) -> None:
    """By endpoint, message, type, status and time; each alone and together."""
    made = [new.planned("p.one", "p.two", type=f"a.b{n % 2}") for n in range(6)]
    await store.plan(made)
    claims = await sender.claim("p.one", limit=2)
    for claim in claims:
        await sender.conclude(claim)
    times = [one.message.time for one in made]
    for wanted, total in (
        (DeliveryFilter(), 12),
        (DeliveryFilter(endpoint="p.one"), 6),
        (DeliveryFilter(endpoint="nobody"), 0),
        (DeliveryFilter(message_id=made[0].message.id), 2),
        (DeliveryFilter(message_id="nobody"), 0),
        (DeliveryFilter(type="a.b1"), 6),
        (DeliveryFilter(status=S.DELIVERED), 2),
        (DeliveryFilter(endpoint="p.one", status=S.PLANNED), 4),
        (DeliveryFilter(after=times[0], before=times[5]), 8),
    ):
        found, counted = await store.list_deliveries(wanted, Page(limit=3))
        assert (counted, len(found)) == (total, min(total, 3)), wanted
    newest = (await store.list_deliveries(EVERYTHING, Page(limit=1)))[0][0]
    assert newest.message_id == made[-1].message.id
    assert await store.delivery(newest.id) == newest
    assert await store.delivery("nobody") is None
    second = (await store.list_deliveries(EVERYTHING, Page(limit=5, offset=10)))[0]
    assert [delivery.message_id for delivery in second] == [made[0].message.id] * 2


async def test_what_waits_is_known_for_each_endpoint(store: Store, new: Any, sender: Any) -> None:
    """With what is under way, and what waits for its turn."""
    await store.plan([new.planned("p.one", key="k"), new.planned("p.one", key="k"), new.planned("p.two")])
    await sender.claim("p.one", "p.three")
    waiting = await store.waiting_deliveries()
    assert set(waiting) == {"p.one", "p.two"}
    assert (waiting["p.one"].planned, waiting["p.one"].delivering, waiting["p.one"].next_attempt_at) == (1, 1, None)
    assert (waiting["p.two"].planned, waiting["p.two"].delivering) == (1, 0)
    assert waiting["p.two"].next_attempt_at == waiting["p.two"].oldest


# Stepping in


@pytest.mark.parametrize("ended", [S.DELIVERED, S.FAILED, S.CANCELED])
async def test_what_ended_is_resent_as_the_same_delivery(
    store: Store, new: Any, sender: Any, ended: DeliveryStatus
) -> None:
    """Its schedule begins anew, and its attempts go on counting."""
    await store.plan([new.planned()])
    claim = (await sender.claim())[0]
    await sender.conclude(claim, ended if ended is not S.CANCELED else S.PLANNED)
    if ended is S.CANCELED:
        await store.cancel_delivery(claim.delivery.id, new.moment(), "not wanted")
    resent = await store.resend_delivery(claim.delivery.id, new.moment())
    assert resent is not None
    assert (resent.status, resent.attempt, resent.tries, resent.ended_at) == (S.PLANNED, 1, 0, None)
    again = (await sender.claim())[0]
    assert (again.delivery.id, again.message) == (claim.delivery.id, claim.message)
    await sender.conclude(again)
    assert [one.number for one in await store.attempts(claim.delivery.id)] == [1, 2]


async def test_what_is_planned_for_later_can_be_sent_now(store: Store, new: Any, sender: Any) -> None:
    """Its schedule goes on where it was."""
    await store.plan([new.planned()])
    claim = (await sender.claim())[0]
    failed = new.attempt(claim, error="500")
    await store.conclude_attempt(claim.delivery.id, claim.token, failed, S.PLANNED, new.moment() + FAR)
    now = new.moment()
    resent = await store.resend_delivery(claim.delivery.id, now)
    assert resent is not None
    assert (resent.next_attempt_at, resent.tries) == (now, 1)


async def test_what_is_under_way_is_not_resent(store: Store, new: Any, sender: Any) -> None:
    """It says so; and nobody's delivery is nobody's."""
    await store.plan([new.planned()])
    claim = (await sender.claim())[0]
    with pytest.raises(ConflictError, match="is being attempted"):
        await store.resend_delivery(claim.delivery.id, new.moment())
    assert await store.resend_deliveries(EVERYTHING, new.moment()) == 0
    assert await store.resend_delivery("nobody", new.moment()) is None
    assert await store.cancel_delivery("nobody", new.moment()) is None


async def test_a_range_is_resent_after_a_dry_run(store: Store, new: Any, sender: Any) -> None:
    """The dry run counts and changes nothing; of what is planned nothing is resent unless asked for."""
    made = [new.planned("p.one", "p.two", type=f"a.b{n % 2}") for n in range(450)]
    await store.plan(made)
    for claim in await sender.claim("p.one", limit=440, room=440):
        await sender.conclude(claim, S.FAILED)
    wanted = DeliveryFilter(endpoint="p.one", type="a.b0", after=made[1].message.time, before=made[430].message.time)
    count = await store.resend_deliveries(wanted, new.moment(), dry_run=True)
    assert count == 214
    assert len(await everything(store, DeliveryFilter(status=S.FAILED))) == 440
    assert await store.resend_deliveries(wanted, new.moment()) == count
    assert len(await everything(store, DeliveryFilter(status=S.FAILED))) == 440 - count
    assert await store.resend_deliveries(wanted, new.moment()) == 0
    assert await store.resend_deliveries(DeliveryFilter(), new.moment(), dry_run=True) == 440 - count


async def test_all_that_waits_for_an_endpoint_is_canceled(store: Store, new: Any, sender: Any) -> None:
    """As when it is deleted; what ended stays as it is, and others keep theirs."""
    await store.plan([new.planned("p.one", "p.two", key="k" if n % 3 else None) for n in range(300)])
    await sender.conclude((await sender.claim(limit=1))[0])
    wanted = DeliveryFilter(endpoint="p.one")
    assert await store.cancel_deliveries(wanted, new.moment(), dry_run=True) == 299
    assert await store.cancel_deliveries(wanted, new.moment(), "the endpoint is gone") == 299
    found = await everything(store, wanted)
    assert Counter(one.status for one in found) == {S.CANCELED: 299, S.DELIVERED: 1}
    assert {one.reason for one in found} == {"the endpoint is gone", ""}
    assert len(await everything(store, DeliveryFilter(status=S.PLANNED))) == 300


async def test_an_attempt_at_what_was_canceled_is_kept(store: Store, new: Any, sender: Any) -> None:
    """It took place; but it changes nothing, and is kept once."""
    await store.plan([new.planned()])
    claim = (await sender.claim())[0]
    canceled = await store.cancel_delivery(claim.delivery.id, new.moment(), "by stanley")
    assert canceled is not None
    assert canceled.status is S.CANCELED
    assert not await sender.conclude(claim, status_code=200)
    assert not await sender.conclude(claim, status_code=200)
    assert [one.status_code for one in await store.attempts(claim.delivery.id)] == [200]
    delivery = await store.delivery(claim.delivery.id)
    assert delivery is not None
    assert (delivery.status, delivery.reason, delivery.attempt) == (S.CANCELED, "by stanley", 1)
    assert await store.cancel_delivery(claim.delivery.id, new.moment(), "again") == delivery


async def test_an_attempt_that_was_recorded_is_not_kept_again_after_canceling(
    store: Store, new: Any, sender: Any
) -> None:
    """Its token is used up, though the delivery that it is for was canceled while it waited for the next."""
    await store.plan([new.planned()])
    claim = (await sender.claim())[0]
    assert await sender.conclude(claim, S.PLANNED)
    await store.cancel_delivery(claim.delivery.id, new.moment())
    assert not await sender.conclude(claim, S.PLANNED)
    assert len(await store.attempts(claim.delivery.id)) == 1


# Retention


async def test_what_ended_long_ago_is_forgotten_and_what_waits_is_not(store: Store, new: Any, sender: Any) -> None:
    """A message goes with its last delivery, an execution's ordinals with its last message."""
    old, half = new.planned("p.one"), new.planned("p.one", "p.two", subject="pack:examples")
    await store.plan([old, half])
    for claim in await sender.claim("p.one"):
        await sender.conclude(claim)
    assert await store.purge_messages(old.message.time, 100) == 0
    assert await store.purge_messages(new.moment(), 1) == 1
    assert await store.purge_messages(new.moment(), 100) == 1
    assert await store.purge_messages(new.moment(), 100) == 0
    assert await store.message(old.message.id) is None
    assert await store.message(half.message.id) is not None
    assert [one.endpoint for one in await everything(store)] == ["p.two"]
    assert await store.attempts((await everything(store))[0].id) == []


async def test_the_ordinals_of_what_lasts_never_start_over(store: Store, new: Any, sender: Any) -> None:
    """A receiver that remembers the last one would drop all that come."""
    for expected in (1, 2):
        one = new.planned(subject="endpoint:p.one")
        await store.plan([one])
        claim = (await sender.claim())[0]
        assert claim.message.ordinal == expected
        await sender.conclude(claim)
        assert await store.purge_messages(new.moment(), 10) == 1
