"""The sentences of schema errors, as Python's jsonschema words them.

Apart from `schema_validation`, because it is only words: one line per keyword, and nothing here decides anything.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jsonschema_rs import ValidationError, ValidationErrorKind

# A message names the value that is wrong; a whole payload in it would drown the sentence.
MAX_VALUE_CHARACTERS = 500


def error_text(error: ValidationError, value: Any, schema: Mapping[str, Any]) -> str:
    """Return the sentence for one error of `value`, which was checked against `schema`."""
    wrong = _shown(_follow(value, error.instance_path, error.instance))
    worder = _WORDS.get(error.kind.name)
    return worder(wrong, error, schema) if worder else str(error.message)


_Worder = Callable[[str, ValidationError, Mapping[str, Any]], str]


def _type(wrong: str, error: ValidationError, schema: Mapping[str, Any]) -> str:
    kinds = _follow(schema, error.schema_path, None)
    if not kinds:
        kinds = error.kind.types if isinstance(error.kind, ValidationErrorKind.Type) else []
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return f"{wrong} is not of type {', '.join(map(repr, kinds))}"


def _required(_wrong: str, error: ValidationError, _schema: Mapping[str, Any]) -> str:
    return f"{_kind(error, 'property')!r} is a required property"


def _additional_properties(_wrong: str, error: ValidationError, schema: Mapping[str, Any]) -> str:
    names = sorted(_kind(error, "unexpected"))
    listed = ", ".join(map(repr, names))
    patterns = _follow(schema, [*error.schema_path[:-1], "patternProperties"], None)
    if patterns:
        verb = "does" if len(names) == 1 else "do"
        return f"{listed} {verb} not match any of the regexes: {', '.join(map(repr, sorted(patterns)))}"
    return f"Additional properties are not allowed ({listed} {'was' if len(names) == 1 else 'were'} unexpected)"


def _enum(wrong: str, error: ValidationError, _schema: Mapping[str, Any]) -> str:
    return f"{wrong} is not one of {_kind(error, 'options')!r}"


def _dependencies(wrong: str, error: ValidationError, _schema: Mapping[str, Any]) -> str:
    return f"{_kind(error, 'property')!r} is required beside what {wrong} holds"


def _with_limit(sentence: str, name: str = "limit") -> _Worder:
    def word(wrong: str, error: ValidationError, _schema: Mapping[str, Any]) -> str:
        return sentence.format(wrong=wrong, limit=repr(_kind(error, name)))

    return word


def _pattern(wrong: str, error: ValidationError, schema: Mapping[str, Any]) -> str:
    return f"{wrong} does not match {_follow(schema, error.schema_path, '')!r}"


def _custom(_wrong: str, error: ValidationError, _schema: Mapping[str, Any]) -> str:
    return str(error.message)


_WORDS: Mapping[str, _Worder] = {
    "type": _type,
    "required": _required,
    "additionalProperties": _additional_properties,
    "enum": _enum,
    "dependencies": _dependencies,
    "pattern": _pattern,
    "stormlet-pattern": _custom,
    "minimum": _with_limit("{wrong} is less than the minimum of {limit}"),
    "maximum": _with_limit("{wrong} is greater than the maximum of {limit}"),
    "exclusiveMinimum": _with_limit("{wrong} is less than or equal to the minimum of {limit}"),
    "exclusiveMaximum": _with_limit("{wrong} is greater than or equal to the maximum of {limit}"),
    "multipleOf": _with_limit("{wrong} is not a multiple of {limit}", "multiple_of"),
    "minLength": _with_limit("{wrong} is too short"),
    "maxLength": _with_limit("{wrong} is too long"),
    "minItems": _with_limit("{wrong} is too short"),
    "maxItems": _with_limit("{wrong} is too long"),
    "minProperties": _with_limit("{wrong} does not have enough properties"),
    "maxProperties": _with_limit("{wrong} has too many properties"),
    "uniqueItems": lambda wrong, _error, _schema: f"{wrong} has non-unique elements",
    "anyOf": lambda wrong, _error, _schema: f"{wrong} is not valid under any of the given schemas",
    "oneOf": lambda wrong, _error, _schema: f"{wrong} is not valid under exactly one of the given schemas",
    "not": lambda wrong, error, _schema: f"{_kind(error, 'schema')!r} is not allowed for {wrong}",
}


def _kind(error: ValidationError, name: str) -> Any:
    return getattr(error.kind, name, None)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_VALUE_CHARACTERS else f"{text[:MAX_VALUE_CHARACTERS]}…"


def _follow(value: Any, path: Sequence[str | int], default: Any) -> Any:
    """Return the part of `value` at `path`, or the default where the path leads through a `$ref` and ends."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return default
    return value
