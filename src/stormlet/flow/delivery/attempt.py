"""One attempt at a delivery: render, sign, send, and say what came of it. Nothing is stored here, and nothing raised.

The receiver is a stranger: it may hang at any moment, answer without end, or with garbage; its name may lead somewhere else each
time. All that is EgressClient's business, and each of it ends here as a sentence on the attempt. What is kept of a request is
masked first.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from stormlet.flow.delivery.endpoints import CompiledEndpoint
from stormlet.flow.delivery.formats.envelope import envelope
from stormlet.flow.delivery.formats.interface import OutgoingRequest
from stormlet.flow.delivery.loop_guard import HEADER, LoopGuard
from stormlet.flow.delivery.messages import CHAIN
from stormlet.flow.delivery.schedule import Advice, Answer
from stormlet.flow.delivery.secrets import signing
from stormlet.foundation import egress
from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import InvalidInputError, StormletError, TooLargeError
from stormlet.foundation.secrets import MASK
from stormlet.model.delivery import KEPT_BODY_BYTES, Attempt
from stormlet.model.endpoint import Endpoint, EndpointSecret
from stormlet.model.message import Message
from stormlet.signatures.secret import Secret

_CREDENTIAL_SEGMENT: Final = re.compile(r"(?=[^/]*\d)(?=[^/]*[A-Za-z])[A-Za-z0-9_\-.~%=]{20,}")


class ActionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An execution that an endpoint asks for instead of a request."""

    action: str
    parameters: Mapping[str, Any]
    """Templates, for the parameters of the action."""
    names: Mapping[str, Any]
    """What the templates see."""
    context: dict[str, Any]
    trace_tag: str


RunAction = Callable[[ActionRequest], Awaitable[str]]
"""Stores the execution and returns its id. Raises what a request for an execution raises."""
OpenSecret = Callable[[str, EndpointSecret], str]
"""Returns the value of a secret of the endpoint of that ref; empty where it is not there."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt."""

    attempt: Attempt
    """With `error` as the wire has it; who judges it by its status sets it."""
    answer: Answer
    advice: Advice | None = None
    note: str = ""
    """What is worth saying beside the status, such as an answer that broke off."""


class Sender:
    """Makes attempts."""

    def __init__(
        self,
        *,
        client: egress.EgressClient,
        clock: Clock,
        guard: LoopGuard,
        open_secret: OpenSecret,
        run_action: RunAction,
        timeout: float,
    ) -> None:
        """Join the parts. `timeout` is in seconds, for endpoints that have none of their own."""
        self._client = client
        self._clock = clock
        self._guard = guard
        self._open_secret = open_secret
        self._run_action = run_action
        self._timeout = timeout

    def seconds(self, endpoint: Endpoint) -> float:
        """Return how long an attempt may take."""
        return endpoint.timeout or self._timeout

    async def attempt(
        self, compiled: CompiledEndpoint, message: Message, number: int, delivery_id: str = ""
    ) -> Outcome:
        """Send a message once.

        Args:
            compiled: where to.
            message: what.
            number: which attempt this is, from 1.
            delivery_id: what the attempt is recorded under.
        """
        started_at, started = self._clock.now(), self._clock.monotonic()
        blank = Attempt(delivery_id=delivery_id, started_at=started_at, seconds=0.0)
        subject = f"endpoint:{compiled.ref}"
        if why := self._guard.refusal(message.chain, subject):
            return _not_sent(blank, why, permanent=True)
        chain = self._guard.extended(message.chain, subject)
        if compiled.endpoint.action:
            outcome = await self._run(compiled.endpoint, message, chain, blank)
        else:
            outcome = await self._send(compiled, message, number, chain, blank)
        seconds = max(self._clock.monotonic() - started, 0.0)
        return msgspec.structs.replace(outcome, attempt=msgspec.structs.replace(outcome.attempt, seconds=seconds))

    async def _send(
        self, compiled: CompiledEndpoint, message: Message, number: int, chain: Sequence[str], blank: Attempt
    ) -> Outcome:
        try:
            secrets = self._secrets(compiled.endpoint)
        except InvalidInputError as error:
            return _not_sent(blank, str(error))  # somebody may put the secret where it belongs
        try:
            request = await self._rendered(compiled, message, secrets, number, chain)
        except (InvalidInputError, TooLargeError) as error:
            return _not_sent(blank, f"it could not be made: {error}", permanent=True)
        except Exception as error:  # noqa: BLE001 - the border: a user's templates and options, a stranger's data
            return _not_sent(blank, f"it could not be made: {type(error).__name__}: {error}", permanent=True)
        blank = _described(blank, request)
        return await self.exchange(request, compiled, blank)

    async def exchange(self, request: OutgoingRequest, compiled: CompiledEndpoint, blank: Attempt) -> Outcome:
        """Send a request that is made already, and read its answer."""
        try:
            came = await self._client.exchange(
                request.method,
                request.url,
                headers=request.headers,
                body=request.body,
                seconds=self.seconds(compiled.endpoint),
            )
        except StormletError as error:
            return _not_sent(blank, str(error))
        lower = {name.lower(): value for name, value in came.headers.items()}
        answer = Answer(status=came.status, retry_after=lower.get("retry-after", ""), body=came.body)
        attempt = msgspec.structs.replace(
            blank,
            status_code=came.status,
            answer_headers=tuple(
                (name, MASK if name.lower() == "set-cookie" else came.headers[name]) for name in came.headers
            ),
            answer_body=came.body[:KEPT_BODY_BYTES],
            answer_size=len(came.body),
        )
        advice = compiled.format.read(answer) if compiled.format else None
        return Outcome(attempt=attempt, answer=answer, advice=advice, note=came.cut)

    async def _rendered(
        self,
        compiled: CompiledEndpoint,
        message: Message,
        secrets: Sequence[Secret],
        number: int,
        chain: Sequence[str],
    ) -> OutgoingRequest:
        if compiled.format is None:
            raise InvalidInputError("the endpoint has no format")
        carried = ((HEADER, self._guard.written(chain)),)
        arguments = (message, compiled.endpoint, secrets, self._clock.now(), number, carried)
        if compiled.slow:
            return await asyncio.to_thread(compiled.format.render, *arguments)
        return compiled.format.render(*arguments)

    def _secrets(self, endpoint: Endpoint) -> tuple[Secret, ...]:
        """Return what signs now. Raises InvalidInputError where one is not there: nothing is sent with less than is due."""
        opened = [(each, self._open_secret(endpoint.ref, each)) for each in endpoint.secrets]
        now = self._clock.now()
        for each, value in opened:
            if not value and (each.retires_at is None or now < each.retires_at):
                raise InvalidInputError(f"the secret `{each.name}` of the endpoint is not there")
        return signing(opened, now)

    async def _run(self, endpoint: Endpoint, message: Message, chain: Sequence[str], blank: Attempt) -> Outcome:
        document = envelope(message)
        # `trigger` as in rules, so that parameters can be copied from one to the other. A parameter's own name stands for the
        # parameter, as in StackStorm.
        names = {"message": document, "data": message.data, "trigger": document}
        request = ActionRequest(
            action=endpoint.action,
            parameters=endpoint.parameters,
            names={name: value for name, value in names.items() if name not in endpoint.parameters},
            context={
                CHAIN: list(chain),
                "delivery": {"id": blank.delivery_id, "message": message.id, "endpoint": endpoint.ref},
            },
            trace_tag=message.trace_tag,
        )
        blank = msgspec.structs.replace(blank, method="RUN", url=endpoint.action)
        try:
            execution = await self._run_action(request)
        except InvalidInputError as error:
            return _not_sent(blank, f"{endpoint.action} could not be requested: {error}", permanent=True)
        except StormletError as error:
            return _not_sent(blank, f"{endpoint.action} could not be requested: {error}")
        body = msgspec.json.encode({"execution": execution})
        attempt = msgspec.structs.replace(blank, status_code=201, answer_body=body, answer_size=len(body))
        return Outcome(attempt=attempt, answer=Answer(status=201, body=body), note=f"execution {execution}")


def not_sent(delivery_id: str, started_at: datetime, why: str) -> Outcome:
    """Return the outcome of an attempt that came to nothing, for a reason that may pass."""
    return _not_sent(Attempt(delivery_id=delivery_id, started_at=started_at, seconds=0.0), why)


def _not_sent(blank: Attempt, why: str, *, permanent: bool = False) -> Outcome:
    why = why[:2000]
    return Outcome(attempt=msgspec.structs.replace(blank, error=why), answer=Answer(error=why, permanent=permanent))


def _described(blank: Attempt, request: OutgoingRequest) -> Attempt:
    """Return the attempt with what is sent, as it may be shown."""
    shown = request.shown()
    return msgspec.structs.replace(
        blank,
        method=request.method,
        url=shown_url(shown.url),
        secrets=request.signed_with,
        request_headers=shown.headers,
        request_body=shown.body[:KEPT_BODY_BYTES],
        request_size=len(request.body),
    )


def shown_url(url: str) -> str:
    """Return a URL as it may be shown: the query's values and what looks like a credential in the path are masked, for the
    URLs of chats are secrets."""
    parts = urlsplit(url)
    path = "/".join(MASK if _CREDENTIAL_SEGMENT.fullmatch(part) else part for part in parts.path.split("/"))
    query = "&".join(f"{pair.partition('=')[0]}={MASK}" for pair in parts.query.split("&")) if parts.query else ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{path}" + (f"?{query}" if query else "")
