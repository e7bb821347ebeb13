"""From a path to a route. StackStorm's clients, its reverse proxies and webhook senders write the same place in many ways:
`/api/v1/rules`, `/api/rules`, `/v1/rules/`, `/rules`, `//api/v1//rules/`. All of them are one route, and none is redirected,
because senders of webhooks do not follow redirects.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from stormlet.api.call import Handler
from stormlet.foundation.errors import InvalidInputError

API, AUTH, STREAM = "api", "auth", "stream"
_AREAS = frozenset({API, AUTH, STREAM})
_VERSION = "v1"
REMEMBERED = 4096
"""How many paths that led to a route are remembered: senders of webhooks ask for the same few again and again."""
_ALIASES = {"actionexecutions": "executions"}
_REST = re.compile(r"\{(\w+):\.\*\}")


class Route(msgspec.Struct, frozen=True):
    """One URL. `path` is without prefix: `/rules/{ref_or_id}`; `{hook:.*}` takes the whole rest."""

    method: str
    path: str
    handler: Handler
    summary: str
    query: tuple[str, ...] = ()
    """Parameters that it reads."""
    public: bool = False
    """Whether it is answered without a credential."""
    guarded: bool = False
    """Whether its handler asks for the credential by itself, where one is wanted: a source may want a signature instead."""
    area: str = API
    """`api`: under /api/v1, /api, /v1 and bare; `auth`: under /auth/v1, /auth, /v1 and bare."""
    status: int = 200
    section: str = ""
    """The section of StackStorm's contract that it follows; empty: ours."""
    bare: bool = False
    """Whether it belongs to the server and not to the API: documented without a prefix."""
    quiet: bool = False
    """Whether its requests are logged at DEBUG only."""
    secret: bool = False
    """Whether its path may hold a credential, so that logs show the pattern instead."""

    @property
    def declared(self) -> frozenset[str]:
        return frozenset(self.query)


class Match(NamedTuple):
    """A route, and the named parts of the path."""

    route: Route
    parts: Mapping[str, str]


class _Pattern(NamedTuple):
    """A route's path, taken apart once. A literal has an empty name."""

    route: Route
    literals: tuple[str, ...]
    names: tuple[str, ...]
    rest: str

    def match(self, segments: tuple[str, ...]) -> Match | None:
        length = len(self.literals)
        if len(segments) < length or (len(segments) > length and not self.rest):
            return None
        if self.rest and len(segments) == length:
            return None
        parts = {}
        for literal, name, segment in zip(self.literals, self.names, segments, strict=False):
            if name:
                parts[name] = segment
            elif literal != segment:
                return None
        if self.rest:
            # Of a hook's URL, `a%2Fb` and `a/b` are the same.
            whole = (part for segment in segments[length:] for part in segment.split("/"))
            parts[self.rest] = "/".join(part for part in whole if part)
            if not parts[self.rest]:
                return None
        return Match(self.route, parts)


class UrlTable:
    """All routes, by method, area and first segment. Of two that fit, the one listed first is taken."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._patterns: dict[tuple[str, str, str], list[_Pattern]] = {}
        self._found: dict[tuple[str, str], Match] = {}
        for route in routes:
            pattern = _pattern(route)
            first = pattern.literals[0] if pattern.literals else ""
            self._patterns.setdefault((route.method, route.area, first), []).append(pattern)

    def match(self, method: str, path: str) -> Match | None:
        """Return the route for a path as it was sent, or None.

        Raises:
            InvalidInputError: the path cannot be decoded.
        """
        if (known := self._found.get((method, path))) is not None:
            return known
        found = self._search("GET" if method == "HEAD" else method, path)
        if found is not None:
            if len(self._found) >= REMEMBERED:
                self._found.clear()
            self._found[method, path] = found
        return found

    def _search(self, method: str, path: str) -> Match | None:
        areas, segments = _without_prefix(split_path(path))
        first = segments[0] if segments else ""
        for area in areas:
            for pattern in self._patterns.get((method, area, first), ()):
                if (found := pattern.match(segments)) is not None:
                    return found
        return None


def split_path(path: str) -> tuple[str, ...]:
    """Return the segments of a path, without empty ones. They are decoded one by one, so that whatever StackStorm takes for a
    name can be reached, a slash in it as `%2F`."""
    try:
        return tuple(unquote(segment, errors="strict") for segment in path.split("/") if segment)
    except UnicodeDecodeError:
        raise InvalidInputError(
            f'Failed to parse request path "{path[:200]}". URL likely contains invalid or incorrectly URL encoded values.'
        ) from None


def split_target(target: str) -> tuple[str, str]:
    """Return path and query of a request's target, also of one in absolute form (`GET http://host/path`)."""
    if not target.startswith("/"):
        scheme, separator, rest = target.partition("://")
        if separator and scheme.lower() in {"http", "https"}:
            cut = min((place for place in (rest.find("/"), rest.find("?")) if place >= 0), default=len(rest))
            target = rest[cut:]
    path, _, query = target.partition("?")
    return path, query.partition("#")[0]


def _without_prefix(segments: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    areas: tuple[str, ...] = (API, AUTH)
    if segments and segments[0] in _AREAS:
        areas = (segments[0],)
        segments = segments[1:]
    if segments and segments[0] == _VERSION:
        segments = segments[1:]
    if segments and segments[0] in _ALIASES:
        segments = (_ALIASES[segments[0]], *segments[1:])
    return areas, segments


def _pattern(route: Route) -> _Pattern:
    literals, names, rest = [], [], ""
    for segment in (part for part in route.path.split("/") if part):
        if found := _REST.fullmatch(segment):
            rest = found[1]
        elif segment.startswith("{"):
            literals.append("")
            names.append(segment.strip("{}"))
        else:
            literals.append(segment)
            names.append("")
    return _Pattern(route, tuple(literals), tuple(names), rest)
