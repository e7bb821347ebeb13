"""Documents against the schemas of `content/schemas`, with every finding as a problem at its place.

Shared by all readers of documents, StackStorm's and our own, together with what documents have in common: id, pack and name.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from stormlet.content.dialect import Provenance
from stormlet.content.schemas import read_schema
from stormlet.content.suggest import did_you_mean_or_list
from stormlet.foundation.identifiers import derived_id, is_id
from stormlet.foundation.schema_validation import SchemaError, compile_schema
from stormlet.model.problem import Problem, Severity
from stormlet.model.trigger import Origin

DEFAULT_PACK = "default"
_CODES = {"required": "missing-key", "additionalProperties": "unknown-key", "type": "wrong-type"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_REF = re.compile(r"[^.\s]+\.\S.*")


class Shape:
    """One schema, compiled. `loose` names top-level keys whose inside the reader checks itself, with better words;
    `unchecked` those that it checks altogether, because messages here repeat values."""

    def __init__(self, name: str, loose: Iterable[str] = (), unchecked: Iterable[str] = ()) -> None:
        schema = read_schema(name)
        for key in unchecked:
            schema["properties"][key] = {}
        for key in loose:
            schema["properties"][key] = {"type": schema["properties"][key].get("type", "object")}
        self.schema: Mapping[str, Any] = schema
        self._validator = compile_schema(schema)

    def cleaned(self, document: Any) -> Any:
        """Return the document without optional keys that are null: StackStorm takes `description:` as not given."""
        return _without_nulls(document, self.schema)

    def problems(self, document: Any, provenance: Provenance, under: str = "") -> list[Problem]:
        """Return what is wrong with the document; `under` is its path where it is part of another one."""
        if document is None:
            return [provenance.problem("empty-file", "there is nothing in it", under)]
        found: list[Problem] = []
        for error in self._validator.errors(document):
            found.extend(as_problems(error, self.schema, document, provenance, under))
        return found


def as_problems(
    error: SchemaError, schema: Mapping[str, Any], document: Any, provenance: Provenance, under: str = ""
) -> list[Problem]:
    """Return the problem of one schema error; of keys that are too many, one problem each, at the key."""
    path = join(under, error.dotted)
    code = _CODES.get(error.keyword, "bad-value")
    if error.keyword != "additionalProperties":
        hint = ""
        if (
            code == "wrong-type"
            and "of type 'string'" in error.text
            and isinstance(_part(document, error), (int, float))
        ):
            hint = "quote it"
        elif error.keyword == "enum":
            hint = did_you_mean_or_list(str(_part(document, error)), error.names)
        return [provenance.problem(code, error.text, path, hint=hint)]
    known = _known_keys(schema, error.path)
    return [
        provenance.problem(
            code,
            error.text if len(error.names) == 1 else f"Additional properties are not allowed ({name!r} was unexpected)",
            join(path, name),
            hint=did_you_mean_or_list(name, known),
        )
        for name in error.names
    ]


def has_errors(problems: Iterable[Problem]) -> bool:
    """Tell whether any of these is an error."""
    return any(problem.severity is Severity.ERROR for problem in problems)


def join(path: str, rest: str) -> str:
    """Return one dotted path."""
    return f"{path}.{rest}" if path and rest else path or rest


def identity(document: Mapping[str, Any], kind: str, pack: str, name: str, provenance: Provenance) -> str:
    """Return the id: the document's own where it came through the API, else one that depends on the name only."""
    given = document.get("id")
    if provenance.origin is Origin.API and isinstance(given, str) and is_id(given):
        return given
    return derived_id(f"{kind}:{pack}:{name}")


def guessed_ref(document: Mapping[str, Any], provenance: Provenance) -> str:
    """Return the ref under which something broken is listed: its name as far as it can be read, else its file's."""
    name, pack = document.get("name"), document.get("pack")
    if not (isinstance(name, str) and name.strip()):
        name = PurePath(provenance.file).stem
    if provenance.pack is not None or not (isinstance(pack, str) and pack):
        pack = provenance.pack or DEFAULT_PACK
    return f"{pack}.{name}"


def pack_of(document: Mapping[str, Any], provenance: Provenance) -> tuple[str, list[Problem]]:
    """Return the pack that something belongs to, and what is wrong with how it is named."""
    given = document.get("pack") or ""
    if not isinstance(given, str):
        return provenance.pack or DEFAULT_PACK, []  # the schema said so already
    if provenance.pack is not None and given and given != provenance.pack:
        text = f'the file lies in the pack "{provenance.pack}" but says that it belongs to "{given}"'
        return provenance.pack, [provenance.problem("pack-mismatch", text, "pack", hint="leave `pack:` out")]
    pack = given or provenance.pack or DEFAULT_PACK
    if "." in pack or pack.split() != [pack] or "/" in pack:
        text = f"{pack!r} cannot be a pack's name"
        return pack, [provenance.problem("bad-name", text, "pack", hint="use lower-case letters, digits and _")]
    return pack, []


def name_problems(name: Any, provenance: Provenance, path: str = "name") -> list[Problem]:
    """Return what is wrong with a name. StackStorm takes nearly any text, with dots and with spaces, and so does this."""
    if not isinstance(name, str):
        return []
    if not name.strip() or _CONTROL.search(name):
        return [
            provenance.problem("bad-name", f"{name!r} cannot be a name", path, hint="use letters, digits, . _ and -")
        ]
    return []


def is_ref(text: str) -> bool:
    """Tell whether a text has the form `pack.name`."""
    return _REF.fullmatch(text) is not None


def labels(value: Any) -> tuple[dict[str, Any], ...]:
    """Return `tags` as the model has them."""
    return tuple(value) if isinstance(value, list) else ()


def _part(document: Any, error: SchemaError) -> Any:
    for step in error.path:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def _known_keys(schema: Mapping[str, Any], path: tuple[str | int, ...]) -> list[str]:
    """Return the keys that the schema has where `path` leads; nothing where it leads through something else than keys."""
    part: Any = schema
    for step in path:
        part = part.get("properties", {}).get(step) or next(iter(part.get("patternProperties", {}).values()), {})
        if "$ref" in part:
            part = schema.get("definitions", {}).get(str(part["$ref"]).rpartition("/")[2], {})
    return list(part.get("properties", {}))


def _without_nulls(value: Any, schema: Mapping[str, Any]) -> Any:
    properties, required = schema.get("properties"), schema.get("required", ())
    for branch in schema.get("anyOf", ()):  # `type` of a rule is an object, or short for one
        properties, required = branch.get("properties", properties), branch.get("required", required)
    if not isinstance(value, dict) or not isinstance(properties, Mapping):
        return value
    kept = {}
    for key, part in value.items():
        known = properties.get(key)
        if part is None and known is not None and key not in required:
            continue
        kept[key] = _without_nulls(part, known) if isinstance(known, Mapping) else part
    return kept
