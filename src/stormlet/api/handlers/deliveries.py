"""/deliveries: what was sent to whom, what came back, and sending it once more. Ours."""

import contextlib
from datetime import datetime
from typing import Any

from stormlet.api.call import Call, Reply, json_reply
from stormlet.api.delivery_json import delivery_json, whole_delivery_json
from stormlet.api.documents import read_document
from stormlet.api.listing import page_reply, store_page
from stormlet.foundation.clock import from_iso
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.foundation.schema_validation import compile_schema
from stormlet.model.delivery import Delivery, DeliveryStatus
from stormlet.store.delivery_interface import DeliveryFilter

FILTERS = ("endpoint", "message", "event", "type", "status", "timestamp_gt", "timestamp_lt")
_DEFAULT_LIMIT = 100
_OPTIONAL_TEXT = {"type": ["string", "null"]}
_MANY = compile_schema(
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            **dict.fromkeys(FILTERS, _OPTIONAL_TEXT),
            "dry_run": {"type": "boolean"},
            "all": {"type": "boolean"},
        },
        "additionalProperties": False,
    }
)


async def list_all(call: Call) -> Reply:
    """List deliveries, the newest first."""
    query = call.query
    wanted = _filter(
        call,
        {name: query.text(name) for name in FILTERS[:5]},
        query.moment("timestamp_gt"),
        query.moment("timestamp_lt"),
    )
    page = store_page(query, "timestamp", _DEFAULT_LIMIT)
    found, total = await call.services.store.list_deliveries(wanted, page)
    return page_reply(call, [delivery_json(each) for each in found], total, page.limit)


async def get(call: Call) -> Reply:
    """Show a delivery with its message and every attempt."""
    store, wanted = call.services.store, call.parts["delivery_id"]
    delivery = _found(await store.delivery(wanted), wanted)
    message, attempts = await store.message(delivery.message_id), await store.attempts(delivery.id)
    return json_reply(whole_delivery_json(delivery, message, attempts))


async def resend(call: Call) -> Reply:
    """Send a delivery once more: the same id, signed anew, its schedule from the start."""
    wanted, services = call.parts["delivery_id"], call.services
    delivery = _found(await services.store.resend_delivery(wanted, services.clock.now()), wanted)
    services.wake_dispatcher()
    return json_reply({**delivery_json(delivery), **await _note(call, delivery)}, 202)


async def cancel(call: Call) -> Reply:
    """Give up a delivery that has not ended; one that has stays what it is."""
    wanted, services = call.parts["delivery_id"], call.services
    found = await services.store.cancel_delivery(wanted, services.clock.now(), f"canceled by {call.user}")
    services.wake_dispatcher()  # the next one of its order key may go now
    return json_reply(delivery_json(_found(found, wanted)))


async def resend_many(call: Call) -> Reply:
    """Send once more all that match, or with `dry_run` only count them; without a status, those that have ended."""
    services, (wanted, dry_run) = call.services, await _many(call)
    count = await services.store.resend_deliveries(wanted, services.clock.now(), dry_run=dry_run)
    if not dry_run:
        services.wake_dispatcher()
    return json_reply({"count": count, "dry_run": dry_run}, 200 if dry_run else 202)


async def cancel_many(call: Call) -> Reply:
    """Give up all that match and have not ended, or with `dry_run` only count them."""
    services, (wanted, dry_run) = call.services, await _many(call)
    reason = f"canceled by {call.user}"
    count = await services.store.cancel_deliveries(wanted, services.clock.now(), reason, dry_run=dry_run)
    services.wake_dispatcher()
    return json_reply({"count": count, "dry_run": dry_run})


async def _many(call: Call) -> tuple[DeliveryFilter, bool]:
    """Return what a request about many is about. Nothing at all is refused: it would be everything by mistake."""
    asked = await read_document(call, _MANY)
    texts = {name: asked.get(name) or None for name in FILTERS[:5]}
    after, before = (_moment(asked, name) for name in FILTERS[5:])
    if not any(texts.values()) and after is None and before is None and asked.get("all") is not True:
        hint = 'say which ones: {"endpoint": "pack.name", "status": "failed"}; {"all": true} means all'
        raise InvalidInputError("this would be every delivery there is", hint=hint)
    return _filter(call, texts, after, before), asked.get("dry_run") is True


def _filter(
    call: Call, texts: dict[str, str | None], after: datetime | None, before: datetime | None
) -> DeliveryFilter:
    endpoint = texts["endpoint"]
    if endpoint is not None:
        with contextlib.suppress(NotFoundError):  # it was deleted, and its deliveries are still there
            endpoint = call.services.addressing.ref_of(endpoint)
    return DeliveryFilter(
        endpoint=endpoint,
        message_id=texts["message"] or texts["event"],
        type=texts["type"],
        status=_status(texts["status"]),
        after=after,
        before=before,
    )


def _status(text: str | None) -> DeliveryStatus | None:
    if text is None:
        return None
    try:
        return DeliveryStatus(text)
    except ValueError:
        known = ", ".join(DeliveryStatus)
        raise InvalidInputError(f'"{text[:100]}" is not the status of a delivery', hint=f"one of {known}") from None


def _moment(asked: dict[str, Any], name: str) -> datetime | None:
    text = asked.get(name)
    if not text:
        return None
    try:
        return from_iso(text)
    except ValueError:
        hint = "such as 2026-01-02T03:04:05Z"
        raise InvalidInputError(f"{name}: this is not a moment in ISO 8601", hint=hint) from None


def _found(delivery: Delivery | None, wanted: str) -> Delivery:
    if delivery is None:
        raise NotFoundError(f'there is no delivery "{wanted}"', hint="those that have ended are deleted after a while")
    return delivery


async def _note(call: Call, delivery: Delivery) -> dict[str, str]:
    """Say so where nothing is sent to the endpoint now."""
    try:
        standing = await call.services.addressing.one(delivery.endpoint)
    except NotFoundError:
        return {"note": f"the endpoint {delivery.endpoint} is gone; the delivery waits until there is one of that name"}
    if standing.word == "active":
        return {}
    return {"note": f"the endpoint {delivery.endpoint} is {standing.word}; the delivery waits until it is active"}
