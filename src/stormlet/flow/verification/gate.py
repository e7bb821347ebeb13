"""The gate before a webhook: who may come in. Each question is asked once, the cheap ones first.

    before the body    method, address, pace; handshakes of protocols that have no signature; the API key where one is wanted
    over the body      the signature, over the bytes received
    after that         pace again (what is not genuine costs the genuine sender nothing), handshakes, what the request says

A sender that is turned away is told a status and a word. What was wrong is kept for the operator.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from stormlet.flow.verification.addresses import is_within, sender
from stormlet.flow.verification.buckets import Buckets
from stormlet.flow.verification.certificates import Certificates, Fetch
from stormlet.flow.verification.diagnosing import ADDRESS, NO_KEY, TOO_LARGE, UNREADABLE
from stormlet.flow.verification.guard import Guard
from stormlet.flow.verification.masking import Blotter
from stormlet.flow.verification.rejections import Rejections
from stormlet.flow.verification.requests import (
    Genuine,
    HookRequest,
    Live,
    Sender,
    TurnedAway,
    Understood,
    signed_request,
)
from stormlet.flow.verification.secrets import SecretReader, usable
from stormlet.flow.verification.understanding import understand
from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import (
    ForbiddenError,
    InvalidInputError,
    OverloadedError,
    RateLimitedError,
    StormletError,
    TooLargeError,
    UnauthorizedError,
)
from stormlet.foundation.settings import Limits
from stormlet.model.source import Source
from stormlet.signatures.aws_sns import AWS_SNS, is_sns_url
from stormlet.signatures.handshakes import Reply, answer_signed, answer_unsigned, refusal_status, webhook_consent
from stormlet.signatures.registry import verify
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.secret import Secret
from stormlet.signatures.verification import Reason, Verification, accepted

log = logging.getLogger(__name__)

Identify = Callable[[], Awaitable[Sender]]
"""Finds out whose API key or token came with a request. Raises UnauthorizedError."""

_LARGE: Final = 256 * 1024
"""Bytes from which on hashing leaves the event loop."""
_UNPROVED: Final = accepted()
_NOBODY: Final = Sender()
_CLOSENESS: Final = {Reason.TOO_OLD: 0, Reason.IN_FUTURE: 0, Reason.MALFORMED_BODY: 1, Reason.MISMATCH: 2}
"""Of several sources on one URL, a refusal belongs to the one whose request it most likely was."""


class Gate:
    """Asks requests for their proof. Holds what has to be remembered between two requests, and no content."""

    def __init__(
        self,
        *,
        secrets: SecretReader,
        rejections: Rejections,
        certificates: Certificates,
        fetch: Fetch,
        clock: Clock,
        limits: Limits,
        public_url: str,
    ) -> None:
        self._secrets = secrets
        self._rejections = rejections
        self._certificates = certificates
        self._fetch = fetch
        self._limits = limits
        self._public_url = public_url.rstrip("/")
        self._buckets = Buckets(clock)
        self._blotters: dict[str, tuple[tuple[Secret, ...], Blotter]] = {}

    def live(self, guards: Sequence[Guard]) -> tuple[Live, ...]:
        """Return the guards that are on, with the secrets of now. A source that is `auto` is on while it has one; one that is
        switched off is no guard at all (flow/ruleset)."""
        read = self._secrets.secrets_of
        found = [Live(guard, read(guard.source)) for guard in guards]
        return tuple([live for live in found if live.guard.source.enabled or usable(live.secrets)])

    # Before the body

    async def admit_sender(self, lives: Sequence[Live], request: HookRequest) -> tuple[Live, ...]:
        """Return those guards that take this method from this address, and have room for one more request. One of them
        takes the method at least.

        Raises:
            ForbiddenError: the sender's address is not one of those that may post.
            RateLimitedError: too many genuine requests came already.
        """
        if len(lives) == 1 and lives[0].guard.unhindered:
            return tuple(lives)
        taking = tuple([live for live in lives if live.guard.takes(request.method)])
        near = tuple([live for live in taking if not live.guard.allowed or _may_post(live.guard, request)])
        if not near:
            detail = f"{sender(request.remote, request.headers, taking[0].guard.proxies)} may not post here"
            await self._keep(taking[0], request, ADDRESS, detail)
            raise ForbiddenError("Forbidden")
        wait = min(self._wait(live.guard.source) for live in near)
        if wait > 0:
            raise _too_many(wait)
        return near

    def answer_unsigned(self, lives: Sequence[Live], request: HookRequest) -> Reply | None:
        """Return the reply to a handshake of a protocol that has no signatures; None where the request is none."""
        for live in lives:
            guard = live.guard
            if not guard.greets_unsigned:
                continue
            signed = signed_request(request, guard, self._public_url)
            reply = answer_unsigned(guard.scheme, signed, guard.options) if guard.scheme else None
            if reply is None and guard.cloudevents:
                reply = webhook_consent(signed, guard.options)
            if reply is not None:
                return reply
        return None

    def body_limit(self, lives: Sequence[Live]) -> int:
        """Return how many bytes are worth reading."""
        return max(self._limit(live.guard.source) for live in lives)

    # Over the body

    async def judge(self, lives: Sequence[Live], request: HookRequest, identify: Identify) -> Genuine | TurnedAway:
        """Return by which guard the request may come in, or why it may not. Several are asked in turn; the first that takes
        it decides."""
        refused: list[TurnedAway] = []
        whose: Sender | None = None
        for live in lives:
            guard = live.guard
            signed = signed_request(request, guard, self._public_url)
            if len(lives) > 1 and len(request.body) > self._limit(guard.source):
                refused.append(_too_large(live, self._limit(guard.source)))
                continue
            if guard.wants_key and whose is None:
                try:
                    whose = await identify()
                except UnauthorizedError as error:
                    refused.append(TurnedAway(live, NO_KEY, "", error))
                    continue
            verification = _UNPROVED
            if guard.wants_signature:
                assert guard.scheme is not None
                if guard.slow or len(signed.body) > _LARGE:
                    verification = await self._verify_slowly(live, signed, request)
                else:
                    verification = verify(guard.scheme, signed, live.secrets, request.received_at, guard.options)
            if verification.ok:
                return Genuine(live, verification, request, signed, whose if guard.wants_key and whose else _NOBODY)
            refused.append(_refusal(live, verification))
        return min(refused, key=_closeness)

    async def _verify_slowly(self, live: Live, signed: SignedRequest, request: HookRequest) -> Verification:
        """Verify beside the event loop what takes long there; fetch what has to be fetched before."""
        guard, options = live.guard, live.guard.options
        assert guard.scheme is not None
        if guard.scheme is AWS_SNS:
            options = await self._certificates.options_for(signed.body, options)
        return await asyncio.to_thread(verify, guard.scheme, signed, live.secrets, request.received_at, options)

    async def turn_away(self, refused: TurnedAway, request: HookRequest) -> StormletError:
        """Keep a refused request, and return what its sender is told."""
        if refused.reason != NO_KEY or refused.live.guard.wants_signature:
            await self._keep(refused.live, request, refused.reason, refused.detail)
        return refused.error

    # After that

    def take_turn(self, genuine: Genuine) -> None:
        """Count a genuine request. Raises RateLimitedError where too many came already."""
        source = genuine.live.guard.source
        if source.rate is not None and not self._buckets.of(source.ref, source.rate).take():
            raise _too_many(self._wait(source))

    def understand(self, genuine: Genuine) -> Understood:
        """Return what the request says, without credentials."""
        return understand(genuine, self._blotter(genuine.live), self._limits)

    async def answer_signed(self, genuine: Genuine, document: Any) -> Reply | None:
        """Return the reply to a handshake, after doing what it asks for; None where the request is an event.

        Raises:
            OverloadedError: what it asks for could not be done; the sender is to come again.
        """
        guard = genuine.live.guard
        if guard.scheme is None:
            return None
        reply = answer_signed(guard.scheme, genuine.signed, genuine.verification, genuine.live.secrets, document)
        if reply is None:
            return None
        if not guard.wants_signature and (reply.body or reply.fetch):
            return None  # an unsigned challenge is never echoed
        for url in reply.fetch:
            await self._confirm(url)
        return reply

    async def unreadable(self, genuine: Genuine, error: StormletError) -> None:
        """Keep a genuine request that cannot be read: its sender may have to be told."""
        await self._keep(genuine.live, genuine.request, UNREADABLE, error.text)

    async def _confirm(self, url: str) -> None:
        if not is_sns_url(url):
            raise ForbiddenError("Forbidden")
        try:
            answer = await self._fetch(url)
        except StormletError as error:
            # Why is for the operator: the sender learns nothing of what we can reach.
            log.warning("the SNS subscription at %s could not be confirmed: %s", url, error)
            raise OverloadedError("The subscription could not be confirmed.", retry_after=30) from None
        if not 200 <= answer.status <= 299:
            raise OverloadedError(f"The subscription could not be confirmed: {answer.status}.", retry_after=30)

    async def _keep(self, live: Live, request: HookRequest, reason: str, detail: str) -> None:
        signed = signed_request(request, live.guard, self._public_url)
        await self._rejections.keep(live, request, signed, reason, detail)

    def _limit(self, source: Source) -> int:
        return min(self._limits.body_bytes, source.max_body or self._limits.body_bytes)

    def _wait(self, source: Source) -> float:
        return self._buckets.of(source.ref, source.rate).wait() if source.rate is not None else 0.0

    def _blotter(self, live: Live) -> Blotter:
        ref = live.guard.source.ref
        known = self._blotters.get(ref)
        if known is None or known[0] is not live.secrets:
            known = self._blotters[ref] = (live.secrets, Blotter(live.secrets))
        return known[1]


def _may_post(guard: Guard, request: HookRequest) -> bool:
    return is_within(sender(request.remote, request.headers, guard.proxies), guard.allowed)


def _refusal(live: Live, verification: Verification) -> TurnedAway:
    status = refusal_status(verification)
    error: StormletError = UnauthorizedError("Unauthorized")
    if status == 403:
        error = ForbiddenError("Forbidden")
    elif status == 400:
        error = InvalidInputError("The event is malformed.", hint=verification.detail)
    return TurnedAway(live, str(verification.reason), verification.detail, error)


def _too_large(live: Live, limit: int) -> TurnedAway:
    return TurnedAway(live, TOO_LARGE, "", TooLargeError(f"The request body is larger than {limit} bytes."))


def _too_many(wait: float) -> RateLimitedError:
    seconds = max(math.ceil(wait), 1)
    return RateLimitedError("Too many requests.", hint=f"wait {seconds} s", retry_after=seconds)


def _closeness(refused: TurnedAway) -> int:
    if refused.reason in (TOO_LARGE, NO_KEY):
        return 4
    return _CLOSENESS.get(Reason(refused.reason), 3)
