"""An event as it arrived: the raw bytes, before anyone made sense of them."""

from datetime import datetime
from enum import StrEnum

import msgspec


class EventKind(StrEnum):
    """How a payload is made of the request (flow/triggering.py)."""

    CUSTOM = "custom"
    """A webhook URL of a rule: the payload is `{headers, headers_lower, body}`."""
    GENERIC = "generic"
    """The `st2` webhook: the payload is the body's `payload`."""
    CLOUDEVENT = "cloudevent"
    """A CloudEvent in binary mode: as CUSTOM, and `body` is what it would be in structured mode."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One accepted request.

    Kept so that a decision can be computed again, and a signature checked later. Credentials are gone before it is made:
    `headers` and `query` hold neither API keys nor tokens nor cookies.
    """

    id: str
    kind: EventKind
    url: str
    """The hook's normalised URL, such as `github/push`, without slashes at either end."""
    received_at: datetime
    body: bytes
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """In the order and spelling received."""
    query: str = ""
    remote: str = ""
    user: str = ""
    """Who posted it: the user of the API key or token."""
