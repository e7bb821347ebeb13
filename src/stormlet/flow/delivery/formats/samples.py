"""A message of each type, made of the catalogue's examples: for the reference page, the golden files and the command line."""

from datetime import UTC, datetime
from typing import Final

from stormlet.model.endpoint import Endpoint
from stormlet.model.message import Message
from stormlet.model.message_catalogue import MESSAGE_TYPES

SAMPLE_NOW: Final = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
_TIME: Final = datetime(2026, 2, 11, 9, 19, 57, 250000, tzinfo=UTC)
_ID: Final = "66a0f7c1c0ffee0000000001"

OWN: Final = "deploy.finished"
"""A type of a user's own."""
_OWN_DATA: Final = {"title": "site 4.2.0 is live", "text": "14 files changed, none removed.", "severity": "ok"}

SAMPLE_ENDPOINT: Final = Endpoint(
    id="66a0f7c1c0ffee00000000e1", pack="examples", name="sample", url="https://receiver.example/hooks/stormlet"
)


def sample(type_name: str) -> Message:
    """Return a message of a type of the catalogue, or of `OWN`.

    Raises:
        KeyError: there is no such type.
    """
    own = type_name == OWN
    kind = None if own else MESSAGE_TYPES[type_name]
    return Message(
        id="66a0f7c1c0ffee00000000a1",
        type=type_name,
        version=kind.version if kind else 1,
        time=_TIME,
        subject=f"{kind.subject if kind else 'execution'}:{_ID}",
        ordinal=3,
        pack="examples",
        tags=("team:web",),
        caused_by="examples.deploy",
        url=f"https://stormlet.example/executions/{_ID}",
        trace_tag="webhook-github/push-7f3c",
        data=dict(kind.example if kind else _OWN_DATA),
    )
