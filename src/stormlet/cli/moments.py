"""Moments as people read them: how long ago, beside the exact time."""

from datetime import UTC, datetime, timedelta

_UNITS = ((86400 * 2, 86400, "d"), (3600 * 2, 3600, "h"), (120, 60, "m"), (0, 1, "s"))


def parse(text: str) -> datetime | None:
    """Read the API's form of a moment; None where the text is not one."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def age(text: object, now: datetime) -> str:
    """Return how long before `now` a moment was: `12s ago`, `3h ago`, `in 5s`; the text itself where it is no moment."""
    moment = parse(text) if isinstance(text, str) else None
    if moment is None:
        return "" if text is None else str(text)
    span = now - moment
    return f"in {span_text(-span)}" if span < timedelta(0) else f"{span_text(span)} ago"


def exact(text: object, now: datetime) -> str:
    """Return a moment with how long ago it was behind it."""
    return f"{text} ({age(text, now)})" if isinstance(text, str) and text else ""


def span_text(span: timedelta) -> str:
    """Return a span in its largest sensible unit."""
    seconds = int(span.total_seconds())
    return next(f"{seconds // unit}{name}" for least, unit, name in _UNITS if seconds >= least)
