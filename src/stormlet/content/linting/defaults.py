"""An action's defaults against the types that the action itself declares."""

from collections.abc import Iterator

from stormlet.content.linting.context import Context, in_action
from stormlet.content.linting.literal_parameters import value_errors
from stormlet.model.action import Action
from stormlet.model.problem import Problem


def check(action: Action, _context: Context) -> Iterator[Problem]:
    """Yield a warning for each default that running the action with it would refuse."""
    for name, schema in action.parameters.items():
        default = schema.get("default")
        if default is None:
            continue
        for error in value_errors(name, default, schema):
            text = f"the value breaks `{error.keyword}`" if schema.get("secret") else error.text
            yield in_action(action, "bad-default", f"the default of {name}: {text}", f"parameters.{name}.default")
