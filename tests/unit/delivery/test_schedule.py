"""When a delivery is tried again: a table, on a clock of its own."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlet.flow.delivery.schedule import (
    STANDARD_WAITS,
    Advice,
    Answer,
    Next,
    Schedule,
    Step,
    disabling_reason,
    first_attempt,
    next_step,
    resumed,
    retry_after_seconds,
)

NOW = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
PLAIN = Schedule(jitter=0.0)


def _after(decision: Next) -> float:
    assert decision.at is not None
    return (decision.at - NOW).total_seconds()


def _step(answer: Answer, attempt: int = 1, schedule: Schedule = PLAIN, advice: Advice | None = None) -> Next:
    return next_step(schedule, attempt, answer, NOW, lambda: 0.5, advice)


def test_the_standard_schedule_takes_ten_attempts_in_three_days() -> None:
    """Attempts of an endpoint that never answers, on a virtual clock: the moments are those of Standard Webhooks."""
    now = first_attempt(PLAIN, NOW, lambda: 0.99)
    moments = []
    for attempt in range(1, 100):
        moments.append((now - NOW).total_seconds())
        decision = next_step(PLAIN, attempt, Answer(error="refused"), now, lambda: 0.99)
        if decision.step is Step.GIVE_UP:
            break
        assert decision.at is not None
        now = decision.at
    assert moments == [sum(STANDARD_WAITS[: number + 1]) for number in range(10)]
    assert moments[-1] == 75 * 3600 + 35 * 60 + 5
    assert decision.reason == "given up after 10 attempts; the last one: refused"


TABLE = [
    (Answer(status=200), Step.DELIVERED, None, None),
    (Answer(status=204), Step.DELIVERED, None, None),
    (Answer(status=299), Step.DELIVERED, None, None),
    (Answer(status=100), Step.RETRY, 5, None),
    (Answer(status=301), Step.RETRY, 5, None),
    (Answer(status=308), Step.RETRY, 5, None),
    (Answer(status=400), Step.RETRY, 5, None),
    (Answer(status=401), Step.RETRY, 5, None),
    (Answer(status=404), Step.RETRY, 5, None),
    (Answer(status=404, retry_after="60"), Step.RETRY, 5, None),
    (Answer(status=410), Step.DISABLE, None, None),
    (Answer(status=429), Step.RETRY, 30, 30),
    (Answer(status=429, retry_after="60"), Step.RETRY, 60, 60),
    (Answer(status=429, retry_after="1"), Step.RETRY, 5, 1),
    (Answer(status=429, retry_after="999999"), Step.RETRY, 3600, 3600),
    (Answer(status=429, retry_after="soon"), Step.RETRY, 30, 30),
    (Answer(status=500), Step.RETRY, 5, None),
    (Answer(status=502), Step.RETRY, 30, 30),
    (Answer(status=503), Step.RETRY, 5, None),
    (Answer(status=503, retry_after="Wed, 11 Feb 2026 09:22:00 GMT"), Step.RETRY, 120, 120),
    (Answer(status=503, retry_after="Wed, 11 Feb 2026 09:00:00 GMT"), Step.RETRY, 5, None),
    (Answer(status=504), Step.RETRY, 30, 30),
    (Answer(status=999), Step.RETRY, 5, None),
    (Answer(error="timed out"), Step.RETRY, 5, None),
    (Answer(error="template", permanent=True), Step.GIVE_UP, None, None),
]


@pytest.mark.parametrize(("answer", "step", "after", "hold"), TABLE, ids=[str(row[0]) for row in TABLE])
def test_table(answer: Answer, step: Step, after: float | None, hold: float | None) -> None:
    """Each answer to a first attempt, and what follows."""
    decision = _step(answer)
    assert decision.step is step
    assert (None if decision.at is None else _after(decision)) == after
    held = decision.hold_until
    assert (None if held is None or held == NOW else (held - NOW).total_seconds()) == hold
    assert decision.reason


def test_retry_after_never_shortens_a_wait() -> None:
    """Before the fifth attempt two hours are due, whatever less the receiver asks for."""
    assert _after(_step(Answer(status=429, retry_after="60"), attempt=4)) == 7200


def test_jitter_only_lengthens() -> None:
    """With all of the jitter a wait is a fifth longer; with none of it, as it stands."""
    waits = [next_step(Schedule(), 2, Answer(status=500), NOW, lambda part=part: part) for part in (0.0, 1.0)]
    assert [_after(each) for each in waits] == [300, 360]


def test_giving_up_still_says_that_the_endpoint_is_overwhelmed() -> None:
    """The last attempt's 429 holds the endpoint for the others."""
    decision = _step(Answer(status=429, retry_after="60"), attempt=10)
    assert (decision.step, decision.at) == (Step.GIVE_UP, None)
    assert decision.hold_until == NOW + timedelta(seconds=60)


def test_advice_outweighs_the_status() -> None:
    """A format that knows the product's words decides; its wait counts like a header."""
    gone = Advice(step=Step.DISABLE, reason="no_service")
    assert _step(Answer(status=404), advice=gone) == Next(step=Step.DISABLE, reason="no_service")
    assert _after(_step(Answer(status=429), advice=Advice(retry_after=45.5))) == 45.5
    assert _after(_step(Answer(status=500), advice=Advice(retry_after=float("nan")))) == 5
    assert _after(_step(Answer(status=500), advice=Advice(retry_after=-3.0))) == 5


def test_a_schedule_may_be_short() -> None:
    """One wait is one attempt; none is one as well, at once."""
    assert _step(Answer(status=500), schedule=Schedule(waits=(0.0,))).step is Step.GIVE_UP
    assert first_attempt(Schedule(waits=()), NOW, lambda: 0.5) == NOW
    assert _step(Answer(status=500), schedule=Schedule(waits=())).reason == (
        "given up after 1 attempt; the last one: answered 500"
    )


def test_a_clock_that_was_set_back_keeps_nothing_waiting() -> None:
    """What is due in a year is due within the longest wait; what is due soon stays as it is."""
    longest = timedelta(seconds=86400 * 1.2)
    assert resumed(Schedule(), NOW + timedelta(days=365), NOW) == NOW + longest
    assert resumed(Schedule(), NOW + timedelta(seconds=5), NOW) == NOW + timedelta(seconds=5)
    assert resumed(Schedule(), NOW - timedelta(days=9), NOW) == NOW - timedelta(days=9)


def test_days_of_failure_disable() -> None:
    """The reason names since when; an endpoint that works, or a limit of 0, never does."""
    since = NOW - timedelta(days=5)
    assert disabling_reason(since, NOW, 5) == "no attempt has succeeded since 2026-02-06 09:20 UTC, 5 days"
    assert disabling_reason(since, NOW, 5.1) == ""
    assert disabling_reason(None, NOW, 5) == ""
    assert disabling_reason(since, NOW, 0) == ""
    assert disabling_reason(NOW + timedelta(days=9), NOW, 5) == "", "the clock was set back"


def _texts() -> Iterator[tuple[str, float | None]]:
    yield from (("0", 0.0), (" 120 ", 120.0), ("-1", None), ("1.5", None), ("nan", None), ("", None), ("٣", None))
    yield from (("9" * 65, None), ("Wed, 11 Feb 2026 09:21:00 GMT", 60.0), ("Wed, 11 Feb 2026 10:21:00 +0100", 60.0))
    yield from (("11 Feb 2026 09:21:00 -0000", 60.0), ("Wed, 99 Feb 2026 09:21:00 GMT", None), ("tomorrow", None))


@pytest.mark.parametrize(("text", "seconds"), list(_texts()))
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    """And nothing else; what cannot be read is no wish at all."""
    assert retry_after_seconds(text, NOW) == seconds


@given(
    status=st.none() | st.integers(100, 999),
    header=st.text(max_size=80) | st.integers().map(str) | st.just("Fri, 31 Dec 9999 23:59:59 GMT"),
    attempt=st.integers(1, 12),
    part=st.floats(0, 1, exclude_max=True),
)
def test_no_answer_breaks_the_schedule(status: int | None, header: str, attempt: int, part: float) -> None:
    """Whatever a receiver says: no exception, no moment in the past, none further away than the longest wait."""
    decision = next_step(Schedule(), attempt, Answer(status=status, retry_after=header), NOW, lambda: part)
    if decision.at is not None:
        assert NOW <= decision.at <= NOW + timedelta(seconds=86400 * 1.2)
    assert (decision.at is not None) == (decision.step is Step.RETRY)
