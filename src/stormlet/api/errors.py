"""Errors as answers: one table from error to status, one shape of body.

The body is StackStorm's `faultstring` (its clients print nothing else) and RFC 9457's members in one object, so that both
kinds of client are served. `detail` is the sentence alone, `hint` its cure, `faultstring` both.

What a fault inside says (paths, SQL, a traceback) goes to the log under an id; the answer has the id only.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from stormlet.foundation.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    LockedError,
    NotFoundError,
    OverloadedError,
    RateLimitedError,
    RenderError,
    SettingsError,
    StoreError,
    StormletError,
    TooLargeError,
    UnauthorizedError,
)
from stormlet.foundation.identifiers import new_uuid

log = logging.getLogger(__name__)

STATUS: Mapping[type[StormletError], int] = {
    StormletError: 500,
    SettingsError: 500,
    InvalidInputError: 400,
    RenderError: 400,
    UnauthorizedError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    TooLargeError: 413,
    OverloadedError: 503,
    RateLimitedError: 429,
    StoreError: 503,
    LockedError: 503,
}
NOT_FOUND = "The resource could not be found."
STORE_RETRY_SECONDS = 5
_OURS = (500, "Internal Server Error")


class HttpError(Exception):
    """What only HTTP knows of: no such URL, a body that did not come in time. It never leaves `api`."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers or {}


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An error, ready to be sent."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = {}


def refusal_of(error: Exception) -> Refusal:
    """Return what is answered to an error. One that was not expected is logged here, with its traceback."""
    if isinstance(error, HttpError):
        return _refusal(error.status, str(error), headers=dict(error.headers))
    if not isinstance(error, StormletError) or status_of(error) == 500:
        return _unexpected(error)
    if isinstance(error, StoreError):
        log.error("the database cannot be used: %s", error)
        retry = {"Retry-After": str(STORE_RETRY_SECONDS)}
        # Not the error's own text: it names files of the server.
        text = "is locked by another process" if isinstance(error, LockedError) else "cannot be used at the moment"
        return _refusal(503, f"The database {text}.", code=error.code, headers=retry)
    return _refusal(
        status_of(error), error.text, hint=error.hint, code=error.code, headers=_headers(error), more=_members(error)
    )


def status_of(error: StormletError) -> int:
    """Return the status that belongs to an error's class, or to its nearest ancestor's."""
    if isinstance(error, OverloadedError) and error.disk_full:
        return 507
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def _headers(error: StormletError) -> dict[str, str]:
    if isinstance(error, OverloadedError):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, UnauthorizedError):
        return {"WWW-Authenticate": 'Bearer realm="stormlet"'}
    return {}


def _members(error: StormletError) -> dict[str, Any]:
    if isinstance(error, ConflictError) and error.conflict_id:
        return {"conflict-id": error.conflict_id}
    return {}


def _unexpected(error: Exception) -> Refusal:
    error_id = new_uuid()
    log.error("error %s: %s", error_id, type(error).__name__, exc_info=error)
    status, text = _OURS
    return _refusal(status, text, code="internal", more={"error_id": error_id})


def _refusal(
    status: int,
    text: str,
    *,
    hint: str = "",
    code: str = "",
    headers: dict[str, str] | None = None,
    more: dict[str, Any] | None = None,
) -> Refusal:
    body: dict[str, Any] = {
        "faultstring": f"{text} ({hint})" if hint else text,
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": text,
    }
    known = {"hint": hint, "code": code}
    body |= {name: value for name, value in known.items() if value}
    return Refusal(status=status, body=body | (more or {}), headers=headers or {})
