"""Reading and judging signed times."""

from datetime import UTC, datetime

import pytest

from stormlet.signatures.timestamps import TimeForm, Window, judge, read_timestamp, write_timestamp
from stormlet.signatures.verification import Reason, Refusal

MOMENT = datetime(2026, 2, 11, 9, 19, 57, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Wed, 11 Feb 2026 09:19:57 GMT",
        "Wed 11 Feb 2026 09:19:57 UTC",
        "11 Feb 2026 09:19:57 GMT",
        "Wednesday, 11-Feb-26 09:19:57 GMT",
        "Wed, 11 Feb 2026 10:19:57 +0100",
        "2026-02-11T09:19:57Z",
        "2026-02-11 04:19:57-05:00",
    ],
)
def test_dates_are_read_in_the_spellings_on_record(text: str) -> None:
    """With and without the comma, as GMT, UTC or an offset, and as ISO 8601."""
    assert read_timestamp(text, TimeForm.HTTP_DATE) == MOMENT.timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "yesterday-ish", "", "Wed, 11 Feb 2026", "Wed, 11 Feb 2026 09:19:57", "Wed, 31 Feb 2026 09:19:57 GMT",
        "Wed, 11 Foo 2026 09:19:57 GMT", "Wed, 11 Feb 2026 25:19:57 GMT", "Wed, 11 Feb 2026 09:19:57 +9999",
        "2026-02-11T09:19:57", "1770801597", "٢٠٢٦-02-11T09:19:57Z", "Wed, 11 Feb 2026 09:19:57 EST",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_a_refusal(text: str) -> None:
    """No zone, no such day, another script, a name for a zone: refused."""
    with pytest.raises(Refusal) as caught:
        read_timestamp(text, TimeForm.HTTP_DATE)
    assert caught.value.reason is Reason.MALFORMED_TIMESTAMP


def test_the_first_year_of_the_calendar_is_no_overflow() -> None:
    """An offset that leads out of the calendar gives a moment far off, not an exception."""
    assert read_timestamp("0001-01-01T00:00:00+23:59", TimeForm.HTTP_DATE) < 0


@pytest.mark.parametrize("form", list(TimeForm))
def test_what_is_written_is_read_again(form: TimeForm) -> None:
    """Each form has one spelling of its own."""
    assert read_timestamp(write_timestamp(MOMENT, form), form) == MOMENT.timestamp()


def test_an_exclusive_window_refuses_its_boundary() -> None:
    """Scalr refuses at exactly the tolerance, the others beyond it."""
    stamp = MOMENT.timestamp()
    now = datetime.fromtimestamp(stamp + 300, UTC)
    judge(stamp, now, Window(seconds=300))
    with pytest.raises(Refusal):
        judge(stamp, now, Window(seconds=300, exclusive=True))
    with pytest.raises(Refusal):
        judge(stamp - 0.5, now, Window(seconds=300))
