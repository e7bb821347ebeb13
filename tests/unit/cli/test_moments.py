"""Moments as people read them."""

from datetime import UTC, datetime

import click
import pytest

from stormlet.cli.moments import age, exact, parse
from stormlet.cli.since import bound

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("2026-01-02T11:59:48.000000Z", "12s ago"),
        ("2026-01-02T11:58:30.000000Z", "90s ago"),
        ("2026-01-02T11:30:00.000000Z", "30m ago"),
        ("2026-01-02T09:00:00.000000Z", "3h ago"),
        ("2025-12-30T12:00:00.000000Z", "3d ago"),
        ("2026-01-02T12:00:05.000000Z", "in 5s"),
        ("2026-01-02T13:59:48+02:00", "12s ago"),
        ("not a moment", "not a moment"),
        (None, ""),
    ],
)
def test_age_is_told_in_one_unit(moment: str | None, shown: str) -> None:
    """The largest unit of which there are at least two; what is no moment is shown as it is."""
    assert age(moment, NOW) == shown


def test_exact_keeps_the_moment() -> None:
    """The time itself comes first: it can be compared with a log."""
    assert exact("2026-01-02T11:59:48.000000Z", NOW) == "2026-01-02T11:59:48.000000Z (12s ago)"
    assert exact(None, NOW) == ""


def test_a_moment_without_offset_is_utc() -> None:
    """As the API means it."""
    assert parse("2026-01-02T12:00:00") == NOW


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", "2026-01-02T11:58:30.000000Z"),
        ("10m", "2026-01-02T11:50:00.000000Z"),
        ("1 d", "2026-01-01T12:00:00.000000Z"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000Z"),
        (None, None),
    ],
)
def test_since_takes_spans_and_moments(text: str | None, moment: str | None) -> None:
    """A span counts back from now."""
    assert bound(text, NOW) == moment


@pytest.mark.parametrize("text", ["yesterday", "10", "", "-5m", "5 weeks"])
def test_since_refuses_what_it_does_not_know(text: str) -> None:
    """Anything else is a usage error that shows what is meant."""
    with pytest.raises(click.BadParameter, match="10m, 2h, 1d"):
        bound(text, NOW)
