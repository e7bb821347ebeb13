"""Moments as senders write them, for the operators that ask how long ago something was.

StackStorm reads ISO 8601 strictly first, and hands everything else to dateutil; so is it done here. What a text leaves out
(a bare `10:30`) is taken from the day that is handed in; an unknown or missing time zone is UTC.
"""

import re
from datetime import UTC, datetime, tzinfo

from dateutil import parser, tz

_ISO = re.compile(
    r"\d{4}-?(?:\d{2}-?\d{2}|W\d{2}-?\d)(?:[Tt ]\d{2}(?::?\d{2}(?::?\d{2}(?:[.,]\d+)?)?)?(?:[Zz]|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)
_MONTH = re.compile(r"\d{4}-\d{2}", re.ASCII)


def parse_moment(text: str, now: datetime) -> datetime:
    """Return the moment in UTC.

    Raises:
        ValueError: nobody could read that as a date.
        OverflowError: it is before the year 1 or after 9999.
    """
    moment = _iso(f"{text}-01" if _MONTH.fullmatch(text) else text)
    if moment is None:
        day = now.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
        moment = parser.parse(text, default=day, tzinfos=_zone)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _iso(text: str) -> datetime | None:
    if not _ISO.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _zone(_name: str | None, offset: int | None) -> tzinfo | None:
    """Take a numeric offset as it is, and no name: what EST means depends on who says it, and StackStorm ignores it too."""
    return tz.tzoffset(None, offset) if offset is not None else None
