"""What happens to each request: find its route, learn who sends it, call the handler, answer, log, count.

Everything that every answer has in common is here: headers for browsers, the request's id, one line in the log, the shape of
errors. The line shows path and status, never the query: that is where credentials stand.
"""

import logging
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web

from stormlet.api.call import JSON, Call, Reply, encode
from stormlet.api.errors import NOT_FOUND, HttpError, refusal_of
from stormlet.api.incoming import IncomingRequest
from stormlet.api.query import Query, parse_query, single_values
from stormlet.api.routing import Match, Route, UrlTable, split_target
from stormlet.api.services import Services
from stormlet.foundation.errors import ForbiddenError
from stormlet.foundation.identifiers import new_uuid
from stormlet.foundation.telemetry import one_line
from stormlet.model.credential import Identity

log = logging.getLogger("stormlet.access")

PROBLEM = "application/problem+json"
SERVER = "stormlet"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:+/=@-]{1,128}")
_LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?", re.IGNORECASE)
_NOBODY = Identity(user="", method="none", location="none")
_BROWSER_HEADERS = {
    "Access-Control-Allow-Methods": "GET,POST,PUT,DELETE,OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type,Authorization,X-Auth-Token,St2-Api-Key,X-Request-ID",
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Expose-Headers": "Content-Type,X-Limit,X-Total-Count,X-Request-ID",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Dispatcher:
    """Answers requests. `draining` makes each answer the last of its connection."""

    def __init__(self, services: Services, table: UrlTable) -> None:
        self._services = services
        self._table = table
        self._origins = [origin for origin in services.settings.server.allow_origin if origin != "null"]
        self.draining = False

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; whatever happens, with an answer of our own."""
        clock = self._services.clock
        started = clock.monotonic()
        path, query = split_target(request.raw_path)
        incoming = IncomingRequest(request, self._services.settings.limits)
        request_id = _request_id(request.headers.get("X-Request-ID", ""))
        route: Route | None = None
        try:
            match = self._match(request.method, path)
            route = match.route if match is not None else None
            reply = await self._call(incoming, request.method, match, query) if match is not None else Reply()
        except ConnectionError:
            log.info("%s %s cut short by the sender %s", request.method, _shown(path, route), incoming.remote)
            raise
        except Exception as error:  # noqa: BLE001 - the border: what a handler cannot answer, this does
            refusal = refusal_of(error)
            reply = Reply(encode(refusal.body), refusal.status, PROBLEM, refusal.headers)
        response = self._respond(reply, request, request_id)
        if incoming.expired or self.draining:
            response.force_close()
        self._note(request, incoming, path, route, reply.status, clock.monotonic() - started, request_id)
        return response

    def malformed(self, status: int, text: str) -> web.Response:
        """Return the answer to what is no HTTP request."""
        refusal = refusal_of(HttpError(status, text))
        reply = Reply(encode(refusal.body), status, PROBLEM)
        response = self._respond(reply, None, new_uuid())
        response.force_close()
        return response

    def _match(self, method: str, path: str) -> Match | None:
        """Return the route; None for what a browser asks before it sends, which is answered everywhere."""
        match = self._table.match(method, path)
        if match is None and method != "OPTIONS":
            raise HttpError(404, NOT_FOUND)
        return match

    async def _call(self, incoming: IncomingRequest, method: str, match: Match, raw_query: str) -> Reply:
        route, given = match.route, parse_query(raw_query)

        async def identify() -> Identity:
            found = await self._services.authenticator.authenticate(incoming.headers, single_values(given))
            self._check_origin(method, found, incoming.headers)
            return found

        identity = _NOBODY if route.public or route.guarded else await identify()
        call = Call(
            self._services,
            incoming,
            method=method,
            parts=match.parts,
            query=Query(given, route.declared),
            raw_query=raw_query,
            identity=identity,
            identify=identify,
        )
        return await route.handler(call)

    def _check_origin(self, method: str, identity: Identity, headers: Mapping[str, str]) -> None:
        """Refuse what a web page of somebody else makes a browser send.

        A page cannot set our headers without being allowed to, but a browser adds cookies by itself, and where
        authentication is switched off there is nothing to add. The Host is checked as well then: a page may have pointed
        its own name at our address.
        """
        if identity.location not in {"cookie", "none"}:
            return
        host = headers.get("Host", "")
        if identity.method == "none" and not _LOOPBACK.fullmatch(host):
            raise ForbiddenError("Without authentication only this machine is served.", hint="use http://127.0.0.1")
        origin = headers.get("Origin", "")
        if not origin or method == "GET" or origin in self._origins or urlsplit(origin).netloc == host:
            return
        raise ForbiddenError("Requests from this origin are refused.", hint="server.allow_origin says which are not")

    def _respond(self, reply: Reply, request: web.BaseRequest | None, request_id: str) -> web.Response:
        headers = {**_BROWSER_HEADERS, "X-Request-ID": request_id, "Server": SERVER, **reply.headers}
        if reply.body or reply.status != 204:
            headers["Content-Type"] = reply.content_type
        if (allowed := self._allowed_origin(request)) is not None:
            headers["Access-Control-Allow-Origin"] = allowed
            headers["Vary"] = "Origin"
        return web.Response(body=reply.body, status=reply.status, headers=headers)

    def _allowed_origin(self, request: web.BaseRequest | None) -> str | None:
        """Return the request's origin where it is allowed, otherwise the first that is; None where none is."""
        if not self._origins:
            return None
        if "*" in self._origins:
            return "*"
        origin = request.headers.get("Origin", "") if request is not None else ""
        return origin if origin in self._origins else self._origins[0]

    def _note(
        self,
        request: web.BaseRequest,
        incoming: IncomingRequest,
        path: str,
        route: Route | None,
        status: int,
        seconds: float,
        request_id: str,
    ) -> None:
        metrics = self._services.metrics
        name = route.path if route else "none"
        method = request.method if request.method in {"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"} else "other"
        metrics.http_requests.labels(method, name, str(status)).inc()
        metrics.http_seconds.labels(name).observe(seconds)
        level = logging.DEBUG if route is not None and route.quiet and status < 400 else logging.INFO
        if log.isEnabledFor(level):
            shown = _shown(path, route)
            log.log(level, "%s %s %d %.1f ms %s %s", method, shown, status, seconds * 1000, incoming.remote, request_id)


def _request_id(given: str) -> str:
    """Return the sender's id, where it is harmless to repeat, or one of our own."""
    return given if _REQUEST_ID.fullmatch(given) else new_uuid()


def _shown(path: str, route: Route | None) -> str:
    return route.path if route is not None and route.secret else one_line(path[:500])


__all__ = ["JSON", "Dispatcher"]
