"""Making texts of strangers fit to be shown: without control characters, within a length, in the words of each product.

What escapes for one product does nothing for another, so each has a function of its own here, beside the others, where they can
be compared. A text is cut first and escaped afterwards, so that nothing is cut in the middle of an escape.
"""

import re
import unicodedata
from typing import Any, Final

import msgspec

ELLIPSIS: Final = "…"
_LONGEST_LINK: Final = 2000
_URL: Final = re.compile(r"https?://[!#-;=?-\[\]_a-z~%]+", re.ASCII)
"""Visible ASCII without quotes, angle brackets, backslash, backtick, braces and `|`, any of which ends a link somewhere."""
_BROADCAST: Final = re.compile(r"@(?=here|channel|everyone|group|subteam)", re.IGNORECASE)
_JOINER: Final = "\u2060"
"""WORD JOINER: invisible, and it breaks a word that a product would react to."""
_DIRECTIONS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They can turn a line around, so that a person reads something that is not there."""
_KEPT_BREAKS: Final = "\n"
_DISCORD_MARKUP: Final = re.compile(r"([\\*_~`|>\[\]()#+\-<:@!])")
_BACKTICKS: Final = str.maketrans({"`": "\u02cb"})


def plain(value: Any, limit: int, *, lines: bool = False) -> str:
    """Return a value as text to show: of at most `limit` characters, in one line unless `lines`.

    Args:
        value: a text; anything else is shown as JSON, and None as nothing.
        limit: characters, the `…` of a cut included.
        lines: whether line breaks stay.
    """
    text = value if isinstance(value, str) else "" if value is None else _as_json(value)
    # Cut roughly before the work on single characters: a payload may have megabytes. Nothing below makes it longer.
    text = text[: limit * 4 + 64]
    kept = "".join(_shown(character, lines) for character in text)
    kept = kept.strip() if lines else " ".join(kept.split())
    return cut(kept, limit)


def cut(text: str, limit: int) -> str:
    """Return at most `limit` characters, with `…` at the end of what was longer."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + ELLIPSIS


def link(url: str) -> str:
    """Return a URL that may stand in a link; empty for one that could mean something else there."""
    return url if len(url) <= _LONGEST_LINK and _URL.fullmatch(url) else ""


def quiet(text: str) -> str:
    """Return a text in which `@here`, `@everyone` and their like call nobody."""
    return _BROADCAST.sub("@" + _JOINER, text)


def for_slack(text: str) -> str:
    """Return a text for Slack: its three control characters escaped, which also ends every `<!channel>` and `<@U1>`."""
    return quiet(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code_for_slack(text: str) -> str:
    """Return a text as inline code of Slack, in which no `*`, `_` or `~` means anything; empty stays empty."""
    return f"`{for_slack(text.translate(_BACKTICKS))}`" if text else ""


def block_for_slack(text: str) -> str:
    """Return a text as a block of code of Slack."""
    return f"```\n{for_slack(text.translate(_BACKTICKS))}\n```" if text else ""


def for_discord(text: str) -> str:
    """Return a text for Discord: markdown, mentions, links in disguise and time stamps all escaped."""
    return _DISCORD_MARKUP.sub(r"\\\1", quiet(text))


def block_for_discord(text: str) -> str:
    """Return a text as a block of code of Discord."""
    return f"```\n{quiet(text).translate(_BACKTICKS)}\n```" if text else ""


def for_teams(text: str) -> str:
    """Return a text for a TextRun of an Adaptive Card. That knows no markdown; `<at>` and `{{DATE()}}` are broken anyway."""
    return quiet(text).replace("<", "‹").replace(">", "›").replace("{{", "{" + _JOINER + "{")


def header_value(text: str) -> str:
    """Return a text that may stand in a header: visible ASCII and single blanks, `?` for the rest."""
    return " ".join("".join(each if " " <= each <= "~" else "?" for each in text).split())


def _as_json(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _shown(character: str, lines: bool) -> str:
    if character in _KEPT_BREAKS:
        return character if lines else " "
    if character in _DIRECTIONS:
        return ""
    category = unicodedata.category(character)
    if category == "Cs":
        return "?"
    return " " if category in ("Cc", "Zl", "Zp") else character
