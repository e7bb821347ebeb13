"""JSON that was sent as a form."""

import logging
from datetime import UTC, datetime

import pytest

from stormlet.flow.intake.mistaken_forms import HINT, MistakenForms, hint_for
from stormlet.model.event import Event, EventKind


def event(body: bytes, content_type: str = "application/x-www-form-urlencoded", url: str = "in") -> Event:
    return Event(
        id="e" * 24,
        kind=EventKind.CUSTOM,
        url=url,
        received_at=datetime(2026, 1, 2, tzinfo=UTC),
        body=body,
        content_type=content_type,
        headers=(),
        query="",
        remote="192.0.2.1",
        user="u",
    )


@pytest.mark.parametrize(
    ("body", "content_type", "found"),
    [
        (b'{"y": 1}', "application/x-www-form-urlencoded", True),
        (b' [{"a": "x=y"}]', "Application/X-WWW-Form-URLencoded; charset=utf-8", True),
        (b"a=1&b=%7B%22y%22%3A+1%7D", "application/x-www-form-urlencoded", False),
        (b"payload={}", "application/x-www-form-urlencoded", False),
        (b"", "application/x-www-form-urlencoded", False),
        (b'{"y": 1}', "application/json", False),
        (b'{"y": 1}', "", False),
    ],
)
def test_which_events_are_mistaken(body: bytes, content_type: str, found: bool) -> None:
    """Forms whose body begins as JSON does; a form's own braces are percent-encoded."""
    assert hint_for(event(body, content_type)) == (HINT if found else "")
    assert hint_for(None) == ""


def test_each_hook_is_told_of_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    """A sender that does it all the time does not fill the log."""
    caplog.set_level(logging.INFO)
    now = 5.0
    forms = MistakenForms(lambda: now)
    for url in ("in", "in", "other", "in"):
        forms.note(event(b"{}", url=url))
    forms.note(event(b"a=1", url="third"))
    assert len(caplog.records) == 2
    assert all(record.levelname == "WARNING" and HINT in record.getMessage() for record in caplog.records)
    now = 6.0
    forms.note(event(b"{}"))
    assert len(caplog.records) == 3
