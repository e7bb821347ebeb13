"""One request on its way through a handler, and the handler's answer."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from stormlet.api.query import Query, single_values
from stormlet.api.services import Services
from stormlet.flow.authentication import presented
from stormlet.model.credential import Identity

JSON = "application/json"


class Incoming(Protocol):
    """The body of a request, and what the wire says about it; api/incoming.py reads it from aiohttp."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names in any case."""
        ...

    @property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers as they were sent."""
        ...

    @property
    def target(self) -> str:
        """Path and query, as they were sent."""
        ...

    @property
    def remote(self) -> str:
        """The sender's address."""
        ...

    async def body(self, limit: int | None = None) -> bytes:
        """Read the body as it was sent, within the limits, or within this one."""
        ...


class Call:
    """What a handler gets."""

    __slots__ = ("identify", "identity", "incoming", "method", "parts", "query", "raw_query", "services")

    def __init__(
        self,
        services: Services,
        incoming: Incoming,
        *,
        method: str,
        parts: Mapping[str, str],
        query: Query,
        raw_query: str,
        identity: Identity,
        identify: Callable[[], Awaitable[Identity]],
    ) -> None:
        self.services = services
        self.incoming = incoming
        self.method = method
        self.parts = parts
        """The named parts of the path."""
        self.query = query
        self.raw_query = raw_query
        self.identity = identity
        """Who sends this; nobody on a public route, and on one that decides by itself whether it wants to know."""
        self.identify = identify
        """Finds out who sends this. Raises UnauthorizedError."""

    @property
    def credential(self) -> str:
        """The text that let the request in, to be kept out of whatever is stored; empty where there was none."""
        found = presented(self.headers, single_values(self.query.given))
        return found.text if found else ""

    @property
    def headers(self) -> Mapping[str, str]:
        return self.incoming.headers

    @property
    def user(self) -> str:
        return self.identity.user

    @property
    def show_secrets(self) -> bool:
        """Whether `?show_secrets=true` was sent. Without roles, everybody who is let in is an administrator."""
        return self.query.boolean("show_secrets") or False


class Reply(msgspec.Struct, frozen=True):
    """What a handler answers."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = {}


Handler = Callable[[Call], Awaitable[Reply]]


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return `value` as JSON."""
    return Reply(encode(value), status, JSON, headers or {})


def encode(value: Any) -> bytes:
    """Return any value that content or a result can hold as JSON: what JSON has no word for becomes text."""
    try:
        return msgspec.json.encode(value, enc_hook=str)
    except (TypeError, ValueError, RecursionError):
        # Keys that are null or true, half surrogate pairs out of a child's output: rare, so only then is it looked for.
        return msgspec.json.encode(_plain(value, 200))


def _plain(value: Any, depth: int) -> Any:
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {_text(key): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth - 1) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _text(value)


def _text(value: Any) -> str:
    return str(value).encode(errors="replace").decode()
