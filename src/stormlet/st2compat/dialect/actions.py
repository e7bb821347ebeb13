"""Action metadata → `Action`.

Parameters are StackStorm's mix of JSON Schema draft 4 and draft 3. As in st2 3.9, the first level of a parameter is judged
strictly and what lies below it leniently: real packs have stray keys there.
"""

import re
from collections.abc import Collection, Iterator, Mapping
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
from stormlet.model.action import Action
from stormlet.model.problem import Problem, Severity
from stormlet.model.trigger import Origin

_PARAMETER_NAME = re.compile(r"\w+")


class ActionReader:
    """Reads actions."""

    def __init__(self) -> None:
        self._shape = Shape("action")

    def read(self, document: Any, provenance: Provenance) -> tuple[Action | None, list[Problem]]:
        """Return the action and all that is wrong with it: with errors, one from a file as far as it can be made, so that all
        else can be judged at once, and else None."""
        document = self._shape.cleaned(document)
        problems = [_as_bad_name(problem, provenance) for problem in self._shape.problems(document, provenance)]
        if not isinstance(document, dict):
            return None, problems
        pack, pack_problems = pack_of(document, provenance)
        problems += pack_problems + name_problems(document.get("name"), provenance)
        broken = {problem.path.split(".")[1] for problem in problems if problem.path.startswith("parameters.")}
        problems += parameter_problems(document.get("parameters"), provenance, broken)
        if has_errors(problems):
            if provenance.origin is not Origin.FILE or not _is_whole(document):
                return None, problems
            document = _usable(document, broken)
        return _action(document, pack, provenance), problems


def _is_whole(document: dict[str, Any]) -> bool:
    return isinstance(document.get("name"), str) and isinstance(document.get("runner_type"), str)


def _usable(document: dict[str, Any], broken: Collection[str]) -> dict[str, Any]:
    """Return the document without what has errors and without what only running would need."""
    parameters, entry_point = document.get("parameters"), document.get("entry_point")
    good = parameters.items() if isinstance(parameters, dict) else ()
    return {
        "name": document["name"],
        "runner_type": document["runner_type"],
        "entry_point": entry_point if isinstance(entry_point, str) else "",
        "parameters": {name: meta for name, meta in good if isinstance(meta, dict) and name not in broken},
    }


def _action(document: dict[str, Any], pack: str, provenance: Provenance) -> Action:
    name = document["name"]
    return Action(
        id=identity(document, "action", pack, name, provenance),
        pack=pack,
        name=name,
        runner_type=document["runner_type"],
        description=document.get("description", ""),
        enabled=document.get("enabled", True),
        entry_point=document.get("entry_point", ""),
        parameters=document.get("parameters", {}),
        output_schema=document.get("output_schema", {}),
        tags=labels(document.get("tags")),
        notify=document.get("notify", {}),
        idempotent=document.get("on_interruption", "fail") == "retry",
        on_interruption=document.get("on_interruption", ""),
        pack_directory=provenance.pack_directory,
        origin=provenance.origin,
        metadata_file=provenance.file,
        location=provenance.at("name"),
    )


def parameter_problems(parameters: Any, provenance: Provenance, broken: Collection[str] = ()) -> list[Problem]:
    """Return what is wrong with parameters beyond their shape: schemas and positions. `broken` ones are told already."""
    if not isinstance(parameters, Mapping):
        return []
    read = {name: meta for name, meta in parameters.items() if isinstance(meta, Mapping) and name not in broken}
    return [*_schema_problems(read, provenance), *_position_problems(read, provenance)]


def _schema_problems(parameters: Mapping[str, Mapping[str, Any]], provenance: Provenance) -> Iterator[Problem]:
    left = dict(parameters)
    # All together, because `$ref: "#/properties/other"` is allowed; without those that are told, to see the others.
    while left and (fault := schema_fault({"type": "object", "properties": left})) is not None:
        name = fault.path[1] if len(fault.path) > 1 else None
        path = join("parameters", fault.dotted.removeprefix("properties."))
        # What StackStorm looks at when it loads is an error; what it would only trip over when it runs, a warning.
        severity = Severity.WARNING if len(fault.path) > _FIRST_LEVEL else Severity.ERROR
        yield provenance.problem("bad-schema", fault.text, path, severity=severity)
        if name not in left:
            return
        del left[str(name)]


_FIRST_LEVEL = len(["properties", "name", "attribute"])


def _position_problems(parameters: Mapping[str, Mapping[str, Any]], provenance: Provenance) -> Iterator[Problem]:
    seen: dict[float, str] = {}
    for name, meta in parameters.items():
        position = meta.get("position")
        if isinstance(position, bool) or not isinstance(position, (int, float)):
            continue
        path = f"parameters.{name}.position"
        if position != int(position):
            yield provenance.problem("bad-position", f"{position} is not a whole number", path)
        if position in seen:
            text = f"Parameters {name} and {seen[position]} have same position {int(position)}."
            yield provenance.problem("bad-position", f"{text} Position values have to be unique.", path)
        seen.setdefault(position, name)
    if seen and sorted(seen) != list(range(int(min(seen)), int(max(seen)) + 1)):
        text = f"Positions supplied {sorted(seen)} for parameters are not contiguous."
        yield provenance.problem("bad-position", text, "parameters", hint="number them without gaps")


def _as_bad_name(problem: Problem, provenance: Provenance) -> Problem:
    """Give a parameter's name that breaks `^\\w+$` its own code: as an unknown key nobody would understand it."""
    parent, _, name = problem.path.rpartition(".")
    if problem.code == "unknown-key" and parent == "parameters" and not _PARAMETER_NAME.fullmatch(name):
        text = f'Parameter name "{name}" is invalid'
        return provenance.problem("bad-name", text, problem.path, hint="use letters, digits and _")
    return problem
