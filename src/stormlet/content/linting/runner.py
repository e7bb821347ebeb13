"""An action's runner, and how its parameters change the runner's."""

from collections.abc import Iterator

from stormlet.content.linting.context import Context, in_action
from stormlet.content.suggest import did_you_mean_or_list
from stormlet.model.action import Action
from stormlet.model.problem import Problem, Severity


def check(action: Action, context: Context) -> Iterator[Problem]:
    """Yield a warning for a runner that does not exist, and for immutable parameters that could never have a value."""
    runner = context.runner_types.get(action.runner_type)
    if runner is None:
        hint = did_you_mean_or_list(action.runner_type, context.runner_types)
        text = f"there is no runner {action.runner_type}; the action fails when it is run"
        yield in_action(action, "unknown-runner", text, "runner_type", hint=hint, severity=Severity.WARNING)
    for name, meta in action.parameters.items():
        inherited = runner.parameters.get(name, {}) if runner else {}
        if meta.get("immutable") is True and "default" not in meta and "default" not in inherited and runner:
            text = f"Immutable param {name} requires a default value."
            path = f"parameters.{name}"
            yield in_action(action, "immutable-without-default", text, path, hint="add `default:`")
