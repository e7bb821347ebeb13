"""Which rules to ask about a trigger.

Today by the trigger's ref alone. A later index that knows what rules compare (one bucket per value of an `equals`) belongs
here too, behind `rules_for`, and gets the payload then.
"""

from collections.abc import Iterable, Sequence

from stormlet.flow.matching.compile import CompiledRule


class RuleIndex:
    """Compiled rules by the ref of their trigger, in the order given. Disabled rules are not asked, so not kept."""

    def __init__(self, rules: Iterable[CompiledRule] = ()) -> None:
        by_trigger: dict[str, list[CompiledRule]] = {}
        for rule in rules:
            if rule.rule.enabled:
                by_trigger.setdefault(rule.trigger, []).append(rule)
        self._by_trigger = {trigger: tuple(found) for trigger, found in by_trigger.items()}

    def rules_for(self, trigger_ref: str) -> Sequence[CompiledRule]:
        """Return the rules that listen to this trigger."""
        return self._by_trigger.get(trigger_ref, ())
