"""Moments as ISO 8601 text and back."""

import datetime
import re

__all__ = ["format", "parse", "validate"]

_UTC = re.compile(r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d{3,6})?(Z|\+00|\+0000|\+00:00)$")
_PARTS = re.compile(
    r"^(?P<date>\d{4}-\d{2}-\d{2})[ T](?P<time>\d{2}:\d{2}:\d{2})(\.(?P<fraction>\d{1,6})\d*)?"
    r"(?P<zone>Z|[+-]\d{2}(:?\d{2})?)?$"
)


def format(dt, usec=True, offset=True):
    """Write a moment (also given as text, or as seconds since 1970): `2026-01-02T03:04:05.678901+00:00`, or with Z."""
    if isinstance(dt, str):
        dt = parse(dt)
    elif isinstance(dt, int):
        dt = datetime.datetime.fromtimestamp(dt, datetime.timezone.utc)
    text = dt.strftime("%Y-%m-%dT%H:%M:%S.%f" if usec else "%Y-%m-%dT%H:%M:%S")
    zone = dt.strftime("%z")
    if offset:
        return text + (zone[:3] + ":" + zone[3:5] if zone else "+00:00")
    name = dt.tzinfo.tzname(dt) if dt.tzinfo else "UTC"
    return text + ("Z" if name == "UTC" else name)


def validate(value, raise_exception=True):
    """Tell whether it is a moment, or text that is one in UTC."""
    if isinstance(value, datetime.datetime) or (isinstance(value, str) and _UTC.match(value)):
        return True
    if raise_exception:
        raise ValueError("Datetime value does not match expected format.")
    return False


def parse(value, preserve_original_tz=False, validate_value=True):
    """Read a moment; the answer knows its time zone, and is in UTC unless the original one is asked for."""
    if validate_value:
        validate(value)
    moment = value if isinstance(value, datetime.datetime) else _read(str(value))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return moment if preserve_original_tz else moment.astimezone(datetime.timezone.utc)


def _read(text):
    parts = _PARTS.match(text)
    if not parts:
        raise ValueError("Datetime value does not match expected format.")
    zone = (parts.group("zone") or "Z").replace(":", "")
    zone = "+0000" if zone == "Z" else zone.ljust(5, "0")
    plain = "%sT%s.%s%s" % (parts.group("date"), parts.group("time"), (parts.group("fraction") or "0").ljust(6, "0"), zone)
    return datetime.datetime.strptime(plain, "%Y-%m-%dT%H:%M:%S.%f%z")
