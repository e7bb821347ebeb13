"""/tokens, /apikeys, /user: who may talk to the engine."""

import base64
import binascii
from typing import Any

import msgspec

from stormlet.api.call import Call, Reply, json_reply
from stormlet.api.documents import read_document
from stormlet.api.listing import list_reply
from stormlet.foundation.errors import InvalidInputError, UnauthorizedError
from stormlet.foundation.schema_validation import compile_schema
from stormlet.foundation.secrets import MASK
from stormlet.model.credential import ApiKey
from stormlet.st2compat.api_names.credentials import api_key_json, identity_json, new_api_key_json, token_json

_API_KEY = compile_schema(
    {
        "type": "object",
        "properties": {
            "id": {"type": ["string", "null"]},
            "uid": {"type": ["string", "null"]},
            "user": {"type": ["string", "null"]},
            "key_hash": {"type": ["string", "null"], "pattern": r"^([0-9a-fA-F]{128}|\*+)?$"},
            "key": {"type": "null"},
            "metadata": {"type": ["object", "null"]},
            "created_at": {"type": ["string", "null"]},
            "enabled": {"type": "boolean"},
        },
        "additionalProperties": False,
    }
)
_TOKEN = compile_schema(
    {
        "type": "object",
        "properties": {
            "ttl": {"type": ["integer", "null"]},
            "user": {"type": ["string", "null"]},
            "impersonate_user": {"type": ["string", "null"]},
            "nickname_origin": {"type": ["string", "null"]},
        },
    }
)

KNOWN = frozenset({"id", "uid", "user", "key_hash", "metadata", "created_at", "enabled"})
"""Attributes of API keys."""


async def log_in(call: Call) -> Reply:
    """Issue a token for a name and password (HTTP Basic)."""
    name, password = _basic(call.headers.get("Authorization", ""))
    document = await read_document(call, _TOKEN)
    authenticator = call.services.authenticator
    await authenticator.log_in(name, password, call.incoming.remote)
    if any(document.get(key) not in (None, name) for key in ("user", "impersonate_user")):
        raise InvalidInputError("Current user is not a service and cannot request impersonated tokens")
    token, text = await authenticator.issue_token(name, document.get("ttl"), {})
    settings = call.services.settings.server
    public = settings.public_url or f"http://{call.headers.get('Host', '')}"
    return json_reply(token_json(token, text), 201, {"X-API-URL": public.rstrip("/")})


def _basic(header: str) -> tuple[str, str]:
    """Return name and password. Raises UnauthorizedError where they cannot be read."""
    scheme, _, value = header.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError
        name, separator, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        if not name or not separator:
            raise ValueError
    except (ValueError, binascii.Error):
        raise UnauthorizedError("Invalid or missing credentials") from None
    return name, password


async def validate_token(call: Call) -> Reply:
    """Tell whether a token would be accepted."""
    document = await read_document(call)
    token = document.get("token")
    if not token or not isinstance(token, str):
        raise InvalidInputError("Token is not provided.")
    return json_reply({"valid": await call.services.authenticator.token_is_valid(token)})


async def who_am_i(call: Call) -> Reply:
    """Show whose credential the request has."""
    return json_reply(identity_json(call.identity))


async def list_api_keys(call: Call) -> Reply:
    """List API keys; their texts are not known."""
    keys = call.services.authenticator.api_keys()
    shown = [api_key_json(key, show_secrets=call.show_secrets) for key in keys]
    return list_reply(call, shown, default_limit=50, order=("user", "created_at"), known=KNOWN)


async def get_api_key(call: Call) -> Reply:
    """Show one API key, by id or by its text."""
    key = call.services.authenticator.find_api_key(call.parts["id_or_key"])
    return json_reply(api_key_json(key, show_secrets=call.show_secrets))


async def create_api_key(call: Call) -> Reply:
    """Make an API key, or import one by its hash."""
    document = await read_document(call, _API_KEY)
    given = document.get("key_hash") or ""
    if given.startswith("*"):
        raise InvalidInputError("A masked key_hash cannot be imported.", hint="export with --show-secrets")
    key, text = await call.services.authenticator.create_api_key(
        document.get("user") or call.user,
        document.get("metadata") or {},
        document.get("enabled", True),
        given.lower() or None,
    )
    return json_reply(new_api_key_json(key, text), 201)


async def update_api_key(call: Call) -> Reply:
    """Replace an API key's user, metadata and switch."""
    document = await read_document(call, _API_KEY)
    authenticator = call.services.authenticator
    old = authenticator.find_api_key(call.parts["id_or_key"])
    given = document.get("key_hash")
    if given and given != MASK and given.lower() != old.key_hash:
        raise InvalidInputError("Update of key_hash is not allowed.")
    changed = await authenticator.update_api_key(_changed(old, document))
    return json_reply(api_key_json(changed))


def _changed(old: ApiKey, document: dict[str, Any]) -> ApiKey:
    return msgspec.structs.replace(
        old,
        user=document.get("user") or old.user,
        metadata=document.get("metadata") or {},
        enabled=document.get("enabled", True),
    )


async def delete_api_key(call: Call) -> Reply:
    """Delete an API key; it is refused from now on."""
    authenticator = call.services.authenticator
    await authenticator.delete_api_key(authenticator.find_api_key(call.parts["id_or_key"]).id)
    return Reply(status=204)
