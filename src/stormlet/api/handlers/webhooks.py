"""/webhooks: the door that events come in through. What is answered 202 is on disk before the answer leaves."""

from stormlet.api.call import Call, Reply, json_reply
from stormlet.api.errors import NOT_FOUND, HttpError
from stormlet.flow.intake.webhooks import check_body, make_event
from stormlet.flow.triggering import GENERIC, body_of, custom_triggers, generic_trigger, instances_of
from stormlet.foundation.errors import OverloadedError, StoreError, StormletError
from stormlet.model.event import EventKind
from stormlet.st2compat.api_names.content import trigger_json


async def receive(call: Call) -> Reply:
    """Take an event: who sent it is known by now; read, understand, store, answer."""
    events = call.services.metrics.events
    try:
        reply = await _receive(call)
    except (OverloadedError, StoreError):
        events.labels("overloaded").inc()
        raise
    except (StormletError, HttpError):
        events.labels("refused").inc()
        raise
    events.labels("accepted").inc()
    return reply


async def _receive(call: Call) -> Reply:
    services, hook = call.services, call.parts["hook"]
    content, limits = services.ruleset.current, services.settings.limits
    kind = EventKind.GENERIC if hook == GENERIC else EventKind.CUSTOM
    if kind is EventKind.CUSTOM:
        custom_triggers(hook, content.hooks)  # an unknown hook is refused before its body is read
    raw = await call.incoming.body()
    started = services.clock.monotonic()
    event, tag = make_event(
        kind=kind,
        url=hook,
        body=raw,
        headers=call.incoming.raw_headers,
        query=call.raw_query,
        remote=call.incoming.remote,
        user=call.user,
        credential=call.credential,
        now=services.clock.now(),
    )
    body = body_of(event, limit=limits.body_bytes, max_depth=limits.json_depth)
    if kind is EventKind.GENERIC:
        schemas, types = services.payload_schemas, content.snapshot.trigger_types
        triggers = [generic_trigger(body, content.triggers, types, schemas)]
    else:
        check_body(body)
        triggers = list(custom_triggers(hook, content.hooks))
    instances = instances_of(event, triggers, tag)
    await services.pipeline.accept(instances, event)
    services.metrics.accept_seconds.observe(services.clock.monotonic() - started)
    location = f"/api/v1/triggerinstances/{instances[0].id}"
    return json_reply(body, 202, {"X-Event-Id": event.id, "Location": location})


async def list_all(call: Call) -> Reply:
    """List the triggers of all hooks. `include_attributes` is ignored: st2's client asks for less than it then shows."""
    hooks = call.services.ruleset.current.hooks
    return json_reply([trigger_json(trigger) for url in sorted(hooks) for trigger in hooks[url]])


async def get(call: Call) -> Reply:
    """Show the first trigger of a hook."""
    found = call.services.ruleset.current.hooks.get(call.parts["url"])
    if not found:
        raise HttpError(404, NOT_FOUND)
    return json_reply(trigger_json(found[0]))
