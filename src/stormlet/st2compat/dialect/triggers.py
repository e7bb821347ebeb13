"""Trigger type documents (files in `triggers/`, entries of a sensor's `trigger_types`, posts to the API) → `TriggerType`."""

from typing import Any

from stormlet.content.dialect import Provenance
from stormlet.content.shapes import (
    Shape,
    has_errors,
    identity,
    join,
    labels,
    name_problems,
    pack_of,
)
from stormlet.foundation.schema_validation import schema_fault
from stormlet.model.problem import Problem, Severity
from stormlet.model.trigger import Origin, TriggerType

_SCHEMAS = ("payload_schema", "parameters_schema")


class TriggerTypeReader:
    """Reads trigger types."""

    def __init__(self) -> None:
        self._shape = Shape("trigger")

    def read(self, document: Any, provenance: Provenance, under: str = "") -> tuple[TriggerType | None, list[Problem]]:
        """Return the trigger type and all that is wrong with it.

        A schema that is not valid is left out, so that rules on the trigger type keep working while it is mended.
        """
        document = self._shape.cleaned(document)
        problems = self._shape.problems(document, provenance, under)
        if not isinstance(document, dict):
            return None, problems
        pack, pack_problems = pack_of(document, provenance)
        problems += pack_problems + name_problems(document.get("name"), provenance, join(under, "name"))
        if has_errors(problems):
            return None, problems
        schemas: dict[str, dict[str, Any] | None] = {}
        for key in _SCHEMAS:
            schemas[key], schema_problems = _schema(document.get(key), provenance, join(under, key))
            problems += schema_problems
        kind = TriggerType(
            id=identity(document, "trigger_type", pack, document["name"], provenance),
            pack=pack,
            name=document["name"],
            description=document.get("description", ""),
            payload_schema=schemas["payload_schema"],
            parameters_schema=schemas["parameters_schema"],
            tags=labels(document.get("tags")),
            origin=provenance.origin,
            location=provenance.at(join(under, "name")),
        )
        return kind, problems

    def read_sensor(self, document: Any, provenance: Provenance) -> tuple[list[TriggerType], list[Problem]]:
        """Return the trigger types that a sensor declares. Keys that StackStorm drops without a word are warned of."""
        if document is None:
            return [], [provenance.problem("empty-file", "there is nothing in it")]
        if not isinstance(document, dict):
            return [], [provenance.problem("wrong-type", f"{document!r} is not of type 'object'")]
        declared = document.get("trigger_types") or []
        if not isinstance(declared, list):
            text = f"{declared!r} is not of type 'array'"
            return [], [
                provenance.problem("wrong-type", text, "trigger_types", hint="write each trigger type after a -")
            ]
        kinds: list[TriggerType] = []
        problems: list[Problem] = []
        for number, part in enumerate(declared):
            under = f"trigger_types.{number}"
            part, ignored = self._without_unknown(part, provenance, under)
            kind, found = self.read(part, provenance, under)
            problems += ignored + found
            if kind is not None:
                kinds.append(kind)
        return kinds, problems

    def _without_unknown(self, part: Any, provenance: Provenance, under: str) -> tuple[Any, list[Problem]]:
        if not isinstance(part, dict):
            return part, []
        known = self._shape.schema["properties"]
        problems = [
            provenance.problem("unknown-key", f"{key!r} is ignored", join(under, key), severity=Severity.WARNING)
            for key in part
            if key not in known
        ]
        return {key: value for key, value in part.items() if key in known}, problems


def _schema(
    schema: dict[str, Any] | None, provenance: Provenance, path: str
) -> tuple[dict[str, Any] | None, list[Problem]]:
    if not schema:
        return None, []
    if (fault := schema_fault(schema)) is not None:
        # StackStorm refuses it in its API and loads it from files, where one pack of its exchange has such a schema.
        severity = Severity.ERROR if provenance.origin is Origin.API else Severity.WARNING
        text = f"{fault.text}; the schema is not used"
        return None, [provenance.problem("bad-schema", text, join(path, fault.dotted), severity=severity)]
    return schema, []
