"""Where in a command line a text stands: between words, or inside quotes, a comment or a here-document.

Only as much of the shell's grammar as decides whether `| quote` protects what stands there. It runs nothing.
"""

import re

_HERE = re.compile(r"<<-?[ \t]*(?:'([^'\n]+)'|\"([^\"\n]+)\"|\\?([\w.-]+))")
_WORD_ENDS = " \t\n;&|()"
_PLAIN = "plain"
_PARENTHESIS = "("
_BACKTICK = "`"
_SINGLE, _DOUBLE, _ESCAPING, _COMMENT, _ESCAPED = "'", '"', "$'", "#", "\\"
_HERE_BEGINS, _HERE_INSIDE = "<<", "<<\n"
_UNQUOTED = (_PLAIN, _PARENTHESIS, _BACKTICK)

Place = tuple[str, ...]
"""What has been opened and not been closed, the innermost last."""
START: Place = (_PLAIN,)


def is_unquoted(place: Place) -> bool:
    """Tell whether a quoted word may stand here and is one."""
    return place[-1] in _UNQUOTED


def after_word(place: Place) -> Place:
    """Return the place after a word that was put in."""
    return place[:-1] if place[-1] == _ESCAPED else place


def after_text(place: Place, text: str) -> Place:
    """Return the place after literal text."""
    at = 0
    while at < len(text):
        place, taken = _step(place, text, at)
        at += taken
    return place


def _step(place: Place, text: str, at: int) -> tuple[Place, int]:
    inner, sign = place[-1], text[at]
    if inner == _ESCAPED:
        return place[:-1], 1
    if inner in _UNQUOTED:
        return _step_unquoted(place, text, at)
    if inner == _DOUBLE:
        return _step_double(place, text, at)
    if inner == _SINGLE:
        return (place[:-1] if sign == "'" else place), 1
    if inner == _COMMENT:
        return (place[:-1], 0) if sign == "\n" else (place, 1)
    if inner == _ESCAPING:
        return ((*place, _ESCAPED) if sign == "\\" else place[:-1] if sign == "'" else place), 1
    return _step_here(place, text, at)


def _step_unquoted(place: Place, text: str, at: int) -> tuple[Place, int]:
    inner, sign = place[-1], text[at]
    if sign == "\\":
        return (*place, _ESCAPED), 1
    if sign in "'\"":
        return (*place, sign), 1
    if text.startswith("$'", at):
        return (*place, _ESCAPING), 2
    if sign == "(":
        return (*place, _PARENTHESIS), 1
    if sign == ")" and inner == _PARENTHESIS:
        return place[:-1], 1
    if sign == "`":
        return (place[:-1] if inner == _BACKTICK else (*place, _BACKTICK)), 1
    if sign == "#" and (at == 0 or text[at - 1] in _WORD_ENDS):
        return (*place, _COMMENT), 1
    if sign == "<" and not text.startswith("<<<", at) and (here := _HERE.match(text, at)):
        # The rest of the line is still the command's; what follows it is the document's.
        delimiter = next(filter(None, here.groups()))
        line_end = text.find("\n", here.end())
        rest = after_text(place, text[here.end() : line_end if line_end >= 0 else len(text)])
        if line_end < 0:
            return (*rest, delimiter, _HERE_BEGINS), len(text) - at
        return (*rest, delimiter, _HERE_INSIDE), line_end + 1 - at
    return place, 3 if text.startswith("<<<", at) else 1


def _step_double(place: Place, text: str, at: int) -> tuple[Place, int]:
    if text[at] == "\\":
        return (*place, _ESCAPED), 1
    if text[at] == '"':
        return place[:-1], 1
    if text.startswith("$(", at):
        return (*place, _PARENTHESIS), 2
    return ((*place, _BACKTICK) if text[at] == "`" else place), 1


def _step_here(place: Place, text: str, at: int) -> tuple[Place, int]:
    """Go one line on: up to the line that holds the delimiter and nothing else."""
    *_, delimiter, inner = place
    end = text.find("\n", at)
    taken = (end + 1 if end >= 0 else len(text)) - at
    line = text[at : at + taken]
    if inner == _HERE_BEGINS:
        return ((*place[:-1], _HERE_INSIDE) if line.endswith("\n") else place), taken
    return (place[:-2] if line.strip() == delimiter else place), taken
