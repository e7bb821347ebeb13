"""Microsoft Graph: the clientState in each notification."""

import json
from datetime import UTC, datetime

import pytest

from stormlet.signatures.microsoft_graph import vouched_for
from stormlet.signatures.registry import scheme_named, sign, verify
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.secret import Secret
from stormlet.signatures.verification import Reason, Refusal

NOW = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
GRAPH = scheme_named("msgraph")
STATE = [Secret(value="old"), Secret(value="état")]


def notifications(*states: object) -> SignedRequest:
    value = [{"id": str(number), "clientState": state} for number, state in enumerate(states)]
    return SignedRequest(body=json.dumps({"value": value}).encode())


def test_every_notification_must_be_vouched_for() -> None:
    """One wrong state refuses the body as a whole; the good ones can still be had apart."""
    assert verify(GRAPH, notifications("état", "old"), STATE, NOW).ok
    mixed = notifications("état", "wrong", None, 7, "")
    verdict = verify(GRAPH, mixed, STATE, NOW)
    assert verdict.reason is Reason.MISMATCH
    assert verdict.detail.startswith("4 of 5")
    assert [item["id"] for item in vouched_for(mixed.body, STATE)] == ["0"]
    assert vouched_for(mixed.body, []) == ()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{}", b"[]", b'{"value": []}', b'{"value": [1]}', b'{"value": {}}', b"\xff"]
)
def test_without_notifications_nothing_vouches(body: bytes) -> None:
    """An empty list proves nothing, and garbage is a refusal."""
    assert verify(GRAPH, SignedRequest(body=body), STATE, NOW).reason is Reason.MALFORMED_BODY
    with pytest.raises(Refusal):
        vouched_for(body, STATE)


def test_signing_puts_the_state_into_each_notification() -> None:
    """What `sign` makes is genuine."""
    signed = sign(GRAPH, notifications(None, "x"), STATE[1:], NOW)
    assert verify(GRAPH, signed, STATE, NOW).secret == 1
