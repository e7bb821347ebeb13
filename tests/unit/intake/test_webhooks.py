"""What arrives becomes an event without the credentials that brought it in."""

from datetime import UTC, datetime
from typing import Any

import pytest

from stormlet.flow.intake.webhooks import check_body, make_event, trace_tag
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.headers import decoded
from stormlet.model.event import Event, EventKind

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = "CANARY+key/with=signs"


def made(headers: list[tuple[bytes, bytes]] | None = None, query: str = "", **more: Any) -> tuple[Event, str]:
    given: dict[str, Any] = {
        "kind": EventKind.CUSTOM,
        "url": "git/hub",
        "body": b"{}",
        "headers": decoded(headers or []),
        "query": query,
        "remote": "192.0.2.1",
        "user": "ci",
        "credential": KEY,
        "now": NOW,
    }
    return make_event(**{**given, **more})


def test_the_event_keeps_what_was_sent() -> None:
    """Bytes, headers in their order and spelling, the query, who and when."""
    headers = [(b"X-GitHub-Event", b"push"), (b"content-type", b"application/json"), (b"x-github-event", b"again")]
    event, _ = made(headers, "a=1&b=%20", body=b"\x00\xff")
    assert event.headers == (
        ("X-GitHub-Event", "push"),
        ("content-type", "application/json"),
        ("x-github-event", "again"),
    )
    assert (event.body, event.query, event.url, event.user) == (b"\x00\xff", "a=1&b=%20", "git/hub", "ci")
    assert (event.content_type, event.received_at, event.remote) == ("application/json", NOW, "192.0.2.1")


@pytest.mark.parametrize("name", ["St2-Api-Key", "X-AUTH-TOKEN", "authorization", "Proxy-Authorization", "Cookie"])
def test_headers_that_carry_credentials_are_gone(name: str) -> None:
    """Whatever their case, and whatever is in them."""
    event, _ = made([(name.encode(), b"anything"), (b"Accept", b"*/*")])
    assert event.headers == (("Accept", "*/*"),)


@pytest.mark.parametrize(
    "query",
    [
        "st2-api-key=CANARY%2Bkey%2Fwith%3Dsigns&a=1",
        "a=1&X-Auth-Token=CANARY%2Bkey%2Fwith%3Dsigns",
        "a=1&st2_api_key=x&auth-token=y",
        "a=1&%73t2-api-key=x",
    ],
)
def test_parameters_that_carry_credentials_are_gone(query: str) -> None:
    """The others stay."""
    event, _ = made(query=query)
    assert event.query == "a=1"


def test_the_credential_is_blotted_out_wherever_else_it_stands() -> None:
    """A proxy may repeat the URL in a header, a page its own in Referer; quoted or not."""
    quoted = b"CANARY%2Bkey%2Fwith%3Dsigns"
    event, _ = made([(b"X-Original-URL", b"/in?st2-api-key=" + quoted), (b"Referer", b"http://x/?k=" + KEY.encode())])
    assert [value for _, value in event.headers] == ["/in?st2-api-key=********", "http://x/?k=********"]


def test_headers_of_any_bytes_become_text() -> None:
    """UTF-8 where it is, Latin-1 where it is not; never half a character that nothing can store."""
    event, _ = made([(b"X-A", "ä".encode()), (b"X-B", b"\xe4\xff")])
    assert [value for _, value in event.headers] == ["ä", "äÿ"]
    for _, value in event.headers:
        value.encode()


def test_the_trace_tag_is_taken_out_or_made() -> None:
    """StackStorm's header and form; nothing in it can break a line."""
    event, tag = made([(b"St2-Trace-Tag", b"my-tag"), (b"Accept", b"*/*")])
    assert tag == "my-tag"
    assert event.headers == (("Accept", "*/*"),)
    assert trace_tag("", "git/hub").startswith("webhook-git/hub-")
    assert len(trace_tag("", "h")) == len("webhook-h-") + 32
    assert trace_tag("a\r\nb\x1b[31m", "h") == "ab[31m"
    assert len(trace_tag("x" * 10_000, "h")) == 256


@pytest.mark.parametrize("body", [None, True, 5, "text", 1.5])
def test_a_body_is_an_object_or_an_array(body: object) -> None:
    """Scalars are refused, in the words of a JSON Schema."""
    with pytest.raises(InvalidInputError, match="is not of type 'object', 'array'"):
        check_body(body)
    check_body({})
    check_body([])
