"""Text for a terminal: nothing that came with an event may steer the terminal or break a line of a table.

Pure functions; widths are counted in terminal cells.
"""

import re
import unicodedata

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ELLIPSIS = "…"


def visible(text: str) -> str:
    """Return `text` with control characters written out (`\\x1b`); line feeds and tabs stay."""
    return _CONTROL.sub(_escape, text)


def one_line(text: str) -> str:
    """Return `text` as one line: runs of white space become one space, other control characters are written out."""
    return visible(" ".join(text.split()) if "\n" in text or "\t" in text or "\r" in text else text)


def cells(text: str) -> int:
    """Count the terminal cells that `text` takes: East Asian wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_cell(character) for character in text)


def cut(text: str, width: int) -> str:
    """Return `text` in at most `width` cells, with an ellipsis where something is missing."""
    if cells(text) <= width:
        return text
    kept, used = [], 0
    for character in text:
        used += _cell(character)
        if used > width - 1:
            break
        kept.append(character)
    return "".join(kept) + _ELLIPSIS


def counted(*counts: tuple[int, str]) -> str:
    """Return `2 errors, 1 warning`, without what there is none of."""
    return ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for count, word in counts if count)


def pad(text: str, width: int) -> str:
    """Return `text` filled up with spaces to `width` cells."""
    return text + " " * (width - cells(text))


def _cell(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _escape(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"
