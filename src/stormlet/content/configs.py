"""A pack's config: `config.schema.yaml` in the pack, `<pack>.yaml` among the configs, joined.

Values that are templates (`{{ st2kv.system.token }}`) are resolved when an action asks, not here. A config may hold secrets,
so no message of this module repeats a value.
"""

from collections.abc import Mapping
from typing import Any

import regex

from stormlet.content.dialect import Dialect, Provenance, file_provenance
from stormlet.content.yaml_reader import Document
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.schema_validation import PATTERN_SECONDS, SchemaError, accepting_none, compile_schema
from stormlet.model.problem import Problem


def join_config(
    pack: str, schema_document: Document | None, config_document: Document | None, dialect: Dialect
) -> tuple[dict[str, Any] | None, list[Problem]]:
    """Return a pack's config with the schema's defaults in it (None where it has neither), and what is wrong.

    A config that breaks its schema is used all the same, as far as it goes: the action that needs the value says more.
    """
    problems: list[Problem] = []
    schema: dict[str, Any] | None = None
    if schema_document is not None:
        problems += schema_document.problems
        if schema_document.readable:
            provenance = file_provenance(schema_document, pack)
            schema, found = dialect.config_schema_from_document(schema_document.value, provenance)
            problems += found
    values: dict[str, Any] = {}
    if config_document is not None:
        problems += config_document.problems
        provenance = file_provenance(config_document, pack)
        if isinstance(config_document.value, dict):
            values = config_document.value
        elif config_document.value is not None:
            problems.append(provenance.problem("wrong-type", "a config is a mapping of keys to values"))
        if schema and config_document.readable:
            problems += _config_problems(values, schema, provenance)
    if schema_document is None and config_document is None:
        return None, problems
    return (fill_defaults(values, schema) if schema else values), problems


def fill_defaults(values: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config with defaults at every depth. An object with keys of its own appears even where it is not given:
    packs read `config["tls"]["verify"]`, and StackStorm makes that work."""
    filled = dict(values)
    for key, part in _schemas_of_keys(schema, filled).items():
        if key not in filled and "default" in part:
            filled[key] = part["default"]
        has_keys = any(part.get(name) for name in ("properties", "patternProperties", "additionalProperties"))
        if part.get("type") == "object" and has_keys:
            inner = filled.get(key) or {}
            filled[key] = fill_defaults(inner, part) if isinstance(inner, Mapping) else inner
        elif part.get("type") == "array" and isinstance(part.get("items"), Mapping):
            filled[key] = [
                fill_defaults(item, part["items"]) if isinstance(item, Mapping) else item
                for item in _as_list(filled.get(key))
            ]
    return filled


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _schemas_of_keys(schema: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return key → schema for the keys that the schema names and for those that `values` has."""
    named = {key: part for key, part in (schema.get("properties") or {}).items() if isinstance(part, Mapping)}
    patterns = schema.get("patternProperties") or {}
    others = schema.get("additionalProperties")
    for key in values:
        if key in named:
            continue
        matching = [part for pattern, part in patterns.items() if _matches(pattern, key)]
        if matching:
            named[key] = {name: value for part in matching for name, value in part.items()}
        elif isinstance(others, Mapping):
            named[key] = others
    return named


def _matches(pattern: str, key: str) -> bool:
    try:
        return regex.search(pattern, key, timeout=PATTERN_SECONDS) is not None
    except (
        regex.error,
        TimeoutError,
    ):  # the schema's validator has its own idea of such a pattern; it sets no defaults
        return False


def _config_problems(values: dict[str, Any], schema: dict[str, Any], provenance: Provenance) -> list[Problem]:
    try:
        validator = compile_schema(accepting_none(schema))
    except InvalidInputError:
        return []  # told already, where the schema was read
    return [
        provenance.problem("config-schema", _text(error), error.dotted)
        for error in validator.errors(fill_defaults(values, schema))
        if not _is_template(values, error)
    ]


def _text(error: SchemaError) -> str:
    if error.keyword in {"required", "additionalProperties"}:
        return error.text  # these name keys, never values
    return f"the value breaks `{error.keyword}` of the config schema"


def _is_template(values: Any, error: SchemaError) -> bool:
    for step in error.path:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return False
    return isinstance(values, str) and "{{" in values
