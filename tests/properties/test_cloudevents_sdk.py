"""CloudEvents' own SDK is the oracle: what it writes is read here as what it meant, in both of its modes."""

from typing import Any

from cloudevents.core.bindings.http import from_http_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import example, given
from hypothesis import strategies as st

from stormlet.signatures.cloudevents import as_document, read_events
from stormlet.signatures.request import SignedRequest

TEXT = st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).filter(
    lambda text: text == text.strip()
)
NAMES = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12).filter(
    lambda name: (
        name not in {"id", "source", "type", "time", "data", "specversion", "subject", "datacontenttype", "dataschema"}
    )
)
JSON = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def events(draw: st.DrawFn) -> CloudEvent:
    attributes: dict[str, Any] = {"id": draw(TEXT), "source": draw(TEXT), "type": draw(TEXT), "specversion": "1.0"}
    if draw(st.booleans()):
        attributes["subject"] = draw(TEXT)
    attributes |= draw(st.dictionaries(NAMES, TEXT, max_size=3))
    return CloudEvent(
        attributes={**attributes, "datacontenttype": "application/json"},
        data=draw(st.dictionaries(TEXT, JSON, max_size=4)),
    )


def read(headers: dict[str, str], body: bytes) -> dict[str, Any]:
    (found,) = read_events(SignedRequest(headers=tuple(headers.items()), body=body))
    return as_document(found)


@given(events())
@example(CloudEvent(attributes={"id": '%"\\', "source": "%25", "type": "é €😀"}, data={"a": "\u2028"}))
def test_both_modes_are_read_as_the_sdk_meant_them(event: CloudEvent) -> None:
    """Attributes, extensions and data are those of the event, and those that the SDK itself reads back."""
    wanted = {name: value for name, value in event.get_attributes().items() if name != "time"}
    for write in (to_binary_event, to_structured_event):
        message = write(event)
        found = read(dict(message.headers), message.body)
        found.pop("time", None)
        assert found == wanted | {"data": event.get_data()} | (
            {"datacontenttype": found["datacontenttype"]}
            if "datacontenttype" not in wanted and "datacontenttype" in found
            else {}
        )
        again = from_http_event(message)
        assert again.get_id() == found["id"]
        assert again.get_data() == found["data"]
