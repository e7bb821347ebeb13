"""Reading the time that a sender signed, and judging it against the clock that is handed in.

Only plain forms are read: digits, and dates with a zone. `nan`, `1e400`, signs, spaces and other scripts' digits are
refusals; each of them has been a crash or a bypass somewhere.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import Final

import msgspec

from stormlet.signatures.verification import Reason, Refusal

_MAX_DIGITS: Final = 18
"""Enough for nanoseconds; `int` of thousands of digits raises."""
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NUMBERS: Final = {name: number for number, name in enumerate(_MONTHS, 1)}
_HTTP_DATE: Final = re.compile(
    r"(?:[A-Za-z]{3,9},? )?(\d{1,2})[ -]([A-Za-z]{3})[ -](\d{4}|\d{2}) (\d{2}):(\d{2}):(\d{2}) ?(GMT|UTC|Z|[+-]\d{4})",
    re.ASCII,
)


class TimeForm(StrEnum):
    """How a timestamp is written."""

    UNIX = "unix"
    """Whole seconds since 1970."""
    UNIX_MS = "unix_ms"
    """Whole milliseconds since 1970."""
    HTTP_DATE = "http_date"
    """`Wed, 11 Feb 2026 09:19:57 GMT`; also without the comma, with UTC or an offset, or ISO 8601 with a zone."""
    ISO8601 = "iso8601"
    """`2026-02-11T09:19:57Z`."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """How far a signed time may be from now, either way."""

    seconds: float = 300.0
    exclusive: bool = False
    """Whether exactly `seconds` is refused already (Scalr)."""


def read_timestamp(text: str, form: TimeForm) -> float:
    """Return the moment in Unix seconds.

    Raises:
        Refusal: the text is not a timestamp of that form.
    """
    if form is TimeForm.UNIX or form is TimeForm.UNIX_MS:
        if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
            raise Refusal(Reason.MALFORMED_TIMESTAMP, "the timestamp is not a whole number of digits only")
        return int(text) / 1000 if form is TimeForm.UNIX_MS else float(int(text))
    moment = (_http_date(text) if form is TimeForm.HTTP_DATE else None) or _iso(text)
    if moment is None:
        raise Refusal(Reason.MALFORMED_TIMESTAMP, "the timestamp is not a date with a time and a zone")
    return moment.timestamp()


def write_timestamp(moment: datetime, form: TimeForm) -> str:
    """Return the moment as a sender writes it."""
    if form is TimeForm.UNIX:
        return str(int(moment.timestamp()))
    if form is TimeForm.UNIX_MS:
        return str(int(moment.timestamp() * 1000))
    utc = moment.astimezone(UTC)
    if form is TimeForm.ISO8601:
        return utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    day, month = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[utc.weekday()], _MONTHS[utc.month - 1].title()
    return f"{day}, {utc.day:02d} {month} {utc.year} {utc:%H:%M:%S} GMT"


def judge(timestamp: float, now: datetime, window: Window, *, secret: int | None = None) -> None:
    """Return if the moment lies in the window around now.

    Called only after the signature was found right, so that a stale verdict says something about the sender's clock.

    Raises:
        Refusal: it is too old or too far ahead.
    """
    age = now.timestamp() - timestamp
    distance = abs(age)
    if distance < window.seconds or (distance == window.seconds and not window.exclusive):
        return
    reason, words = (Reason.TOO_OLD, "ago") if age > 0 else (Reason.IN_FUTURE, "ahead of our clock")
    detail = f"signed {distance:.0f} s {words}; the tolerance is {window.seconds:.0f} s"
    raise Refusal(reason, detail, secret=secret, timestamp=timestamp)


def _iso(text: str) -> datetime | None:
    if not text.isascii() or len(text) > 40:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _http_date(text: str) -> datetime | None:
    found = _HTTP_DATE.fullmatch(text)
    if found is None:
        return None
    day, month, year, hour, minute, second, zone = found.groups()
    number = _MONTH_NUMBERS.get(month.lower())
    if number is None:
        return None
    try:
        offset: tzinfo = UTC
        if zone[0] in "+-":
            ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
            offset = timezone(-ahead if zone[0] == "-" else ahead)
        return datetime(
            int(year) + (2000 if len(year) == 2 else 0),
            number,
            int(day),
            int(hour),
            int(minute),
            int(second),
            tzinfo=offset,
        )
    except ValueError:
        return None
