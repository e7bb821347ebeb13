"""Deliveries as the API shows them: what was to be sent, and each attempt at it with what came back.

What is secret in headers, URLs and bodies was masked before it was stored.
"""

import base64
from collections.abc import Sequence
from typing import Any

from stormlet.flow.delivery.formats.envelope import envelope
from stormlet.foundation.clock import to_iso
from stormlet.model.delivery import Attempt, Delivery
from stormlet.model.message import Message


def delivery_json(delivery: Delivery) -> dict[str, Any]:
    """Return a delivery without its attempts."""
    return {
        "id": delivery.id,
        "message": delivery.message_id,
        "endpoint": delivery.endpoint,
        "type": delivery.type,
        "status": delivery.status.value,
        "attempts": delivery.attempt,
        "reason": delivery.reason,
        "created_at": to_iso(delivery.created_at),
        "next_attempt_at": None if delivery.next_attempt_at is None else to_iso(delivery.next_attempt_at),
        "ended_at": None if delivery.ended_at is None else to_iso(delivery.ended_at),
        "order_key": delivery.order_key,
    }


def whole_delivery_json(delivery: Delivery, message: Message | None, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Return a delivery with its message and all attempts, the first one first."""
    return {
        **delivery_json(delivery),
        "attempt_list": [attempt_json(attempt) for attempt in attempts],
        "payload": None if message is None else envelope(message),
    }


def attempt_json(attempt: Attempt) -> dict[str, Any]:
    """Return one attempt. Bodies are the first 64 KiB; what is not text is shown in base64, and `…_encoding` says so."""
    return {
        "number": attempt.number,
        "started_at": to_iso(attempt.started_at),
        "seconds": attempt.seconds,
        "status_code": attempt.status_code,
        "error": attempt.error,
        "secrets": list(attempt.secrets),
        "method": attempt.method,
        "url": attempt.url,
        "request_headers": [list(pair) for pair in attempt.request_headers],
        **_body("request", attempt.request_body, attempt.request_size),
        "answer_headers": [list(pair) for pair in attempt.answer_headers],
        **_body("answer", attempt.answer_body, attempt.answer_size),
    }


def _body(which: str, body: bytes, size: int) -> dict[str, Any]:
    try:
        # The last letter may have been cut through.
        text = body.decode() if len(body) == size else body.decode("utf-8", "ignore")
        encoding = "utf-8"
    except UnicodeDecodeError:
        text, encoding = base64.b64encode(body).decode(), "base64"
    return {
        f"{which}_body": text,
        f"{which}_encoding": encoding,
        f"{which}_size": size,
        f"{which}_cut": len(body) < size,
    }
