"""Endpoints are asked whether they are there before anything is sent to them."""

import msgspec
import pytest

from stormlet.foundation.errors import NotFoundError
from stormlet.model.delivery import DeliveryStatus

from .conftest import Receiver, Rig, answer

standardwebhooks = pytest.importorskip("standardwebhooks")


async def test_content_is_verified_by_itself(rig: Rig, receiver: Receiver) -> None:
    """A new endpoint gets a signed verification with a fresh id; 2xx opens it."""
    one = rig.add(receiver.url)
    await rig.dispatcher.start()
    await rig.confirmation.start()
    (request,) = await receiver.received(1)
    document = standardwebhooks.Webhook(rig.secrets["test"]).verify(request.body, request.headers)
    assert (document["type"], document["data"]) == ("endpoint.verification", {"endpoint": one.ref, "why": "created"})

    async def verified() -> bool:
        return rig.book.is_verified(one)

    await rig.until(verified)
    message = await rig.plan(one.ref)
    await rig.ended(message, DeliveryStatus.DELIVERED)
    assert rig.publisher.plan(rig.message())[0].endpoints == (one.ref,)


@pytest.mark.parametrize("status", [301, 400, 404, 410, 500])
async def test_only_2xx_enables(rig: Rig, receiver: Receiver, status: int) -> None:
    """Any other answer leaves the endpoint shut, and is shown; nothing is planned for it."""
    one = rig.add(receiver.url)
    receiver.then = answer(status)
    await rig.dispatcher.start()
    confirmed = await rig.confirmation.verify(one.ref, "created")
    assert not confirmed.ok
    assert (confirmed.status_code, confirmed.error) == (status, f"answered {status}, and only 2xx enables an endpoint")
    state = (await rig.store.endpoint_states())[one.ref]
    assert state.verification_error == confirmed.error
    assert not rig.book.is_open(one)
    assert rig.publisher.plan(rig.message()) == ()


async def test_each_verification_has_a_fresh_id(rig: Rig, receiver: Receiver) -> None:
    """Two verifications are two messages."""
    one = rig.add(receiver.url)
    await rig.dispatcher.start()
    await rig.confirmation.verify(one.ref)
    await rig.confirmation.verify(one.ref)
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 2


async def test_a_change_of_the_url_is_verified_before_anything_goes_there(
    rig: Rig, receiver: Receiver, other: Receiver
) -> None:
    """What waits for an endpoint goes to its new URL after the verification, and is not lost where that fails at first."""
    one = await rig.verified(receiver.url)
    changed = rig.add(other.url)
    assert changed.fingerprint != one.fingerprint
    other.answers = [answer(503)]
    await rig.dispatcher.start()
    (planned,) = rig.publisher.plan(rig.message())
    await rig.store.plan([planned])
    assert not (await rig.confirmation.verify(one.ref, "changed")).ok
    assert (await rig.confirmation.verify(one.ref, "changed")).ok
    await rig.ended(planned.message, DeliveryStatus.DELIVERED)
    kinds = [msgspec.json.decode(request.body)["type"] for request in other.requests]
    assert kinds == ["endpoint.verification", "endpoint.verification", "deploy.finished"]
    assert receiver.requests == []


async def test_not_reached_is_an_error_to_show(rig: Rig) -> None:
    """Where nobody listens the error says so."""
    one = rig.add("http://127.0.0.1:1/")
    await rig.dispatcher.start()
    confirmed = await rig.confirmation.verify(one.ref)
    assert "cannot be reached" in confirmed.error
    assert confirmed.attempt is not None


async def test_cloudevents_are_sent_with_consent_only(rig: Rig, receiver: Receiver) -> None:
    """With an origin the receiver is asked by OPTIONS first, and without its consent nothing is posted."""
    one = rig.add(receiver.url, format="cloudevents", options={"origin": "stormlet.example"}, secrets=())
    await rig.dispatcher.start()
    refused = await rig.confirmation.verify(one.ref)
    assert "does not want events of stormlet.example" in refused.error
    assert [request.method for request in receiver.requests] == ["OPTIONS"]
    receiver.answers = [answer(200, "WebHook-Allowed-Origin: stormlet.example\r\n")]
    assert (await rig.confirmation.verify(one.ref)).ok
    assert [request.method for request in receiver.requests] == ["OPTIONS", "OPTIONS", "POST"]


async def test_who_is_not_there_cannot_be_asked(rig: Rig) -> None:
    """An unknown endpoint is an error with its cure."""
    with pytest.raises(NotFoundError, match=r"tests\.nobody"):
        await rig.confirmation.verify("tests.nobody")
