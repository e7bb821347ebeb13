"""The same way of the data, without effects: why a rule did or did not fire, computed again from the stored event.

Nothing of a decision is logged but its outcome; the reasons are recomputed. They are those of the rules as they are *now*,
which is what a person mending a rule wants to see.
"""

import asyncio
from collections.abc import Sequence

from stormlet.flow.matching import CompiledRule, explain
from stormlet.flow.pipeline import Pipeline, payload_of_stored
from stormlet.flow.ruleset import Compiled, Ruleset
from stormlet.foundation.errors import NotFoundError
from stormlet.model.rule import LoadedRule, RuleState
from stormlet.model.trigger import TriggerInstance
from stormlet.model.verdict import Verdict
from stormlet.store.interface import Store, StoredInstance


class Rehearsal:
    """Asks rules without enforcing anything."""

    def __init__(self, *, store: Store, ruleset: Ruleset, pipeline: Pipeline) -> None:
        self._store = store
        self._ruleset = ruleset
        self._pipeline = pipeline
        self._turn = asyncio.Lock()

    async def why(self, instance_id: str, rule: str | None = None) -> list[Verdict]:
        """Return one verdict for each rule of the instance's trigger, or for the rule that is named.

        Args:
            instance_id: a trigger instance's id.
            rule: a rule's ref or id; also one of another trigger (the verdict's reason says so).

        Raises:
            NotFoundError: there is no such instance or rule.
        """
        stored = await self._store.trigger_instance(instance_id)
        if stored is None:
            raise NotFoundError(f'Unable to identify resource with id "{instance_id}".')
        # In a thread, as deciding is; one at a time, so that they never take all threads from it.
        async with self._turn:
            return await asyncio.to_thread(self.explain, stored, rule)

    def explain(self, stored: StoredInstance, rule: str | None = None) -> list[Verdict]:
        """Return the verdicts on an instance that need not be stored, within the time that deciding it may take; what was not
        evaluated for lack of it says so in its finding."""
        compiled = self._ruleset.current
        instance = stored.instance
        wanted = _wanted(compiled, instance, rule)
        askable = [compiled.rules[ref] for ref, loaded in wanted.items() if _askable(compiled, loaded, instance)]
        context = self._pipeline.context(self._pipeline.allowance())
        verdicts = explain(_with_standard(compiled, askable, instance), payload_of_stored(stored), instance.id, context)
        asked = {verdict.rule: verdict for verdict in verdicts}
        return [asked.get(ref) or _not_asked(loaded, instance, compiled) for ref, loaded in wanted.items()]


def _wanted(compiled: Compiled, instance: TriggerInstance, rule: str | None) -> dict[str, LoadedRule]:
    rules = compiled.snapshot.rules
    if rule is None:
        return {ref: loaded for ref, loaded in rules.items() if _same_type(loaded, instance)}
    found = {ref: loaded for ref, loaded in rules.items() if ref == rule or (loaded.rule and loaded.rule.id == rule)}
    if not found:
        raise NotFoundError(f'Resource with a reference or id "{rule}" not found')
    return found


def _same_type(loaded: LoadedRule, instance: TriggerInstance) -> bool:
    """Take in rules on other triggers of the type: a rule on another webhook URL is a likely mistake, and the reason says it."""
    return loaded.rule is not None and loaded.rule.trigger.type == instance.trigger_type


def _askable(compiled: Compiled, loaded: LoadedRule, instance: TriggerInstance) -> bool:
    compiled_rule = compiled.rules.get(loaded.ref)
    return compiled_rule is not None and compiled_rule.trigger == instance.trigger and compiled_rule.rule.enabled


def _with_standard(
    compiled: Compiled, askable: Sequence[CompiledRule], instance: TriggerInstance
) -> Sequence[CompiledRule]:
    """Ask all rules of the trigger where a backstop is among the wanted: whether it is asked depends on the others."""
    if any(rule.rule.type == "backstop" for rule in askable):
        return compiled.index.rules_for(instance.trigger)
    return askable


def _not_asked(loaded: LoadedRule, instance: TriggerInstance, compiled: Compiled) -> Verdict:
    rule = loaded.rule
    if loaded.state is RuleState.BROKEN or rule is None:
        text = loaded.problems[0].text if loaded.problems else "see `stormlet check`"
        reason = f"the rule is broken: {text}"
    elif rule.trigger.type != instance.trigger_type:
        reason = f"the rule is on trigger type {rule.trigger.type}, this event is {instance.trigger_type}"
    elif (known := compiled.rules.get(loaded.ref)) is not None and known.trigger != instance.trigger:
        reason = f"the rule is on {rule.trigger.parameters}, this event came to {_parameters(compiled, instance)}"
    elif not rule.enabled:
        reason = "the rule is disabled"
    else:
        reason = "the rule was not asked"
    return Verdict(rule=loaded.ref, rule_id=rule.id if rule else "", matched=False, reason=reason)


def _parameters(compiled: Compiled, instance: TriggerInstance) -> object:
    trigger = compiled.triggers.get(instance.trigger)
    return trigger.parameters if trigger else instance.trigger
