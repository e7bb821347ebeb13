"""What an action takes: its own parameters and its runner's, as one."""

from collections.abc import Mapping
from typing import Any


def merged_parameters(
    action: Mapping[str, Mapping[str, Any]], runner: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return all parameters: the runner's, changed by the action's of the same name, and the action's own."""
    return {name: {**runner.get(name, {}), **action.get(name, {})} for name in (*runner, *action)}
