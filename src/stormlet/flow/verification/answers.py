"""What is answered to a request that was taken: what its source or its sender wants, and where the event can be found."""

from collections.abc import Sequence

import msgspec

from stormlet.flow.verification.requests import Genuine, Understood
from stormlet.foundation.headers import Pairs
from stormlet.model.arrival import Arrival, Recorded
from stormlet.signatures.handshakes import Reply


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered, and what became of the request: accepted, duplicate, stale or handshake."""

    outcome: str
    status: int = 202
    headers: Pairs = ()
    body: bytes = b""
    events: tuple[str, ...] = ()
    """Ids of the events; of a duplicate, those of the event that came first."""


def answer_to(
    genuine: Genuine, understood: Understood, arrivals: Sequence[Arrival], recorded: Sequence[Recorded]
) -> Answer:
    """Return what the source's sender expects; a copy is answered as the first one was."""
    reply = genuine.live.guard.reply
    firsts = [
        found.duplicate_of or arrival.event.id
        for arrival, found in zip(arrivals, recorded, strict=True)
        if arrival.event is not None
    ]
    headers = reply.headers
    if firsts and arrivals[0].instances:
        headers = (*headers, *found_at(firsts[0], firsts[0]))
    return Answer(
        outcome=_outcome(recorded),
        status=reply.status,
        headers=headers,
        body=_echo(understood) if reply.body is None else reply.body,
        events=tuple(firsts),
    )


def _outcome(recorded: Sequence[Recorded]) -> str:
    fresh = [found for found in recorded if found.duplicate_of is None]
    if recorded and not fresh:
        return "duplicate"
    return "stale" if fresh and all(found.stale for found in fresh) else "accepted"


def _echo(understood: Understood) -> bytes:
    documents = [part.document for part in understood.parts]
    return msgspec.json.encode(documents[0] if len(documents) == 1 else documents)


def found_at(event: str, instance: str) -> Pairs:
    """Return the headers that say where an event can be found."""
    return (("X-Event-Id", event), ("Location", f"/api/v1/triggerinstances/{instance}"))


def handshake_answer(reply: Reply) -> Answer:
    """Return a handshake's reply as an answer."""
    return Answer(outcome="handshake", status=reply.status, headers=reply.headers, body=reply.body)
