"""Sources → guards by URL. Nothing about a source fails open: whatever is wrong with it, its URL is not left to API keys.

A source that cannot be compiled keeps its last good version, as rules do. Where it never had one, its URL is closed.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from stormlet.content.yaml_reader import nearest
from stormlet.flow.verification.guard import Guard, by_url, compile_guard
from stormlet.model.problem import Problem
from stormlet.model.snapshot import Snapshot
from stormlet.model.source import BrokenSource, Source
from stormlet.model.trigger import Trigger


class Guards(NamedTuple):
    """All sources at one moment, compiled."""

    by_url: Mapping[str, tuple[Guard, ...]]
    closed: frozenset[str]
    """URLs that nothing guards as it was meant to: refused to everybody."""
    snapshot: Snapshot
    """With sources in their final state."""
    problems: list[Problem]


def compile_guards(snapshot: Snapshot, trigger_of: Callable[[str], Trigger], previous: Iterable[Guard]) -> Guards:
    """Compile all sources of a snapshot. `previous` are the guards until now; the last good versions come from them."""
    before = {guard.source.ref: guard for guard in previous}
    sources, broken = dict(snapshot.sources), dict(snapshot.broken_sources)
    guards: dict[str, Guard] = {}
    found: list[Problem] = []
    for ref, source in snapshot.sources.items():
        guard, problems = compile_source(source, trigger_of)
        found.extend(problems)
        if guard is None:
            broken[ref] = _broken(source, problems)
            guard = _switched(before.get(ref), source)
        if guard is None:
            del sources[ref]
        else:
            sources[ref] = guard.source
            if source.enabled is not False:
                guards[ref] = guard
    closed = {each.url for ref, each in broken.items() if each.enabled and not _guarded(each, guards.get(ref))}
    final = msgspec.structs.replace(snapshot, sources=sources, broken_sources=broken)
    return Guards(by_url(guards), frozenset(closed - {""}), final, found)


def compile_source(source: Source, trigger_of: Callable[[str], Trigger]) -> tuple[Guard | None, list[Problem]]:
    """Compile one source; its problems get their places in its document."""
    guard, problems = compile_guard(source, trigger_of)
    if guard is not None and not guard.event and set(source.triggers.types) - {"*"}:
        text = "`event` is missing, and the scheme does not say where the kind of event stands"
        hint = "write `event: header:NAME` or `event: $.type`"
        problems = [*problems, Problem(code="missing-key", text=text, path="triggers.event", hint=hint)]
        guard = None
    return guard, [
        msgspec.structs.replace(problem, location=nearest(source.locations, problem.path, source.metadata_file))
        for problem in problems
    ]


def mentioned(snapshot: Snapshot) -> frozenset[str]:
    """Return the words of broken sources that do not say which URL they guard, and have no good version either."""
    unknown = (each for ref, each in snapshot.broken_sources.items() if each.enabled and ref not in snapshot.sources)
    return frozenset().union(*(each.mentions for each in unknown))


def _broken(source: Source, problems: list[Problem]) -> BrokenSource:
    return BrokenSource(
        ref=source.ref,
        url=source.url,
        enabled=source.enabled is not False,
        problems=tuple(problems),
        metadata_file=source.metadata_file,
    )


def _switched(last_good: Guard | None, now: Source) -> Guard | None:
    """Return the last good version, on or off as its broken successor is."""
    if last_good is None:
        return None
    source = msgspec.structs.replace(last_good.source, enabled=now.enabled)
    return msgspec.structs.replace(last_good, source=source)


def _guarded(broken: BrokenSource, last_good: Guard | None) -> bool:
    return last_good is not None and last_good.source.url == broken.url
