"""A source, compiled: all that is parsed, looked up or decided of it without a request is done here, once.

Pure: no secret is read and no request is seen. What cannot work is a problem, and then there is no guard: the URL is what
it would be without a source, which asks for an API key.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from typing import Any, Final, NamedTuple

import msgspec

from stormlet.flow.verification.addresses import Network, NetworkError, networks
from stormlet.flow.verification.options import read_options
from stormlet.flow.verification.places import Reader, as_text, compile_place, reader_of
from stormlet.flow.verification.replies import FixedReply, fixed_reply
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.foundation.headers import Pairs
from stormlet.foundation.paths import PathError
from stormlet.model.problem import Problem, Severity
from stormlet.model.source import Source, SourceAuth
from stormlet.model.trigger import Trigger
from stormlet.signatures.credentials import CredentialScheme
from stormlet.signatures.generic_hmac import GENERIC_HMAC
from stormlet.signatures.registry import scheme_named
from stormlet.signatures.scheme import Options, Scheme

METHODS: Final = ("POST", "PUT", "PATCH")
_SLOW: Final = frozenset({"aws-sns", "rfc9421", "discord", "standard-webhooks-ed25519"})
"""Schemes of public keys: a tenth of a millisecond and more, and the first time an import."""
_CLOUDEVENT_TYPE: Final = "$.type"


class Order(NamedTuple):
    """Where the key and the version of an event stand."""

    key: tuple[Reader, ...]
    version: Reader


class TypeMapping(NamedTuple):
    """Which trigger a pattern of event types leads to."""

    matches: Callable[[str], object]
    trigger: Trigger


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """One source, ready to be asked."""

    source: Source
    scheme: Scheme | None
    options: Options
    public_url: str = ""
    delivery: tuple[Reader, ...] = ()
    """Where the delivery's id stands. Empty: where the scheme says (`own_delivery`)."""
    own_delivery: tuple[Reader, ...] = ()
    order: Order | None = None
    event: tuple[Reader, ...] = ()
    types: tuple[TypeMapping, ...] = ()
    reply: FixedReply
    allowed: tuple[Network, ...] = ()
    proxies: tuple[Network, ...] = ()
    credential_headers: frozenset[str] = frozenset()
    """Headers, in lower case, whose whole value is a credential."""
    credential_parameters: frozenset[str] = frozenset()
    slow: bool = False
    """Whether verifying takes long enough to leave the event loop."""
    cloudevents: bool = False
    """Whether requests are CloudEvents, in any of their modes."""
    greets_unsigned: bool = False
    """Whether its protocol has a handshake without a signature."""
    unhindered: bool = False
    """Whether any address may post, at any pace."""
    wants_signature: bool = True
    wants_key: bool = False

    def takes(self, method: str) -> bool:
        return method in self.source.methods

    def event_type(self, headers: Pairs, document: Any) -> str:
        """Return the event's type: the texts at all places, joined by dots; what is not there is empty."""
        return ".".join(as_text(reader(headers, document)) for reader in self.event)

    def triggers_for(self, headers: Pairs, document: Any) -> list[Trigger]:
        """Return the triggers that the mapping leads to, each once, in the order of the mapping."""
        if not self.types:
            return []
        kind = self.event_type(headers, document)
        return list({found.trigger.ref: found.trigger for found in self.types if found.matches(kind)}.values())


def compile_guard(source: Source, trigger_of: Callable[[str], Trigger]) -> tuple[Guard | None, list[Problem]]:
    """Return the guard that a source is, or None where it has errors, and all that is wrong with it.

    Args:
        source: as it was read.
        trigger_of: gives the trigger that all events of a type without parameters share.
    """
    compiler = _Compiler(source)
    chosen, problems = read_options(source)
    compiler.problems += problems
    scheme = compiler.scheme(chosen.options)
    compiler.check_the_rest()
    guard = Guard(
        source=source,
        scheme=scheme,
        options=chosen.options,
        public_url=chosen.public_url,
        delivery=compiler.places("replay.id", source.replay.id if source.replay else ()),
        own_delivery=tuple(reader_of(place) for place in scheme.about.delivery_id) if scheme else (),
        order=compiler.order(),
        event=compiler.event(scheme),
        types=tuple(TypeMapping(_pattern(glob), trigger_of(ref)) for glob, ref in source.triggers.types.items()),
        reply=compiler.reply(scheme),
        allowed=compiler.networks("allow_ips", source.allow_ips),
        proxies=compiler.networks("trusted_proxies", source.trusted_proxies),
        credential_headers=_credential_headers(source, scheme, chosen.options),
        credential_parameters=_credential_parameters(source, scheme),
        slow=scheme is not None and scheme.about.name in _SLOW,
        cloudevents=_is_cloudevents(source, scheme),
        greets_unsigned=_is_cloudevents(source, scheme) or (scheme is not None and scheme.about.name == "msgraph"),
        unhindered=not source.allow_ips and source.rate is None,
        wants_signature=source.auth in (SourceAuth.SIGNATURE, SourceAuth.BOTH),
        wants_key=source.auth in (SourceAuth.KEY, SourceAuth.BOTH),
    )
    broken = any(problem.severity is Severity.ERROR for problem in compiler.problems)
    return (None if broken else guard), compiler.problems


class _Compiler:
    """Compiles the parts of one source and collects what is wrong with them."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []

    def scheme(self, options: Options) -> Scheme | None:
        source = self.source
        if not source.scheme:
            if source.auth in (SourceAuth.SIGNATURE, SourceAuth.BOTH):
                text = f"source {source.ref} wants a signature, and has no scheme that says how it is made"
                self._say("missing-key", "scheme", text, "`stormlet signature list` shows them all")
            return None
        try:
            scheme = scheme_named(source.scheme)
        except NotFoundError as error:
            self._say("unknown-scheme", "scheme", error.text, error.hint)
            return None
        if scheme is GENERIC_HMAC:
            if options.descriptor is None:
                if not self.problems:
                    text = "generic_hmac needs a description of the signature"
                    self._say("missing-key", "signature", text, "signature: {header: X-Signature}")
                return None
            return GENERIC_HMAC.compiled(options.descriptor)
        return scheme

    def check_the_rest(self) -> None:
        source = self.source
        for method in source.methods:
            if method not in METHODS:
                hint = f"there are: {', '.join(METHODS)}"
                self._say("bad-value", "methods", f"a webhook takes no {method}", hint)
        if source.rate is not None and not (source.rate.per_second > 0 and source.rate.burst >= 1):
            self._say("bad-value", "rate", "a rate is above 0 `per_second`, with a `burst` of at least 1")
        if source.auth is SourceAuth.NONE and source.enabled is not False:
            text = f"anybody may post to webhooks/{source.url}: source {source.ref} says `auth: none`"
            self._say("open-webhook", "auth", text, "give it a scheme and a secret", Severity.WARNING)
        if source.scheme.replace("_", "-") in {"aws-sns", "sns"} and not source.options.get("topics"):
            text = "without topics, every message of SNS is refused: anybody may subscribe this URL to a topic"
            self._say("missing-key", "options.topics", text, "list the topics' ARNs")

    def places(self, path: str, texts: Sequence[str]) -> tuple[Reader, ...]:
        found = []
        for text in texts:
            try:
                found.append(compile_place(text))
            except PathError as error:
                self._say("bad-path", path, f"{text!r} is no place: {error}", "header:X-Event-Id, or $.event.id")
        return tuple(found)

    def order(self) -> Order | None:
        ordering = self.source.ordering
        if ordering is None:
            return None
        key, version = self.places("ordering.key", ordering.key), self.places("ordering.version", (ordering.version,))
        return Order(key, version[0]) if key and version else None

    def event(self, scheme: Scheme | None) -> tuple[Reader, ...]:
        """Return the places of the event's type: the source's own, or where the scheme's sender puts it."""
        if self.source.triggers.event:
            return self.places("triggers.event", self.source.triggers.event)
        if _is_cloudevents(self.source, scheme):
            return (compile_place(_CLOUDEVENT_TYPE),)
        if scheme is None or not scheme.about.event_type:
            return ()
        readers = [reader_of(place) for place in scheme.about.event_type]
        return (lambda headers, document: next(filter(None, (r(headers, document) for r in readers)), None),)

    def networks(self, path: str, texts: Sequence[str]) -> tuple[Network, ...]:
        try:
            return networks(texts)
        except NetworkError as error:
            self._say("bad-value", path, str(error))
            return ()

    def reply(self, scheme: Scheme | None) -> FixedReply:
        try:
            return fixed_reply(self.source, scheme)
        except InvalidInputError as error:
            self._say("bad-value", "reply", error.text, error.hint)
            return FixedReply()

    def _say(self, code: str, path: str, text: str, hint: str = "", severity: Severity = Severity.ERROR) -> None:
        self.problems.append(
            Problem(code=code, text=text, severity=severity, path=path, hint=hint, location=self.source.location)
        )


def _is_cloudevents(source: Source, scheme: Scheme | None) -> bool:
    return source.cloudevents or (scheme is not None and scheme.about.name == "cloudevents")


def _pattern(glob: str) -> Callable[[str], object]:
    """Return what tells whether an event's type fits; upper and lower case differ."""
    if not any(sign in glob for sign in "*?["):
        return lambda text: text == glob
    if glob == "*":
        return lambda text: True
    return re.compile(translate(glob)).match


def _credential_headers(source: Source, scheme: Scheme | None, options: Options) -> frozenset[str]:
    if not isinstance(scheme, CredentialScheme):
        return frozenset()
    names = {*scheme.about.headers, *(carrier.header for carrier in scheme.carriers.values()), options.header}
    names |= {reference.key_id for reference in source.secrets}
    return frozenset(name.lower() for name in names if name)


def _credential_parameters(source: Source, scheme: Scheme | None) -> frozenset[str]:
    if not isinstance(scheme, CredentialScheme):
        return frozenset()
    names = {carrier.query for carrier in scheme.carriers.values()} | {ref.key_id for ref in source.secrets}
    return frozenset(name for name in names if name)


def by_url(guards: Mapping[str, Guard]) -> dict[str, tuple[Guard, ...]]:
    """Return guards by the URL they guard. Several sources may share one; those that let anybody in are asked last."""
    found: dict[str, tuple[Guard, ...]] = {}
    for guard in guards.values():
        url = guard.source.url
        found[url] = (*found.get(url, ()), guard)
    return {url: tuple(sorted(all_, key=lambda g: g.source.auth is SourceAuth.NONE)) for url, all_ in found.items()}
