"""A request to a hook on its way through verification: as it came, and as it is understood once it was found genuine."""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from stormlet.flow.verification.addresses import is_from
from stormlet.flow.verification.guard import Guard
from stormlet.flow.verification.masking import Blotter
from stormlet.foundation.errors import StormletError
from stormlet.foundation.headers import Pairs, first_value
from stormlet.model.event import EventKind
from stormlet.signatures.request import SignedRequest, cut_url
from stormlet.signatures.secret import Secret
from stormlet.signatures.verification import Verification


class HookRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request, as received; `target` is path and query as sent, `remote` the address that is connected."""

    hook: str
    received_at: datetime
    method: str = "POST"
    target: str = ""
    headers: Pairs = ()
    remote: str = ""
    body: bytes = b""


class Live(NamedTuple):
    """A guard with the secrets that its source has at this moment."""

    guard: Guard
    secrets: tuple[Secret, ...]


class Sender(NamedTuple):
    """Whose API key or token came with a request, and its text, to be kept out of what is stored."""

    user: str = ""
    credential: str = ""


class Genuine(NamedTuple):
    """A request that may come in, and by which guard."""

    live: Live
    verification: Verification
    request: HookRequest
    signed: SignedRequest
    sender: Sender = Sender()


class TurnedAway(NamedTuple):
    """A request that may not come in. `error` is what its sender is told; the rest is for the operator."""

    live: Live
    reason: str
    detail: str
    error: StormletError


class Part(NamedTuple):
    """One event of a request (a batch of CloudEvents has several), without credentials."""

    kind: EventKind
    body: bytes
    content_type: str
    headers: Pairs
    document: Any


class Understood(NamedTuple):
    """What a genuine request says. `error`: it cannot be understood, and why."""

    parts: tuple[Part, ...]
    query: str
    blotter: Blotter
    error: StormletError | None = None

    @property
    def document(self) -> Any:
        return self.parts[0].document if self.parts else None


def signed_request(request: HookRequest, guard: Guard, public_url: str) -> SignedRequest:
    """Return the request as its sender signed it.

    Args:
        request: as received.
        guard: may know the URL that the sender calls, and which proxies may say so.
        public_url: of the whole server; empty where it is not set.
    """
    return SignedRequest(
        method=request.method,
        url=_called_url(request, guard, public_url),
        headers=request.headers,
        body=request.body,
    )


def _called_url(request: HookRequest, guard: Guard, public_url: str) -> str:
    if guard.public_url:
        cut = cut_url(guard.public_url)
        if cut.path:
            _, question, query = request.target.partition("?")
            return f"{guard.public_url}{question}{query}"
        return f"{guard.public_url}{request.target}"
    if public_url:
        return f"{public_url}{request.target}"
    host, protocol = first_value(request.headers, "host"), "http"
    if is_from(request.remote, guard.proxies):
        host = first_value(request.headers, "x-forwarded-host").rpartition(",")[2].strip() or host
        protocol = first_value(request.headers, "x-forwarded-proto").rpartition(",")[2].strip() or protocol
    return f"{protocol}://{host}{request.target}"
