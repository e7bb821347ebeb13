"""Messages: events of ours on their way out, and what a type of message is.

An `Event` is a request that was received; what we tell others is a `Message`, as Standard Webhooks calls it. Which types there
are stands in model/message_catalogue.py. This module must not know endpoints or how anything is sent.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class ScopeKind(StrEnum):
    """What an endpoint may be limited to."""

    ALL = "all"
    PACKS = "packs"
    TAGS = "tags"


class MessageType(msgspec.Struct, frozen=True, kw_only=True):
    """One type of message.

    `version` counts from 1 and changes when a field of `data` goes away or means something else; new fields may come within a
    version. `schema` is the JSON Schema of `data`, and `example` is data that fits it. In `scopes` are those in which the type
    makes sense: messages about packs as such carry no tags, so an endpoint limited to tags would wait for them in vain.
    """

    name: str
    description: str
    subject: str
    """The kind of thing it is about: the part of `Message.subject` before the colon."""
    schema: Mapping[str, Any]
    example: Mapping[str, Any]
    version: int = 1
    scopes: frozenset[ScopeKind] = frozenset(ScopeKind)
    """Empty for a type that nobody can ask for: the verification goes to the endpoint that is verified."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, as it is told to others."""

    id: str
    """Constant over all endpoints and attempts: the receiver's key for telling copies apart."""
    type: str
    time: datetime
    """When it happened, not when it is sent."""
    subject: str
    """What it is about, `kind:id`, such as `execution:66a…`."""
    pack: str
    version: int = 1
    """Of the type's schema."""
    ordinal: int = 0
    """Its place among the messages of its subject, from 1: a receiver drops what is not above the last one it saw. 0 until the
    store has counted it."""
    tags: tuple[str, ...] = ()
    caused_by: str = ""
    """The user or the rule behind it."""
    url: str = ""
    """Where a person can look at it."""
    trace_tag: str = ""
    chain: tuple[str, ...] = ()
    """What led here through other engines and workflows, oldest first; the loop guard reads it."""
    data: dict[str, Any] = {}


PASSING_SUBJECTS: frozenset[str] = frozenset({"trigger_instance", "execution", "enforcement", "rejection"})
"""Kinds of subject that come to an end. Their ordinals may be forgotten with their last message; those of the others never,
for an ordinal that starts over would look stale to every receiver."""

RESERVED_PREFIXES: frozenset[str] = frozenset(
    {"trigger", "rule", "execution", "inquiry", "source", "endpoint", "pack", "delivery", "stormlet"}
)
"""First words of types that only the engine may send."""

_TYPE_NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
LONGEST_TYPE = 200


def is_type_name(text: str) -> bool:
    """Tell whether `text` has the form of a type: words of letters, digits and `_`, joined by dots (Standard Webhooks)."""
    return len(text) <= LONGEST_TYPE and _TYPE_NAME.fullmatch(text) is not None


def is_user_type(text: str) -> bool:
    """Tell whether `text` may be the type of a message that a user publishes: none of the engine's own words in front."""
    return is_type_name(text) and text.partition(".")[0] not in RESERVED_PREFIXES


def user_type(name: str) -> MessageType:
    """Return the type of a user's own messages: any data, any scope."""
    return MessageType(
        name=name,
        description="Published by an action of yours.",
        subject="execution",
        schema={"type": "object"},
        example={},
    )
