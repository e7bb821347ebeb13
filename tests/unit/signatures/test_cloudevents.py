"""CloudEvents in their three modes, and what must be rejected."""

import json
from typing import Any

import pytest

from stormlet.signatures.cloudevents import BATCH, STRUCTURED, header_text, read_events
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.verification import Refusal

EVENT: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/a", "type": "t"}


def structured(document: object, content_type: str = STRUCTURED) -> SignedRequest:
    return SignedRequest(headers=(("Content-Type", content_type),), body=json.dumps(document).encode())


def binary(*headers: tuple[str, str], body: bytes = b"") -> SignedRequest:
    required = (("ce-specversion", "1.0"), ("CE-Id", "1"), ("ce-source", "/a"), ("ce-type", "t"))
    return SignedRequest(headers=(*required, *headers), body=body)


def test_the_three_modes_say_the_same() -> None:
    """One event, structured, binary and in a batch, has the same attributes."""
    events = [
        *read_events(structured(EVENT, STRUCTURED + "; charset=utf-8")),
        *read_events(binary()),
        *read_events(structured([EVENT], BATCH)),
    ]
    assert [event.attributes for event in events] == [EVENT] * 3
    assert (events[0].id, events[0].source, events[0].type) == ("1", "/a", "t")


def test_data_is_kept_as_it_came() -> None:
    """JSON data, base64 data and a binary body are told apart."""
    assert read_events(structured({**EVENT, "data": {"a": [1]}}))[0].data == {"a": [1]}
    assert read_events(structured({**EVENT, "data_base64": "AAEC"}))[0].data_base64 == "AAEC"
    event = read_events(binary(("Content-Type", "image/png"), body=b"\x89PNG"))[0]
    assert (event.data, event.attributes["datacontenttype"]) == (b"\x89PNG", "image/png")


def test_a_null_attribute_is_absent() -> None:
    """The JSON format reads null as unset."""
    assert "subject" not in read_events(structured({**EVENT, "subject": None}))[0].attributes


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ('"a \\"b\\" %25"', 'a "b" %'),
        ("100%", "100%"),
        ("%2541", "%41"),
    ],
)
def test_a_header_is_unquoted_and_decoded_once(value: str, text: str) -> None:
    """Quotes first, then percent-decoding, and only once."""
    assert header_text(value) == text


@pytest.mark.parametrize(
    "request_",
    [
        structured({**EVENT, "id": ""}),
        structured({**EVENT, "id": 7}),
        structured({key: value for key, value in EVENT.items() if key != "source"}),
        structured({**EVENT, "specversion": "9.9"}),
        structured({**EVENT, "time": "yesterday"}),
        structured({**EVENT, "Bad-Name": "x"}),
        structured({**EVENT, "ext": {"nested": 1}}),
        structured({**EVENT, "ext": 1.5}),
        structured({**EVENT, "data": 1, "data_base64": "AA=="}),
        structured({**EVENT, "data_base64": "%"}),
        structured([EVENT]),
        structured(EVENT, BATCH),
        structured([EVENT, {}], BATCH),
        structured(EVENT, "application/cloudevents+xml"),
        structured([EVENT], "application/cloudevents-batch+xml"),
        SignedRequest(headers=(("Content-Type", STRUCTURED),), body=b"{"),
        SignedRequest(headers=(("Content-Type", "application/json"),), body=b"{}"),
        binary(("ce-subject", "%C0%A0")),
        binary(("ce-subject", "%ED%A0%80")),
        binary(("ce-datacontenttype", "text/plain")),
        binary(("ce-id", "2")),
        binary(("ce-subject", "")),
    ],
)
def test_what_is_no_cloud_event_is_refused(request_: SignedRequest) -> None:
    """Missing or empty attributes, unknown versions and formats, ambiguous headers and bad UTF-8 never pass."""
    with pytest.raises(Refusal):
        read_events(request_)


def test_an_empty_batch_is_a_batch() -> None:
    """No events, and no error."""
    assert read_events(structured([], BATCH)) == ()
