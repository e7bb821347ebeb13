"""A trigger type that a source leads to and that nobody declares: the event would go nowhere."""

from collections.abc import Iterator

from stormlet.content.linting.context import Context, in_source
from stormlet.content.suggest import did_you_mean_or_list
from stormlet.model.problem import Problem
from stormlet.model.source import Source


def check(source: Source, context: Context) -> Iterator[Problem]:
    """Yield a warning for each such type. Those that only a rule names are there as well (`unknown_trigger`)."""
    types = context.snapshot.trigger_types
    for pattern, ref in source.triggers.types.items():
        if ref in types:
            continue
        pack = ref.partition(".")[0]
        siblings = [kind.ref for kind in types.values() if kind.pack == pack] or list(types)
        text = f"there is no trigger type {ref}; events that lead to it make nothing happen"
        hint = did_you_mean_or_list(ref, siblings)
        yield in_source(source, "unknown-trigger", text, f"triggers.types.{pattern}", hint=hint)
