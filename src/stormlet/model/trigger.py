"""Trigger types, triggers, and the trigger instances that events become.

Words and shapes are StackStorm's: a *trigger type* is declared by a pack; a *trigger* is a type with parameters, shared by
all rules that ask for the same; a *trigger instance* is one happening.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from stormlet.model.problem import Location


def hook_url(text: str) -> str:
    """Return a hook's URL as it is compared: no slashes at the ends, none doubled."""
    return "/".join(part for part in text.split("/") if part)


class Origin(StrEnum):
    """Where a piece of content comes from."""

    FILE = "file"
    API = "api"


class TriggerType(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of event that rules can ask for. Schemas are JSON Schema, draft 4 with st2's `required: true`."""

    id: str
    pack: str
    name: str
    description: str = ""
    payload_schema: dict[str, Any] | None = None
    parameters_schema: dict[str, Any] | None = None
    tags: tuple[dict[str, Any], ...] = ()
    origin: Origin = Origin.FILE
    location: Location = Location()
    implied: bool = False
    """True where no pack declares it, and a rule's `trigger.type` is all that is known of it."""

    @property
    def ref(self) -> str:
        return f"{self.pack}.{self.name}"


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger type with parameters. A type without parameters has one trigger of its own name."""

    id: str
    pack: str
    name: str
    type: str
    parameters: dict[str, Any] = {}
    description: str = ""

    @property
    def ref(self) -> str:
        return f"{self.pack}.{self.name}"


class TriggerInstanceStatus(StrEnum):
    """How far an instance has come. The words are st2's."""

    PENDING = "pending"
    PROCESSING = "processing"
    PROCESSED = "processed"
    PROCESSING_FAILED = "processing_failed"


class TriggerInstance(msgspec.Struct, frozen=True, kw_only=True):
    """One happening: what rules are asked about.

    `payload` is the value rules see as `trigger`. Where the instance came in over HTTP, `event_id` names the stored
    request (`Event`), and `payload` is derived from it and not stored a second time.
    """

    id: str
    trigger: str
    trigger_type: str
    occurrence_time: datetime
    payload: Any = None
    status: TriggerInstanceStatus = TriggerInstanceStatus.PENDING
    trace_tag: str = ""
    event_id: str | None = None
    failure_reason: str = ""
