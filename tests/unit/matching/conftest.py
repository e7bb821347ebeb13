"""Rules and events for the tests of matching, written as short as a test can read them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from stormlet.flow.matching import MatchContext
from stormlet.model.problem import Location
from stormlet.model.rule import ActionCall, Criterion, Rule, RuleType, TriggerSpec

MakeRule = Callable[..., Rule]


@pytest.fixture
def context() -> MatchContext:
    """A moment, and two keys in the datastore."""
    keys = {"branch": "main", "limits.large": "10"}
    return MatchContext(now=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), read_system_key=keys.get)


@pytest.fixture
def rule() -> MakeRule:
    """Make a rule of keyword arguments; `criteria` maps keys to what stands in a rule file."""

    def make(
        criteria: dict[str, dict[str, Any]] | None = None,
        *,
        name: str = "r",
        enabled: bool = True,
        kind: RuleType = RuleType.STANDARD,
        parameters: dict[str, Any] | None = None,
        locations: dict[str, Location] | None = None,
    ) -> Rule:
        read = tuple(
            Criterion(
                key=key,
                type=each.get("type", ""),
                pattern=each.get("pattern"),
                condition=each.get("condition"),
                location=Location(file="r.yaml", line=7, column=3),
            )
            for key, each in (criteria or {}).items()
        )
        return Rule(
            id=f"id-{name}",
            pack="p",
            name=name,
            trigger=TriggerSpec(type="p.t"),
            action=ActionCall(ref="core.local", parameters=parameters or {}),
            criteria=read,
            enabled=enabled,
            type=kind,
            locations=locations or {},
        )

    return make
