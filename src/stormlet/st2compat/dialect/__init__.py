"""StackStorm's documents ↔ the model: rules, actions, trigger types, packs and config schemas, as st2 3.9 reads them.

What StackStorm refuses is an error here, in the words its clients know; what it loads but cannot be meant is a warning.
Nothing here reads files or knows what else is loaded; that is `content`'s.
"""

from typing import Any

from stormlet.content.dialect import FROM_API, Provenance
from stormlet.model.action import Action
from stormlet.model.pack import Pack
from stormlet.model.problem import Problem
from stormlet.model.rule import Rule
from stormlet.model.trigger import TriggerType
from stormlet.st2compat.dialect.actions import ActionReader
from stormlet.st2compat.dialect.packs import PackReader
from stormlet.st2compat.dialect.rules import RuleReader
from stormlet.st2compat.dialect.triggers import TriggerTypeReader


class Dialect:
    """Reads documents in StackStorm's words. Compile it once; it may be shared between threads.

    Implements `content.dialect.Dialect`, which says what each function returns.
    """

    def __init__(self) -> None:
        self._rules = RuleReader()
        self._actions = ActionReader()
        self._triggers = TriggerTypeReader()
        self._packs = PackReader()

    def rule_from_document(self, document: Any, provenance: Provenance = FROM_API) -> tuple[Rule | None, list[Problem]]:
        return self._rules.read(document, provenance)

    def action_from_document(
        self, document: Any, provenance: Provenance = FROM_API
    ) -> tuple[Action | None, list[Problem]]:
        return self._actions.read(document, provenance)

    def trigger_type_from_document(
        self, document: Any, provenance: Provenance = FROM_API
    ) -> tuple[TriggerType | None, list[Problem]]:
        return self._triggers.read(document, provenance)

    def sensor_trigger_types(
        self, document: Any, provenance: Provenance = FROM_API
    ) -> tuple[list[TriggerType], list[Problem]]:
        return self._triggers.read_sensor(document, provenance)

    def pack_from_document(self, document: Any, provenance: Provenance = FROM_API) -> tuple[Pack, list[Problem]]:
        return self._packs.read(document, provenance)

    def config_schema_from_document(
        self, document: Any, provenance: Provenance = FROM_API
    ) -> tuple[dict[str, Any] | None, list[Problem]]:
        return self._packs.read_config_schema(document, provenance)
