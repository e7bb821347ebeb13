"""Does the action exist that an endpoint runs?"""

from collections.abc import Iterator

from stormlet.content.linting.context import Context, in_endpoint
from stormlet.content.suggest import did_you_mean
from stormlet.model.endpoint import Endpoint
from stormlet.model.problem import Problem


def check(endpoint: Endpoint, context: Context) -> Iterator[Problem]:
    """Yield a warning where it does not, or is disabled: its pack may come later, and deliveries wait until then."""
    if not endpoint.action:
        return
    action = context.snapshot.actions.get(endpoint.action)
    if action is None:
        hint = did_you_mean(endpoint.action, context.snapshot.actions)
        yield in_endpoint(
            endpoint, "unknown-action", f"the action {endpoint.action} does not exist", "action", hint=hint
        )
    elif not action.enabled:
        text = f"the action {endpoint.action} is disabled"
        yield in_endpoint(endpoint, "disabled-action", text, "action", hint="enable it, or the endpoint not")
