"""Source documents (files in `sources/`, posts to the API) → `Source`. The format is our own; StackStorm has nothing like it.

What it cannot know is whether scheme and options fit together: `content` does not know `signatures`, so `flow/verification`
says that when it compiles the source. Nor does it read a secret; it reads where one is.
"""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from stormlet.content.dialect import FROM_API, Provenance
from stormlet.content.quantities import bytes_of, seconds_of
from stormlet.content.shapes import Shape, guessed_ref, has_errors, identity, name_problems, pack_of
from stormlet.content.source_places import PlaceReader, networks, rate, texts
from stormlet.content.source_secrets import read_secrets
from stormlet.model.problem import Location, Problem, Severity
from stormlet.model.source import (
    BrokenSource,
    Forward,
    Ordering,
    Replay,
    Reply,
    SecretReference,
    Source,
    SourceAuth,
    TriggerMapping,
)
from stormlet.model.trigger import hook_url

AUTO = "auto"
GENERIC_HOOK = "st2"
LONGEST_SPAN = 366 * 86400.0
_DAY = 86400.0
_OWN_PREFIXES = ("api/v1/webhooks/", "v1/webhooks/", "webhooks/")
_NOT_IN_A_PATH = re.compile(r"[\x00-\x20\x7f?#\\]")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+*-]+", re.ASCII)
_METHODS = ("POST", "PUT", "PATCH")
_CREDENTIAL_HEADER = re.compile(r"^(proxy-)?authorization$|^cookie$|token|secret|password|api-?key", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
# What stands there may be a secret, or is for somebody else to judge: the schema's own messages repeat values.
_UNCHECKED = ("secret", "secrets", "options", "signature")


class SourceReader:
    """Reads sources. Compile it once; it may be shared between threads."""

    def __init__(self) -> None:
        self._shape = Shape("source", unchecked=_UNCHECKED)

    def source_from_document(
        self, document: Any, provenance: Provenance = FROM_API
    ) -> tuple[Source | None, list[Problem]]:
        """Return the source (None where it has errors) and all that is wrong with it."""
        document = self._shape.cleaned(document)
        problems = self._shape.problems(document, provenance)
        if not isinstance(document, dict):
            return None, problems
        name = document.get("name", PurePath(provenance.file).stem)
        if not name:
            problems.append(provenance.problem("missing-key", "'name' is a required property", "name"))
        pack, pack_problems = pack_of(document, provenance)
        problems += pack_problems + name_problems(name, provenance)
        secrets, secret_problems = read_secrets(document, provenance)
        source = _Reading(document, provenance, problems).read_all(str(name), pack, secrets)
        problems += secret_problems
        return (None if has_errors(problems) else source), problems


def broken_source(document: Any, provenance: Provenance, problems: list[Problem]) -> BrokenSource:
    """Return what can be known of a source that has errors: above all which URL has to stay closed."""
    keys = document if isinstance(document, Mapping) else {}
    url = keys.get("url")
    readable = isinstance(url, str) and hook_url(url) != GENERIC_HOOK
    return BrokenSource(
        ref=guessed_ref(keys, provenance),
        url=hook_url(str(url)) if readable else "",
        enabled=keys.get("enabled") is not False,
        problems=tuple(problems),
        metadata_file=provenance.file,
    )


class _Reading:
    """One document on its way. Parts of a wrong type are passed over: the schema told of them already."""

    def __init__(self, document: Mapping[str, Any], provenance: Provenance, problems: list[Problem]) -> None:
        self._document = document
        self._provenance = provenance
        self._problems = problems
        self._places = PlaceReader(provenance, problems)

    def read_all(self, name: str, pack: str, secrets: tuple[SecretReference, ...]) -> Source:
        provenance, given = self._provenance, self._document
        scheme = given.get("scheme")
        scheme = scheme if isinstance(scheme, str) else ""
        return Source(
            id=identity(given, "source", pack, name, provenance),
            pack=pack,
            name=name,
            url=self._url(),
            scheme=scheme,
            description=str(given.get("description", "")),
            enabled=self._enabled(secrets),
            options=self._options(),
            secrets=secrets,
            auth=self._auth(scheme),
            tolerance=self._seconds("tolerance", given, 7 * _DAY),
            replay=self._replay(),
            ordering=self._ordering(),
            reply=self._reply(),
            methods=self._methods(),
            content_types=self._content_types(),
            max_body=self._bytes("max_body"),
            rate=rate("rate", given, provenance, self._problems),
            allow_ips=networks("allow_ips", given, provenance, self._problems),
            trusted_proxies=networks("trusted_proxies", given, provenance, self._problems),
            cloudevents=given.get("cloudevents") is True,
            triggers=self._triggers(),
            forward=self._forward(),
            origin=provenance.origin,
            metadata_file=provenance.file,
            location=provenance.at("url"),
            locations=_with_options(provenance.locations),
        )

    def _url(self) -> str:
        url = self._document.get("url")
        if not isinstance(url, str):
            return ""
        bare = hook_url(url)
        if not bare:
            self._problem("webhook-url", "an empty URL cannot be posted to", "url", hint="write a path: github/push")
        elif "://" in url:
            hint = f"write only the path, such as {bare.rpartition('/')[2]}"
            self._problem("webhook-url", f"{url!r} is not a path below /api/v1/webhooks/", "url", hint=hint)
        elif _NOT_IN_A_PATH.search(url):
            text = f"{url!r} cannot be a path: it has a space, `?`, `#`, `\\` or a control character"
            self._problem("webhook-url", text, "url")
        elif bare == GENERIC_HOOK:
            text = "the URL st2 is StackStorm's generic webhook, which has no single sender"
            self._problem("webhook-url", text, "url", hint="choose another URL")
        elif prefix := next((each for each in _OWN_PREFIXES if bare.startswith(each)), ""):
            text = f"the URL is taken as a path below /api/v1/webhooks/, so {prefix} stands in it twice"
            hint = f"write {bare.removeprefix(prefix)}"
            self._problem("webhook-url", text, "url", hint=hint, severity=Severity.WARNING)
        return bare

    def _enabled(self, secrets: tuple[SecretReference, ...]) -> bool | None:
        enabled = self._document.get("enabled", True)
        if enabled != AUTO:
            return enabled is not False
        if not secrets and not ({"secret", "secrets"} & set(self._document)):
            text = "`auto` waits for a secret, and there is none here"
            self._problem("bad-value", text, "enabled", hint="add `secret:`, or write true")
        return None

    def _auth(self, scheme: str) -> SourceAuth:
        given = self._document.get("auth", SourceAuth.SIGNATURE.value)
        if not isinstance(given, str) or given not in set(SourceAuth):
            return SourceAuth.SIGNATURE
        auth = SourceAuth(given)
        if auth in {SourceAuth.SIGNATURE, SourceAuth.BOTH} and not self._document.get("scheme"):
            text = "`scheme` is missing: how does the sender sign?"
            hint = "`stormlet signature list` lists all; where nothing is signed, `auth: key` asks for an API key"
            self._problem("missing-key", text, "scheme", hint=hint)
        if auth in {SourceAuth.KEY, SourceAuth.NONE} and scheme:
            text = f"with `auth: {auth.value}` the scheme {scheme} is not looked at"
            hint = "write `auth: signature`, or leave `auth:` out"
            self._problem("bad-value", text, "auth", hint=hint)
        return auth

    def _options(self) -> dict[str, Any]:
        options, signature = self._document.get("options", {}), self._document.get("signature")
        if not isinstance(options, dict):
            self._problem("wrong-type", "this is not a mapping of options", "options")
            options = {}
        if signature is None:
            return dict(options)
        if "signature" in options:
            self._problem("bad-value", "`signature` stands in `options` too", "signature", hint="take one of them out")
        return {**options, "signature": signature}

    def _replay(self) -> Replay | None:
        given = self._document.get("replay")
        if isinstance(given, str | list):
            return Replay(id=self._places.several(given, "replay"))
        if not isinstance(given, dict):
            return None
        horizon = self._seconds("horizon", given, LONGEST_SPAN, "replay.")
        places = self._places.several(given.get("id"), "replay.id")
        return Replay(id=places) if horizon is None else Replay(id=places, horizon=horizon)

    def _ordering(self) -> Ordering | None:
        given = self._document.get("ordering")
        if not isinstance(given, dict):
            return None
        key = self._places.several(given.get("key"), "ordering.key")
        version = self._places.several(given.get("version"), "ordering.version")
        return Ordering(key=key, version=version[0]) if key and version else None

    def _reply(self) -> Reply:
        given = self._document.get("reply")
        if not isinstance(given, dict):
            return Reply()
        status = given.get("status", Reply().status)
        return Reply(
            status=status if isinstance(status, int) else Reply().status,
            body=given.get("body"),
            headers=self._headers(given.get("headers"), "reply.headers"),
        )

    def _headers(self, given: Any, path: str) -> dict[str, str]:
        if not isinstance(given, dict):
            return {}
        for name, value in given.items():
            if not _HEADER_NAME.fullmatch(name):
                self._problem("bad-value", f"{name!r} is not the name of a header", f"{path}.{name}")
            elif isinstance(value, str) and re.search(r"[\r\n\x00]", value):
                self._problem("bad-value", "a header's value is one line", f"{path}.{name}")
        return {name: value for name, value in given.items() if isinstance(value, str)}

    def _methods(self) -> tuple[str, ...]:
        given = tuple(method.upper() for method in texts(self._document.get("methods")))
        for method in given:
            if method not in _METHODS:
                self._problem("bad-value", f"{method!r} is not one of {', '.join(_METHODS)}", "methods")
        return given or ("POST",)

    def _content_types(self) -> tuple[str, ...]:
        given = tuple(kind.strip().lower() for kind in texts(self._document.get("content_types")))
        for kind in given:
            if not _MEDIA_TYPE.fullmatch(kind):
                text = f"{kind!r} is not a media type"
                self._problem(
                    "bad-value", text, "content_types", hint="write it without parameters, such as text/plain"
                )
        return given

    def _triggers(self) -> TriggerMapping:
        given = self._document.get("triggers")
        if not isinstance(given, dict) or not isinstance(given.get("types"), dict):
            return TriggerMapping()
        event = self._places.several(given.get("event"), "triggers.event")
        types = {kind: ref for kind, ref in given["types"].items() if isinstance(ref, str)}
        self._places.check_types(types, "triggers.types")
        return TriggerMapping(event=event, types=types)

    def _forward(self) -> Forward | None:
        given = self._document.get("forward")
        if not isinstance(given, dict) or not isinstance(given.get("url"), str):
            return None
        url = given["url"]
        if "{{" not in url and not re.match(r"https?://[^\s/]", url):
            self._problem("bad-value", f"{url!r} is not a URL", "forward.url", hint="begin it with https://")
        method, headers = given.get("method"), self._headers(given.get("headers"), "forward.headers")
        for name, value in headers.items():
            if _CREDENTIAL_HEADER.search(name) and "{{" not in value:
                text = "a credential does not stand here in clear; this one has to be changed now"
                hint = "put it into the datastore, and write {{ st2kv.system.NAME | decrypt_kv }}"
                self._problem("secret-in-clear", text, f"forward.headers.{name}", hint=hint)
        return Forward(
            url=url,
            method=method if isinstance(method, str) else "POST",
            headers=headers,
            body=given.get("body"),
        )

    def _seconds(self, key: str, given: Mapping[str, Any], most: float, under: str = "") -> float | None:
        value = given.get(key)
        if value is None or isinstance(value, bool | list | dict):
            return None
        seconds = seconds_of(value)
        if seconds is None or seconds > most:
            text = (
                f"{value!r} is not a span of time" if seconds is None else f"{value!r} is more than {most / _DAY:.0f} d"
            )
            self._problem("bad-value", text, under + key, hint="write seconds, or a number with s, m, h or d behind it")
        return seconds

    def _bytes(self, key: str) -> int | None:
        value = self._document.get(key)
        if value is None or isinstance(value, bool | list | dict):
            return None
        size = bytes_of(value)
        if size is None:
            self._problem("bad-value", f"{value!r} is not a size", key, hint="write bytes, or 512KB, 25MB")
        return size

    def _problem(self, code: str, text: str, path: str, *, hint: str = "", severity: Severity = Severity.ERROR) -> None:
        self._problems.append(self._provenance.problem(code, text, path, hint=hint, severity=severity))


def _with_options(locations: Mapping[str, Location]) -> dict[str, Location]:
    """Return the places, those of the block `signature:` under `options.signature` as well, as the model has it."""
    moved = {f"options.{path}": at for path, at in locations.items() if path.partition(".")[0] == "signature"}
    return {**moved, **locations}
