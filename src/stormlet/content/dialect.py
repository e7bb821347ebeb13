"""The door between files and the words they are written in.

The loader finds and reads files; what their keys mean is the dialect's (`st2compat/dialect` speaks StackStorm's), which is
handed in, because `content` may not know StackStorm. The API uses the same dialect for the documents that are posted.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from stormlet.content.yaml_reader import Document, nearest
from stormlet.model.action import Action
from stormlet.model.pack import Pack
from stormlet.model.problem import Location, Problem, Severity
from stormlet.model.rule import Rule
from stormlet.model.trigger import Origin, TriggerType


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where a document comes from.

    `pack` is the pack whose directory the file lies in: the document must not name another one. None leaves the choice to
    the document. `pack_directory` is that directory.
    """

    origin: Origin = Origin.API
    file: str = ""
    pack: str | None = None
    pack_directory: str = ""
    locations: Mapping[str, Location] = {}

    def problem(
        self, code: str, text: str, path: str = "", *, hint: str = "", severity: Severity = Severity.ERROR
    ) -> Problem:
        """Return a problem with the part of the document at `path`."""
        return Problem(code=code, text=text, severity=severity, location=self.at(path), path=path, hint=hint)

    def at(self, path: str) -> Location:
        """Return where the part of the document at `path` stands, or the nearest part around it that is known."""
        return nearest(self.locations, path, self.file)


FROM_API = Provenance()


def file_provenance(document: Document, pack: str | None = None, pack_directory: str = "") -> Provenance:
    """Return the provenance of what was read from a file."""
    return Provenance(
        origin=Origin.FILE,
        file=document.file,
        pack=pack,
        pack_directory=pack_directory,
        locations=document.locations,
    )


class Dialect(Protocol):
    """Documents → model. Each function returns what could be made, and all that is wrong; it never raises for content."""

    def rule_from_document(self, document: Any, provenance: Provenance = FROM_API) -> tuple[Rule | None, list[Problem]]:
        """Read a rule. One with errors is returned too, as far as it can be made, so that all else in it can be judged at
        once; whoever runs rules has to look at the problems first."""
        ...

    def action_from_document(
        self, document: Any, provenance: Provenance = FROM_API
    ) -> tuple[Action | None, list[Problem]]:
        """Read an action's metadata. One from a file that has errors is returned too, as far as it can be made, to be judged
        and not to be used; else it is None."""
        ...

    def trigger_type_from_document(
        self, document: Any, provenance: Provenance = FROM_API
    ) -> tuple[TriggerType | None, list[Problem]]:
        """Read a trigger type; None where it has errors."""
        ...

    def sensor_trigger_types(
        self, document: Any, provenance: Provenance = FROM_API
    ) -> tuple[list[TriggerType], list[Problem]]:
        """Read the trigger types that a sensor's metadata declares."""
        ...

    def pack_from_document(self, document: Any, provenance: Provenance = FROM_API) -> tuple[Pack, list[Problem]]:
        """Read a `pack.yaml`. There is always a pack: where its metadata is broken, the directory's name has to do."""
        ...

    def config_schema_from_document(
        self, document: Any, provenance: Provenance = FROM_API
    ) -> tuple[dict[str, Any] | None, list[Problem]]:
        """Read a `config.schema.yaml` into the JSON Schema of the whole config; None where it has errors."""
        ...
