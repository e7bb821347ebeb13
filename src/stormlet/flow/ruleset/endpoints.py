"""Endpoints, compiled: format, filter and order key of each, as part of building the content.

A filter is written in the rules' own language, and is compiled and asked by the very code that asks rules: `trigger` is the
message, in the form that Standard Webhooks gives it (`trigger.type`, `trigger.data.execution.status`, `trigger.pack`).
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from stormlet.flow.delivery.endpoints import (
    Accepts,
    CompiledEndpoint,
    Document,
    EndpointTable,
    compile_endpoint,
)
from stormlet.flow.matching import MatchContext, compile_rule, match
from stormlet.foundation.deadlines import Allowance
from stormlet.foundation.templates import Templates
from stormlet.model.endpoint import BrokenEndpoint, Endpoint
from stormlet.model.message import Message
from stormlet.model.problem import Problem
from stormlet.model.rule import ActionCall, Rule, TriggerSpec
from stormlet.model.snapshot import Snapshot

MESSAGE = "core.message"
"""What stands for the trigger type where a filter is compiled as a rule's criteria."""

FILTER_SECONDS = 0.05
"""What asking one endpoint's filter about one message may take."""


class CompiledEndpoints(NamedTuple):
    """What became of a snapshot's endpoints."""

    table: EndpointTable
    problems: list[Problem]


def compile_endpoints(snapshot: Snapshot, templates: Templates, previous: EndpointTable | None) -> CompiledEndpoints:
    """Return all endpoints ready to be sent to. Those that have not changed are taken from `previous` as they are."""
    good: list[CompiledEndpoint] = []
    broken = list(snapshot.broken_endpoints.values())
    found: list[Problem] = []
    for ref, endpoint in snapshot.endpoints.items():
        if ref in snapshot.broken_endpoints:
            continue
        before = previous.endpoints.get(ref) if previous is not None else None
        if before is not None and before.endpoint == endpoint:
            good.append(before)
            continue
        compiled, problems = compile_endpoint(endpoint, templates, lambda each: compile_filter(each, templates))
        found += problems
        if compiled is not None:
            good.append(compiled)
        else:
            metadata_file = endpoint.metadata_file
            broken.append(BrokenEndpoint(ref=ref, problems=tuple(problems), metadata_file=metadata_file))
    return CompiledEndpoints(EndpointTable(good, broken), found)


def compile_filter(endpoint: Endpoint, templates: Templates) -> tuple[Accepts | None, list[Problem]]:
    """Return what asks an endpoint's filter, and what is wrong with it; None where there is no filter."""
    if not endpoint.filter:
        return None, []
    rule = Rule(
        id=endpoint.id,
        pack=endpoint.pack,
        name=endpoint.name,
        trigger=TriggerSpec(type=MESSAGE),
        action=ActionCall(ref=MESSAGE),
        enabled=True,
        criteria=endpoint.filter,
        metadata_file=endpoint.metadata_file,
        locations={
            f"criteria{path.removeprefix('filter')}": place
            for path, place in endpoint.locations.items()
            if path.startswith("filter")
        },
    )
    compiled, problems = compile_rule(rule, templates)
    problems = [msgspec.structs.replace(each, path=_path(each.path)) for each in problems]
    if compiled is None:
        return None, problems
    rules = [compiled]

    def accepts(message: Message, document: Document, read_system_key: Callable[[str], str | None]) -> bool:
        # A message is planned inside a request, where nobody may wait long; a filter that takes longer lets nothing through.
        allowance = Allowance(rule_seconds=FILTER_SECONDS, event_seconds=FILTER_SECONDS, monotonic=templates.monotonic)
        context = MatchContext(now=message.time, read_system_key=read_system_key, allowance=allowance)
        return match(rules, dict(document), message.id, context)[0].matched

    return accepts, problems


def _path(path: str) -> str:
    """Return a rule's path as one of an endpoint: `criteria` is `filter` there."""
    return f"filter{path.removeprefix('criteria')}" if path.startswith("criteria") else path
