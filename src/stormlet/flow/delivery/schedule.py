"""When a delivery is tried again, and when it is given up. Pure: moment and randomness are handed in.

The waits are those of Standard Webhooks. A wait is never shortened, only lengthened by jitter, so that many deliveries that
failed together do not come back together. Every decision names its reason, which people read on the delivery.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

import msgspec

STANDARD_WAITS: Final = (0.0, 5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
"""Seconds before the first attempt, the second, …: about 75.5 hours in all."""
_GONE: Final = 410
_TOO_MANY: Final = 429
_UNAVAILABLE: Final = 503
_THROTTLING: Final = frozenset({_TOO_MANY, 502, 504})
_LONGEST_TEXT: Final = 64


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how long an endpoint is tried."""

    waits: tuple[float, ...] = STANDARD_WAITS
    """Seconds before each attempt, counted from the end of the one before; as many attempts as there are waits."""
    jitter: float = 0.2
    """A wait is lengthened by up to this part of it, at random."""
    longest_retry_after: float = 3600.0
    """Seconds; an endpoint that asks for more is tried after this."""
    throttle: float = 30.0
    """Seconds for which nothing at all is sent to an endpoint that says it is overwhelmed, but not for how long."""


class Step(StrEnum):
    """What is next for a delivery."""

    DELIVERED = "delivered"
    RETRY = "retry"
    GIVE_UP = "give-up"
    DISABLE = "disable"
    """The endpoint says that it is gone: this delivery has failed, and the endpoint is switched off."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back from one attempt; either a status or an error."""

    status: int | None = None
    retry_after: str = ""
    """The header as it stands: seconds or an HTTP date."""
    body: bytes = b""
    """What was read of it; only formats look at it."""
    error: str = ""
    """Why there is no status: refused, reset, timed out, not reached."""
    permanent: bool = False
    """The error is ours and stays, such as a template that cannot be rendered: trying again changes nothing."""


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What a product's own words mean, where its status alone misleads. `step` None: as the status says."""

    step: Step | None = None
    reason: str = ""
    retry_after: float | None = None
    """Seconds."""


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """The decision."""

    step: Step
    reason: str
    """For people, and stored."""
    at: datetime | None = None
    """When to try again; set for RETRY only."""
    hold_until: datetime | None = None
    """Until when nothing else should go to this endpoint either; None: it need not wait."""


def first_attempt(schedule: Schedule, now: datetime, random: Callable[[], float]) -> datetime:
    """Return when a new delivery is first tried."""
    return now + timedelta(seconds=_lengthened(schedule.waits[0] if schedule.waits else 0.0, schedule, random))


def next_step(
    schedule: Schedule,
    attempt: int,
    answer: Answer,
    now: datetime,
    random: Callable[[], float],
    advice: Advice | None = None,
) -> Next:
    """Return what follows an attempt.

    Args:
        schedule: the waits.
        attempt: the number of the attempt that has just ended, from 1.
        answer: what came of it.
        now: aware; when it ended.
        random: a number from 0 up to, not including, 1.
        advice: what the format reads in the answer; it outweighs the status.
    """
    advice = advice or Advice()
    step, reason = _judged(answer, advice)
    if step is not Step.RETRY:
        return Next(step=step, reason=reason)
    wanted = _wanted_wait(answer, advice, now)
    hold = _hold(schedule, answer.status, wanted)
    held_until = now + timedelta(seconds=hold) if hold else None
    if attempt >= len(schedule.waits):
        words = f"given up after {attempt} attempt{'s' if attempt != 1 else ''}; the last one: {reason}"
        return Next(step=Step.GIVE_UP, reason=words, hold_until=held_until)
    wait = schedule.waits[attempt]
    if wanted is not None and min(wanted, schedule.longest_retry_after) > wait:
        wait = min(wanted, schedule.longest_retry_after)
        reason += f"; it asked for {_seconds(wanted)}"
    # Longer than the hold at least, or the delivery would only come back to wait for it.
    at = now + timedelta(seconds=max(_lengthened(wait, schedule, random), hold))
    return Next(step=Step.RETRY, reason=reason, at=at, hold_until=held_until)


def resumed(schedule: Schedule, next_attempt_at: datetime, now: datetime) -> datetime:
    """Return when a stored delivery is due, whatever the wall clock has done since.

    A clock that was set back by a year would keep a delivery waiting for that year; no wait is longer than the longest one
    of the schedule.
    """
    longest = max((*schedule.waits, schedule.longest_retry_after, schedule.throttle)) * (1 + schedule.jitter)
    return min(next_attempt_at, now + timedelta(seconds=longest))


def disabling_reason(failing_since: datetime | None, now: datetime, days: float) -> str:
    """Return why an endpoint that fails for so long is switched off; empty: it is not.

    Args:
        failing_since: when the first attempt failed since the last success; None: the last one succeeded.
        now: aware.
        days: how long is too long; 0: never.
    """
    if failing_since is None or days <= 0 or now - failing_since < timedelta(days=days):
        return ""
    return f"no attempt has succeeded since {failing_since.astimezone(UTC):%Y-%m-%d %H:%M} UTC, {days:g} days"


def retry_after_seconds(text: str, now: datetime) -> float | None:
    """Return what a Retry-After header asks for, in seconds from now and never negative; None: nothing that can be read."""
    text = text.strip()
    if not text or len(text) > _LONGEST_TEXT or not text.isascii():
        return None
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _judged(answer: Answer, advice: Advice) -> tuple[Step, str]:
    status = answer.status
    if advice.step is not None:
        return advice.step, advice.reason or f"answered {status}"
    if status is None:
        words = answer.error or "there was no answer"
        return (Step.GIVE_UP if answer.permanent else Step.RETRY), words
    if 200 <= status < 300:
        return Step.DELIVERED, f"answered {status}"
    if status == _GONE:
        return Step.DISABLE, "answered 410: it does not want any more"
    if 300 <= status < 400:
        return Step.RETRY, f"answered {status}: redirects are never followed; set the URL that it leads to"
    return Step.RETRY, advice.reason or f"answered {status}"


def _wanted_wait(answer: Answer, advice: Advice, now: datetime) -> float | None:
    if advice.retry_after is not None and math.isfinite(advice.retry_after):
        return max(0.0, advice.retry_after)
    if answer.status in (_TOO_MANY, _UNAVAILABLE):
        return retry_after_seconds(answer.retry_after, now)
    return None


def _hold(schedule: Schedule, status: int | None, wanted: float | None) -> float:
    """Return for how many seconds nothing at all should be sent to the endpoint."""
    if wanted is not None:
        return min(wanted, schedule.longest_retry_after)
    return schedule.throttle if status in _THROTTLING else 0.0


def _lengthened(wait: float, schedule: Schedule, random: Callable[[], float]) -> float:
    return wait * (1 + schedule.jitter * random())


def _seconds(wait: float) -> str:
    return f"{wait:.0f} s" if wait < 1e6 else "more than a week"
