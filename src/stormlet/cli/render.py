"""What commands print: aligned columns that fit the terminal, one thing as labelled lines, JSON, YAML or names.

Only data goes through here, and only to standard output. Values are escaped for the terminal in `text.py`.
"""

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from stormlet.cli.text import cells, cut, one_line, pad, visible

GAP = 2
INDENT = 4
NARROW = 120
"""Cells."""
LEAST_WIDTH = 8
FORMATS = ("table", "wide", "json", "yaml", "name")

_STEERING = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_COLOURS = {"green": 32, "red": 31, "yellow": 33, "dim": 2, "bold": 1}
_STATUS_COLOURS = {
    "succeeded": "green", "processed": "green", "ready": "green", "yes": "green", "matched": "green", "ok": "green",
    "failed": "red", "timeout": "red", "abandoned": "red", "processing_failed": "red", "broken": "red",
    "canceled": "yellow", "canceling": "yellow", "stale": "yellow", "delayed": "yellow", "warning": "yellow",
    "problem": "red", "no": "dim",
}  # fmt: skip


class Column(NamedTuple):
    """One column: its title, where its value lies (a dotted path, or a function of the row), and how it is shown."""

    title: str
    value: str | Callable[[Mapping[str, Any]], Any]
    wide: bool = False
    """Shown with `-o wide` only."""
    shrink: bool = True
    """May be cut where the terminal is narrow; ids and refs that a person copies may not."""

    def of(self, row: Mapping[str, Any]) -> Any:
        """Return the row's value for this column, None where it has none."""
        return self.value(row) if callable(self.value) else at(row, self.value)


def at(document: Any, path: str) -> Any:
    """Return what lies at a dotted path of nested mappings, None where nothing does."""
    for name in path.split("."):
        if not isinstance(document, Mapping):
            return None
        document = document.get(name)
    return document


class Screen:
    """Standard output as one command sees it: the format that was asked for, the width, and whether colour is welcome."""

    def __init__(self, output: str = "table", *, width: int | None = None, colour: bool = False) -> None:
        self.output = output
        self.colour = colour
        self._width = width
        """None where output is not a terminal: then nothing is cut."""

    @classmethod
    def of_terminal(cls, output: str) -> "Screen":
        """Return the screen of this process."""
        from stormlet.foundation.settings import environment

        if not sys.stdout.isatty():
            return cls(output)
        variables = environment()
        plain = bool(variables.get("NO_COLOR")) or variables.get("TERM") == "dumb"
        return cls(output, width=shutil.get_terminal_size().columns, colour=not plain)

    @property
    def for_people(self) -> bool:
        """Tell whether a person reads this, and not a program."""
        return self.output in ("table", "wide")

    @property
    def is_narrow(self) -> bool:
        """Tell whether this is a terminal on which two long columns have no place beside each other."""
        return self._width is not None and self._width < NARROW

    def line(self, text: str = "") -> None:
        """Print one line as it is."""
        print(text)

    def paint(self, text: str, colour: str) -> str:
        """Return `text` in a colour, where colour is welcome."""
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self.colour and colour in _COLOURS else text

    def paint_status(self, text: str) -> str:
        """Return a status in its own colour."""
        return self.paint(text, _STATUS_COLOURS.get(text.strip(), ""))

    def rows(self, items: Sequence[Mapping[str, Any]], columns: Sequence[Column], *, name: str, empty: str) -> None:
        """Print things as a table, or whatever was asked for.

        Args:
            items: what the server answered with.
            columns: what a person wants to see.
            name: path of what `-o name` prints.
            empty: what to tell a person on standard error where there is nothing.
        """
        if self.output == "name":
            for item in items:
                self.line(visible(str(at(item, name))))
        elif not self.for_people:
            self.data(list(items))
        elif not items:
            print(empty, file=sys.stderr)
        else:
            self._table(items, [column for column in columns if self.output == "wide" or not column.wide])

    def definitions(self, items: Sequence[Mapping[str, Any]], *, name: str, text: str) -> None:
        """Print names with prose beside them, wrapped in its column where the terminal is narrow, or below long names."""
        if not self.for_people or self.output == "wide" or self._width is None:
            self.rows(items, (Column(name.upper(), name), Column(text.upper(), text)), name=name, empty="")
            return
        from textwrap import wrap

        left = max(cells(str(item[name])) for item in items) + GAP
        below = left * 2 > self._width
        left = INDENT if below else left
        for item in items:
            lines = wrap(visible(str(item[text])), max(self._width - left, LEAST_WIDTH), break_on_hyphens=False) or [""]
            title = visible(str(item[name]))
            self.line(self.paint(title if below else pad(title, left), "bold") + ("" if below else lines[0]))
            for line in lines[0 if below else 1 :]:
                self.line(" " * left + line)

    def fields(self, item: Mapping[str, Any], columns: Sequence[Column], *, name: str) -> None:
        """Print one thing, a line for each field that it has; what is nested follows indented."""
        if self.output == "name":
            self.line(visible(str(at(item, name))))
        elif not self.for_people:
            self.data(item)
        else:
            shown = [(column.title, column.of(item)) for column in columns]
            self.labelled([(title, value) for title, value in shown if value not in (None, "", [], {}, ())])

    def labelled(self, pairs: Sequence[tuple[str, Any]]) -> None:
        """Print labels and values, values aligned."""
        width = max((cells(title) for title, _ in pairs), default=0) + GAP
        for title, value in pairs:
            if _is_block(value):
                self.line(self.paint(title, "bold"))
                for line in block(value):
                    self.line(f"  {line}")
            else:
                self.line(self.paint(pad(title, width), "bold") + self.paint_status(visible(scalar(value))))

    def data(self, value: Any) -> None:
        """Print a value for programs: JSON, or YAML where that was asked for."""
        self.line(as_yaml(value).rstrip("\n") if self.output == "yaml" else as_json(value))

    def _table(self, items: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> None:
        texts = [[one_line(scalar(column.of(item))) for column in columns] for item in items]
        widths = [
            max(cells(column.title), *(cells(row[place]) for row in texts)) for place, column in enumerate(columns)
        ]
        if self._width is not None and self.output != "wide":
            fit(widths, [column.shrink for column in columns], self._width)
        self.line(self.paint(_joined([column.title for column in columns], widths), "bold"))
        for row in texts:
            self.line(_joined(row, widths, self.paint_status if self.colour else None))


def fit(widths: list[int], may_shrink: Sequence[bool], total: int) -> None:
    """Make columns narrower, the widest first, until they fit into `total` cells or none can be cut further."""
    excess = sum(widths) + GAP * (len(widths) - 1) - total
    while excess > 0:
        places = [place for place, may in enumerate(may_shrink) if may and widths[place] > LEAST_WIDTH]
        if not places:
            return
        widest = max(places, key=lambda place: widths[place])
        widths[widest] -= 1
        excess -= 1


def _joined(texts: Sequence[str], widths: Sequence[int], paint: Callable[[str], str] | None = None) -> str:
    parts = []
    for place, (text, width) in enumerate(zip(texts, widths, strict=True)):
        shown = cut(text, width)
        last = place == len(texts) - 1
        padding = "" if last else " " * (width - cells(shown) + GAP)
        parts.append((paint(shown) if paint else shown) + padding)
    return "".join(parts).rstrip(" ")


def scalar(value: Any) -> str:
    """Return a value as a person reads it in one place."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return as_json(value, indent=None)


def as_json(value: Any, *, indent: int | None = 2) -> str:
    """Return JSON with every character that could steer a terminal as an escape; it is the same JSON to a program."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return re.sub(
        r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", lambda found: f"\\u{ord(found.group()):04x}", text
    )


def as_yaml(value: Any) -> str:
    """Return YAML, keys in the order given, texts of several lines as blocks."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Without aliases: they are noise to a reader."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    made: str = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)
    if _STEERING.search(made):  # YAML allows what a terminal should not see; escapes are the same YAML
        made = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=False, width=110)
    return made


def block(value: Any) -> list[str]:
    """Return the lines in which a person reads a nested value; close to YAML, and never to be parsed."""
    if isinstance(value, str):
        return visible(value.rstrip("\n")).split("\n")
    if isinstance(value, Mapping):
        return list(_entries(value.items()))
    if isinstance(value, list | tuple):
        return [line for item in value for line in _listed(item)]
    return [visible(_nested(value))]


def _entries(pairs: Iterable[tuple[Any, Any]]) -> Iterable[str]:
    for key, value in pairs:
        label = one_line(str(key))
        if _is_block(value):
            yield f"{label}:"
            yield from (f"  {line}" for line in block(value))
        else:
            yield f"{label}: {visible(_nested(value))}"


def _listed(item: Any) -> Iterable[str]:
    lines = block(item) or [""]
    yield f"- {lines[0]}"
    yield from (f"  {line}" for line in lines[1:])


def _is_block(value: Any) -> bool:
    return (isinstance(value, Mapping | list | tuple) and bool(value)) or (
        isinstance(value, str) and "\n" in value.rstrip("\n")
    )


def _nested(value: Any) -> str:
    """Return a value inside another as it is in the data: there, yes and no would be texts."""
    return value.rstrip("\n") if isinstance(value, str) and value else as_json(value, indent=None)
