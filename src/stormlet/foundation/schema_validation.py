"""JSON Schema, behind one module: compile a schema once, then ask it for everything that is wrong with a value.

Schemas of packs are draft 4 with one habit of draft 3 that StackStorm kept: `required: true` inside a property. It is lifted
into draft 4's `required` list here, at every depth. A schema whose `$schema` names draft 7 (ours, in `content/schemas`) is
taken as it is. The sentences are those of Python's jsonschema, because StackStorm's clients show them and people search
for them; the first error is the one that StackStorm would report alone.

No schema reaches the network or the disk: a `$ref` out of the document is an error of the schema. Patterns are Python's,
with a time limit, because payloads are written by strangers.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jsonschema_rs
import msgspec
import regex

from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.schema_texts import error_text

PATTERN_SECONDS = 0.5
_PYTHON_PATTERN = "stormlet-pattern"
_MAPS_OF_SCHEMAS = ("properties", "patternProperties", "definitions", "dependencies")
_LISTS_OF_SCHEMAS = ("allOf", "anyOf", "oneOf", "items")
_SCHEMAS = ("items", "additionalItems", "additionalProperties", "not")


class SchemaError(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a value.

    `path` leads to the wrong part of the value. For `required` it leads to the object that lacks the key, and `names`
    holds the key; for `additionalProperties`, `names` holds the keys that are too many; for `enum`, what was allowed.
    """

    path: tuple[str | int, ...]
    text: str
    keyword: str
    names: tuple[str, ...] = ()

    @property
    def dotted(self) -> str:
        """Return the path as a person writes it: `criteria.a.items.0`."""
        return ".".join(map(str, self.path))


class _Ranked(NamedTuple):
    """How Python's jsonschema chooses the one error it raises: the shallowest, and `anyOf` only if nothing else is wrong."""

    depth: int
    weak: bool
    position: int


class Validator:
    """A compiled schema. Safe to share between threads."""

    __slots__ = ("_compiled", "_positions", "schema")

    def __init__(self, schema: Mapping[str, Any], compiled: jsonschema_rs.Validator) -> None:
        self.schema = schema
        self._compiled = compiled
        self._positions = {name: number for number, name in enumerate(_mapping(schema.get("properties")))}

    def errors(self, value: Any) -> list[SchemaError]:
        """Return everything that is wrong with `value`, the most telling first; empty where it is valid.

        Dates and other values that JSON does not have are judged as text.
        """
        try:
            found = list(self._compiled.iter_errors(value))
        except ValueError:
            try:
                value = _as_json(value)
                found = list(self._compiled.iter_errors(value))
            except (ValueError, RecursionError):
                return [SchemaError(path=(), text="The value is nested too deeply", keyword="depth")]
        ranked = [(self._rank(error), _best_of_context(error)) for error in found]
        ranked.sort(key=lambda pair: pair[0])
        return [_as_schema_error(error, value, self.schema) for _, error in ranked]

    def is_valid(self, value: Any) -> bool:
        """Tell whether nothing is wrong with `value`."""
        return not self.errors(value)

    def _rank(self, error: jsonschema_rs.ValidationError) -> _Ranked:
        missing = error.kind.name == "required"
        first: str | int = error.instance_path[0] if error.instance_path else ""
        if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
            first = first or error.kind.property
        position = self._positions.get(str(first), len(self._positions))
        return _Ranked(len(error.instance_path) + missing, error.kind.name in {"anyOf", "oneOf"}, position)


def compile_schema(schema: Mapping[str, Any]) -> Validator:
    """Compile a schema.

    Raises:
        InvalidInputError: the schema is not valid, refers out of itself, or holds a pattern that is no regular expression.
    """
    try:
        return _compile(schema)
    except _BadSchema as error:
        fault = error.fault
        raise InvalidInputError(f"{fault.dotted}: {fault.text}" if fault.path else fault.text) from error


def schema_fault(schema: Mapping[str, Any]) -> SchemaError | None:
    """Return what is wrong with a schema (the first thing; `path` leads into the schema), or None where it can be compiled."""
    try:
        _compile(schema)
    except _BadSchema as error:
        return error.fault
    return None


class _BadSchema(Exception):  # noqa: N818 - it never leaves this module
    def __init__(self, path: Sequence[str | int], text: str) -> None:
        super().__init__(text)
        self.fault = SchemaError(path=tuple(path), text=text, keyword="schema")


def _compile(schema: Mapping[str, Any]) -> Validator:
    try:
        lifted = schema if is_draft_7(schema) else lift_required(schema)
        make = jsonschema_rs.Draft7Validator if is_draft_7(schema) else jsonschema_rs.Draft4Validator
        compiled = make(
            dict(lifted),
            validate_formats=False,  # Python's jsonschema does not either, unless asked to
            keywords={_PYTHON_PATTERN: _PythonPattern},
            offline=True,
        )
    except jsonschema_rs.ValidationError as error:
        raise _BadSchema(error.instance_path, _best_schema_text(error, schema)) from error
    except (ValueError, RecursionError, OverflowError) as error:
        raise _BadSchema((), str(error) or "The schema is nested too deeply") from error
    return Validator(lifted, compiled)


def object_schema(properties: Mapping[str, Any], *, additional: bool = False) -> dict[str, Any]:
    """Return the schema of an object with these properties: StackStorm writes parameters and configs as the bare mapping."""
    return {"type": "object", "properties": dict(properties), "additionalProperties": additional}


def is_draft_7(schema: Mapping[str, Any]) -> bool:
    """Tell whether the schema names draft 7 as its language."""
    return "draft-07" in str(schema.get("$schema", ""))


def lift_required(schema: Mapping[str, Any], _path: tuple[str | int, ...] = ()) -> dict[str, Any]:
    """Return the schema in plain draft 4: `required: true` of a property becomes an entry of its parent's `required`.

    A `required: true` that belongs to no property means nothing, in StackStorm as well, and is dropped.
    """
    lifted: dict[str, Any] = {}
    for key, value in schema.items():
        here = (*_path, key)
        if key in _MAPS_OF_SCHEMAS and isinstance(value, Mapping):
            lifted[key] = {name: _lift(sub, (*here, name)) for name, sub in value.items()}
        elif key in _LISTS_OF_SCHEMAS and isinstance(value, list):
            lifted[key] = [_lift(sub, (*here, number)) for number, sub in enumerate(value)]
        elif key in _SCHEMAS:
            lifted[key] = _lift(value, here)
        elif key == "pattern" and isinstance(value, str):
            lifted[_PYTHON_PATTERN] = _checked_pattern(value, here)
        elif key in {"$schema", "id"}:
            continue  # st2's own schemas call themselves draft-04, and an `id` would make `#/…` refer elsewhere
        elif not (key == "required" and isinstance(value, bool)):
            lifted[key] = value
    required = list(_required_names(schema))
    if required:
        lifted["required"] = required
    elif lifted.get("required") == []:
        del lifted["required"]  # draft 4 forbids the empty list, draft 6 and later allow it; it means nothing
    return lifted


def _lift(value: Any, path: tuple[str | int, ...]) -> Any:
    return lift_required(value, path) if isinstance(value, Mapping) else value


def with_defaults(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return `value` with the schema's defaults where a key is missing or None, at every depth; `value` is left as it is.

    A nested object that is absent altogether gets no defaults of its parts, only its own default: so does StackStorm.
    """
    if isinstance(value, Mapping):
        filled = dict(value)
        for name, sub in _mapping(schema.get("properties")).items():
            if not isinstance(sub, Mapping):
                continue
            if filled.get(name) is None and "default" in sub:
                filled[name] = sub["default"]
            if filled.get(name) is not None:
                filled[name] = with_defaults(filled[name], sub)
        return filled
    items = schema.get("items")
    if isinstance(value, list) and isinstance(items, Mapping):
        return [with_defaults(item, items) for item in value]
    return value


def accepting_none(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema with None allowed for every property that is optional or has the default None, as StackStorm does."""
    changed = dict(schema)
    properties = _mapping(schema.get("properties"))
    if properties:
        changed["properties"] = {
            name: _nullable(sub) if isinstance(sub, Mapping) else sub for name, sub in properties.items()
        }
    return changed


def _nullable(schema: Mapping[str, Any]) -> dict[str, Any]:
    changed = accepting_none(schema)
    if isinstance(schema.get("items"), Mapping):
        changed["items"] = accepting_none(schema["items"])
    if schema.get("required") is True and "default" not in schema:
        return changed
    if schema.get("default") is not None:
        return changed
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), list):
            changed[key] = [*schema[key], {"type": "null"}]
            return changed
    kinds = schema.get("type", "string")
    kinds = list(kinds) if isinstance(kinds, list) else [kinds]
    changed["type"] = kinds if "null" in kinds else [*kinds, "null"]
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        # Python's jsonschema would refuse the None here; an optional choice that was not made is not a wrong choice.
        changed["enum"] = [*schema["enum"], None]
    return changed


def _required_names(schema: Mapping[str, Any]) -> Iterator[str]:
    given = schema.get("required")
    if isinstance(given, list):
        yield from given
    already = set(map(str, given)) if isinstance(given, list) else set()
    for name, sub in _mapping(schema.get("properties")).items():
        if isinstance(sub, Mapping) and sub.get("required") is True and name not in already:
            yield name


def _checked_pattern(pattern: str, path: tuple[str | int, ...]) -> str:
    try:
        regex.compile(pattern)
    except regex.error as error:
        raise _BadSchema(path, f"{pattern!r} is not a regular expression: {error}") from error
    return pattern


class _PythonPattern:
    """Draft 4's `pattern` with Python's syntax: `\\Z` and named groups are used by packs, and are no ECMAScript."""

    def __init__(self, _parent: dict[str, Any], value: Any, _path: list[str | int]) -> None:
        self._pattern = str(value)
        self._search = partial(regex.compile(self._pattern).search, timeout=PATTERN_SECONDS)

    def validate(self, instance: Any) -> None:
        """Raise ValueError where a text does not match; anything but text passes."""
        if not isinstance(instance, str):
            return
        try:
            matched = self._search(instance)
        except TimeoutError:
            raise ValueError(f"{instance[:80]!r} takes too long to compare with {self._pattern!r}") from None
        if not matched:
            raise ValueError(f"{instance!r} does not match {self._pattern!r}")


def _best_of_context(error: jsonschema_rs.ValidationError) -> jsonschema_rs.ValidationError:
    """Return what is wrong in the branch of an `anyOf` that says most, which is what Python's jsonschema reports."""
    while isinstance(
        error.kind, (jsonschema_rs.ValidationErrorKind.AnyOf, jsonschema_rs.ValidationErrorKind.OneOfNotValid)
    ):
        inner = [each for branch in error.kind.context for each in branch]
        if not inner:
            break
        # The deepest one: it is in the branch that was meant. The first of equals.
        error = max(inner, key=lambda each: len(each.instance_path))
    return error


def _as_schema_error(error: jsonschema_rs.ValidationError, value: Any, schema: Mapping[str, Any]) -> SchemaError:
    kind = error.kind
    names: Sequence[Any] = ()
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        names = [kind.property]
    elif isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        names = kind.unexpected
    elif isinstance(kind, jsonschema_rs.ValidationErrorKind.Enum):
        names = kind.options
    return SchemaError(
        path=tuple(error.instance_path),
        text=error_text(error, value, schema),
        keyword="pattern" if kind.name == _PYTHON_PATTERN else kind.name,
        names=tuple(map(str, names)),
    )


def _best_schema_text(error: jsonschema_rs.ValidationError, schema: Mapping[str, Any]) -> str:
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Referencing):
        return str(error.message)
    if error.instance_path and error.instance_path[-1] == "type":
        return f"{error.instance!r} is not a JSON Schema type"
    return error_text(_best_of_context(error), schema, {})


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _as_json(value: Any) -> Any:
    """Return the value with everything that JSON does not have turned into text."""
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)
