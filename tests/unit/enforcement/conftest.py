"""Actions and contexts for the tests of parameters."""

from collections.abc import Callable
from typing import Any

import pytest

from stormlet.flow.enforcement.parameters import render_parameters
from stormlet.foundation.templates import KeyValueLookup, Templates
from stormlet.model.action import Action, RunnerType

TEMPLATES = Templates(decrypt=lambda text: text.upper())
KEYS = {"a": "v", "n": "5", "secret": "sealed"}
Render = Callable[..., dict[str, Any]]


def action_of(parameters: dict[str, Any]) -> Action:
    """Return an action with these parameters."""
    return Action(id="1", pack="p", name="a", runner_type="r", parameters=parameters)


def runner_of(parameters: dict[str, Any]) -> RunnerType:
    """Return a runner with these parameters."""
    return RunnerType(name="r", description="", parameters=parameters)


@pytest.fixture
def render() -> Render:
    """Render given parameters: action's parameters, what is given, runner's parameters, and more names for templates."""

    def rendered(
        declared: dict[str, Any], given: dict[str, Any], runner: dict[str, Any] | None = None, **names: Any
    ) -> dict[str, Any]:
        context = {
            "st2kv": {"system": KeyValueLookup(KEYS.get)},
            "action_context": {"user": "stanley", "rule": {"name": "r"}},
            "config_context": {"base_url": "https://example.com"},
            **names,
        }
        return render_parameters(action_of(declared), runner_of(runner or {}), given, context, TEMPLATES)

    return rendered
