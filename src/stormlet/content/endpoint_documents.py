"""Endpoint documents (files in `endpoints/`, posts to the API) → `Endpoint`. The format is our own.

What it cannot know is whether format, options, headers and paths can be used: `content` knows no formats, so `flow/delivery`
says that when it compiles the endpoint. Nor does it read a secret; it reads where one is.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import urlsplit

from stormlet.content.criteria_documents import read_criteria
from stormlet.content.dialect import FROM_API, Provenance
from stormlet.content.endpoint_secrets import read_endpoint_secrets
from stormlet.content.quantities import bytes_of, seconds_of
from stormlet.content.shapes import Shape, guessed_ref, has_errors, identity, is_ref, name_problems, pack_of
from stormlet.content.source_places import rate, texts
from stormlet.model.endpoint import BrokenEndpoint, Endpoint, Scope
from stormlet.model.message import RESERVED_PREFIXES
from stormlet.model.message_catalogue import MESSAGE_TYPES, senseless_types
from stormlet.model.problem import Problem, Severity

EVERYTHING: Final = "all"
UNORDERED: Final = "none"
DEFAULT_FORMAT: Final = "standard"
LONGEST_TIMEOUT: Final = 300.0
_GLOB = re.compile(r"[A-Za-z0-9_.*?\[\]!-]{1,200}", re.ASCII)
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f]")
# Of these the reader speaks itself: with better words, or because the schema's messages repeat values.
_UNCHECKED = ("secret", "secrets", "options", "filter", "headers")


class EndpointReader:
    """Reads endpoints. Compile it once; it may be shared between threads."""

    def __init__(self) -> None:
        self._shape = Shape("endpoint", unchecked=_UNCHECKED)

    def endpoint_from_document(
        self, document: Any, provenance: Provenance = FROM_API
    ) -> tuple[Endpoint | None, list[Problem]]:
        """Return the endpoint (None where it has errors) and all that is wrong with it."""
        document = self._shape.cleaned(document)
        problems = self._shape.problems(document, provenance)
        if not isinstance(document, dict):
            return None, problems
        name = document.get("name", PurePath(provenance.file).stem)
        if not name:
            problems.append(provenance.problem("missing-key", "'name' is a required property", "name"))
        pack, pack_problems = pack_of(document, provenance)
        problems += pack_problems + name_problems(name, provenance)
        endpoint = _Reading(document, provenance, problems).read_all(str(name), pack)
        return (None if has_errors(problems) else endpoint), problems


def broken_endpoint(document: Any, provenance: Provenance, problems: list[Problem]) -> BrokenEndpoint:
    """Return what can be known of an endpoint that has errors: which deliveries have to wait for it."""
    keys = document if isinstance(document, Mapping) else {}
    return BrokenEndpoint(ref=guessed_ref(keys, provenance), problems=tuple(problems), metadata_file=provenance.file)


class _Reading:
    """One document on its way. Parts of a wrong type are passed over where the schema told of them already."""

    def __init__(self, document: Mapping[str, Any], provenance: Provenance, problems: list[Problem]) -> None:
        self._document = document
        self._provenance = provenance
        self._problems = problems

    def read_all(self, name: str, pack: str) -> Endpoint:
        provenance, given = self._provenance, self._document
        action = self._text("action")
        url = self._url(action)
        scope = self._scope()
        return Endpoint(
            id=identity(given, "endpoint", pack, name, provenance),
            pack=pack,
            name=name,
            url=url,
            description=self._text("description"),
            action=action,
            parameters=self._parameters(action),
            scope=scope,
            types=self._types(scope),
            filter=self._filter(),
            format=self._text("format") or DEFAULT_FORMAT,
            options=self._mapping("options"),
            secrets=read_endpoint_secrets(given, provenance, self._problems),
            secrets_viewable=given.get("secrets_viewable") is True,
            headers=self._headers(),
            enabled=given.get("enabled", True) is not False,
            timeout=self._timeout(),
            rate=rate("rate", given, provenance, self._problems),
            concurrency=self._whole_number("concurrency"),
            order_key=self._order_key(),
            max_body=self._max_body(),
            origin=provenance.origin,
            metadata_file=provenance.file,
            location=provenance.at("url" if url else "action"),
            locations=dict(provenance.locations),
        )

    def _url(self, action: str) -> str:
        url = self._document.get("url")
        if url is None or (isinstance(url, str) and not url.strip()):
            if not action and "action" not in self._document:
                text = "neither `url` nor `action` is there"
                self._problem("missing-key", text, "url", hint="write where messages go: url: https://example.org/hook")
            return ""
        if action:
            text = "`url` and `action` cannot both be there"
            self._problem("bad-value", text, "action", hint="make two endpoints of them")
        if isinstance(url, str) and (found := wrong_with_url(url)):
            self._problem("bad-value", found[0], "url", hint=found[1])
        return url if isinstance(url, str) else ""

    def _parameters(self, action: str) -> dict[str, Any]:
        if action and not is_ref(action):
            text = f"{action!r} is not the ref of an action"
            self._problem("bad-ref", text, "action", hint="write pack.name, such as deploy.dependents")
        given = self._document.get("parameters")
        signing = next((key for key in ("secret", "secrets") if self._document.get(key)), "")
        if action and signing:
            self._problem("bad-value", "nothing is signed where an action is run", signing, hint="take it out")
        if given and not action:
            self._problem("bad-value", "parameters are for an action, and there is none", "parameters")
        return dict(given) if isinstance(given, dict) else {}

    def _scope(self) -> Scope:
        given = self._document.get("scope", EVERYTHING)
        if isinstance(given, str) and given != EVERYTHING:
            text = f"{given!r} is not a scope"
            self._problem("bad-value", text, "scope", hint=f"write all, or {{packs: [{given}]}}")
        if not isinstance(given, dict):
            return Scope()
        scope = Scope(packs=_unique(given.get("packs")), tags=_unique(given.get("tags")))
        if given and scope == Scope():
            text = "the scope names nothing, so nothing would ever come"
            self._problem("bad-value", text, "scope", hint="leave it out to hear everything")
        return scope

    def _types(self, scope: Scope) -> tuple[str, ...]:
        given = self._document.get("types")
        globs = _unique(given)
        senseless = set(senseless_types(globs, scope.kind))
        for number, glob in enumerate(texts(given)):
            path = f"types.{number}" if isinstance(given, list) else "types"
            if not _GLOB.fullmatch(glob):
                self._problem("bad-value", f"{glob!r} is not a type of message, nor a pattern of types", path)
            elif glob in senseless:
                self._problem("senseless-type", f"{glob} {_why_senseless(scope)}", path, hint="take it out")
            else:
                self._look_for_mistakes(glob, path)
        return globs

    def _look_for_mistakes(self, glob: str, path: str) -> None:
        """Judge a type that is none of ours: it may be a user's own, or one of ours written wrong."""
        plain = not set(glob) & set("*?[")
        first = glob.partition(".")[0]
        if not plain or glob in MESSAGE_TYPES or (first not in RESERVED_PREFIXES and "." not in glob):
            return
        near = get_close_matches(glob, MESSAGE_TYPES, 1, 0.7)
        hint = f'did you mean "{near[0]}"?' if near else "docs/reference/messages.md lists all"
        if first in RESERVED_PREFIXES:
            self._problem("unknown-type", f"there is no type {glob} of messages", path, hint=hint)
        elif near and get_close_matches(first, RESERVED_PREFIXES, 1, 0.8):
            text = f"{glob} is no type of ours; it is taken as one that you publish"
            self._problem("unknown-type", text, path, hint=hint, severity=Severity.WARNING)

    def _filter(self) -> Any:
        given = self._document.get("filter")
        if given is not None and not isinstance(given, dict):
            hint = "write {trigger.data.execution.action: {type: startswith, pattern: deploy.}}"
            self._problem("wrong-type", "this is not a mapping of criteria", "filter", hint=hint)
        criteria, problems = read_criteria(given, self._provenance, "filter")
        self._problems += problems
        return criteria

    def _headers(self) -> dict[str, str]:
        # Values may be credentials, so that no message repeats one; flow/delivery judges what a header may be.
        given = self._mapping("headers")
        for name, value in given.items():
            if not isinstance(value, str):
                self._problem("wrong-type", "this is not text", f"headers.{name}", hint="quote it")
        return {name: value for name, value in given.items() if isinstance(value, str)}

    def _timeout(self) -> float | None:
        value = self._document.get("timeout")
        if value is None or isinstance(value, bool | list | dict):
            return None
        seconds = seconds_of(value)
        if seconds is None or seconds > LONGEST_TIMEOUT:
            text = f"{value!r} is not a span of time up to {LONGEST_TIMEOUT:.0f} s"
            self._problem("bad-value", text, "timeout", hint="write seconds, or a number with s or m behind it")
            return None
        return seconds

    def _order_key(self) -> str:
        given = self._text("order").strip()
        return "" if given == UNORDERED else given

    def _max_body(self) -> int | None:
        value = self._document.get("max_body")
        if value is None or isinstance(value, bool | list | dict):
            return None
        size = bytes_of(value)
        if size is None:
            self._problem("bad-value", f"{value!r} is not a size", "max_body", hint="write bytes, or 64KB, 1MB")
        return size

    def _text(self, key: str) -> str:
        value = self._document.get(key, "")
        return value if isinstance(value, str) else ""

    def _whole_number(self, key: str) -> int | None:
        value = self._document.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def _mapping(self, key: str) -> dict[str, Any]:
        value = self._document.get(key)
        if value is not None and not isinstance(value, dict):
            self._problem("wrong-type", f"this is not a mapping of {key}", key)
        return dict(value) if isinstance(value, dict) else {}

    def _problem(self, code: str, text: str, path: str, *, hint: str = "", severity: Severity = Severity.ERROR) -> None:
        self._problems.append(self._provenance.problem(code, text, path, hint=hint, severity=severity))


def wrong_with_url(url: str) -> tuple[str, str] | None:
    """Return what can be told to be wrong with a URL from its text alone, and the cure; None where nothing is.

    The URL itself is in no message: that of a chat is a secret.
    """
    if _NOT_IN_A_URL.search(url):
        return "a URL holds no blanks and no control characters", "write %20 for a blank"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return f"the URL cannot be read: {error}", "such as https://example.org/hook"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "the URL needs a scheme and a host", "begin it with https://"
    if parts.username is not None or parts.password is not None:
        return "the URL must not hold a user or password", "send credentials in a header"
    if parts.fragment:
        return "what stands behind # is never sent", "take it out"
    return None


def _why_senseless(scope: Scope) -> str:
    if scope == Scope():
        return "is sent by itself, and cannot be asked for"
    words = "tags" if scope.tags else "packs"
    return f"makes no sense in a scope of {words}: such messages carry none, so none would ever come"


def _unique(given: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.strip() for text in texts(given) if text.strip()))
