"""Requests that were refused: kept sealed and few, so that a mended secret can be tried on them.

Whoever is refused may be anybody. So the number that is kept is bounded for each source, the pace at which they are written
too, and the size of each; and since a genuine sender's credential may be in one, all of it is ciphertext in the database.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from stormlet.flow.verification.buckets import Buckets
from stormlet.flow.verification.requests import HookRequest, Live
from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import InvalidInputError, OverloadedError, StoreError
from stormlet.foundation.identifiers import new_id
from stormlet.foundation.secrets import SecretBox
from stormlet.foundation.telemetry import one_line
from stormlet.model.arrival import Rejection
from stormlet.model.delivery import Planned
from stormlet.model.source import Rate
from stormlet.signatures.request import SignedRequest
from stormlet.store.interface import Store

log = logging.getLogger(__name__)

KEEP: Final = 20
"""How many are kept of each source."""
LARGEST_BODY: Final = 64 * 1024
"""Of a larger one only the headers are kept, so that it can be explained but not tried again."""
_PACE: Final = Rate(per_second=0.5, burst=KEEP)


class Rejections:
    """Keeps refused requests and opens them again."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        box: SecretBox,
        announce: Callable[[Rejection], Sequence[Planned]] = lambda rejection: (),
    ) -> None:
        """Remember the parts. `announce` says who is told of a refusal."""
        self._store = store
        self._announce = announce
        self._box = box
        self._buckets = Buckets(clock)

    async def keep(self, live: Live, request: HookRequest, signed: SignedRequest, reason: str, detail: str) -> None:
        """Keep a refused request. Where too many come, or the database cannot be used, it is let go: a refusal is an answer
        that must not fail."""
        source = live.guard.source
        if not self._buckets.of(source.ref, _PACE).take():
            return
        log.info("source %s refused a request from %s: %s", source.ref, request.remote, one_line(f"{reason}: {detail}"))
        size = len(request.body)
        kept = signed if size <= LARGEST_BODY else msgspec.structs.replace(signed, body=b"")
        rejection = Rejection(
            id=new_id(request.received_at),
            source=source.ref,
            url=source.url,
            received_at=request.received_at,
            reason=reason,
            detail=detail,
            remote=request.remote,
            size=size,
            sealed=self._box.seal_bytes(msgspec.json.encode(kept), _label(source.ref)),
        )
        try:
            await self._store.put_rejection(rejection, KEEP, self._announce(rejection))
        except (StoreError, OverloadedError) as error:
            log.warning("a refused request of source %s is not kept: %s", source.ref, error)

    def opened(self, rejection: Rejection) -> SignedRequest:
        """Return the request that was refused.

        Raises:
            InvalidInputError: it was sealed under another key, or is damaged.
        """
        plain = self._box.open_bytes(rejection.sealed, _label(rejection.source))
        try:
            return msgspec.json.decode(plain, type=SignedRequest)
        except msgspec.DecodeError:
            raise InvalidInputError("the refused request is damaged") from None


def is_whole(rejection: Rejection) -> bool:
    """Tell whether the body was kept."""
    return rejection.size <= LARGEST_BODY


def _label(source: str) -> str:
    return f"rejection:{source}"
