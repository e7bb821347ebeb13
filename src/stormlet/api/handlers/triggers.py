"""/triggertypes and /triggers: what rules can be on."""

from stormlet.api.call import Call, Reply, json_reply
from stormlet.api.documents import read_document
from stormlet.api.handlers.switching import put_document
from stormlet.api.listing import list_reply, named
from stormlet.foundation.errors import NotFoundError
from stormlet.model.trigger import Trigger, TriggerType
from stormlet.st2compat.api_names.content import trigger_json, trigger_type_json, without_computed

KNOWN = frozenset(
    {
        "id", "uid", "ref", "name", "pack", "description", "payload_schema", "parameters_schema", "tags",
        "metadata_file", "implied",
    }
)  # fmt: skip


async def list_types(call: Call) -> Reply:
    """List trigger types."""
    types = call.services.ruleset.current.snapshot.trigger_types.values()
    shown = [trigger_type_json(kind) for kind in types]
    return list_reply(call, named(call.query, shown, "id", "name", "pack"), known=KNOWN)


async def get_type(call: Call) -> Reply:
    """Show one trigger type."""
    return json_reply(trigger_type_json(_find_type(call)))


async def create_type(call: Call) -> Reply:
    """Make a trigger type."""
    document = without_computed(await read_document(call))
    made = await call.services.ruleset.put("triggertype", document, create=True, user=call.user)
    assert isinstance(made, TriggerType)
    return json_reply(trigger_type_json(made), 201)


async def update_type(call: Call) -> Reply:
    """Replace a trigger type that was made here."""
    document = without_computed(await read_document(call))
    kind = _find_type(call)
    await put_document(call, "triggertype", kind.ref, document)
    changed = call.services.ruleset.find("triggertype", kind.id)
    assert isinstance(changed, TriggerType)
    return json_reply(trigger_type_json(changed))


async def delete_type(call: Call) -> Reply:
    """Delete a trigger type that was made here."""
    await call.services.ruleset.delete("triggertype", _find_type(call).ref)
    return Reply(status=204)


async def list_all(call: Call) -> Reply:
    """List triggers. `?type=` is ours to honour: st2's client sends it, and StackStorm ignores it."""
    triggers = [trigger_json(trigger) for trigger in call.services.ruleset.current.triggers.values()]
    return json_reply(sorted(named(call.query, triggers, "type", "pack"), key=lambda shown: str(shown["ref"])))


async def get(call: Call) -> Reply:
    """Show one trigger."""
    return json_reply(trigger_json(_find(call)))


async def create(call: Call) -> Reply:
    """Make a trigger that no rule has made yet."""
    document = without_computed(await read_document(call))
    made = await call.services.ruleset.put("trigger", document, create=True, user=call.user)
    assert isinstance(made, Trigger)
    return json_reply(trigger_json(made), 201)


async def update(call: Call) -> Reply:
    """Replace a trigger that was made here."""
    document = without_computed(await read_document(call))
    trigger = _find(call)
    await put_document(call, "trigger", trigger.ref, document)
    changed = call.services.ruleset.find("trigger", trigger.id)
    assert isinstance(changed, Trigger)
    return json_reply(trigger_json(changed))


async def delete(call: Call) -> Reply:
    """Delete a trigger that was made here."""
    await call.services.ruleset.delete("trigger", _find(call).ref)
    return Reply(status=204)


def _find_type(call: Call) -> TriggerType:
    wanted = call.parts["ref_or_id"]
    found = call.services.ruleset.find("triggertype", wanted)
    if not isinstance(found, TriggerType):
        raise NotFoundError(f'Resource with a reference or id "{wanted}" not found')
    return found


def _find(call: Call) -> Trigger:
    wanted = call.parts["ref_or_id"]
    found = call.services.ruleset.find("trigger", wanted)
    if not isinstance(found, Trigger):
        raise NotFoundError(f'Unable to identify resource with id "{wanted}".')
    return found
