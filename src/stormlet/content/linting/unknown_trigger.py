"""A rule's trigger type that nobody declares: a mistake where its pack is loaded, and implied where it is not.

StackStorm knows trigger types only from packs; its generic webhook can fire any that exists. Here a rule is enough to make
one exist (`implied`), so that a first rule needs no second file.
"""

from collections.abc import Iterator

from stormlet.content.linting.context import Context, in_rule
from stormlet.content.suggest import did_you_mean_or_list
from stormlet.foundation.identifiers import derived_id
from stormlet.model.problem import Problem, Severity
from stormlet.model.rule import Rule
from stormlet.model.trigger import Origin, TriggerType

# StackStorm's place for rules without a pack; a directory of that name declares nothing.
_OPEN_PACK = "default"


def unknown_trigger_problems(rule: Rule, context: Context) -> Iterator[Problem]:
    """Yield an error where the type's pack is loaded and has no such type, and a warning where it is implied."""
    ref = rule.trigger.type
    types = context.snapshot.trigger_types
    if "." not in ref or (ref in types and not types[ref].implied):
        return  # what is no ref was told where the rule was read
    pack = ref.partition(".")[0]
    if _declares(pack, context):
        siblings = [kind.ref for kind in types.values() if kind.pack == pack and not kind.implied]
        hint = did_you_mean_or_list(ref, siblings)
        text = f"the pack {pack} has no trigger type {ref}"
        yield in_rule(rule, "unknown-trigger", text, "trigger.type", hint=hint, severity=Severity.ERROR)
        return
    declared = [kind.ref for kind in types.values() if not kind.implied]
    text = f"no loaded pack declares {ref}; it is taken as a trigger type without a schema"
    near = did_you_mean_or_list(ref, declared) if len(declared) > 1 else ""
    hint = near if near.startswith("did") else f"declare it in triggers/ of a pack {pack} to have its payload checked"
    yield in_rule(rule, "implied-trigger", text, "trigger.type", hint=hint)


def implied_type(rule: Rule, context: Context) -> TriggerType | None:
    """Return the trigger type that the rule makes exist, or None where it exists or cannot exist."""
    ref = rule.trigger.type
    pack, _, name = ref.partition(".")
    if not name or ref in context.snapshot.trigger_types or _declares(pack, context):
        return None
    return TriggerType(
        id=derived_id(f"trigger_type:{pack}:{name}"),
        pack=pack,
        name=name,
        description=f"Named by the rule {rule.ref}; no pack declares it.",
        origin=Origin.FILE,
        implied=True,
    )


def _declares(pack: str, context: Context) -> bool:
    return pack in context.snapshot.packs and pack != _OPEN_PACK
