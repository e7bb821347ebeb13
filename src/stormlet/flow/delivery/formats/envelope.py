"""A message as a document of ours: what `standard`, `rfc9421`, `template` and the seeds' `include_message` send or see."""

from typing import Any

from stormlet.foundation.clock import to_iso
from stormlet.model.message import Message


def envelope(message: Message) -> dict[str, Any]:
    """Return the whole message: `type`, `timestamp` and `data` as Standard Webhooks has them, and what we know beside them."""
    return {
        "type": message.type,
        "timestamp": to_iso(message.time),
        "data": message.data,
        "id": message.id,
        "version": message.version,
        "subject": message.subject,
        "ordinal": message.ordinal,
        "pack": message.pack,
        "tags": list(message.tags),
        "caused_by": message.caused_by,
        "url": message.url,
        "trace_tag": message.trace_tag,
    }
