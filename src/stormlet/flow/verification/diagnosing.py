"""Why a request was refused, in words an operator can act on; for whoever holds an API key, never for the sender."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from stormlet.flow.verification.certificates import Certificates
from stormlet.flow.verification.rejections import Rejections, is_whole
from stormlet.flow.verification.requests import Live
from stormlet.model.arrival import Rejection
from stormlet.signatures.diagnosis import Candidate, Cause, Confidence, diagnose
from stormlet.signatures.verification import MEANINGS, Reason

ADDRESS: Final = "address-not-allowed"
NO_KEY: Final = "no-api-key"
TOO_LARGE: Final = "too-large"
UNREADABLE: Final = "unreadable-body"
_OWN: Final = {
    ADDRESS: "The sender's address is not one of those that may post (`allow_ips`).",
    NO_KEY: "The source asks for an API key as well, and none that is valid came with the request.",
    TOO_LARGE: "The body is larger than the source takes (`max_body`).",
    UNREADABLE: "The request is genuine, and what it says cannot be read.",
}


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """One refused request, and what was likely wrong with it; the surest cause first."""

    rejection_id: str
    source: str
    url: str
    received_at: datetime
    remote: str
    size: int
    reason: str
    """A stable word: one of signatures/verification.py, or of this module."""
    meaning: str
    detail: str
    causes: tuple[Cause, ...]
    retryable: bool
    """Whether the whole request was kept."""


def explain(
    rejection: Rejection, live: Live, others: Iterable[Live], rejections: Rejections, certificates: Certificates
) -> Diagnosis:
    """Return what was wrong with a request.

    Args:
        rejection: the refused request.
        live: its source, with the secrets of now.
        others: all other sources: the sender may have used one of theirs.
        rejections: opens the request.
        certificates: those that are known; nothing is fetched.

    Raises:
        InvalidInputError: the request cannot be opened.
    """
    return Diagnosis(
        rejection_id=rejection.id,
        source=rejection.source,
        url=rejection.url,
        received_at=rejection.received_at,
        remote=rejection.remote,
        size=rejection.size,
        reason=rejection.reason,
        meaning=meaning_of(rejection.reason),
        detail=rejection.detail,
        causes=tuple(_causes(rejection, live, others, rejections, certificates)),
        retryable=is_retryable(rejection),
    )


def is_retryable(rejection: Rejection) -> bool:
    """Tell whether a refused request can be judged again: whether its whole body was read and kept."""
    return is_whole(rejection) and rejection.reason not in (ADDRESS, TOO_LARGE)


def meaning_of(reason: str) -> str:
    """Return what a reason means, in a sentence."""
    if reason in _OWN:
        return _OWN[reason]
    try:
        return MEANINGS[Reason(reason)]
    except (ValueError, KeyError):
        return reason


def _causes(
    rejection: Rejection, live: Live, others: Iterable[Live], rejections: Rejections, certificates: Certificates
) -> Sequence[Cause]:
    if rejection.reason in _OWN:
        return [Cause(code=rejection.reason, text=rejection.detail or _OWN[rejection.reason])]
    if not is_whole(rejection):
        text = (
            f"{rejection.detail}; its body of {rejection.size} bytes was too large to be kept, so no more can be said"
        )
        return [Cause(code=rejection.reason, text=text, confidence=Confidence.LIKELY)]
    scheme = live.guard.scheme
    if scheme is None:
        return []
    request = rejections.opened(rejection)
    candidates = [
        Candidate(
            source=other.guard.source.ref, scheme=other.guard.scheme, secrets=other.secrets, options=other.guard.options
        )
        for other in others
        if other.guard.scheme is not None and other.guard.source.ref != rejection.source
    ]
    options = certificates.known_options(live.guard.options)
    found = diagnose(scheme, request, live.secrets, rejection.received_at, options, candidates)
    if found:
        return found
    text = "with the secrets and options of now it is genuine: `stormlet source retry` takes it in"
    return [Cause(code="genuine-now", text=text)]
