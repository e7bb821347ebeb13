"""Parameters that are templates, and depend on each other: found out, put in order, rendered once.

A template may name the context (`trigger`, `st2kv`, …) and the other parameters. What it prints is never rendered again.
"""

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

import msgspec

from stormlet.foundation.errors import RenderError
from stormlet.foundation.templates import Template, Templates, is_syntax_error, is_template

_NAME = re.compile(r"{{([A-Za-z0-9_-]+)}}")
"""In a list or object, `{{name}}` without blanks stands for the value itself, with its type."""
_PATH = re.compile(r"{{\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*}}", re.ASCII)


def render_together(
    values: Mapping[str, Any], context: Mapping[str, Any], structured: frozenset[str], templates: Templates
) -> dict[str, Any]:
    """Return the values with their templates rendered.

    Args:
        values: by name; templates may be texts, or lie in lists and objects.
        context: what templates see besides the values; a value hides what has its name in the context.
        structured: names whose declared type is object or array.
        templates: compiles.

    Raises:
        RenderError: in StackStorm's words: a name is missing, names go in a circle, or a template fails.
    """
    prepared = {name: _prepared(name, value, templates) for name, value in values.items()}
    references = {name: frozenset(_references(value)) for name, value in prepared.items()}
    names: dict[str, Any] = dict(context)
    for name in _in_order(references, context):
        try:
            names[name] = _native(prepared[name], names) if name in structured else _UNKNOWN
            if names[name] is _UNKNOWN:
                names[name] = _rendered(prepared[name], names)
        except RenderError as error:
            raise RenderError(f'Failed to render parameter "{name}": {error.text}') from error
    return {name: names[name] for name in values}


class _Leaf(msgspec.Struct, frozen=True):
    """A text in a list or object that is a template. `typed` gives its value as JSON, `escaped` that it prints JSON's escapes."""

    template: Template
    typed: bool
    escaped: bool


_UNKNOWN = object()


def _in_order(references: Mapping[str, frozenset[str]], context: Mapping[str, Any]) -> list[str]:
    for wanted in references.values():
        for name in sorted(wanted):
            if name not in references and name not in context:
                raise RenderError(f'Dependency unsatisfied in variable "{name}"')
    graph = {name: wanted & references.keys() for name, wanted in references.items()}
    circles: set[str] = set()
    while True:
        try:
            order = list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            circles.update(error.args[1])
            graph = {name: wanted - circles for name, wanted in graph.items() if name not in circles}
            continue
        break
    if circles:
        raise RenderError(
            f"Cyclic dependency found in the following variables: {', '.join(sorted(circles))}. "
            "Likely the variable is referencing itself"
        )
    return order


def _prepared(name: str, value: Any, templates: Templates) -> Any:
    """Return the value with its templates compiled: a Template, a structure with leaves, or the value as it is."""
    try:
        if isinstance(value, str):
            return _compiled(value, templates) or value
        if isinstance(value, (list, dict)):
            return _with_leaves(value, templates)
    except RenderError as error:
        text = error.__cause__.args[0] if error.__cause__ and error.__cause__.args else error.text
        raise RenderError(f'Failed to render parameter "{name}": {text}') from error
    return value


def _compiled(text: str, templates: Templates) -> Template | None:
    """Return the template, or None for a text that only looks like one: StackStorm takes that literally."""
    if not is_template(text):
        return None
    try:
        return templates.compile(text)
    except RenderError as error:
        if is_syntax_error(error):
            return None
        raise


def _with_leaves(value: Any, templates: Templates) -> Any:
    if isinstance(value, dict):
        return {_leaf(key, templates): _with_leaves(item, templates) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_leaves(item, templates) for item in value]
    return _leaf(value, templates)


def _leaf(value: Any, templates: Templates) -> Any:
    template = _compiled(value, templates) if isinstance(value, str) else None
    if template is None:
        return value
    if found := _NAME.fullmatch(template.source):
        return _Leaf(templates.compile(f"{{{{{found[1]} | to_complex}}}}"), typed=True, escaped=False)
    return _Leaf(template, typed=False, escaped="json_escape" in template.source)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Template):
        yield from value.references
    elif isinstance(value, _Leaf):
        yield from value.template.references
    elif isinstance(value, dict):
        for pair in value.items():
            for part in pair:
                yield from _references(part)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _native(value: Any, names: Mapping[str, Any]) -> Any:
    """Return the object or list that a template such as `{{ trigger.body }}` names.

    StackStorm prints it as Python would and reads that back in; here it need not be printed. Everything else is _UNKNOWN.
    """
    found = _PATH.fullmatch(value.source) if isinstance(value, Template) else None
    if found is None:
        return _UNKNOWN
    named: Any = names
    for step in found[1].split("."):
        if not isinstance(named, dict) or step not in named or (named is not names and hasattr(dict, step)):
            return _UNKNOWN
        named = named[step]
    return named if isinstance(named, (dict, list)) else _UNKNOWN


def _rendered(value: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(value, Template):
        return value.render(names)
    if isinstance(value, _Leaf):
        return _rendered_leaf(value, names)
    if isinstance(value, dict):
        return {_as_key(_rendered(key, names)): _rendered(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_rendered(item, names) for item in value]
    return value


def _rendered_leaf(leaf: _Leaf, names: Mapping[str, Any]) -> Any:
    """Render one text of a structure by itself.

    StackStorm renders the whole structure as one JSON text, where a quote in an event's text breaks it, or adds keys to it.
    Only what the author escaped for JSON himself is read as JSON here.
    """
    text = leaf.template.render(names)
    try:
        if leaf.typed:
            return msgspec.json.decode(text)
        return msgspec.json.decode(f'"{text}"', type=str) if leaf.escaped else text
    except msgspec.DecodeError as error:
        if leaf.typed:
            raise RenderError(str(error)) from error
        return text


def _as_key(key: Any) -> Any:
    return key if isinstance(key, (str, int, float, bool)) or key is None else str(key)
