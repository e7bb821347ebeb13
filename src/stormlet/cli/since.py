"""`--since` and `--until`: a span before now (`10m`, `2h`, `1d`) or a moment, as the API takes it."""

import re
from datetime import datetime, timedelta

import click

from stormlet.cli.moments import parse

_SPAN = re.compile(r"(\d+)\s*(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def bound(text: str | None, now: datetime) -> str | None:
    """Return the moment that `text` means, in ISO 8601.

    Raises:
        click.BadParameter: it is neither a span nor a moment.
    """
    if text is None:
        return None
    if span := _SPAN.fullmatch(text.strip()):
        moment: datetime | None = now - timedelta(seconds=int(span[1]) * _UNITS[span[2]])
    else:
        moment = parse(text)
    if moment is None:
        raise click.BadParameter(f"`{text}` is neither a span such as 10m, 2h, 1d nor a moment in ISO 8601")
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def now() -> datetime:
    """Return the machine's time."""
    from stormlet.foundation.clock import SystemClock

    return SystemClock().now()
