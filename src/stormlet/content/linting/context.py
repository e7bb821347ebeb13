"""What a check may look at, and how it says what it found."""

from collections.abc import Mapping

import msgspec

from stormlet.content.yaml_reader import nearest
from stormlet.model.action import Action, RunnerType
from stormlet.model.endpoint import Endpoint
from stormlet.model.problem import Location, Problem, Severity
from stormlet.model.rule import Rule
from stormlet.model.snapshot import Snapshot
from stormlet.model.source import Source


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is loaded."""

    snapshot: Snapshot
    runner_types: Mapping[str, RunnerType]


def in_rule(
    rule: Rule, code: str, text: str, path: str, *, hint: str = "", severity: Severity = Severity.WARNING
) -> Problem:
    """Return a problem at a place in a rule."""
    location = nearest(rule.locations, path, rule.metadata_file)
    return Problem(code=code, text=text, severity=severity, location=location, path=path, hint=hint)


def in_source(
    source: Source, code: str, text: str, path: str, *, hint: str = "", severity: Severity = Severity.WARNING
) -> Problem:
    """Return a problem at a place in a source."""
    location = nearest(source.locations, path, source.metadata_file)
    return Problem(code=code, text=text, severity=severity, location=location, path=path, hint=hint)


def in_endpoint(
    endpoint: Endpoint, code: str, text: str, path: str, *, hint: str = "", severity: Severity = Severity.WARNING
) -> Problem:
    """Return a problem at a place in an endpoint."""
    location = nearest(endpoint.locations, path, endpoint.metadata_file)
    return Problem(code=code, text=text, severity=severity, location=location, path=path, hint=hint)


def in_action(
    action: Action, code: str, text: str, path: str, *, hint: str = "", severity: Severity = Severity.WARNING
) -> Problem:
    """Return a problem of an action. Of an action only the place of its name is kept."""
    location = action.location if action.location.file else Location(file=action.metadata_file)
    return Problem(code=code, text=text, severity=severity, location=location, path=path, hint=hint)
