"""Actions and the runner types that run them."""

from typing import Any

import msgspec

from stormlet.model.problem import Location
from stormlet.model.trigger import Origin


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be run. `parameters` maps names to JSON Schema properties with st2's extra attributes
    (`required`, `immutable`, `position`, `secret`)."""

    id: str
    pack: str
    name: str
    runner_type: str
    description: str = ""
    enabled: bool = True
    entry_point: str = ""
    parameters: dict[str, dict[str, Any]] = {}
    output_schema: dict[str, Any] = {}
    tags: tuple[dict[str, Any], ...] = ()
    notify: dict[str, Any] = {}
    idempotent: bool = False
    """Whether running it a second time after an interruption does no harm (`on_interruption: retry` in its metadata)."""
    on_interruption: str = ""
    """What its metadata says itself, `fail` or `retry`; empty: nothing, so that the setting decides."""
    pack_directory: str = ""
    origin: Origin = Origin.FILE
    metadata_file: str = ""
    location: Location = Location()

    @property
    def ref(self) -> str:
        return f"{self.pack}.{self.name}"


class RunnerType(msgspec.Struct, frozen=True, kw_only=True):
    """A way of running actions, with the parameters that every action of this runner takes."""

    name: str
    description: str
    parameters: dict[str, dict[str, Any]] = {}
    output_key: str = ""
    output_schema: dict[str, Any] = {}
    enabled: bool = True
