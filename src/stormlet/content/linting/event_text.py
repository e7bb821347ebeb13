"""Where event text goes in a template: through loops, `set`, filters and macros, up to what is printed.

It follows Jinja's tree and renders nothing. Where it cannot follow, it takes event text for unquoted: a warning too many can be
read, one too few cannot.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum

import msgspec
from jinja2 import nodes

from stormlet.content.linting.shell_places import START, Place, after_text, after_word, is_unquoted
from stormlet.foundation.templates.reading import Reading

_MOST_PLACES = 16
_NUMBERS = frozenset({"int", "float", "length", "count", "wordcount"})
_PICK_ONE = frozenset({"first", "last", "random", "min", "max"})
_KEEP_ALL = frozenset({"list", "sort", "unique", "reverse", "batch"})
_SIGNS_OF_THE_SHELL = frozenset("'\"\\`$#(\n")


class Level(IntEnum):
    """How far event text in a value could reach, the worst last."""

    NONE = 0
    """There is none in it, or only a number made of it."""
    WORD = 1
    """It is quoted: one word of the shell."""
    WORDS = 2
    """A list of quoted words, which has to be joined."""
    RAW = 3
    """It is as it was sent."""


class Finding(msgspec.Struct, frozen=True):
    """A printed expression that lets event text into the command. `level` WORD: it is quoted, but where quotes do not help."""

    text: str
    level: Level
    needs_parentheses: bool


def findings_in(reading: Reading, names: Mapping[str, Level]) -> list[Finding]:
    """Return each printed expression of a command line that would let event text be more than one word of it."""
    walk = _Walk(reading, names)
    walk.go(reading.tree.body)
    return walk.findings


def level_of(reading: Reading, names: Mapping[str, Level]) -> Level:
    """Return what the text that a template prints is, as a whole."""
    walk = _Walk(reading, names)
    return walk.printed(reading.tree.body)


def first_raw(reading: Reading, names: Mapping[str, Level]) -> str:
    """Return how the first expression is written that prints event text."""
    return next((finding.text for finding in findings_in(reading, names)), "…")


class _Walk:
    """One way through a template, statement by statement."""

    def __init__(self, reading: Reading, names: Mapping[str, Level]) -> None:
        self.findings: list[Finding] = []
        self._reading = reading
        self._names = dict(names)
        self._places: set[Place] = {START}
        self._prints: list[Level] | None = None
        self._statements: Mapping[type[nodes.Node], Callable[..., None]] = {
            nodes.Output: self._output,
            nodes.For: self._for,
            nodes.If: self._if,
            nodes.Assign: self._assign,
            nodes.AssignBlock: self._assign_block,
            nodes.FilterBlock: self._filter_block,
            nodes.With: self._with,
            nodes.Macro: self._macro,
            nodes.CallBlock: self._call_block,
        }

    def go(self, body: Iterable[nodes.Node]) -> None:
        """Follow the statements in their order."""
        for node in body:
            if (follow := self._statements.get(type(node))) is not None:
                follow(node)
            elif not isinstance(node, nodes.Expr):
                self.go(node.iter_child_nodes())

    def printed(self, body: Iterable[nodes.Node]) -> Level:
        """Return what these statements print, without saying anything of it."""
        before = self._prints
        self._prints = []
        self.go(body)
        level, self._prints = _joined(self._prints), before
        return level

    def _output(self, node: nodes.Output) -> None:
        for part in node.nodes:
            if isinstance(part, nodes.TemplateData):
                self._text(part.data)
            else:
                self._print(self._level(part), self._reading.text_of(part), part)

    def _text(self, text: str) -> None:
        if self._prints is not None:
            self._prints.append(_level_of_text(text))
        else:
            self._places = {after_text(place, text) for place in self._places}

    def _print(self, level: Level, text: str, node: nodes.Node) -> None:
        if self._prints is not None:
            self._prints.append(Level.RAW if level is Level.WORDS else level)
            return
        if level >= Level.WORDS or (level is Level.WORD and not all(map(is_unquoted, self._places))):
            found = Level.WORD if level is Level.WORD else Level.RAW
            whole = isinstance(node, (nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Call))
            self.findings.append(Finding(text, found, not whole))
        self._places = {after_word(place) for place in self._places}

    def _for(self, node: nodes.For) -> None:
        iterated = self._level(node.iter)
        before_names, before_places = dict(self._names), set(self._places)
        self._bind(node.target, Level.WORD if iterated is Level.WORDS else Level.RAW if iterated else Level.NONE)
        self._names["loop"] = Level.NONE
        self.go(node.body)
        self._names = before_names
        self._places |= before_places
        self.go(node.else_)
        self._limit_places()

    def _if(self, node: nodes.If) -> None:
        names, places = dict(self._names), set(self._places)
        after: dict[str, Level] = {}
        ends: set[Place] = set()
        for branch in (node.body, *(each.body for each in node.elif_), node.else_):
            self._names, self._places = dict(names), set(places)
            self.go(branch)
            ends |= self._places
            after = {name: max(level, after.get(name, Level.NONE)) for name, level in self._names.items()} | {
                name: level for name, level in after.items() if name not in self._names
            }
        self._names, self._places = after, ends
        self._limit_places()

    def _limit_places(self) -> None:
        if len(self._places) > _MOST_PLACES:
            # Those where quoting does not help decide.
            self._places = set(sorted(self._places, key=is_unquoted)[:_MOST_PLACES])

    def _assign(self, node: nodes.Assign) -> None:
        self._bind(node.target, self._level(node.node))

    def _assign_block(self, node: nodes.AssignBlock) -> None:
        level = self.printed(node.body)
        self._bind(node.target, self._level(node.filter, level) if node.filter is not None else level)

    def _filter_block(self, node: nodes.FilterBlock) -> None:
        level = self._level(node.filter, self.printed(node.body))
        self._print(level, f"filter {node.filter.name}", node)

    def _with(self, node: nodes.With) -> None:
        before = dict(self._names)
        for target, value in zip(node.targets, node.values, strict=True):
            self._bind(target, self._level(value))
        self.go(node.body)
        self._names = before

    def _macro(self, node: nodes.Macro) -> None:
        before = dict(self._names)
        for argument in node.args:
            self._bind(argument, Level.NONE)  # what a call hands over counts at the call
        level = self.printed(node.body)
        self._names = {**before, node.name: Level.RAW if level else Level.NONE}

    def _call_block(self, node: nodes.CallBlock) -> None:
        level = max(self._level(node.call), self.printed(node.body))
        self._print(Level.RAW if level else Level.NONE, "call", node)

    def _bind(self, target: nodes.Node, level: Level) -> None:
        if isinstance(target, nodes.Name):
            self._names[target.name] = level
        elif isinstance(target, nodes.NSRef):
            self._names[target.name] = max(level, self._names.get(target.name, Level.NONE))
        elif isinstance(target, nodes.Tuple):
            for part in target.items:
                self._bind(part, Level.WORD if level is Level.WORDS else Level.RAW if level else Level.NONE)

    def _level(self, node: nodes.Node, base: Level = Level.NONE) -> Level:
        """Return how far event text is in an expression's value; `base` is what a filter without a value works on."""
        if isinstance(node, nodes.Name):
            return self._names.get(node.name, Level.NONE)
        if isinstance(node, nodes.Filter):
            return self._filtered(node, base)
        if isinstance(node, (nodes.Const, nodes.Compare, nodes.Test, nodes.Not)):
            return Level.NONE
        if isinstance(node, nodes.CondExpr):
            return max(self._level(node.expr1), self._level(node.expr2) if node.expr2 else Level.NONE)
        if isinstance(node, (nodes.And, nodes.Or)):
            return max(self._level(node.left), self._level(node.right))
        if isinstance(node, (nodes.Getattr, nodes.Getitem)):
            return self._part(node)
        if isinstance(node, (nodes.List, nodes.Tuple)):
            level = max(map(self._level, node.items), default=Level.NONE)
            return Level.WORDS if level is Level.WORD else Level.RAW if level else Level.NONE
        if isinstance(node, nodes.Concat):
            return _joined(map(self._level_of_concatenated, node.nodes))
        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "range":
            return Level.NONE
        return Level.RAW if any(map(self._level, node.iter_child_nodes())) else Level.NONE

    def _level_of_concatenated(self, node: nodes.Expr) -> Level:
        if isinstance(node, nodes.Const):
            return _level_of_text(str(node.value))
        level = self._level(node)
        return Level.RAW if level is Level.WORDS else level

    def _part(self, node: nodes.Getattr | nodes.Getitem) -> Level:
        if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == "loop":
            neighbour = node.attr in {"previtem", "nextitem"}
            return Level.RAW if neighbour and any(self._names.values()) else Level.NONE
        whole = self._level(node.node)
        if whole is Level.WORDS and isinstance(node, nodes.Getitem):
            return Level.WORDS if isinstance(node.arg, nodes.Slice) else Level.WORD
        return Level.RAW if whole else Level.NONE

    def _filtered(self, node: nodes.Filter, base: Level) -> Level:
        value = self._level(node.node, base) if node.node is not None else base
        extra = [self._level(part) for part in node.args] + [self._level(part.value) for part in node.kwargs]
        if any(extra):
            value = Level.RAW
        if node.name == "quote":
            return Level.WORD if value else Level.NONE
        if node.name in _NUMBERS:
            return Level.RAW if any(extra) else Level.NONE
        if node.name == "map" and value and node.args and isinstance(node.args[0], nodes.Const):
            mapped = node.args[0].value
            return Level.WORDS if mapped == "quote" else Level.NONE if mapped in _NUMBERS else Level.RAW
        if value is Level.WORDS and node.name in _PICK_ONE:
            return Level.WORD
        if value is Level.WORDS and node.name in _KEEP_ALL:
            return value
        if value is Level.WORDS and node.name == "join":
            between = [part.value for part in node.args if isinstance(part, nodes.Const)]
            return _joined([Level.WORD, *(_level_of_text(str(text)) for text in between)])
        return Level.RAW if value else Level.NONE


_UNSAFE_TEXT = Level.WORDS
"""Of literal text: it has signs of the shell, between which a quoted word may not be one."""


def _level_of_text(text: str) -> Level:
    return _UNSAFE_TEXT if _SIGNS_OF_THE_SHELL.intersection(text) else Level.NONE


def _joined(levels: Iterable[Level]) -> Level:
    """Return what a text is that is joined of these: quoted words stay words only between plain text."""
    levels = list(levels)
    if Level.RAW in levels:
        return Level.RAW
    if Level.WORD not in levels:
        return Level.NONE
    return Level.RAW if _UNSAFE_TEXT in levels else Level.WORD
