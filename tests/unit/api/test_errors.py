"""From errors to answers: total, in one shape, and without a word about our insides."""

import logging
from collections.abc import Iterator

import msgspec
import pytest

from stormlet.api.call import encode
from stormlet.api.errors import STATUS, HttpError, refusal_of, status_of
from stormlet.api.routes import ROUTES
from stormlet.api.server import HttpServer
from stormlet.foundation import errors
from stormlet.foundation.errors import (
    ConflictError,
    InvalidInputError,
    LockedError,
    OverloadedError,
    RateLimitedError,
    StoreError,
    StormletError,
    UnauthorizedError,
)

from .conftest import Served


def every_error(root: type[StormletError] = StormletError) -> Iterator[type[StormletError]]:
    yield root
    for below in root.__subclasses__():
        yield from every_error(below)


def test_every_error_has_a_status_of_its_own_choice() -> None:
    """The table names each class of the drawn tree."""
    ours = {kind for kind in every_error() if kind.__module__ == errors.__name__}
    assert set(STATUS) == ours
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in ours - {StormletError})


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (InvalidInputError("no"), 400, {}),
        (UnauthorizedError("no"), 401, {"WWW-Authenticate": 'Bearer realm="stormlet"'}),
        (OverloadedError("no", retry_after=7), 503, {"Retry-After": "7"}),
        (OverloadedError("no", disk_full=True), 507, {"Retry-After": "5"}),
        (RateLimitedError("no", retry_after=9), 429, {"Retry-After": "9"}),
        (StoreError("cannot open /var/lib/CANARY"), 503, {"Retry-After": "5"}),
        (HttpError(408, "late"), 408, {}),
    ],
)
def test_statuses_and_headers(error: Exception, status: int, headers: dict[str, str]) -> None:
    """Who is told to come back is told when."""
    refusal = refusal_of(error)
    assert (refusal.status, refusal.headers) == (status, headers)
    assert b"CANARY" not in encode(refusal.body)


def test_a_locked_database_is_told_from_a_broken_one() -> None:
    """Who reads the answer knows where to look; where the file lies is told to the log only."""
    refusal = refusal_of(LockedError("/var/lib/CANARY is locked by another process"))
    assert (refusal.status, refusal.headers) == (503, {"Retry-After": "5"})
    assert refusal.body["detail"] == "The database is locked by another process."
    assert b"CANARY" not in encode(refusal.body)


def test_the_body_serves_both_kinds_of_client() -> None:
    """`faultstring` for StackStorm's, RFC 9457's members for all others; the cure is in both."""
    body = refusal_of(ConflictError("exists", hint="use another name", conflict_id="6b02")).body
    assert body == {
        "faultstring": "exists (use another name)",
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "exists",
        "hint": "use another name",
        "code": "conflict",
        "conflict-id": "6b02",
    }


def test_faults_of_ours_tell_nothing_but_an_id(caplog: pytest.LogCaptureFixture) -> None:
    """The log has the same id, and the traceback."""
    try:
        raise RuntimeError("CANARY in /etc/passwd")
    except RuntimeError as error:
        refusal = refusal_of(error)
    assert refusal.status == 500
    assert refusal.body["faultstring"] == "Internal Server Error"
    assert b"CANARY" not in encode(refusal.body)
    record = caplog.records[-1]
    assert refusal.body["error_id"] in record.getMessage()
    assert record.levelno == logging.ERROR
    assert record.exc_info


def test_a_new_error_inherits_its_parents_status() -> None:
    """Until it is given one of its own."""

    class PeculiarError(InvalidInputError):
        """Of a test."""

    assert status_of(PeculiarError()) == 400


async def test_a_fault_on_any_route_tells_nothing(served: Served) -> None:
    """Each route is made to fail inside: 500, no traceback, no path, and the next request is served."""

    async def fail(_call: object) -> object:
        raise ValueError("CANARY: /usr/lib/secret.py line 5")

    broken = [msgspec.structs.replace(route, handler=fail) for route in ROUTES]
    server = HttpServer(served.engine.server._services, broken)
    await server.start()
    inside = Served(served.engine)
    inside.port = server.port
    try:
        for route in ROUTES:
            path = route.path.replace("{hook:.*}", "st2").replace("{", "").replace("}", "").replace(":.*", "")
            answer = await inside.request(route.method, path, {})
            assert answer.status == 500, route
            assert answer.json["faultstring"] == "Internal Server Error"
            assert b"CANARY" not in answer.head + answer.body
    finally:
        await server.stop(0.1)


@pytest.mark.parametrize(
    "value",
    [{None: 1, True: 2}, {"a": "\ud800"}, {"\udcff": [{"x": "\udcff"}]}, float("nan"), {1, 2}, object(), 10**400],
    ids=lambda value: repr(value)[:20],
)
def test_any_value_can_be_answered(value: object) -> None:
    """Content and results hold what YAML and children's output can hold."""
    assert encode(value)


def test_a_bottomless_value_can_be_answered() -> None:
    """It is cut off, not a fault."""
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    assert encode(value)
