"""/sources/{ref}/secrets and /rotate: changing a secret without losing a request, and without showing one that is there."""

import secrets as random_source
from typing import Any

from stormlet.api.call import Call, Reply, json_reply
from stormlet.api.documents import read_document
from stormlet.api.handlers.sources import find_source
from stormlet.api.source_json import COMPUTED, secret_json, source_json
from stormlet.flow.verification.options import read_options
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.foundation.schema_validation import compile_schema
from stormlet.model.source import SecretReference, Source
from stormlet.model.trigger import Origin
from stormlet.signatures.new_secret import BYTES, new_secret
from stormlet.signatures.registry import scheme_named

MOST_SECRETS = 10
_OPTIONAL_TEXT = {"type": ["string", "null"]}
_ROTATION = compile_schema(
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        # `value` is judged where it is sealed: messages of a schema repeat what they are about.
        "properties": {"name": _OPTIONAL_TEXT, "from": _OPTIONAL_TEXT, "value": {}},
        "additionalProperties": False,
    }
)


async def list_secrets(call: Call) -> Reply:
    """List a source's secrets: where each comes from, whether it is there, when it proved a request last."""
    found = await call.services.guarding.secrets_of(find_source(call).ref)
    return json_reply([secret_json(secret) for secret in found], headers={"X-Total-Count": str(len(found))})


async def rotate(call: Call) -> Reply:
    """Add a secret before those that are there, which stay active. One that is made here is shown in this answer only."""
    asked = await read_document(call, _ROTATION)
    source = _changeable(call)
    entry = {key: asked[key] for key in ("from", "value") if asked.get(key) is not None}
    made = _generated(source) if not entry else None
    name = asked.get("name") or _next_name(source.secrets)
    added = {**_like_the_first(source), **(entry or {"value": made}), "name": name}

    def with_new(current: Source) -> dict[str, Any]:
        if len(current.secrets) >= MOST_SECRETS:
            text = f'source "{current.ref}" has {len(current.secrets)} secrets'
            raise InvalidInputError(text, hint="take out those that nobody uses any more")
        document = _document(current)
        return {**document, "secrets": [added, *document.get("secrets", [])]}

    await call.services.ruleset.edit_source(source.ref, with_new, user=call.user)
    known = [secret_json(secret) for secret in await call.services.guarding.secrets_of(source.ref)]
    shown: dict[str, Any] = {"ref": source.ref, "name": name, "secrets": known}
    return json_reply({**shown, "value": made} if made is not None else shown)


async def delete_secret(call: Call) -> Reply:
    """Take a secret out of a source that was made here: what is signed with it is refused from now on."""
    name = call.parts["name"]
    source = _changeable(call)

    def without(current: Source) -> dict[str, Any]:
        document = _document(current)
        kept = [entry for entry in document.get("secrets", []) if entry["name"] != name]
        if len(kept) == len(current.secrets):
            raise NotFoundError(f'source "{current.ref}" has no secret called "{name}"')
        if not kept:
            text = f'it is the only secret of source "{current.ref}", which would refuse everything without it'
            raise InvalidInputError(text, hint="add a new one before: rotate")
        return {**document, "secrets": kept}

    await call.services.ruleset.edit_source(source.ref, without, user=call.user)
    return Reply(status=204)


def _changeable(call: Call) -> Source:
    """Return the source, if its secrets can be changed here. Raises InvalidInputError with the edit to make otherwise."""
    found = find_source(call)
    if isinstance(found, Source) and found.origin is Origin.API:
        return found
    known = [f'"{each.reference}"' for each in found.secrets] if isinstance(found, Source) else []
    edit = f'secrets: ["env:NEW_SECRET", {", ".join(known)}]' if known else 'secrets: ["env:NEW_SECRET"]'
    pack = call.services.ruleset.current.snapshot.packs.get(found.ref.partition(".")[0])
    ours = (
        f"copy {found.metadata_file} into a directory of sources of your own, and there"
        if pack and pack.bundled
        else ""
    )
    raise InvalidInputError(
        f'source "{found.ref}" comes from a file, and so do its secrets',
        hint=f"{ours or f'in {found.metadata_file}'} write {edit}; the first is the new one, any of them proves a request",
    )


def _generated(source: Source) -> str:
    """Return a new secret in the form that the source's scheme takes."""
    if not source.scheme:
        raise InvalidInputError(f'source "{source.ref}" has no scheme, and so no secret')
    scheme = scheme_named(source.scheme)
    made = new_secret(scheme, read_options(source)[0].options, random_source.token_bytes(BYTES))
    if made is None:
        hint = f"give it as `value`. {scheme.about.configure}"
        raise InvalidInputError(f"for {scheme.about.name} the secret comes from the sender", hint=hint)
    return made


def _next_name(known: tuple[SecretReference, ...]) -> str:
    """Return the number after the highest one among the names."""
    return str(max((int(each.name) for each in known if each.name.isdecimal()), default=len(known)) + 1)


def _like_the_first(source: Source) -> dict[str, Any]:
    """Return how a secret of this source is presented: the new one takes the place of the first."""
    if not source.secrets:
        return {}
    first = source.secrets[0]
    about = {"kind": first.kind, "username": first.username, "algorithm": first.algorithm, "key_id": first.key_id}
    return {key: value for key, value in about.items() if value}


def _document(source: Source) -> dict[str, Any]:
    shown = source_json(source, active=False)
    return {key: value for key, value in shown.items() if key not in COMPUTED}
