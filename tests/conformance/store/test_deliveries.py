"""Deliveries: planned with their cause or not at all, claimed fairly by one holder, concluded once."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from stormlet.foundation.errors import ConflictError, InvalidInputError
from stormlet.model.arrival import Arrival, DeliveryClaim, OrderClaim, Rejection
from stormlet.model.delivery import KEPT_BODY_BYTES, Delivery, DeliveryStatus, Planned
from stormlet.model.endpoint import EndpointState
from stormlet.store.delivery_interface import DeliveryFilter
from stormlet.store.interface import Page, Store

S = DeliveryStatus
EVERYTHING = DeliveryFilter()
FAR = timedelta(days=30)


async def everything(store: Store, wanted: DeliveryFilter = EVERYTHING) -> list[Delivery]:
    found, total = await store.list_deliveries(wanted, Page(limit=None, ascending=True))
    assert total == len(found)
    return found


# Planned with the cause


async def test_a_message_comes_back_as_it_was_planned(store: Store, new: Any, sender: Any) -> None:
    """Everything of it, with the ordinal that the store gave it."""
    one = new.planned("p.one", "p.two")
    await store.plan([one])
    stored = msgspec.structs.replace(one.message, ordinal=1)
    assert await store.message(one.message.id) == stored
    claims = await sender.claim("p.one", "p.two")
    assert [claim.message for claim in claims] == [stored, stored]
    assert {claim.delivery.endpoint for claim in claims} == {"p.one", "p.two"}
    assert all(claim.delivery.status is S.DELIVERING and claim.delivery.tries == 0 for claim in claims)
    assert await store.message("nobody") is None


async def causes(store: Store, new: Any, wanted: Planned, *, fail: bool) -> None:
    """Do everything that plans, each with the same message; with `fail`, in a way that fails or changes nothing."""
    event, instance = new.event(), new.instance()
    await store.record([instance])
    decision = new.decision(instance, planned=(wanted,))
    execution = new.execution()
    await store.request_execution(execution)
    claim = (await store.claim_executions("w", 1, new.moment(), new.moment()))[0]
    refused = Rejection(
        id=new.identity(),
        source="s",
        url="",
        received_at=new.moment(),
        reason="",
        detail="",
        remote="",
        size=0,
        sealed=b"",
    )
    if not fail:
        await store.conclude_decision(decision)
        await store.conclude_execution(new.outcome(claim), (), [wanted])
        await store.record([new.instance()], None, [wanted])
        await store.put_rejection(refused, 5, [wanted])
        await store.disable_endpoint("p.off", "gone", new.moment(), [wanted])
        return
    await store.conclude_decision(new.decision(instance))
    assert not await store.conclude_decision(decision)
    with pytest.raises(ConflictError):
        await store.request_execution(execution, [wanted])
    assert not await store.conclude_execution(msgspec.structs.replace(new.outcome(claim), token=99), (), [wanted])
    assert await store.request_cancel(execution.id, new.moment(), [wanted])
    taken = DeliveryClaim(source="s", delivery_id="d", expires_at=event.received_at + FAR)
    kept = Arrival(instances=(new.instance(event_id=event.id),), event=event, delivery=taken)
    other = new.event()
    copy = Arrival(instances=(new.instance(event_id=other.id),), event=other, delivery=taken, planned=(wanted,))
    assert (await store.admit([kept, copy]))[1].duplicate_of == event.id
    orders = [OrderClaim(source="s", key="k", version=version) for version in (2, 1)]
    stale = [Arrival(instances=(new.instance(),), order=order) for order in orders]
    await store.admit([stale[0], msgspec.structs.replace(stale[1], planned=(wanted,))])
    await store.disable_endpoint("p.off", "gone", new.moment())
    assert not await store.disable_endpoint("p.off", "gone", new.moment(), [wanted])


async def test_nothing_is_planned_where_the_cause_is_not_written(store: Store, new: Any) -> None:
    """A decision twice, a request twice, a stale outcome, a duplicate, an old version, a rule that enforces twice."""
    await causes(store, new, new.planned(), fail=True)
    instance = new.instance()
    await store.record([instance])
    twice = (new.enforcement(instance), new.enforcement(instance))
    with pytest.raises(ConflictError):
        await store.conclude_decision(new.decision(instance, enforcements=twice, planned=(new.planned(),)))
    assert await everything(store) == []


async def test_a_message_that_cannot_be_written_takes_its_cause_with_it(store: Store, new: Any) -> None:
    """Neither is there afterwards, and the ordinal was not used."""
    instance = new.instance()
    await store.record([instance])
    unwritable = new.planned(data={"endless": {1, 2} | {object}})
    with pytest.raises(InvalidInputError):
        await store.conclude_decision(new.decision(instance, planned=(new.planned(), unwritable)))
    assert await everything(store) == []
    assert len(await store.pending_instances(10)) == 1
    await store.plan([one := new.planned()])
    found = await store.message(one.message.id)
    assert found is not None
    assert found.ordinal == 1


async def test_every_cause_plans_and_the_same_message_only_once(store: Store, new: Any) -> None:
    """Whoever did not hear that it was written may write it again."""
    one = new.planned("p.one", "p.two", "p.one")
    await causes(store, new, one, fail=False)
    assert [delivery.endpoint for delivery in await everything(store)] == ["p.one", "p.two"]


async def test_canceling_what_waits_plans_and_what_runs_does_not(store: Store, new: Any) -> None:
    """What runs is not canceled yet."""
    for claims, expected in ((0, 1), (1, 0)):
        execution, one = new.execution(), new.planned()
        await store.request_execution(execution)
        await store.claim_executions("w", claims, new.moment(), new.moment() + FAR)
        await store.request_cancel(execution.id, new.moment(), [one])
        assert len(await everything(store, DeliveryFilter(message_id=one.message.id))) == expected


async def test_a_message_nobody_wants_is_not_kept(store: Store, new: Any) -> None:
    """And takes no ordinal."""
    unwanted = msgspec.structs.replace(new.planned(), endpoints=())
    await store.plan([unwanted, one := new.planned()])
    assert await store.message(unwanted.message.id) is None
    found = await store.message(one.message.id)
    assert found is not None
    assert found.ordinal == 1


async def test_ordinals_count_each_subject_without_a_gap(store: Store, new: Any) -> None:
    """Fifty at once, of two subjects."""
    made = [new.planned(subject=f"execution:{n % 2}") for n in range(50)]
    await asyncio.gather(*(store.plan([one]) for one in made))
    found = [await store.message(one.message.id) for one in made]
    for subject in ("execution:0", "execution:1"):
        ordinals = [one.ordinal for one in found if one is not None and one.subject == subject]
        assert sorted(ordinals) == list(range(1, 26))


# Claims


async def test_a_hundred_claimers_get_each_delivery_once(store: Store, new: Any) -> None:
    """Whoever comes at the same moment as another gets others."""
    await store.plan([new.planned("p.one", "p.two", "p.three") for _ in range(100)])
    now = new.moment()
    room = {"p.one": 7, "p.two": 7, "p.three": 7}
    got = await asyncio.gather(*(store.claim_deliveries(f"w{n}", 7, now, now + FAR, room) for n in range(100)))
    ids = [claim.delivery.id for claims in got for claim in claims]
    assert len(ids) == len(set(ids)) == 300


async def test_nothing_is_claimed_before_its_time(store: Store, new: Any, sender: Any) -> None:
    """Neither the first attempt nor the next."""
    one = new.planned()
    await store.plan([one])
    assert await store.next_delivery_at(["p.one"]) == one.message.time
    assert await sender.claim(now=one.message.time - timedelta(microseconds=1)) == []
    claim = (await sender.claim(now=one.message.time))[0]
    later = one.message.time + timedelta(hours=5)
    failed = new.attempt(claim, error="500")
    assert await store.conclude_attempt(claim.delivery.id, claim.token, failed, S.PLANNED, later)
    assert await sender.claim(now=later - timedelta(seconds=1)) == []
    assert await store.next_delivery_at(["p.one"]) == later
    assert await store.next_delivery_at(["p.other"]) is None
    again = (await sender.claim(now=later))[0]
    assert (again.delivery.attempt, again.delivery.tries, again.delivery.reason) == (1, 1, "500")
    assert again.token > claim.token


async def test_only_endpoints_with_room_are_served(store: Store, new: Any, sender: Any) -> None:
    """At most as many as they have room for; what waits for the others is kept."""
    await store.plan([new.planned("p.one", "p.busy", "p.gone") for _ in range(5)])
    now = new.moment()
    claims = await store.claim_deliveries("w", 100, now, now + FAR, {"p.one": 3, "p.busy": 0, "p.new": 9})
    assert Counter(claim.delivery.endpoint for claim in claims) == {"p.one": 3}
    assert len(await everything(store, DeliveryFilter(status=S.PLANNED))) == 12


async def test_a_disabled_endpoint_keeps_what_waits(store: Store, new: Any, sender: Any) -> None:
    """Until its state says otherwise."""
    await store.plan([new.planned()])
    assert await store.disable_endpoint("p.one", "410 Gone", new.moment())
    assert await sender.claim() == []
    state = (await store.endpoint_states())["p.one"]
    assert state.disabled_reason == "410 Gone"
    await store.put_endpoint_state(msgspec.structs.replace(state, disabled_at=None, disabled_reason=""))
    assert len(await sender.claim()) == 1


async def test_one_endpoint_with_a_mountain_does_not_delay_the_others(store: Store, new: Any, sender: Any) -> None:
    """Whatever waits for it, and since when: a claim is dealt out evenly."""
    await store.plan([new.planned("p.mountain") for _ in range(1000)])
    names = [f"p.e{n}" for n in range(9)]
    await store.plan([new.planned(*names) for _ in range(3)])
    claims = await sender.claim("p.mountain", *names, limit=30)
    counts = Counter(claim.delivery.endpoint for claim in claims)
    assert counts == {"p.mountain": 3, **dict.fromkeys(names, 3)}


async def test_what_others_do_not_use_goes_to_who_has_more(store: Store, new: Any, sender: Any) -> None:
    """The whole limit is used where there is that much."""
    await store.plan([new.planned("p.mountain") for _ in range(100)])
    await store.plan([new.planned("p.one")])
    counts = Counter(claim.delivery.endpoint for claim in await sender.claim("p.mountain", "p.one", limit=50))
    assert counts == {"p.mountain": 49, "p.one": 1}


async def test_with_fewer_places_than_endpoints_each_has_its_turn(store: Store, new: Any, sender: Any) -> None:
    """Nobody is served a second time over and over while another waits for ever."""
    names = [f"p.e{n:02}" for n in range(20)]
    await store.plan([new.planned(*names) for _ in range(100)])
    seen: set[str] = set()
    for _ in range(7):
        seen |= {claim.delivery.endpoint for claim in await sender.claim(*names, limit=3)}
    assert seen == set(names)


async def test_of_one_endpoint_the_longest_due_goes_first(store: Store, new: Any, sender: Any) -> None:
    """In the order of planning, where nothing was tried again."""
    made = [new.planned() for _ in range(10)]
    await store.plan(made)
    claims = await sender.claim(limit=4)
    assert [claim.message.id for claim in claims] == [one.message.id for one in made[:4]]


# Leases and tokens


async def test_an_attempt_whose_holder_is_silent_is_made_again(store: Store, new: Any, sender: Any) -> None:
    """By whoever claims next; the old holder's word does not count any more."""
    await store.plan([new.planned()])
    old = (await sender.claim())[0]
    assert await sender.claim() == []
    assert await store.next_delivery_at([]) == old.lease_until
    now = old.lease_until + timedelta(seconds=1)
    fresh = (await sender.claim(now=now))[0]
    assert fresh.token > old.token
    assert not await sender.conclude(old)
    assert await store.attempts(old.delivery.id) == []
    assert await sender.conclude(fresh)
    assert not await sender.conclude(fresh)
    assert len(await store.attempts(old.delivery.id)) == 1


async def test_of_racing_conclusions_one_counts(store: Store, new: Any, sender: Any) -> None:
    """Twenty with the same token: one attempt, one status."""
    await store.plan([new.planned()])
    claim = (await sender.claim())[0]
    answers = await asyncio.gather(
        *(sender.conclude(claim, status) for _ in range(10) for status in (S.DELIVERED, S.FAILED))
    )
    assert answers.count(True) == 1
    assert len(await store.attempts(claim.delivery.id)) == 1


async def test_after_a_restart_all_that_was_held_is_planned_again(make_store: Callable[[], Store], new: Any) -> None:
    """At once, without waiting for leases; nothing that was planned is lost."""
    store, room = make_store(), {"p.one": 100}
    await store.open()
    await store.plan([new.planned() for _ in range(5)])
    now = new.moment()
    held = await store.claim_deliveries("w", 2, now, now + FAR, room)
    await store.close()
    again = make_store()
    await again.open()
    assert await again.release_deliveries(now) == 2
    late = new.attempt(held[0])
    assert not await again.conclude_attempt(held[0].delivery.id, held[0].token, late, S.DELIVERED)
    assert len(await again.claim_deliveries("w", 100, now, now + FAR, room)) == 5
    await again.close()


async def test_a_worker_gives_back_only_its_own(store: Store, new: Any, sender: Any) -> None:
    """On a quiet stop."""
    await store.plan([new.planned()])
    await sender.claim()
    assert await store.release_deliveries(new.moment(), "another") == 0
    assert await store.release_deliveries(new.moment(), "w") == 1


# Conclusions


async def test_an_attempt_is_kept_with_the_beginning_of_its_bodies(store: Store, new: Any, sender: Any) -> None:
    """64 KiB of each, and how long they were; bytes that are no text too."""
    await store.plan([new.planned()])
    claim = (await sender.claim())[0]
    body, answer = b"\xff\x00" * KEPT_BODY_BYTES, b"<html>\xfe" * KEPT_BODY_BYTES
    made = new.attempt(
        claim,
        status_code=503,
        error="it answered 503",
        method="POST",
        url="https://example.com/\udcff",
        secrets=("1", "2"),
        request_headers=(("webhook-id", "x"), ("authorization", "***")),
        request_body=body,
        answer_headers=(("retry-after", "5"),),
        answer_body=answer,
        answer_size=10**10,
    )
    await store.conclude_attempt(claim.delivery.id, claim.token, made, S.FAILED)
    kept = (await store.attempts(claim.delivery.id))[0]
    assert kept == msgspec.structs.replace(
        made,
        number=1,
        url="https://example.com/�",
        request_body=body[:KEPT_BODY_BYTES],
        request_size=len(body),
        answer_body=answer[:KEPT_BODY_BYTES],
    )
    assert set(await store.endpoint_secret_uses("p.one")) == {"1", "2"}
    delivery = await store.delivery(claim.delivery.id)
    assert delivery is not None
    assert (delivery.status, delivery.reason, delivery.ended_at) == (S.FAILED, "it answered 503", made.ended_at)


@pytest.mark.parametrize(
    ("status", "moment"), [(S.CANCELED, False), (S.DELIVERING, False), (S.PLANNED, False), (S.DELIVERED, True)]
)
async def test_no_attempt_leads_elsewhere(
    store: Store, new: Any, sender: Any, status: DeliveryStatus, moment: bool
) -> None:
    """A retry needs a moment, and nothing else has one."""
    await store.plan([new.planned()])
    claim = (await sender.claim())[0]
    when = new.moment() if moment else None
    with pytest.raises(InvalidInputError):
        await store.conclude_attempt(claim.delivery.id, claim.token, new.attempt(claim), status, when)


async def test_what_follows_from_an_attempt_is_planned_with_it(store: Store, new: Any, sender: Any) -> None:
    """Once, however often it is concluded."""
    await store.plan([new.planned()])
    claim = (await sender.claim())[0]
    made, follows = new.attempt(claim), [new.planned("p.watcher") for _ in range(2)]
    for one in follows:
        await store.conclude_attempt(claim.delivery.id, claim.token, made, S.DELIVERED, planned=[one])
    waiting = await everything(store, DeliveryFilter(endpoint="p.watcher"))
    assert [delivery.message_id for delivery in waiting] == [follows[0].message.id]


async def test_endpoints_are_known_by_their_attempts(store: Store, new: Any, sender: Any) -> None:
    """Since when it fails stays, until one goes well."""
    await store.plan([new.planned() for _ in range(3)])
    claims = await sender.claim()
    await sender.conclude(claims[0], S.FAILED, status_code=500)
    first = (await store.endpoint_states())["p.one"]
    await sender.conclude(claims[1], S.FAILED, status_code=502)
    second = (await store.endpoint_states())["p.one"]
    assert first.failing_since == second.failing_since is not None
    assert (second.failures, second.last_status_code, second.last_error) == (2, 502, "it answered 500")
    await sender.conclude(claims[2], S.DELIVERED, status_code=204)
    third = (await store.endpoint_states())["p.one"]
    assert (third.failing_since, third.failures, third.last_status_code, third.last_error) == (None, 0, 204, "")
    assert third.last_success_at == third.last_attempt_at is not None


async def test_an_endpoints_state_is_kept_and_forgotten(store: Store, new: Any) -> None:
    """All of it, and learning does not undo what was verified."""
    state = EndpointState(
        ref="p.one", verified_at=new.moment(), verified_as="sha", failing_since=new.moment(), failures=2
    )
    await store.put_endpoint_state(state)
    assert await store.endpoint_states() == {"p.one": state}
    assert await store.disable_endpoint("p.one", "too long", new.moment())
    assert (await store.endpoint_states())["p.one"].verified_as == "sha"
    assert await store.delete_endpoint_state("p.one")
    assert not await store.delete_endpoint_state("p.one")
    assert await store.endpoint_states() == {}


async def test_one_of_racing_disablings_says_so(store: Store, new: Any) -> None:
    """One message, though twenty attempts find it gone."""
    messages = [new.planned("p.watcher") for _ in range(20)]
    answers = await asyncio.gather(*(store.disable_endpoint("p.one", "gone", new.moment(), [one]) for one in messages))
    assert answers.count(True) == 1
    assert len(await everything(store)) == 1


# Order


async def test_of_an_order_key_one_goes_after_the_other(store: Store, new: Any, sender: Any) -> None:
    """The next when the one before was delivered or given up; other keys and endpoints without order are not held back."""
    first, second, third = (new.planned("p.one", key="k") for _ in range(3))
    other, free = new.planned("p.one", key="other"), new.planned("p.two")
    await store.plan([first, second, third, other, free])
    claims = {claim.message.id: claim for claim in await sender.claim("p.one", "p.two")}
    assert set(claims) == {first.message.id, other.message.id, free.message.id}
    await sender.conclude(claims[first.message.id], S.PLANNED)
    retried = (await sender.claim())[0]
    assert retried.message.id == first.message.id
    await sender.conclude(retried, S.FAILED)
    after = (await sender.claim())[0]
    assert after.message.id == second.message.id
    waiting = (await everything(store, DeliveryFilter(message_id=third.message.id)))[0]
    assert (waiting.status, waiting.next_attempt_at) == (S.PLANNED, None)
    await store.cancel_delivery(after.delivery.id, new.moment())
    assert [claim.message.id for claim in await sender.claim()] == [third.message.id]


async def test_a_retry_far_ahead_holds_its_key_back(store: Store, new: Any, sender: Any) -> None:
    """Order is worth more than speed to whoever asked for it."""
    await store.plan([new.planned(key="k") for _ in range(2)])
    claim = (await sender.claim())[0]
    failed = new.attempt(claim, error="500")
    await store.conclude_attempt(claim.delivery.id, claim.token, failed, S.PLANNED, new.moment() + FAR)
    assert await sender.claim() == []


async def test_an_older_one_that_is_resent_goes_before_those_that_wait(store: Store, new: Any, sender: Any) -> None:
    """But never at the same time as one that is under way."""
    first, second, third = (new.planned(key="k") for _ in range(3))
    await store.plan([first, second, third])
    failed = (await sender.claim())[0]
    await sender.conclude(failed, S.FAILED)
    await store.resend_delivery(failed.delivery.id, new.moment())
    resent = (await sender.claim())[0]
    assert resent.message.id == first.message.id
    await sender.conclude(resent)
    under_way = (await sender.claim())[0]
    assert under_way.message.id == second.message.id
    await store.resend_delivery(failed.delivery.id, new.moment())
    assert await sender.claim() == []
    await sender.conclude(under_way, S.PLANNED)
    order = []
    while claims := await sender.claim():
        assert len(claims) == 1
        order.append(claims[0].message.id)
        await sender.conclude(claims[0])
    assert order == [first.message.id, second.message.id, third.message.id]
