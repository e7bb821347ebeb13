"""Tree of YAML nodes → plain Python values, with the meaning that `yaml.safe_load` (YAML 1.1) gives them.

Beside the value it returns where each part of it stands, and what a reader should be warned of: keys that stand twice, and
the words that YAML 1.1 takes for booleans. It refuses every tag that is not one of JSON's types or a date.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from stormlet.content.yaml_nodes import MAX_DEPTH, Node, RefusedError
from stormlet.model.problem import Location, Problem, Severity

_PREFIX = "tag:yaml.org,2002:"
_STR, _MAP, _SEQ, _MERGE, _VALUE = (_PREFIX + name for name in ("str", "map", "seq", "merge", "value"))
_BOOL, _TIMESTAMP = _PREFIX + "bool", _PREFIX + "timestamp"
_WORDS_OF_YAML_1_1 = frozenset({"yes", "no", "on", "off"})


class Construction:
    """Makes one document's value. `unusual` says whether the value holds what JSON has not: dates, or keys that are no text."""

    def __init__(self, file: str) -> None:
        self.locations: dict[str, Location] = {}
        self.problems: list[Problem] = []
        self.unusual = False
        self._file = file
        self._constructor = yaml.constructor.SafeConstructor()

    def make(self, node: Node) -> Any:
        """Return the value of the root.

        Raises:
            RefusedError: a tag is not allowed, a value cannot be made, or aliases nest too deeply.
        """
        self.locations[""] = self._at(node)
        return self._value(node, "", 0)

    def _at(self, node: Node) -> Location:
        return Location(file=self._file, line=node.line, column=node.column)

    def _value(self, node: Node, path: str, depth: int) -> Any:
        if node.pairs is not None:
            _check_tag(node, _MAP)
            return self._mapping(node, path, _deeper(node, depth))
        if node.items is not None:
            _check_tag(node, _SEQ)
            return self._sequence(node, path, _deeper(node, depth))
        return self._scalar(node, path)

    def _sequence(self, node: Node, path: str, depth: int) -> list[Any]:
        prefix = f"{path}." if path else ""
        values = []
        for number, item in enumerate(node.items or ()):
            inner = f"{prefix}{number}"
            self.locations[inner] = self._at(item)
            values.append(self._value(item, inner, depth))
        return values

    def _mapping(self, node: Node, path: str, depth: int) -> dict[Any, Any]:
        prefix = f"{path}." if path else ""
        made: dict[Any, Any] = {}
        for key_node, value_node in self._merged(node, depth):
            self._add(made, key_node, value_node, prefix, depth)
        own: set[Any] = set()
        for key_node, value_node in node.pairs or ():
            if key_node.tag == _MERGE:
                continue
            key = self._add(made, key_node, value_node, prefix, depth)
            if key in own:
                self._warn(
                    "duplicate-key", f"the key {key!r} stands twice; the last one wins", key_node, f"{prefix}{key}"
                )
            own.add(key)
        return made

    def _add(self, made: dict[Any, Any], key_node: Node, value_node: Node, prefix: str, depth: int) -> Any:
        key = self._key(key_node, prefix)
        inner = f"{prefix}{key}"
        self.locations[inner] = self._at(key_node)
        made[key] = self._value(value_node, inner, depth)
        return key

    def _key(self, node: Node, prefix: str) -> Any:
        if not node.is_scalar:
            raise RefusedError(
                "yaml-syntax",
                "a mapping or list cannot be a key",
                node.line,
                node.column,
                "quote a value that begins with {{ or [",
            )
        key = self._scalar(node, f"{prefix}{node.text}")
        if not isinstance(key, str):
            self.unusual = True
            self._warn(
                "key-not-text",
                f"the key {node.text} is not text in YAML; it is taken as the text {key_text(key)!r}",
                node,
                f"{prefix}{key}",
                f'write "{node.text}"',
            )
        return key

    def _merged(self, node: Node, depth: int) -> Iterator[tuple[Node, Node]]:
        """Yield the pairs that `<<` brings in, least important first: what comes later overrides."""
        for key_node, value_node in node.pairs or ():
            if key_node.tag != _MERGE:
                continue
            sources = value_node.items if value_node.items is not None else [value_node]
            # The first of several merged mappings wins, so it has to come last.
            for source in reversed(sources):
                if source.pairs is None:
                    raise RefusedError("yaml-syntax", "<< takes a mapping", source.line, source.column)
                inner = _deeper(source, depth)
                yield from self._merged(source, inner)
                yield from ((key, value) for key, value in source.pairs if key.tag != _MERGE)

    def _scalar(self, node: Node, path: str) -> Any:
        tag = node.tag
        if tag == _STR:
            return node.text
        if tag in {_VALUE, _MERGE} and node.plain:
            return node.text  # a bare `=` (or `<<` as a value) has no meaning in YAML's JSON part; it is that text
        if not tag.startswith(_PREFIX) or tag.removeprefix(_PREFIX) not in {
            "null",
            "bool",
            "int",
            "float",
            "timestamp",
        }:
            raise _refused_tag(node)
        if tag == _BOOL and node.plain and node.text.lower() in _WORDS_OF_YAML_1_1:
            self._warn_of_boolean(node, path)
        construct = self._constructor.yaml_constructors[tag]
        try:
            value = construct(self._constructor, yaml.ScalarNode(tag, node.text))
        except (ValueError, KeyError, OverflowError, AttributeError) as error:
            kind = tag.removeprefix(_PREFIX)
            raise RefusedError(
                "yaml-syntax", f"{node.text[:40]} cannot be read as {kind}: {error}", node.line, node.column, "quote it"
            ) from error
        if tag == _TIMESTAMP:
            self.unusual = True
            hint = f'write "{node.text}"'
            text = f"{node.text} is a date in YAML, not text; it is taken as {value.isoformat()!r}"
            self._warn("bare-date", text, node, path, hint)
        return value

    def _warn_of_boolean(self, node: Node, path: str) -> None:
        meant = node.text.lower() in {"yes", "on"}
        self._warn(
            "bare-boolean",
            f"a bare {node.text} is the boolean {str(meant).lower()} here, and text in YAML 1.2",
            node,
            path,
            f'write {str(meant).lower()}, or "{node.text}" for the text',
        )

    def _warn(self, code: str, text: str, node: Node, path: str, hint: str = "") -> None:
        self.problems.append(
            Problem(code=code, text=text, severity=Severity.WARNING, location=self._at(node), path=path, hint=hint)
        )


def key_text(key: Any) -> str:
    """Return the text that JSON has for a key that is no text: `true`, `null`, `1`, a date in ISO form."""
    if key is None:
        return "null"
    if isinstance(key, bool):
        return str(key).lower()
    return key.isoformat() if hasattr(key, "isoformat") else str(key)


def as_json(value: Any) -> Any:
    """Return the value with only what JSON has: dates become ISO text, keys become text."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else key_text(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def _deeper(node: Node, depth: int) -> int:
    if depth >= MAX_DEPTH:
        # Only aliases of aliases come here: the text itself was measured when it was composed.
        raise RefusedError("yaml-depth", f"nested more than {MAX_DEPTH} levels deep", node.line, node.column)
    return depth + 1


def _check_tag(node: Node, expected: str) -> None:
    if node.tag != expected:
        raise _refused_tag(node)


def _refused_tag(node: Node) -> RefusedError:
    name = node.tag.replace(_PREFIX, "!!")
    return RefusedError(
        "yaml-tag", f"the tag {name} is not allowed", node.line, node.column, "write the value without a tag"
    )
