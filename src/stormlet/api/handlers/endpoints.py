"""/endpoints, /messagetypes, /formats: where messages go. Ours; StackStorm has nothing like it."""

from datetime import timedelta
from typing import Any

from stormlet.api.call import Call, Reply, json_reply
from stormlet.api.documents import read_document
from stormlet.api.endpoint_json import (
    changed,
    confirmed_json,
    endpoint_json,
    format_json,
    secret_json,
    type_json,
    without_computed,
)
from stormlet.api.listing import list_reply, named
from stormlet.content.quantities import seconds_of
from stormlet.flow.addressing import Saved, Standing
from stormlet.flow.delivery.formats.registry import FORMATS
from stormlet.flow.delivery.secrets import DEFAULT_OVERLAP
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.foundation.schema_validation import compile_schema
from stormlet.model.message_catalogue import MESSAGE_TYPES
from stormlet.model.trigger import Origin

_OPTIONAL_TEXT = {"type": ["string", "null"]}
_ROTATION = compile_schema(
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        # `value` is judged where it is sealed: messages of a schema repeat what they are about.
        "properties": {
            "name": _OPTIONAL_TEXT,
            "from": _OPTIONAL_TEXT,
            "value": {},
            "overlap": {"type": ["number", "string", "null"]},
        },
        "additionalProperties": False,
    }
)


async def list_all(call: Call) -> Reply:
    """List endpoints, also those that are switched off or broken."""
    clear = call.show_secrets
    shown = [endpoint_json(each, clear=clear) for each in await call.services.addressing.all()]
    return list_reply(call, named(call.query, shown, "id", "name", "pack", "format", "state"), default_limit=None)


async def get(call: Call) -> Reply:
    """Show one endpoint, how it is doing, and what waits for it."""
    return json_reply(endpoint_json(await _standing(call), clear=call.show_secrets))


async def create(call: Call) -> Reply:
    """Make an endpoint. Enabled, it is verified before this answers; where it does not say 2xx it is off."""
    document = without_computed(await read_document(call))
    return await _saved(call, await call.services.addressing.create(document, user=call.user))


async def update(call: Call) -> Reply:
    """Make an endpoint so, whether it is there or not. Of one that comes from a file, only `enabled` may change."""
    document = await read_document(call)
    wanted, addressing = call.parts["ref_or_id"], call.services.addressing
    try:
        standing = await addressing.one(wanted)
    except NotFoundError:
        standing = None
    if standing is not None and _is_from_file(standing):
        return await _saved(call, await _switch(call, standing, document))
    return await _saved(call, await addressing.put(wanted, without_computed(document), user=call.user))


async def delete(call: Call) -> Reply:
    """Delete an endpoint that was made here. Its deliveries can still be looked at."""
    await call.services.addressing.delete(call.parts["ref_or_id"])
    return Reply(status=204)


async def verify(call: Call) -> Reply:
    """Send a verification now, and tell what came of it."""
    return json_reply(confirmed_json(await call.services.addressing.verify(call.parts["ref_or_id"])))


async def list_secrets(call: Call) -> Reply:
    """List an endpoint's secrets; their values only where it says `secrets_viewable`."""
    found = await call.services.addressing.secrets(call.parts["ref_or_id"])
    return json_reply([secret_json(secret) for secret in found], headers={"X-Total-Count": str(len(found))})


async def rotate(call: Call) -> Reply:
    """Sign with a new secret, and for a while with the old ones too. One that is made here is shown in this answer only."""
    asked = await read_document(call, _ROTATION)
    entry = {key: asked[key] for key in ("name", "from", "value") if asked.get(key) is not None}
    addressing = call.services.addressing
    rotated = await addressing.rotate(
        call.parts["ref_or_id"], entry, user=call.user, overlap=_overlap(asked.get("overlap"))
    )
    known = [secret_json(secret) for secret in await addressing.secrets(rotated.ref)]
    shown: dict[str, Any] = {
        "ref": rotated.ref,
        "name": rotated.name,
        "endings": list(rotated.endings),
        "secrets": known,
    }
    if rotated.secret:
        shown["value"] = rotated.secret
    if rotated.confirmed is not None:
        shown["verification"] = confirmed_json(rotated.confirmed)
    return json_reply(shown)


async def list_types(call: Call) -> Reply:
    """List the types of messages, with the schema of each."""
    return list_reply(call, [type_json(kind) for kind in MESSAGE_TYPES.values()], default_limit=None, order=("name",))


async def list_formats(call: Call) -> Reply:
    """List formats: what each sends, how it signs, which options it has."""
    return list_reply(call, [format_json(each.about) for each in FORMATS], default_limit=None, order=("name",))


async def _standing(call: Call) -> Standing:
    return await call.services.addressing.one(call.parts["ref_or_id"])


def _is_from_file(standing: Standing) -> bool:
    if standing.endpoint is None:
        return bool(standing.metadata_file)
    return standing.endpoint.origin is Origin.FILE


async def _saved(call: Call, saved: Saved) -> Reply:
    """Answer with the endpoint as it is now, and what is told only this once."""
    shown = endpoint_json(await call.services.addressing.one(saved.ref), clear=call.show_secrets)
    if saved.secret:
        shown["generated_secret"] = saved.secret
    if saved.confirmed is not None:
        shown["verification"] = confirmed_json(saved.confirmed)
    return json_reply(shown, 201 if saved.created else 200)


async def _switch(call: Call, standing: Standing, document: dict[str, Any]) -> Saved:
    """Take the switch out of a document that was sent back; all else in it has to be what was shown."""
    shown = [endpoint_json(standing), endpoint_json(standing, clear=True)]
    different = min((changed(document, each) for each in shown), key=len)
    if different:
        raise InvalidInputError(
            f'endpoint "{standing.ref}" comes from a file: {", ".join(sorted(different))} cannot be changed here, '
            "only enabled",
            hint=f"edit {standing.metadata_file}",
        )
    enabled = document.get("enabled")
    if not isinstance(enabled, bool):
        raise InvalidInputError("enabled: this is neither true nor false")
    return await call.services.addressing.switch(standing.ref, enabled, user=call.user)


def _overlap(given: Any) -> timedelta:
    if given is None:
        return DEFAULT_OVERLAP
    if given in (0, "0"):
        return timedelta()
    seconds = seconds_of(given)
    if seconds is None or seconds > 366 * 86400:
        raise InvalidInputError("overlap: this is not a span of time", hint="seconds, or a number with s, m, h or d")
    return timedelta(seconds=seconds)
