"""/openapi.json, made from the table of routes: what is not in the table is not served, and what is, is described."""

import re
from collections.abc import Iterable
from typing import Any

from stormlet import __version__
from stormlet.api.routing import API, AUTH, Route

_PART = re.compile(r"\{(\w+)(?::\.\*)?\}")
_PREFIX = {API: "/api/v1", AUTH: "/auth/v1"}
_ERROR = {
    "type": "object",
    "required": ["faultstring", "title", "status", "detail"],
    "properties": {
        "faultstring": {"type": "string"},
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
        "code": {"type": "string"},
        "conflict-id": {"type": "string"},
        "error_id": {"type": "string"},
    },
}
_SECURITY = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "St2-Api-Key"},
    "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "apiKeyInQuery": {"type": "apiKey", "in": "query", "name": "st2-api-key"},
    "tokenInQuery": {"type": "apiKey", "in": "query", "name": "x-auth-token"},
}


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """Return an OpenAPI 3.1 document of these routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(url_of(route), {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "stormlet",
            "version": __version__,
            "description": "StackStorm's HTTP API and what stormlet adds. Paths are also served without their prefix.",
        },
        "paths": paths,
        "components": {"schemas": {"Error": _ERROR}, "securitySchemes": _SECURITY},
    }


def url_of(route: Route) -> str:
    """Return the full path of a route, with its parts in braces."""
    prefix = "" if route.bare else _PREFIX[route.area]
    return prefix + (_PART.sub(r"{\1}", route.path) if route.path != "/" or not prefix else "/")


def _operation(route: Route) -> dict[str, Any]:
    handler = route.handler
    operation: dict[str, Any] = {
        "operationId": f"{handler.__module__.rpartition('.')[2]}.{handler.__name__}",
        "summary": route.summary,
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _parts(route)),
            *({"name": name, "in": "query", "schema": {"type": "string"}} for name in route.query),
        ],
        "responses": {
            str(route.status): {"description": "Done."},
            "default": {
                "description": "Refused; `faultstring` says why.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
        "security": [] if route.public else [{name: []} for name in _SECURITY],
    }
    if route.method in {"POST", "PUT"}:
        operation["requestBody"] = {"content": {"application/json": {"schema": {}}}}
    return operation


def _parts(route: Route) -> list[str]:
    return _PART.findall(route.path)
