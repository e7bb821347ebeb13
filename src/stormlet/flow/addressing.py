"""What an operator asks of endpoints: make and change them, switch them, verify them, rotate what signs.

Whoever makes an endpoint, enables it, or changes its URL or secret waits for its verification and is told what came of it. One
that is made or enabled and does not say 2xx is switched off again. One that was in service and no longer does keeps what waits
for it, and is asked again by itself.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any, Final

import msgspec

from stormlet.content.shapes import DEFAULT_PACK
from stormlet.content.source_secrets import SEALED
from stormlet.flow.delivery.assembly import DeliveryParts
from stormlet.flow.delivery.confirmation import Confirmed
from stormlet.flow.delivery.dispatcher import egress_policy
from stormlet.flow.delivery.endpoints import CompiledEndpoint, EndpointBook
from stormlet.flow.delivery.secrets import DEFAULT_OVERLAP, endings, retire
from stormlet.flow.ruleset import Ruleset
from stormlet.flow.ruleset.endpoint_writing import document_of, secret_entry
from stormlet.flow.ruleset.first_secret import about_of, made_secret, with_secret
from stormlet.foundation.clock import Clock, to_iso
from stormlet.foundation.egress import EgressPolicy, check_url
from stormlet.foundation.errors import ForbiddenError, InvalidInputError, NotFoundError
from stormlet.foundation.settings import Delivery as DeliverySettings
from stormlet.model.endpoint import BrokenEndpoint, Endpoint, EndpointSecret, EndpointState
from stormlet.model.problem import Problem
from stormlet.model.trigger import Origin
from stormlet.store.delivery_interface import DeliveryStore, Waiting

LONGEST_OVERLAP: Final = timedelta(days=90)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint and how it is doing.

    `word` is active (messages go out), off (switched off), unverified (waits until it says 2xx), stopped (by the engine, after
    410 or days of failure) or broken (its document has errors).
    """

    ref: str
    word: str
    endpoint: Endpoint | None = None
    """None where it is broken."""
    state: EndpointState
    problems: tuple[Problem, ...] = ()
    metadata_file: str = ""
    waiting: Waiting | None = None


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a change."""

    ref: str
    created: bool = False
    secret: str = ""
    """The secret that was made, in clear: it is told this once."""
    confirmed: Confirmed | None = None
    """None where nothing had to be verified."""


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a rotation. `endings` say until when each older secret signs."""

    ref: str
    name: str
    secret: str = ""
    endings: tuple[str, ...] = ()
    confirmed: Confirmed | None = None


class KnownSecret(msgspec.Struct, frozen=True, kw_only=True):
    """One secret of an endpoint. `value` only where the endpoint lets it be read."""

    secret: EndpointSecret
    place: str
    present: bool
    signs: bool
    last_used: str = ""
    value: str | None = None


class Addressing:
    """Answers about endpoints, and changes them."""

    def __init__(
        self,
        *,
        store: DeliveryStore,
        ruleset: Ruleset,
        book: EndpointBook,
        verify: Callable[[str, str], Awaitable[Confirmed]],
        open_secret: Callable[[str, EndpointSecret], str],
        policy: EgressPolicy,
        clock: Clock,
    ) -> None:
        """Join the parts.

        Args:
            store: counts what waits, and remembers which secret signed when.
            ruleset: holds endpoints.
            book: knows how each is doing.
            verify: asks one (ref, why), and opens it where it says 2xx.
            open_secret: reads a secret; empty where it is not there.
            policy: where requests may go.
            clock: for rotations.
        """
        self._store = store
        self._ruleset = ruleset
        self._book = book
        self._verify = verify
        self._open_secret = open_secret
        self._policy = policy
        self._clock = clock

    # Looking

    async def all(self) -> list[Standing]:
        """Return every endpoint."""
        waiting = await self._store.waiting_deliveries()
        content = self._ruleset.current
        refs = dict.fromkeys((*content.endpoints.endpoints, *content.endpoints.broken))
        return [self._standing(ref, waiting.get(ref)) for ref in refs]

    async def one(self, ref_or_id: str) -> Standing:
        """Return one endpoint. Raises NotFoundError."""
        ref = self.ref_of(ref_or_id)
        return self._standing(ref, (await self._store.waiting_deliveries()).get(ref))

    def ref_of(self, ref_or_id: str) -> str:
        """Return the ref of an endpoint, broken or not. Raises NotFoundError."""
        known = self._ruleset.find("endpoint", ref_or_id)
        if known is not None:
            return known.ref
        if ref_or_id in self._ruleset.current.endpoints.broken:
            return ref_or_id
        hint = "`stormlet endpoint list` shows all"
        raise NotFoundError(f'Resource with a reference or id "{ref_or_id}" not found', hint=hint)

    async def secrets(self, ref_or_id: str) -> list[KnownSecret]:
        """Return an endpoint's secrets; their values only where the endpoint says that they may be read."""
        endpoint = self._endpoint(ref_or_id)
        used, now = await self._store.endpoint_secret_uses(endpoint.ref), self._clock.now()
        found = []
        for secret in endpoint.secrets:
            value = self._open_secret(endpoint.ref, secret)
            sealed = secret.reference.startswith(SEALED)
            found.append(
                KnownSecret(
                    secret=secret,
                    place=SEALED.rstrip(":") if sealed else secret.reference,
                    present=bool(value),
                    signs=bool(value) and (secret.retires_at is None or now < secret.retires_at),
                    last_used=to_iso(used[secret.name]) if secret.name in used else "",
                    # What lies elsewhere is for whoever keeps it there to show.
                    value=value if sealed and endpoint.secrets_viewable else None,
                )
            )
        return found

    def endings_of(self, ref: str) -> tuple[str, ...]:
        """Return a sentence for each older secret of an endpoint."""
        return endings(self._endpoint(ref).secrets, self._clock.now())

    # Changing

    async def create(self, document: dict[str, Any], *, user: str) -> Saved:
        """Make an endpoint, and verify it where it is enabled. Raises what `Ruleset.put` raises."""
        self._check_destination(document)
        document, secret = with_secret(document, None)
        made = await self._ruleset.put("endpoint", document, create=True, user=user)
        confirmed = await self._verified(made.ref, "created", user)
        return Saved(ref=made.ref, created=True, secret=secret, confirmed=confirmed)

    async def put(self, ref_or_id: str, document: dict[str, Any], *, user: str) -> Saved:
        """Make an endpoint so, whether it exists or not; sent again, the same document changes nothing.

        Raises:
            InvalidInputError: what is wrong with the document; or it comes from a file.
            ConflictError: its new name is taken, or its URL within the scope.
        """
        old = self._ruleset.find("endpoint", ref_or_id)
        if not isinstance(old, Endpoint):
            return await self.create(_named(ref_or_id, document), user=user)
        self._check_destination(document)
        document, secret = with_secret(document, old)
        changed = await self._ruleset.put("endpoint", document, create=False, user=user, ref=old.ref)
        why = "changed" if old.enabled else "enabled"
        if not secret and old.enabled and self._is_open(changed.ref):
            return Saved(ref=changed.ref)
        return Saved(ref=changed.ref, secret=secret, confirmed=await self._verified(changed.ref, why, user))

    async def switch(self, ref_or_id: str, enabled: bool, *, user: str) -> Saved:
        """Switch an endpoint on or off; on, it is verified, and stays off where it does not say 2xx."""
        endpoint = self._endpoint(ref_or_id)
        if enabled and endpoint.enabled and self._is_open(endpoint.ref):
            return Saved(ref=endpoint.ref)
        await self._set_enabled(endpoint, enabled, user)
        return Saved(ref=endpoint.ref, confirmed=await self._verified(endpoint.ref, "enabled", user))

    async def delete(self, ref_or_id: str) -> None:
        """Delete an endpoint that was made through the API. Its deliveries stay, and are not sent."""
        endpoint_ref = self.ref_of(ref_or_id)
        await self._ruleset.delete("endpoint", endpoint_ref)
        await self._store.delete_endpoint_state(endpoint_ref)
        await self._book.load()

    async def verify(self, ref_or_id: str) -> Confirmed:
        """Ask an endpoint now. One that is switched off stays so."""
        return await self._verify(self._endpoint(ref_or_id).ref, "asked")

    async def rotate(
        self, ref_or_id: str, entry: dict[str, Any], *, user: str, overlap: timedelta = DEFAULT_OVERLAP
    ) -> Rotated:
        """Add a secret that signs from now on; those that are there sign on beside it for `overlap`.

        Args:
            ref_or_id: of the endpoint.
            entry: `name`, and `from` or `value`; without them a secret is made.
            user: who asks.
            overlap: zero ends the older ones at once.

        Raises:
            InvalidInputError: the endpoint comes from a file, has nothing to sign, or the secret cannot be taken.
            ConflictError: too many older secrets still sign.
        """
        endpoint = self._changeable(ref_or_id)
        if overlap > LONGEST_OVERLAP:
            raise InvalidInputError(f"an old secret signs on for {LONGEST_OVERLAP.days} days at most")
        made = "" if {"from", "value"} & set(entry) else made_secret(about_of(endpoint.format, endpoint.action))
        name = str(entry.get("name") or _next_name(endpoint.secrets))
        if any(each.name == name for each in endpoint.secrets):
            raise InvalidInputError(f'a secret of endpoint "{endpoint.ref}" is called "{name}" already')
        added = {**entry, "name": name} | ({"value": made} if made else {})

        def with_new(current: Endpoint) -> dict[str, Any]:
            kept = retire(current.secrets, self._clock.now(), _retiring, overlap)
            return {**document_of(current), "secrets": [added, *map(secret_entry, kept)]}

        changed = await self._ruleset.edit_endpoint(endpoint.ref, with_new, user=user)
        confirmed = await self._verified(changed.ref, "changed", user)
        return Rotated(
            ref=changed.ref, name=name, secret=made, endings=self.endings_of(changed.ref), confirmed=confirmed
        )

    # Parts

    async def _verified(self, ref: str, why: str, user: str) -> Confirmed | None:
        compiled = self._compiled(ref)
        if compiled is None or not compiled.endpoint.enabled:
            return None
        confirmed = await self._verify(ref, why)
        if not confirmed.ok and why != "changed":
            endpoint = self._ruleset.find("endpoint", ref)
            if isinstance(endpoint, Endpoint) and endpoint.enabled:
                await self._set_enabled(endpoint, False, user)
        return confirmed

    async def _set_enabled(self, endpoint: Endpoint, enabled: bool, user: str) -> None:
        if endpoint.origin is Origin.FILE:
            await self._ruleset.set_enabled("endpoint", endpoint.ref, enabled)
            return

        def switched(current: Endpoint) -> dict[str, Any]:
            return {**document_of(current), "enabled": enabled}

        await self._ruleset.edit_endpoint(endpoint.ref, switched, user=user)

    def _standing(self, ref: str, waiting: Waiting | None) -> Standing:
        state = self._book.state(ref)
        broken = self._ruleset.current.endpoints.broken.get(ref)
        compiled = self._compiled(ref)
        if compiled is None:
            broken = broken or BrokenEndpoint(ref=ref)
            return Standing(
                ref=ref,
                word="broken",
                state=state,
                problems=broken.problems,
                metadata_file=broken.metadata_file,
                waiting=waiting,
            )
        endpoint = compiled.endpoint
        return Standing(
            ref=ref,
            word=self._word(compiled, state),
            endpoint=endpoint,
            state=state,
            metadata_file=endpoint.metadata_file,
            waiting=waiting,
        )

    def _word(self, compiled: CompiledEndpoint, state: EndpointState) -> str:
        if not compiled.endpoint.enabled:
            return "off"
        if state.disabled_reason:
            return "stopped"
        return "active" if self._book.is_open(compiled) else "unverified"

    def _is_open(self, ref: str) -> bool:
        compiled = self._compiled(ref)
        return compiled is not None and self._book.is_open(compiled)

    def _compiled(self, ref: str) -> CompiledEndpoint | None:
        return self._ruleset.current.endpoints.endpoints.get(ref)

    def _endpoint(self, ref_or_id: str) -> Endpoint:
        found = self._ruleset.find("endpoint", ref_or_id)
        if isinstance(found, Endpoint):
            return found
        ref = self.ref_of(ref_or_id)
        raise InvalidInputError(f"endpoint {ref} is broken", hint="`stormlet check` says what is wrong with it")

    def _changeable(self, ref_or_id: str) -> Endpoint:
        endpoint = self._endpoint(ref_or_id)
        if endpoint.origin is Origin.API:
            return endpoint
        known = ", ".join(f"{{from: {each.reference}, retires_at: …}}" for each in endpoint.secrets)
        hint = f"in {endpoint.metadata_file} write secrets: [env:NEW_SECRET{', ' + known if known else ''}]"
        raise InvalidInputError(f'endpoint "{endpoint.ref}" comes from a file, and so do its secrets', hint=hint)

    def _check_destination(self, document: dict[str, Any]) -> None:
        """Refuse at once what would be refused at each attempt; names are judged when they are resolved."""
        url = document.get("url")
        if not isinstance(url, str) or not url.lower().startswith(("http:", "https:")):
            return  # whoever reads the document has better words
        try:
            check_url(url, self._policy)
        except ForbiddenError as error:
            hint = error.hint or "`delivery.allow` lists networks that are sent to all the same"
            raise InvalidInputError(f"url: {error.text}", hint=hint) from None


def build_addressing(
    store: DeliveryStore,
    ruleset: Ruleset,
    delivery: DeliveryParts,
    open_secret: Callable[[str, EndpointSecret], str],
    settings: DeliverySettings,
    clock: Clock,
) -> Addressing:
    """Return the operators' side of what delivers."""
    return Addressing(
        store=store,
        ruleset=ruleset,
        book=delivery.book,
        verify=delivery.confirmation.verify,
        open_secret=open_secret,
        policy=egress_policy(settings),
        clock=clock,
    )


def _named(ref: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return a new endpoint's document with the name that its URL path says, unless it says one itself."""
    pack, dot, name = ref.partition(".")
    if not dot:
        pack, name = DEFAULT_PACK, ref
    named = {"pack": pack, "name": name, **{key: value for key, value in document.items() if value is not None}}
    if f"{named['pack']}.{named['name']}" != f"{pack}.{name}":
        raise InvalidInputError(f"the path names {pack}.{name}, the document {named['pack']}.{named['name']}")
    return named


def _next_name(known: Iterable[EndpointSecret]) -> str:
    return str(max((int(each.name) for each in known if each.name.isdecimal()), default=0) + 1)


def _retiring(secret: EndpointSecret, end: Any) -> EndpointSecret:
    return msgspec.structs.replace(secret, retires_at=end)
