"""Endpoints: where messages go, as an author writes them; and what the engine learns about them while sending.

An `Endpoint` is content: a file in a pack's `endpoints/`, or made through the API. An `EndpointState` is memory: it lives in the
store, under the endpoint's ref, and survives edits of the content.
"""

from datetime import datetime
from typing import Any

import msgspec

from stormlet.model.message import ScopeKind
from stormlet.model.problem import Location, Problem
from stormlet.model.rule import Criterion
from stormlet.model.source import Rate
from stormlet.model.trigger import Origin


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint hears of: everything, or only what belongs to these packs, or carries one of these tags."""

    packs: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def kind(self) -> ScopeKind:
        """The narrower of both: with tags, only what carries tags can ever come."""
        if self.tags:
            return ScopeKind.TAGS
        return ScopeKind.PACKS if self.packs else ScopeKind.ALL

    def covers(self, pack: str, tags: tuple[str, ...]) -> bool:
        """Tell whether a message of this pack and these tags is within the scope."""
        return (not self.packs or pack in self.packs) and (not self.tags or not set(self.tags).isdisjoint(tags))


class EndpointSecret(msgspec.Struct, frozen=True, kw_only=True):
    """One secret that signs. Several sign at once while rotating, all in one header.

    `reference` is `env:NAME`, `file:/path`, `st2kv:name`, or `sealed:HEX` for one that was generated, or given through the API.
    """

    name: str
    reference: str
    created_at: datetime | None = None
    retires_at: datetime | None = None
    """From then on it signs no more; None: it is not being replaced."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One place where messages go: a URL, or an action of ours."""

    id: str
    pack: str
    name: str
    url: str = ""
    """Empty where `action` is given."""
    description: str = ""
    action: str = ""
    """Ref of an action to run instead of a request (another workflow)."""
    parameters: dict[str, Any] = {}
    """Templates for the action's parameters."""
    scope: Scope = Scope()
    types: tuple[str, ...] = ()
    """Globs of message types; none: all that make sense in the scope."""
    filter: tuple[Criterion, ...] = ()
    """Asked of the message as a rule's criteria are asked of a trigger; all must hold."""
    format: str = "standard"
    options: dict[str, Any] = {}
    """Of the format."""
    secrets: tuple[EndpointSecret, ...] = ()
    secrets_viewable: bool = False
    """Whether whoever may read the endpoint may read its secrets; else they are write-only."""
    headers: dict[str, str] = {}
    enabled: bool = True
    timeout: float | None = None
    """Seconds for one attempt; None: the setting's."""
    rate: Rate | None = None
    concurrency: int | None = None
    """Attempts at the same time; None: the setting's."""
    order_key: str = ""
    """A path into the message (`subject`, `data.rule.ref`): messages of one value go one after the other, the next only when the
    one before was delivered or given up. Empty: no order."""
    max_body: int | None = None
    """Largest body in bytes that is sent; None: the format's own limit."""
    origin: Origin = Origin.FILE
    metadata_file: str = ""
    location: Location = Location()
    locations: dict[str, Location] = {}

    @property
    def ref(self) -> str:
        return f"{self.pack}.{self.name}"


class BrokenEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint that cannot be used as it is written now; nothing is sent to it, and what waits for it is kept."""

    ref: str
    problems: tuple[Problem, ...] = ()
    metadata_file: str = ""


class EndpointState(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine has learned about an endpoint.

    `verified_as` is a fingerprint of what was verified (URL, secrets, format): where it differs from the endpoint's now, the
    endpoint is verified anew before anything is sent. `disabled_reason` is set by the engine only (410, days of failure, a
    failed verification) and stays until somebody enables the endpoint again; while it is set, nothing is claimed.
    """

    ref: str
    verified_at: datetime | None = None
    verified_as: str = ""
    verification_error: str = ""
    disabled_at: datetime | None = None
    disabled_reason: str = ""
    failing_since: datetime | None = None
    """When the attempts that have all failed since began; None where the last one went well."""
    failures: int = 0
    """How many have failed since then."""
    last_attempt_at: datetime | None = None
    last_success_at: datetime | None = None
    last_status_code: int | None = None
    last_error: str = ""
