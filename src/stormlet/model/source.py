"""Sources: how one webhook URL is guarded, and what its requests become. Rules stay pure StackStorm.

A hook without a source keeps StackStorm's behaviour: the platform's API key or token. A source is a file in a pack's
`sources/`, or made through the API.
"""

from enum import StrEnum
from typing import Any

import msgspec

from stormlet.model.problem import Location, Problem
from stormlet.model.trigger import Origin


class SourceAuth(StrEnum):
    """What a request must bring."""

    SIGNATURE = "signature"
    """The sender's signature; no API key is asked for."""
    KEY = "key"
    """An API key or token, as on every other URL."""
    BOTH = "both"
    NONE = "none"
    """Anybody may post. Only if spelled out, and warned about."""


class SecretReference(msgspec.Struct, frozen=True, kw_only=True):
    """Where one secret of a source comes from.

    `reference` is `env:NAME`, `file:/path`, `st2kv:name`, or `sealed:HEX` for one that was written once through the API and
    is never shown. `name` tells secrets apart while rotating, and what is remembered of each goes by it. The rest is not
    secret, and only for schemes that need it.
    """

    name: str
    reference: str
    kind: str = ""
    """For credentials, how it is presented: bearer, basic, header, query. Empty: as the scheme has it."""
    username: str = ""
    """For basic."""
    key_id: str = ""
    """For rfc9421; for credentials, the header or the query parameter that holds it."""
    algorithm: str = ""
    """For rfc9421."""
    enabled: bool = True
    """Off, it proves nothing any more; but a request that was signed with it can still be explained by it."""


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """How a second copy of a delivery is known.

    `id` names where the delivery's id stands: `header:NAME` or a JSONPath into the body (`$.event_id`); several are joined.
    Never a hash of the body: two real events may be equal. `horizon` is seconds that an id is remembered.
    """

    id: tuple[str, ...] = ()
    horizon: float = 7 * 86400.0


class Ordering(msgspec.Struct, frozen=True, kw_only=True):
    """Where key and version stand in the body; an event whose version is not above the last one of its key is recorded as
    stale and not dispatched."""

    key: tuple[str, ...]
    version: str


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What an accepted request is answered. Body None: the request's body echoed, as StackStorm does."""

    status: int = 202
    body: Any = None
    headers: dict[str, str] = {}


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """A token bucket: `per_second` on average, `burst` at once."""

    per_second: float
    burst: int = 1


class TriggerMapping(msgspec.Struct, frozen=True, kw_only=True):
    """Which trigger types a request is dispatched to, besides the rules on its URL.

    `event` names where the event's type stands (`header:NAME` or a JSONPath; several are joined with `.`); `types` maps its
    values (globs allowed) to trigger type refs.
    """

    event: tuple[str, ...] = ()
    types: dict[str, str] = {}


class Forward(msgspec.Struct, frozen=True, kw_only=True):
    """Middleware mode: answer the sender, and pass a translated payload on with the receiver's own authentication.

    It becomes an execution of `action` (core.http unless said), so that it is retried, logged and seen like any other.
    """

    url: str
    method: str = "POST"
    headers: dict[str, str] = {}
    body: Any = None
    """A template, or a mapping of templates; None: the body as it came."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One guarded webhook URL."""

    id: str
    pack: str
    name: str
    url: str
    """Normalised: no slashes at the ends, none doubled."""
    scheme: str = ""
    """A scheme of `signatures/`; empty where `auth` is key or none."""
    description: str = ""
    enabled: bool | None = True
    """None is `auto`: on while at least one of its secrets is there. Off, its URL is what it would be without a source."""
    options: dict[str, Any] = {}
    """Options of the scheme, such as the descriptor of `generic_hmac`, or Twilio's public URL."""
    secrets: tuple[SecretReference, ...] = ()
    auth: SourceAuth = SourceAuth.SIGNATURE
    tolerance: float | None = None
    """Seconds that a timestamp may be off; None: the scheme's own."""
    replay: Replay | None = None
    """None: the scheme's own delivery id, where it has one."""
    ordering: Ordering | None = None
    reply: Reply = Reply()
    methods: tuple[str, ...] = ("POST",)
    content_types: tuple[str, ...] = ()
    """Media types that are read as JSON besides application/json."""
    max_body: int | None = None
    rate: Rate | None = None
    allow_ips: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose X-Forwarded-For is believed; without them the peer's own address counts."""
    cloudevents: bool = False
    triggers: TriggerMapping = TriggerMapping()
    forward: Forward | None = None
    origin: Origin = Origin.FILE
    metadata_file: str = ""
    location: Location = Location()
    locations: dict[str, Location] = {}
    """Where each part stands in its document, for messages. The block `signature:` is `options.signature` here as well."""

    @property
    def ref(self) -> str:
        return f"{self.pack}.{self.name}"


class BrokenSource(msgspec.Struct, frozen=True, kw_only=True):
    """A source that cannot be used as it is written now.

    Where a source of the same ref is among the content, that is its last good version, and it still guards. Otherwise requests
    to `url` are refused: a typo must never take a guard away and leave the URL to whoever has an API key.
    """

    ref: str
    url: str = ""
    """Normalised; empty where it cannot be read."""
    enabled: bool = True
    """False where it is surely switched off, by its file or by an operator; then its URL is refused to nobody."""
    mentions: frozenset[str] = frozenset()
    """Where `url` is not known: every word of the file as a hook's URL. One of them may be what it was to guard, as in
    `ulr: github`, so the hooks among them are refused too."""
    problems: tuple[Problem, ...] = ()
    metadata_file: str = ""
