"""Spans of time, sizes and rates as people write them: `7d`, `25MB`, `10/s`.

Plain numbers are seconds and bytes. What cannot be read is None; the caller knows where it stands.
"""

import math
import re
from typing import Any

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
BYTES = {"": 1, "B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3, "KIB": 1024, "MIB": 1024**2, "GIB": 1024**3}
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([smhd]?)", re.ASCII)
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*([KMG]?I?B?)", re.ASCII | re.IGNORECASE)
_RATE = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*/\s*([smh])", re.ASCII)


def seconds_of(value: Any) -> float | None:
    """Return seconds: of a number that is above 0, or of a text such as `90`, `1.5h` or `7d`."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if 0 < value < math.inf else None
    found = _SPAN.fullmatch(value.strip()) if isinstance(value, str) else None
    return (float(found[1]) * SECONDS[found[2] or "s"] or None) if found else None


def bytes_of(value: Any) -> int | None:
    """Return bytes: of a whole number that is above 0, or of a text such as `512KB` or `25 MB`. K, M and G count by 1024."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value > 0 else None
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or (unit := found[2].upper()) not in BYTES:
        return None
    return int(float(found[1]) * BYTES[unit]) or None


def per_second(value: str) -> float | None:
    """Return how many a second: of a text such as `10/s`, `600/m` or `5000/h`."""
    found = _RATE.fullmatch(value.strip())
    return (float(found[1]) / SECONDS[found[2]] or None) if found else None
