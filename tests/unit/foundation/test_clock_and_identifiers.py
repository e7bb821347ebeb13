"""Moments and ids."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlet.foundation.clock import from_iso, from_microseconds, to_iso, to_microseconds
from stormlet.foundation.identifiers import derived_id, derived_uuid, id_source, is_id, new_id

MOMENTS = st.datetimes(timezones=st.just(UTC))


@given(MOMENTS)
def test_moments_keep_their_microseconds(moment: datetime) -> None:
    """Database form and st2's text form lose nothing."""
    assert from_microseconds(to_microseconds(moment)) == moment
    assert from_iso(to_iso(moment)) == moment


def test_a_moment_is_shown_in_utc() -> None:
    """Always with six digits and Z."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert to_iso(moment) == "2026-01-02T01:04:05.000000Z"


def test_a_moment_without_an_offset_is_utc() -> None:
    """As StackStorm reads them."""
    assert from_iso("2026-01-02T03:04:05") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_ids_look_like_st2s_and_sort_by_time() -> None:
    """24 hex characters; never twice the same."""
    make = id_source()
    start = datetime(2026, 1, 2, tzinfo=UTC)
    ids = [make(start + timedelta(seconds=n // 100)) for n in range(10_000)]
    assert all(map(is_id, ids))
    assert len(set(ids)) == len(ids)
    assert make(start + timedelta(days=1)) > ids[0]


@pytest.mark.parametrize("text", ["", "abc", "g" * 24, "A" * 24, "a" * 25, "core.local"])
def test_other_texts_are_no_ids(text: str) -> None:
    """A ref is never taken for an id."""
    assert not is_id(text)


def test_derived_ids_are_the_same_every_time() -> None:
    """Content from files keeps its id over restarts."""
    assert derived_id("rule:a:b") == derived_id("rule:a:b") != derived_id("rule:a:c")
    assert is_id(derived_id("rule:a:b"))
    assert derived_uuid("x") == derived_uuid("x")
    assert derived_uuid("x")[14] == "4"
    assert new_id(datetime.now(UTC)) != new_id(datetime.now(UTC))
