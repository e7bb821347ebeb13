"""What an operator asks of sources: why a request was refused, and to take it in after all; which secret was used when.

Everything here is for whoever holds an API key. No answer holds a secret, or a signature that would have been right.
"""

import asyncio
from collections.abc import Iterator
from datetime import datetime

import msgspec

from stormlet.flow.pipeline import Pipeline
from stormlet.flow.reception import Reception
from stormlet.flow.ruleset import Compiled, Ruleset
from stormlet.flow.verification.certificates import Certificates, Fetch
from stormlet.flow.verification.diagnosing import Diagnosis, explain, is_retryable
from stormlet.flow.verification.gate import Gate
from stormlet.flow.verification.guard import Guard
from stormlet.flow.verification.rejections import KEEP, Rejections
from stormlet.flow.verification.requests import HookRequest, Live, Sender, TurnedAway
from stormlet.flow.verification.secrets import SecretReader, shown
from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.foundation.secrets import SecretBox
from stormlet.foundation.settings import Settings
from stormlet.foundation.telemetry import Metrics
from stormlet.model.arrival import Rejection
from stormlet.model.source import Source
from stormlet.signatures.request import cut_url
from stormlet.store.interface import Store


class SecretState(msgspec.Struct, frozen=True, kw_only=True):
    """One secret of a source, without its value. `place` is where it comes from; `problem` says why it is not there."""

    name: str
    place: str
    enabled: bool
    present: bool
    problem: str = ""
    last_used: datetime | None = None


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a refused request that was tried again.

    `outcome` is accepted, duplicate, stale, handshake, or refused; only then are `reason` and `detail` set.
    """

    outcome: str
    events: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""


class Guarding:
    """Answers about sources."""

    def __init__(
        self,
        *,
        store: Store,
        ruleset: Ruleset,
        reception: Reception,
        gate: Gate,
        secrets: SecretReader,
        rejections: Rejections,
        certificates: Certificates,
    ) -> None:
        self._store = store
        self._ruleset = ruleset
        self._reception = reception
        self._gate = gate
        self._secrets = secrets
        self._rejections = rejections
        self._certificates = certificates
        self._retrying = asyncio.Lock()

    async def rejections(self, source: str, limit: int = KEEP) -> list[Rejection]:
        """Return a source's refused requests, newest first. Raises NotFoundError where there is no such source."""
        self._known(source)
        return await self._store.rejections(source, limit)

    async def explain(self, source: str, rejection_id: str | None = None) -> Diagnosis:
        """Return why a request was refused; None: the last one.

        Raises:
            NotFoundError: there is no such source or request, or none was refused.
            InvalidInputError: what was kept cannot be opened.
        """
        live = self._live(source)
        rejection = await self._rejection(source, rejection_id)
        others = [self._live_of(guard) for guard in _all_guards(self._ruleset.current)]
        # In a thread: it tries many ways to sign, over a body of up to 64 KiB.
        return await asyncio.to_thread(explain, rejection, live, others, self._rejections, self._certificates)

    async def retry(self, rejection_id: str) -> Retried:
        """Judge a refused request again, by the clock of its arrival and with the secrets and options of now.

        One that is genuine now is taken in like any other, and is no longer among the refused.

        Raises:
            NotFoundError: there is no such request, or its source is gone.
            InvalidInputError: it was not kept whole, or what it says cannot be understood.
        """
        async with self._retrying:  # one after the other, so that two who ask at once do not take it in twice
            return await self._retry(rejection_id)

    async def _retry(self, rejection_id: str) -> Retried:
        rejection = await self._store.rejection(rejection_id)
        if rejection is None:
            raise NotFoundError(f'there is no refused request "{rejection_id}"')
        live = self._live(rejection.source)
        if not is_retryable(rejection):
            text = "only the headers of this request were kept: its body was not read, or was too large"
            raise InvalidInputError(text)
        signed = await asyncio.to_thread(self._rejections.opened, rejection)
        cut = cut_url(signed.url)
        request = HookRequest(
            hook=rejection.url,
            method=signed.method,
            target=cut.path + (f"?{cut.query}" if cut.query is not None else ""),
            headers=signed.headers,
            remote=rejection.remote,
            received_at=rejection.received_at,
            body=signed.body,
        )
        verdict = await self._gate.judge([live], request, _operator)
        if isinstance(verdict, TurnedAway):
            return Retried(outcome="refused", reason=verdict.reason, detail=verdict.detail)
        answer = await self._reception.take_in(verdict, self._ruleset.current, again=True)
        await self._store.delete_rejection(rejection_id)
        return Retried(outcome=answer.outcome, events=answer.events)

    async def secrets_of(self, source: str) -> list[SecretState]:
        """Return a source's secrets, in its order, and when each proved a request last. Raises NotFoundError."""
        guarded = self._known(source)
        used = await self._store.secret_uses(source)
        missing = {each.name: each.why for each in self._secrets.missing(guarded)}
        return [
            SecretState(
                name=reference.name,
                place=shown(reference),
                enabled=reference.enabled,
                present=reference.name not in missing,
                problem=missing.get(reference.name, ""),
                last_used=used.get(reference.name),
            )
            for reference in guarded.secrets
        ]

    def is_active(self, source: str) -> bool:
        """Tell whether a source guards its URL at this moment."""
        return any(
            guard.source.ref == source and self._gate.live([guard]) for guard in _all_guards(self._ruleset.current)
        )

    def lacks_secrets(self, source: Source) -> bool:
        """Tell whether none of a source's secrets is there, so that it refuses everything as long as it is on."""
        return bool(source.secrets) and len(self._secrets.missing(source)) == len(source.secrets)

    async def _rejection(self, source: str, rejection_id: str | None) -> Rejection:
        if rejection_id is None:
            if found := await self._store.rejections(source, 1):
                return found[0]
            raise NotFoundError(f"source {source} has refused no request that is kept")
        rejection = await self._store.rejection(rejection_id)
        if rejection is None or rejection.source != source:
            raise NotFoundError(f'source {source} has no refused request "{rejection_id}"')
        return rejection

    def _known(self, ref: str) -> Source:
        source = self._ruleset.current.snapshot.sources.get(ref)
        if source is None:
            raise NotFoundError(f'Resource with a reference or id "{ref}" not found')
        return source

    def _live(self, ref: str) -> Live:
        self._known(ref)
        found = next((guard for guard in _all_guards(self._ruleset.current) if guard.source.ref == ref), None)
        if found is None:
            hint = "`stormlet check` says what is wrong with it, unless it is switched off"
            raise InvalidInputError(f"source {ref} guards nothing", hint=hint)
        return self._live_of(found)

    def _live_of(self, guard: Guard) -> Live:
        return Live(guard, self._secrets.secrets_of(guard.source))


def build_gate(
    *,
    store: Store,
    ruleset: Ruleset,
    pipeline: Pipeline,
    secrets: SecretReader,
    box: SecretBox,
    fetch: Fetch,
    clock: Clock,
    settings: Settings,
    metrics: Metrics,
) -> tuple[Reception, Guarding]:
    """Return both sides of one gate: that of senders, and that of operators."""
    limits, public_url = settings.limits, settings.server.public_url
    rejections, certificates = Rejections(store, clock, box, pipeline.publisher.rejected), Certificates(fetch, clock)
    gate = Gate(
        secrets=secrets,
        rejections=rejections,
        certificates=certificates,
        fetch=fetch,
        clock=clock,
        limits=limits,
        public_url=public_url,
    )
    reception = Reception(ruleset=ruleset, pipeline=pipeline, gate=gate, clock=clock, limits=limits, metrics=metrics)
    guarding = Guarding(
        store=store,
        ruleset=ruleset,
        reception=reception,
        gate=gate,
        secrets=secrets,
        rejections=rejections,
        certificates=certificates,
    )
    return reception, guarding


def _all_guards(content: Compiled) -> Iterator[Guard]:
    for guards in content.guards.values():
        yield from guards


async def _operator() -> Sender:
    """Whoever asks for a retry has an API key."""
    return Sender()
