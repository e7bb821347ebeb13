"""What the formats that stand for other senders have in common: how our words map to theirs.

An execution of ours is their run: the pack is the project (environment, organisation), the action the workspace (stack).
Where they have a field and we have nothing, it is empty and of their type, so that a receiver's parser finds what it looks for.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from stormlet.flow.delivery.formats.envelope import envelope
from stormlet.flow.delivery.formats.wording import at, name_at
from stormlet.foundation.clock import from_iso
from stormlet.model.message import Message

INCLUDE_MESSAGE: Final[Mapping[str, Any]] = {
    "type": "boolean",
    "default": False,
    "description": "Whether the whole message stands under `stormlet` as well, for receivers that know of it.",
}
_SAFE_INTEGER: Final = (1 << 53) - 1


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """An execution, or whatever else a message is about, as their run."""

    id: str
    action: str
    """Its ref; for what is no execution, the subject."""
    status: str
    """Ours; empty for what is no execution."""
    user: str
    requested_at: datetime
    started_at: datetime | None
    changed_at: datetime


def run_of(message: Message) -> Run:
    """Return the run that a message is about. Never raises, whatever `data` holds."""
    execution = at(message.data, "execution")
    kind, _, subject_id = message.subject.partition(":")
    status = message.type.partition(".")[2] if message.type.startswith("execution.") else ""
    return Run(
        id=name_at(execution, "id") or subject_id or message.id,
        action=name_at(execution, "action") or name_at(message.data, "rule", "ref") or subject_id or kind,
        status=status,
        user=name_at(execution, "user") or message.caused_by,
        requested_at=moment(at(execution, "requested_at")) or message.time,
        started_at=moment(at(execution, "started_at")),
        changed_at=message.time,
    )


def moment(value: Any) -> datetime | None:
    """Return an ISO 8601 text as a moment; None for anything else."""
    try:
        return from_iso(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def seconds_of(value: datetime) -> int:
    """Return whole Unix seconds."""
    return int(value.timestamp())


def second_text(value: datetime) -> str:
    """Return a moment to the second, in UTC: `2026-02-11T09:19:57Z`."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def number_of(text: str) -> int:
    """Return a number that stands for an id of ours where theirs are numbers; the same text has the same number."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8]) & _SAFE_INTEGER


def with_message(body: dict[str, Any], message: Message, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body, with the message under `stormlet` where the option asks for it."""
    return {**body, "stormlet": envelope(message)} if options["include_message"] else body
