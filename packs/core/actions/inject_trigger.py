"""core.inject_trigger: make a trigger happen, through the engine's own API."""

from st2common.runners.base_action import Action
from stormlet_child.service import call


class InjectTriggerAction(Action):
    """Posts to the webhook `st2` with the action's token and returns what it answers."""

    def run(self, trigger=None, trigger_name=None, payload=None, trace_tag=None):
        if trigger and trigger_name:
            raise ValueError("Parameters `trigger` and `trigger_name` are mutually exclusive.")
        if not trigger and not trigger_name:
            raise ValueError("You must include the `trigger_name` parameter.")
        headers = {"St2-Trace-Tag": trace_tag} if trace_tag else None
        return call(
            "POST", "/webhooks/st2", {"trigger": trigger or trigger_name, "payload": payload or {}}, headers=headers
        )
