"""What a genuine event claims: its delivery id, its place in an order. The store settles claims with the event itself."""

import math
from datetime import datetime, timedelta
from typing import Final

from stormlet.flow.verification.guard import Guard
from stormlet.flow.verification.places import as_text, bounded, compile_place, joined
from stormlet.flow.verification.requests import Genuine, Part
from stormlet.foundation.clock import Clock
from stormlet.model.arrival import DeliveryClaim, OrderClaim, SecretUse
from stormlet.model.source import Replay

_CLOUDEVENT_ID: Final = (compile_place("$.source"), compile_place("$.id"))
_NOTED_SECONDS: Final = 60.0
"""A secret's use is written at most so often: it says which secret is still in use, and that needs no more."""


def delivery_claim(genuine: Genuine, part: Part, now: datetime) -> DeliveryClaim | None:
    """Return the claim to a delivery id; None where the event has none: then nothing tells that it is a copy."""
    guard = genuine.live.guard
    found = _delivery_id(guard, genuine, part)
    if not found:
        return None
    horizon = (guard.source.replay or Replay()).horizon
    return DeliveryClaim(source=guard.source.ref, delivery_id=found, expires_at=now + timedelta(seconds=horizon))


def _delivery_id(guard: Guard, genuine: Genuine, part: Part) -> str:
    if guard.delivery:
        return joined(guard.delivery, part.headers, part.document)
    if guard.cloudevents:
        return joined(_CLOUDEVENT_ID, part.headers, part.document)
    if genuine.verification.delivery_id:
        return bounded(genuine.verification.delivery_id)
    texts = (as_text(reader(part.headers, part.document)) for reader in guard.own_delivery)
    return bounded(next(filter(None, texts), ""))


def order_claim(guard: Guard, part: Part) -> OrderClaim | None:
    """Return the claim to a place in an order; None where the event has no key or version."""
    if guard.order is None:
        return None
    key = joined(guard.order.key, part.headers, part.document)
    version = guard.order.version(part.headers, part.document)
    if not key or isinstance(version, bool) or not isinstance(version, int | float | str) or version == "":
        return None
    if isinstance(version, float) and not math.isfinite(version):
        return None
    return OrderClaim(
        source=guard.source.ref, key=key, version=bounded(version) if isinstance(version, str) else version
    )


class SecretUses:
    """Which secret of which source verified a request lately, in memory, so that not every request writes it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._noted: dict[tuple[str, str], float] = {}

    def due(self, genuine: Genuine, now: datetime) -> SecretUse | None:
        """Return what is to be written about this request's secret; None where it was written a moment ago."""
        index = genuine.verification.secret
        references = genuine.live.guard.source.secrets
        if index is None or index >= len(references):
            return None
        use = SecretUse(source=genuine.live.guard.source.ref, secret=references[index].name, used_at=now)
        last = self._noted.get((use.source, use.secret))
        return None if last is not None and self._clock.monotonic() - last < _NOTED_SECONDS else use

    def noted(self, use: SecretUse) -> None:
        """Remember that it is written."""
        self._noted[use.source, use.secret] = self._clock.monotonic()
