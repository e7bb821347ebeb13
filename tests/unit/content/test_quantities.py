"""Spans, sizes and rates as people write them."""

import math
from typing import Any

import pytest

from stormlet.content.quantities import bytes_of, per_second, seconds_of


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(300, 300), (0.5, 0.5), ("90", 90), ("90s", 90), ("1.5h", 5400), ("7d", 604800), (" 5 m ", 300)],
)
def test_spans(value: Any, seconds: float) -> None:
    """Seconds, or a number with s, m, h or d."""
    assert seconds_of(value) == seconds


@pytest.mark.parametrize(
    "value", [0, -1, True, None, "", "0", "-5s", "5w", "1e9", "5 5", "٣s", math.inf, math.nan, [1]]
)
def test_what_is_no_span(value: Any) -> None:
    """Nothing, negative, another unit, or no number."""
    assert seconds_of(value) is None


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (1024, 1024),
        ("1024", 1024),
        ("512KB", 524288),
        ("1.5 MB", 1572864),
        ("25mb", 26214400),
        ("1GiB", 1 << 30),
        ("3B", 3),
    ],
)
def test_sizes(value: Any, size: int) -> None:
    """Bytes, or a number with KB, MB or GB, counted by 1024."""
    assert bytes_of(value) == size


@pytest.mark.parametrize("value", [0, -1, True, 1.5, None, "", "0", "MB", "-1MB", "1TB", "1K B", "1I", []])
def test_what_is_no_size(value: Any) -> None:
    """Nothing, negative, another unit, or no number."""
    assert bytes_of(value) is None


def test_rates() -> None:
    """So many a second, a minute or an hour."""
    assert [per_second(text) for text in ("10/s", "600/m", "7200 / h", "0.5/s")] == [10, 10, 2, 0.5]
    assert [per_second(text) for text in ("10", "0/s", "-1/s", "10/d", "/s", "fast")] == [None] * 6
