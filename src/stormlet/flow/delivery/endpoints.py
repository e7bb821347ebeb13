"""Endpoints made ready to be sent to, and what is known of each at this moment.

`EndpointTable` is content: which endpoints there are, swapped whole with all other content. `EndpointBook` is memory: a mirror of
what the store has learned, so that nobody has to read the database before each attempt.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from stormlet.flow.delivery.formats.interface import VERIFICATION, SecretUse
from stormlet.flow.delivery.formats.registry import (
    CompiledFormat,
    check_headers,
    compile_format,
    format_named,
    format_problems,
)
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.paths import Lookup, PathError, compile_path
from stormlet.foundation.templates import Templates
from stormlet.model.delivery import Attempt
from stormlet.model.endpoint import BrokenEndpoint, Endpoint, EndpointSecret, EndpointState
from stormlet.model.message import Message
from stormlet.model.message_catalogue import wants_type
from stormlet.model.problem import Problem, Severity
from stormlet.store.delivery_interface import DeliveryStore

Document = Mapping[str, Any]
"""A message as formats.envelope has it: what filters, order keys and templates look into."""

ReadKey = Callable[[str], str | None]
"""Reads a system key of the datastore, for filters that name one."""
Accepts = Callable[[Message, Document, ReadKey], bool]
CompileFilter = Callable[[Endpoint], tuple[Accepts | None, list[Problem]]]
"""Makes an endpoint's filter, in the rules' own language; which is matching's business, so it is handed in."""

_SLOW_FORMATS: Final = frozenset({"template"})
_MOST_TYPES: Final = 1000


class CompiledEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint with everything parsed that can be parsed before there is a message."""

    endpoint: Endpoint
    format: CompiledFormat | None = None
    """Makes the request; None where the endpoint runs an action."""
    accepts: Accepts | None = None
    """The filter; None: there is none."""
    order_key: Lookup | None = None
    fingerprint: str = ""
    """Of what is verified: another URL, format or set of secrets has to be verified anew."""

    @property
    def ref(self) -> str:
        return self.endpoint.ref

    @property
    def slow(self) -> bool:
        """Whether rendering may take long enough to leave the event loop: a user's own templates."""
        return self.endpoint.format in _SLOW_FORMATS

    def hears(self, kind: str) -> bool:
        """Tell whether messages of a type are for this endpoint at all."""
        sayable = self.format is None or self.format.says(kind)
        return self.endpoint.enabled and sayable and kind != VERIFICATION and wants_type(self.endpoint.types, kind)


def compile_endpoint(
    endpoint: Endpoint, templates: Templates, compile_filter: CompileFilter
) -> tuple[CompiledEndpoint | None, list[Problem]]:
    """Return the endpoint ready to be sent to, or None where it has errors, and all that is wrong with it."""
    accepts, problems = compile_filter(endpoint)
    order_key = None
    if endpoint.order_key:
        try:
            order_key = compile_path(endpoint.order_key)
        except PathError as error:
            problems.append(_problem(endpoint, "bad-path", "order", f"{endpoint.order_key!r} is no path: {error}"))
    chosen = None
    if not endpoint.action:
        problems += _request_problems(endpoint, templates)
    if any(problem.severity is Severity.ERROR for problem in problems):
        return None, problems
    if not endpoint.action:
        chosen = compile_format(endpoint.format, endpoint.options, templates)
    compiled = CompiledEndpoint(
        endpoint=endpoint, format=chosen, accepts=accepts, order_key=order_key, fingerprint=_fingerprint(endpoint)
    )
    return compiled, problems


def _request_problems(endpoint: Endpoint, templates: Templates) -> list[Problem]:
    """Return why no request could be made: format, options, a secret that is missing, headers."""
    problems = [
        msgspec.structs.replace(problem, location=endpoint.locations.get(problem.path, endpoint.location))
        for problem in format_problems(endpoint.format, endpoint.options, templates)
    ]
    if not problems and not endpoint.secrets and format_named(endpoint.format).about.secret is SecretUse.REQUIRED:
        text = f"the format {endpoint.format} needs a secret, and there is none"
        problems.append(_problem(endpoint, "missing-key", "secret", text, "write where it is: secret: env:NAME"))
    try:
        check_headers(endpoint.headers)
    except InvalidInputError as error:
        text = error.text.removeprefix("headers: ")
        problems.append(_problem(endpoint, "bad-value", "headers", text, error.hint))
    return problems


def _fingerprint(endpoint: Endpoint) -> str:
    secrets = sorted((secret.name, secret.reference) for secret in endpoint.secrets if secret.retires_at is None)
    described = [endpoint.url, endpoint.format, endpoint.options, secrets]
    return hashlib.sha256(msgspec.json.encode(described, order="deterministic")).hexdigest()[:32]


def _problem(endpoint: Endpoint, code: str, path: str, text: str, hint: str = "") -> Problem:
    location = endpoint.locations.get(path, endpoint.location)
    return Problem(code=code, text=text, path=path, hint=hint, location=location)


def endpoint_label(endpoint: str, name: str) -> str:
    """Return what a secret of an endpoint is sealed for (foundation/secrets.py)."""
    return f"endpoint:{endpoint}:{name}"


def secret_opener(read: Callable[[str, str], str]) -> Callable[[str, EndpointSecret], str]:
    """Return what opens the secrets of endpoints. `read` takes a reference and what a sealed one was sealed for."""

    def opened(endpoint: str, secret: EndpointSecret) -> str:
        return read(secret.reference, endpoint_label(endpoint, secret.name))

    return opened


class EndpointTable:
    """All endpoints at one moment."""

    def __init__(self, endpoints: Iterable[CompiledEndpoint] = (), broken: Iterable[BrokenEndpoint] = ()) -> None:
        self.endpoints: Mapping[str, CompiledEndpoint] = {each.ref: each for each in endpoints}
        self.broken: Mapping[str, BrokenEndpoint] = {each.ref: each for each in broken}
        self._by_type: dict[str, tuple[CompiledEndpoint, ...]] = {}

    def hearing(self, kind: str) -> tuple[CompiledEndpoint, ...]:
        """Return the endpoints that want a type of message, whatever their scope; asked for every message there is."""
        if not self.endpoints:
            return ()
        found = self._by_type.get(kind)
        if found is None:
            if len(self._by_type) > _MOST_TYPES:  # users invent types of their own
                self._by_type.clear()
            found = self._by_type[kind] = tuple(each for each in self.endpoints.values() if each.hears(kind))
        return found


class EndpointBook:
    """What is known of endpoints: the store's memory, mirrored. Every change goes to the store first."""

    def __init__(self, store: DeliveryStore) -> None:
        self._store = store
        self._states: dict[str, EndpointState] = {}

    async def load(self) -> None:
        """Read everything again."""
        self._states = await self._store.endpoint_states()

    def state(self, ref: str) -> EndpointState:
        """Return what is known of an endpoint; of a new one nothing."""
        return self._states.get(ref) or EndpointState(ref=ref)

    def is_verified(self, compiled: CompiledEndpoint) -> bool:
        """Tell whether the endpoint, as it is now, has said that it is there. An action of ours need not be asked."""
        return bool(compiled.endpoint.action) or self.state(compiled.ref).verified_as == compiled.fingerprint

    def is_open(self, compiled: CompiledEndpoint) -> bool:
        """Tell whether anything may be sent now."""
        state = self.state(compiled.ref)
        return compiled.endpoint.enabled and not state.disabled_reason and self.is_verified(compiled)

    def may_wait(self, compiled: CompiledEndpoint) -> bool:
        """Tell whether messages are planned: also for one that was verified and only has to be verified anew, but not for one
        that was never reached or is switched off, whose backlog would grow for ever."""
        state = self.state(compiled.ref)
        known = state.verified_at is not None or bool(compiled.endpoint.action)
        return compiled.endpoint.enabled and known and not state.disabled_reason

    async def put(self, state: EndpointState) -> None:
        """Store a state."""
        await self._store.put_endpoint_state(state)
        self._states[state.ref] = state

    def attempted(self, ref: str, attempt: Attempt, *, delivered: bool) -> EndpointState:
        """Note an attempt that the store was told of."""
        self._states[ref] = state = after_attempt(self.state(ref), attempt, delivered=delivered)
        return state

    def disabled(self, ref: str, reason: str, now: datetime) -> None:
        """Note that the store was told to send no more."""
        self._states[ref] = msgspec.structs.replace(self.state(ref), disabled_reason=reason, disabled_at=now)


def after_attempt(state: EndpointState, attempt: Attempt, *, delivered: bool) -> EndpointState:
    """Return what an attempt teaches about its endpoint."""
    moment = attempt.ended_at
    state = msgspec.structs.replace(
        state, last_attempt_at=moment, last_status_code=attempt.status_code, last_error=attempt.error
    )
    if delivered:
        return msgspec.structs.replace(state, failing_since=None, failures=0, last_success_at=moment, last_error="")
    return msgspec.structs.replace(state, failing_since=state.failing_since or moment, failures=state.failures + 1)
