"""Rules as an author writes them, read but not compiled."""

from enum import StrEnum
from typing import Any

import msgspec

from stormlet.model.problem import Location, Problem
from stormlet.model.trigger import Origin


class RuleType(StrEnum):
    """`backstop` rules are asked only where no standard rule matched."""

    STANDARD = "standard"
    BACKSTOP = "backstop"


class Criterion(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `criteria`. For `search`, `pattern` is a mapping of child keys to `{type, pattern, condition}` dicts."""

    key: str
    type: str
    pattern: Any = None
    condition: str | None = None
    location: Location = Location()
    """Where the criterion's key stands."""


class ActionCall(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule runs: an action's ref and templates for its parameters."""

    ref: str
    parameters: dict[str, Any] = {}
    description: str = ""


class TriggerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule asks for: a trigger type's ref and the parameters for it."""

    type: str
    parameters: dict[str, Any] = {}
    description: str = ""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. `locations` maps dotted paths of the document to their places, for messages."""

    id: str
    pack: str
    name: str
    trigger: TriggerSpec
    action: ActionCall
    description: str = ""
    enabled: bool = False
    type: RuleType = RuleType.STANDARD
    criteria: tuple[Criterion, ...] = ()
    tags: tuple[dict[str, Any], ...] = ()
    context: dict[str, Any] = {}
    origin: Origin = Origin.FILE
    metadata_file: str = ""
    locations: dict[str, Location] = {}

    @property
    def ref(self) -> str:
        return f"{self.pack}.{self.name}"


class RuleState(StrEnum):
    """Whether a rule can be asked."""

    READY = "ready"
    STALE = "stale"
    """Its file is broken now; this is the last version that worked, and it still runs."""
    BROKEN = "broken"
    """It never worked since the process started; it is listed, and never asked."""


class LoadedRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule with what the loader found out about it. `rule` is None where not even a name could be read."""

    ref: str
    state: RuleState
    rule: Rule | None = None
    problems: tuple[Problem, ...] = ()
    metadata_file: str = ""
