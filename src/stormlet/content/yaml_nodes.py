"""Text → tree of YAML nodes, each with its place in the file.

The tree is built from libyaml's events, one after the other, and not by PyYAML's C composer: that one recurses on the C
stack, and a file of a hundred thousand `[` ends the process. Depth and the size that aliases expand to are known here before
anything is built from the tree. This module gives no meaning to scalars; `yaml_values` does.
"""

from collections.abc import Callable
from typing import Any

import yaml

MAX_DEPTH = 50
MAX_EXPANSION = 100_000
"""How much aliases may add to a document, in nodes. The text itself is bounded by the file's size; what aliases repeat is not."""
_CHARACTERS_PER_NODE = 64  # so that an alias of a long text counts for more than one of a short text
MAX_NODES = 200_000
"""Keys and values in one file; real ones have hundreds."""


class RefusedError(Exception):
    """The text is not a document that may be loaded. `line` and `column` count from 1; 0 means unknown."""

    def __init__(self, code: str, text: str, line: int = 0, column: int = 0, hint: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.line = line
        self.column = column
        self.hint = hint


class Node:
    """One node. `weight` is its size with all aliases below it expanded; `own` the size of what the text really holds."""

    __slots__ = ("column", "items", "line", "own", "pairs", "plain", "tag", "text", "weight")

    def __init__(self, tag: str, line: int, column: int) -> None:
        self.tag = tag
        self.line = line
        self.column = column
        self.text = ""
        self.plain = False
        self.items: list[Node] | None = None
        self.pairs: list[tuple[Node, Node]] | None = None
        self.weight = 1
        self.own = 1

    @property
    def is_scalar(self) -> bool:
        return self.items is None and self.pairs is None


class _Open:
    """A collection whose end has not come yet."""

    __slots__ = ("key", "node")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.key: Node | None = None

    def add(self, child: Node, *, alias: bool) -> None:
        node = self.node
        node.weight += child.weight
        node.own += 1 if alias else child.own
        if node.items is not None:
            node.items.append(child)
        elif self.key is None:
            self.key = child
        else:
            assert node.pairs is not None
            node.pairs.append((self.key, child))
            self.key = None


def compose(text: str) -> Node | None:
    """Return the root of the text's one document, or None where the text holds nothing.

    Raises:
        RefusedError: it is not valid YAML, holds more than one document, or breaks a limit.
    """
    composer = _Composer()
    try:
        for number, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
            if number > MAX_NODES:
                raise RefusedError("file-too-large", f"the file holds more than {MAX_NODES} values", *_place_of(event))
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        raise _as_refusal(error, text) from error
    except yaml.YAMLError as error:
        raise RefusedError("yaml-syntax", " ".join(str(error).split())) from error
    return composer.root


class _Composer:
    """Takes events in their order and builds the tree; a stack instead of recursion."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        # Only for its table of YAML 1.1's implicit types (`yes` is a boolean, `012` is octal).
        self._resolve: Callable[..., str] = yaml.resolver.Resolver().resolve

    def take(self, event: Any) -> None:
        """Take the next event."""
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
            self._name(node, event.anchor)
            self._place(node)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._begin(event)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._end()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            line, column = _place_of(event)
            raise RefusedError("yaml-syntax", "a second document begins here; one file holds one", line, column)

    def _scalar(self, event: yaml.ScalarEvent) -> Node:
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._resolve(yaml.ScalarNode, event.value, event.implicit)
        node = Node(tag, *_place_of(event))
        node.text = event.value
        node.plain = event.style is None or event.style == ""
        node.weight += len(event.value) // _CHARACTERS_PER_NODE
        node.own = node.weight
        return node

    def _begin(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        line, column = _place_of(event)
        if len(self._stack) >= MAX_DEPTH:
            raise RefusedError("yaml-depth", f"nested more than {MAX_DEPTH} levels deep", line, column)
        mapping = isinstance(event, yaml.MappingStartEvent)
        tag = event.tag if event.tag not in {None, "!"} else f"tag:yaml.org,2002:{'map' if mapping else 'seq'}"
        node = Node(str(tag), line, column)
        if mapping:
            node.pairs = []
        else:
            node.items = []
        self._name(node, event.anchor)
        self._stack.append(_Open(node))

    def _end(self) -> None:
        closed = self._stack.pop().node
        if closed.weight - closed.own > MAX_EXPANSION:
            raise RefusedError(
                "yaml-alias", f"aliases expand to more than {MAX_EXPANSION} nodes", closed.line, closed.column
            )
        self._place(closed)

    def _alias(self, event: yaml.AliasEvent) -> None:
        line, column = _place_of(event)
        target = self._anchors.get(event.anchor or "")
        if target is None:
            raise RefusedError("yaml-syntax", f"the alias *{event.anchor} has no anchor", line, column)
        if any(each.node is target for each in self._stack):
            raise RefusedError("yaml-alias", f"the alias *{event.anchor} stands inside its own anchor", line, column)
        self._place(target, alias=True)

    def _name(self, node: Node, anchor: str | None) -> None:
        if not anchor:
            return
        if anchor in self._anchors:  # YAML allows it, PyYAML does not, and it is never meant
            raise RefusedError("yaml-syntax", f"the anchor &{anchor} stands twice", node.line, node.column)
        self._anchors[anchor] = node

    def _place(self, node: Node, *, alias: bool = False) -> None:
        if self._stack:
            self._stack[-1].add(node, alias=alias)
        else:
            self.root = node


def _place_of(event: Any) -> tuple[int, int]:
    mark = event.start_mark
    return mark.line + 1, mark.column + 1


def _as_refusal(error: yaml.MarkedYAMLError, text: str) -> RefusedError:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    sentence = ", ".join(part for part in (error.context, error.problem) if part) or "not valid YAML"
    wrong = text[mark.index : mark.index + 1] if mark else ""
    return RefusedError("yaml-syntax", sentence, line, column, _cure(error.problem or "", wrong))


def _cure(problem: str, character: str) -> str:
    """Return what usually helps against libyaml's sentence, because those who meet it rarely know the grammar."""
    if character == "\t":
        return "indent with spaces, not tabs"
    if "cannot start any token" in problem:
        return f"quote a value that begins with {character}"
    if "mapping values are not allowed" in problem:
        return "quote a value that holds a colon and a space, and check the indentation"
    if "expected <block end>" in problem or "did not find expected" in problem:
        return "check the indentation and the quotes just above; a value that begins with {{ must be quoted"
    return ""
