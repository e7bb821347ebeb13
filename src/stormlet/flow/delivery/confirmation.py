"""Asking endpoints whether they are there, before anything is sent to them.

A verification is a message like any other, in the endpoint's own format and signed by its secrets, with a fresh id. Only 2xx
enables; anything else is shown, and the endpoint stays shut. It is asked anew where URL, format or secrets have changed: then
what waits is kept until the answer is right.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

import msgspec

from stormlet.flow.delivery.attempt import Sender
from stormlet.flow.delivery.endpoints import CompiledEndpoint, EndpointBook, EndpointTable
from stormlet.flow.delivery.formats.cloudevents import handshake_request, read_consent
from stormlet.flow.delivery.messages import endpoint_verification
from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import InvalidInputError, NotFoundError, OverloadedError, StoreError
from stormlet.foundation.supervisor import Supervisor
from stormlet.foundation.telemetry import one_line
from stormlet.model.delivery import Attempt

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 30.0
_FIRST_WAIT: Final = 30.0
_LONGEST_WAIT: Final = 3600.0
_AT_ONCE: Final = 8
_TROUBLE: Final = (StoreError, OverloadedError)


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint said. `error` is empty where it is there."""

    error: str = ""
    status_code: int | None = None
    attempt: Attempt | None = None

    @property
    def ok(self) -> bool:
        return not self.error


class Confirmation:
    """Verifies endpoints: when asked, and by itself those that content brought. See `Service` for start and stop."""

    def __init__(
        self,
        *,
        clock: Clock,
        supervisor: Supervisor,
        table: Callable[[], EndpointTable],
        book: EndpointBook,
        sender: Sender,
        opened: Callable[[], None],
    ) -> None:
        """Join the parts. `opened` is told when an endpoint may be sent to."""
        self.name = "endpoint verification"
        self._clock = clock
        self._supervisor = supervisor
        self._table = table
        self._book = book
        self._sender = sender
        self._opened = opened
        self._locks: dict[str, asyncio.Lock] = {}
        self._refused: dict[str, tuple[str, float, float]] = {}
        """Fingerprint, and when (monotonic) it may be asked again, and after how long since the last time."""
        self._woken = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    # For others

    def wake(self) -> None:
        """Say that endpoints have changed."""
        self._woken.set()

    async def verify(self, ref: str, why: str = "asked") -> Confirmed:
        """Ask an endpoint, and open it where it says 2xx; that also takes away what it was disabled for.

        Args:
            ref: of the endpoint.
            why: created, enabled, changed or asked; the receiver is told.

        Raises:
            NotFoundError: there is no such endpoint that can be used.
            StoreError, OverloadedError: its answer could not be stored.
        """
        compiled = self._table().endpoints.get(ref)
        if compiled is None:
            raise NotFoundError(
                f'there is no endpoint "{ref}" that can be used', hint="`stormlet check` says what is wrong"
            )
        async with self._lock(ref):
            return await self._verify(compiled, why)

    # Service

    async def start(self) -> None:
        """Begin to verify what content brings. Call after the dispatcher, which opens the client."""
        if self._looking is None:
            self._woken.set()
            self._looking = self._supervisor.spawn("endpoint verification", self._look_for_ever())

    async def stop(self, grace: float) -> None:
        """Ask nobody any more; what was asked and not answered is asked again at the next start."""
        if self._looking is not None:
            await self._supervisor.cancel(self._looking)
            self._looking = None

    async def _look_for_ever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _LOOK_SECONDS)
            self._woken.clear()
            due = [each for each in self._table().endpoints.values() if self._is_due(each)]
            for start in range(0, len(due), _AT_ONCE):
                await asyncio.gather(*(self._by_itself(each) for each in due[start : start + _AT_ONCE]))

    def _is_due(self, compiled: CompiledEndpoint) -> bool:
        state = self._book.state(compiled.ref)
        if not compiled.endpoint.enabled or state.disabled_reason or self._book.is_verified(compiled):
            return False
        refused = self._refused.get(compiled.ref)
        return refused is None or refused[0] != compiled.fingerprint or self._clock.monotonic() >= refused[1]

    async def _by_itself(self, compiled: CompiledEndpoint) -> None:
        lock = self._lock(compiled.ref)
        if lock.locked():
            return  # somebody is asking
        try:
            async with lock:
                why = "changed" if self._book.state(compiled.ref).verified_as else "created"
                confirmed = await self._verify(compiled, why)
        except _TROUBLE as error:
            log.warning("verifying endpoint %s waits: %s", compiled.ref, error)
            return
        if not confirmed.ok:
            log.warning(
                "endpoint %s is not verified, and nothing is sent to it: %s", compiled.ref, one_line(confirmed.error)
            )

    # One verification

    async def _verify(self, compiled: CompiledEndpoint, why: str) -> Confirmed:
        confirmed = await self._ask(compiled, why)
        now = self._clock.now()
        state = msgspec.structs.replace(
            self._book.state(compiled.ref),
            last_attempt_at=now,
            last_status_code=confirmed.status_code,
            last_error=confirmed.error,
            verification_error=confirmed.error,
        )
        if confirmed.ok:
            self._refused.pop(compiled.ref, None)
            state = msgspec.structs.replace(
                state,
                verified_at=now,
                verified_as=compiled.fingerprint,
                disabled_at=None,
                disabled_reason="",
                failing_since=None,
                failures=0,
                last_success_at=now,
            )
        else:
            self._remember_refusal(compiled)
        await self._book.put(state)
        if confirmed.ok:
            log.info("endpoint %s is verified", compiled.ref)
            self._opened()
        return confirmed

    async def _ask(self, compiled: CompiledEndpoint, why: str) -> Confirmed:
        if compiled.endpoint.action:
            return Confirmed()
        if refusal := await self._consent(compiled):
            return Confirmed(error=refusal)
        message = endpoint_verification(compiled.ref, compiled.endpoint.pack, why, self._clock.now())
        outcome = await self._sender.attempt(compiled, message, 1)
        status = outcome.attempt.status_code
        error = outcome.attempt.error
        if not error and (status is None or not 200 <= status < 300):
            error = f"answered {status}, and only 2xx enables an endpoint"
        elif not error and outcome.advice is not None and outcome.advice.reason and outcome.advice.step is not None:
            error = outcome.advice.reason if outcome.advice.step.value != "delivered" else ""
        return Confirmed(error=error, status_code=status, attempt=outcome.attempt)

    async def _consent(self, compiled: CompiledEndpoint) -> str:
        """Ask a receiver of CloudEvents for its consent, where the endpoint says so. Returns why there is none."""
        options = compiled.format.options if compiled.format is not None else {}
        origin = options.get("origin") if compiled.endpoint.format == "cloudevents" else None
        if not isinstance(origin, str) or not origin:
            return ""
        try:
            request = handshake_request(compiled.endpoint.url, origin)
        except InvalidInputError as error:
            return str(error)
        blank = Attempt(delivery_id="", started_at=self._clock.now(), seconds=0.0)
        outcome = await self._sender.exchange(request, compiled, blank)
        if outcome.attempt.status_code is None:
            return outcome.attempt.error
        consent = read_consent(outcome.attempt.answer_headers, origin)
        return "" if consent.allowed else consent.reason

    def _remember_refusal(self, compiled: CompiledEndpoint) -> None:
        known = self._refused.get(compiled.ref)
        wait = (
            min(known[2] * 2, _LONGEST_WAIT) if known is not None and known[0] == compiled.fingerprint else _FIRST_WAIT
        )
        self._refused[compiled.ref] = (compiled.fingerprint, self._clock.monotonic() + wait, wait)

    def _lock(self, ref: str) -> asyncio.Lock:
        return self._locks.setdefault(ref, asyncio.Lock())
