"""The dispatcher, over real sockets and a real database."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from stormlet.model.delivery import DeliveryStatus
from stormlet.model.source import Rate

from .conftest import Receiver, Rig, answer

standardwebhooks = pytest.importorskip("standardwebhooks")


async def test_planned_is_delivered_signed(rig: Rig, receiver: Receiver) -> None:
    """What is planned arrives, and the library of Standard Webhooks finds it genuine."""
    one = await rig.verified(receiver.url)
    await rig.dispatcher.start()
    message = await rig.plan(one.ref, message=rig.message(data={"site": "4.2"}))
    (delivery,) = await rig.ended(message, DeliveryStatus.DELIVERED)
    (request,) = await receiver.received(1)
    webhook = standardwebhooks.Webhook(rig.secrets["test"])
    assert webhook.verify(request.body, request.headers)["data"] == {"site": "4.2"}
    assert request.headers["webhook-id"] == message.id
    (attempt,) = await rig.store.attempts(delivery.id)
    assert (attempt.number, attempt.status_code, attempt.error, attempt.secrets) == (1, 200, "", ("1",))
    assert attempt.answer_body == b"ok"
    assert attempt.request_body == request.body


async def test_retries_keep_the_id_and_sign_anew(rig: Rig, receiver: Receiver) -> None:
    """Each attempt has the same webhook-id and a signature of its own; the third succeeds."""
    one = await rig.verified(receiver.url)
    receiver.answers = [answer(500), answer(404)]
    await rig.dispatcher.start()
    message = await rig.plan(one.ref)
    (delivery,) = await rig.ended(message, DeliveryStatus.DELIVERED)
    assert delivery.attempt == 3
    assert {request.headers["webhook-id"] for request in receiver.requests} == {message.id}
    attempts = await rig.store.attempts(delivery.id)
    assert [attempt.status_code for attempt in attempts] == [500, 404, 200]
    assert attempts[0].error == "answered 500"


async def test_given_up_after_the_schedule(rig: Rig, receiver: Receiver) -> None:
    """When the schedule is used up the delivery has failed, and says so."""
    one = await rig.verified(receiver.url)
    receiver.then = answer(500)
    await rig.dispatcher.start()
    (delivery,) = await rig.ended(await rig.plan(one.ref), DeliveryStatus.FAILED)
    assert delivery.attempt == 4
    assert "given up after 4 attempts" in delivery.reason


async def test_redirects_are_not_followed(rig: Rig, receiver: Receiver, other: Receiver) -> None:
    """A redirect is a failure, and where it leads is never asked."""
    one = await rig.verified(receiver.url)
    receiver.then = answer(307, f"Location: {other.url}\r\n")
    await rig.dispatcher.start()
    (delivery,) = await rig.ended(await rig.plan(one.ref), DeliveryStatus.FAILED)
    assert "redirects are never followed" in delivery.reason
    assert other.requests == []


async def test_gone_disables_and_keeps_what_waits(rig: Rig, receiver: Receiver, other: Receiver) -> None:
    """410 switches the endpoint off at once; others are told; what waits stays, and is sent when it is enabled again."""
    one = await rig.verified(receiver.url, concurrency=1)
    await rig.verified(other.url, name="watcher", types=("endpoint.*",))
    receiver.answers = [answer(410)]
    first, second = await rig.plan(one.ref), await rig.plan(one.ref)
    await rig.dispatcher.start()
    await rig.ended(first, DeliveryStatus.FAILED)
    (told,) = await other.received(1)
    data = msgspec.json.decode(told.body)
    assert (data["type"], data["data"]["endpoint"], data["data"]["waiting"]) == ("endpoint.disabled", one.ref, 1)
    assert "410" in rig.book.state(one.ref).disabled_reason
    assert [each.message_id for each in await rig.deliveries(status=DeliveryStatus.PLANNED)] == [second.id]
    assert (await rig.confirmation.verify(one.ref, "enabled")).ok
    await rig.ended(second, DeliveryStatus.DELIVERED)


async def test_days_of_failure_disable(rig: Rig, receiver: Receiver) -> None:
    """An endpoint without one success for days is switched off, and the reason says since when."""
    one = await rig.verified(receiver.url, timeout=0.5)
    receiver.answers = [answer(500)]
    receiver.then = receiver.hang
    await rig.dispatcher.start()
    await rig.plan(one.ref)
    await receiver.received(2)
    rig.clock.step = timedelta(days=6)
    receiver.then = answer(500)
    await rig.plan(one.ref)

    async def disabled() -> str:
        return (await rig.store.endpoint_states())[one.ref].disabled_reason

    assert "no attempt has succeeded since" in await rig.until(disabled)


async def test_hanging_endpoint_delays_nobody(rig: Rig, receiver: Receiver, other: Receiver) -> None:
    """While one endpoint never answers, another gets everything at once."""
    dead, living = (
        await rig.verified(receiver.url, name="dead", timeout=60.0),
        await rig.verified(other.url, name="living"),
    )
    receiver.then = receiver.hang
    messages = [await rig.plan(dead.ref, living.ref) for _ in range(50)]
    await rig.dispatcher.start()
    for message in messages:
        (delivery,) = await rig.ended(message, DeliveryStatus.DELIVERED)
        assert delivery.endpoint == living.ref
    assert receiver.connections <= rig.settings.concurrency


async def test_failing_endpoint_has_one_attempt_at_a_time(rig: Rig, receiver: Receiver) -> None:
    """An endpoint that fails is tried by one attempt at a time, however much waits for it."""
    one = await rig.verified(receiver.url, concurrency=8)
    busy = most = 0

    async def slow(request: Any, writer: asyncio.StreamWriter) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await rig.clock.sleep(0.01)
        busy -= 1
        writer.write(answer(500))

    receiver.then = slow
    await rig.dispatcher.start()
    await rig.ended(await rig.plan(one.ref), DeliveryStatus.FAILED)
    most = 0
    for message in [await rig.plan(one.ref) for _ in range(5)]:
        await rig.ended(message, DeliveryStatus.FAILED)
    assert most == 1


async def test_retry_after_holds_the_endpoint(rig: Rig, receiver: Receiver, other: Receiver) -> None:
    """After 429 with Retry-After nothing at all is sent to the endpoint until then; others go on."""
    one, free = await rig.verified(receiver.url), await rig.verified(other.url, name="free")
    receiver.answers = [answer(429, "Retry-After: 3600\r\n")]
    await rig.dispatcher.start()
    await rig.plan(one.ref)
    await receiver.received(1)

    async def noted() -> bool:
        return (await rig.deliveries())[0].attempt == 1

    await rig.until(noted)
    rig.clock.step = timedelta(seconds=3000)
    second = await rig.plan(one.ref)
    await rig.ended(await rig.plan(free.ref), DeliveryStatus.DELIVERED)
    assert len(receiver.requests) == 1
    rig.clock.step = timedelta(seconds=3700)
    rig.dispatcher.wake()
    await rig.ended(second, DeliveryStatus.DELIVERED)


async def test_rate_is_kept(rig: Rig, receiver: Receiver) -> None:
    """No more go to an endpoint than its rate says."""
    one = await rig.verified(receiver.url, rate=Rate(per_second=10, burst=2))
    messages = [await rig.plan(one.ref) for _ in range(7)]
    await rig.dispatcher.start()
    started = rig.clock.monotonic()
    for message in messages:
        await rig.ended(message, DeliveryStatus.DELIVERED)
    assert rig.clock.monotonic() - started >= 0.45


async def test_order_by_key(rig: Rig, receiver: Receiver) -> None:
    """Of one key the next goes only when the one before is settled, also where that takes retries; other keys go on."""
    one = await rig.verified(receiver.url, order_key="subject")
    failing = {"a1"}

    async def once(request: Any, writer: asyncio.StreamWriter) -> None:
        name = msgspec.json.decode(request.body)["data"]["name"]
        writer.write(answer(500) if name in failing else answer(200))
        failing.discard(name)

    receiver.then = once
    planned = []
    for name in ("a1", "a2", "b1", "a3"):
        message = rig.message(subject=f"execution:{name[0]}", data={"name": name})
        planned.append(await rig.plan(one.ref, message=message, keys={one.ref: message.subject}))
    await rig.dispatcher.start()
    for message in planned:
        await rig.ended(message, DeliveryStatus.DELIVERED)
    names = [msgspec.json.decode(request.body)["data"]["name"] for request in receiver.requests]
    assert [name for name in names if name[0] == "a"] == ["a1", "a1", "a2", "a3"]


async def test_killed_while_sending_sends_again(rig: Rig, receiver: Receiver) -> None:
    """What was under way when the engine died is sent again by the next one, under the same id."""
    one = await rig.verified(receiver.url)
    receiver.answers = [receiver.hang]
    message = await rig.plan(one.ref)
    await rig.dispatcher.start()
    await receiver.received(1)
    dead = rig.dispatcher
    await rig.supervisor.close()  # as kill -9: nothing is concluded, nothing given back
    await rig.client.__aexit__(None, None, None)
    assert dead.sending == 0
    await rig.store.close()
    await rig.open()
    await rig.dispatcher.start()
    await rig.ended(message, DeliveryStatus.DELIVERED)
    assert [request.headers["webhook-id"] for request in receiver.requests] == [message.id, message.id]


async def test_stop_lets_attempts_end_and_gives_the_rest_back(rig: Rig, receiver: Receiver, other: Receiver) -> None:
    """A stop waits for what is under way; what does not end in time is planned again at once."""
    quick, dead = await rig.verified(receiver.url, name="quick"), await rig.verified(other.url, name="dead")
    going = asyncio.Event()

    async def soon(request: Any, writer: asyncio.StreamWriter) -> None:
        await going.wait()
        writer.write(answer(200))

    receiver.then, other.then = soon, other.hang
    message = await rig.plan(quick.ref, dead.ref)
    await rig.dispatcher.start()
    await receiver.received(1)
    await other.received(1)
    stopping = asyncio.ensure_future(rig.dispatcher.stop(1.0))
    going.set()
    await stopping
    found = {each.endpoint: each.status for each in await rig.deliveries(message_id=message.id)}
    assert found == {quick.ref: DeliveryStatus.DELIVERED, dead.ref: DeliveryStatus.PLANNED}


async def test_nothing_goes_where_it_is_not_verified(rig: Rig, receiver: Receiver, other: Receiver) -> None:
    """An endpoint that was never verified, or changed since, keeps what waits."""
    free = await rig.verified(other.url, name="free")
    one = rig.add(receiver.url)
    changed = await rig.verified(receiver.url, name="changed")
    rig.add(receiver.url + "/elsewhere", name="changed")
    message = await rig.plan(one.ref, changed.ref)
    await rig.dispatcher.start()
    await rig.ended(await rig.plan(free.ref), DeliveryStatus.DELIVERED)
    assert receiver.requests == []
    assert {each.status for each in await rig.deliveries(message_id=message.id)} == {DeliveryStatus.PLANNED}


async def test_clock_set_back_does_not_stop_sending(rig: Rig, receiver: Receiver) -> None:
    """What was planned before the wall clock was set back by a year is sent all the same."""
    one = await rig.verified(receiver.url)
    message = await rig.plan(one.ref)
    rig.clock.step = timedelta(days=-365)
    await rig.dispatcher.start()
    await rig.ended(message, DeliveryStatus.DELIVERED)


async def test_clock_set_forward_does_not_send_twice(rig: Rig, receiver: Receiver) -> None:
    """A leap of the wall clock over a lease does not start what is under way a second time."""
    one = await rig.verified(receiver.url)
    going = asyncio.Event()

    async def later(request: Any, writer: asyncio.StreamWriter) -> None:
        await going.wait()
        writer.write(answer(200))

    receiver.then = later
    message = await rig.plan(one.ref)
    await rig.dispatcher.start()
    await receiver.received(1)
    rig.clock.step = timedelta(days=1)
    second = await rig.plan(one.ref)
    await receiver.received(2)
    going.set()
    await rig.ended(message, DeliveryStatus.DELIVERED)
    await rig.ended(second, DeliveryStatus.DELIVERED)
    assert len(receiver.requests) == 2


async def test_an_action_is_run_instead(rig: Rig) -> None:
    """An endpoint with an action needs no verification; its delivery is an execution with the message's chain."""
    one = rig.add(name="flow", action="examples.deploy", parameters={"who": "{{ message.subject }}"})
    await rig.dispatcher.start()
    message = await rig.plan(one.ref)
    (delivery,) = await rig.ended(message, DeliveryStatus.DELIVERED)
    (request,) = rig.ran
    assert (request.action, request.names["message"]["subject"]) == ("examples.deploy", "execution:1")
    assert request.context["chain"] == ["endpoint:tests.flow"]
    assert request.context["delivery"]["id"] == delivery.id


async def test_a_loop_is_stopped_and_said(rig: Rig, receiver: Receiver) -> None:
    """A message that an endpoint caused itself is not sent to it, and the delivery says why."""
    one = await rig.verified(receiver.url)
    await rig.dispatcher.start()
    message = await rig.plan(one.ref, message=rig.message(chain=(f"endpoint:{one.ref}",)))
    (delivery,) = await rig.ended(message, DeliveryStatus.FAILED)
    assert "this is a loop" in delivery.reason
    assert receiver.requests == []
