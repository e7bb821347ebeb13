"""/triggerinstances: what happened, once more, and why rules did or did not match."""

from typing import Any

from stormlet.api.call import Call, Reply, json_reply
from stormlet.api.listing import page_reply, store_page
from stormlet.flow.intake.mistaken_forms import hint_for
from stormlet.flow.pipeline import payload_of_stored
from stormlet.foundation.errors import NotFoundError
from stormlet.model.trigger import TriggerInstanceStatus
from stormlet.st2compat.api_names.happenings import trigger_instance_json, verdict_json
from stormlet.store.interface import InstanceFilter, StoredInstance

KNOWN = frozenset(
    {"id", "occurrence_time", "payload", "trigger", "status", "trigger_type", "trace_tag", "failure_reason", "event_id"}
)


async def list_all(call: Call) -> Reply:
    """List trigger instances, the newest first."""
    query = call.query
    page = store_page(query, "occurrence_time", 100)
    status = query.text("status")
    if status is not None and status not in set(TriggerInstanceStatus):
        return page_reply(call, [], 0, page.limit, KNOWN)
    trigger, kind = query.text("trigger"), query.text("trigger_type")
    content = call.services.ruleset.current
    if trigger in content.snapshot.trigger_types and trigger not in content.triggers:
        # A type whose triggers have names that nobody knows, such as core.st2.webhook: StackStorm would find none.
        trigger, kind = None, kind or trigger
    wanted = InstanceFilter(
        trigger=trigger,
        trigger_type=kind,
        status=TriggerInstanceStatus(status) if status else None,
        after=query.moment("timestamp_gt"),
        before=query.moment("timestamp_lt"),
    )
    found, total = await call.services.store.list_trigger_instances(wanted, page)
    with_payload = _wants_payload(call)
    return page_reply(call, [_shown(stored, with_payload) for stored in found], total, page.limit, KNOWN)


async def get(call: Call) -> Reply:
    """Show one trigger instance."""
    return json_reply(_shown(await _find(call), True))


async def re_emit(call: Call) -> Reply:
    """Let it happen again. The sentence is StackStorm's, its spelling too."""
    wanted = call.parts["instance_id"]
    again = await call.services.operations.re_emit(wanted)
    message = f"Trigger instance {wanted} succesfully re-sent."
    return json_reply({"message": message, "payload": again.payload, "id": again.id})


async def why(call: Call) -> Reply:
    """Tell, for each rule of its trigger, what was wanted and what was found; computed now, with the rules as they are."""
    stored = await _find(call)
    verdicts = await call.services.rehearsal.why(stored.instance.id, call.query.text("rule"))
    told = {"trigger_instance": _shown(stored, True), "verdicts": [verdict_json(verdict) for verdict in verdicts]}
    hint = hint_for(stored.event)
    return json_reply({**told, "hint": hint} if hint else told)


def _wants_payload(call: Call) -> bool:
    """Payloads are made of stored requests: not for a table that shows none of them."""
    include = call.query.texts("include_attributes")
    return (not include or any(name.split(".")[0] == "payload" for name in include)) and (
        "payload" not in call.query.texts("exclude_attributes")
    )


def _shown(stored: StoredInstance, with_payload: bool) -> dict[str, Any]:
    return trigger_instance_json(stored.instance, payload_of_stored(stored) if with_payload else None)


async def _find(call: Call) -> StoredInstance:
    wanted = call.parts["instance_id"]
    found = await call.services.store.trigger_instance(wanted)
    if found is None:
        raise NotFoundError(f'Unable to identify resource with id "{wanted}".')
    return found
