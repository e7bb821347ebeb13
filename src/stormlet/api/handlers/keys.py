"""/keys: the datastore."""

from stormlet.api.call import Call, Reply, json_reply
from stormlet.api.documents import read_document
from stormlet.api.listing import in_order, paging
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.foundation.schema_validation import compile_schema
from stormlet.model.datastore import KeyValuePair
from stormlet.st2compat.api_names.credentials import FULL_SCOPES, SHORT_SCOPES, key_value_json

_OPTIONAL_TEXT = {"type": ["string", "null"]}
_ITEM = compile_schema(
    {
        "type": "object",
        "properties": {
            "id": _OPTIONAL_TEXT,
            "uid": _OPTIONAL_TEXT,
            "name": _OPTIONAL_TEXT,
            "description": _OPTIONAL_TEXT,
            "value": {"type": "string", "required": True},
            "secret": {"type": ["boolean", "null"]},
            "encrypted": {"type": ["boolean", "null"]},
            "scope": _OPTIONAL_TEXT,
            "user": _OPTIONAL_TEXT,
            "expire_timestamp": _OPTIONAL_TEXT,
            "ttl": {"type": ["integer", "null"], "minimum": 1, "maximum": 10**10},
        },
        "additionalProperties": False,
    }
)


async def list_all(call: Call) -> Reply:
    """List items: of a scope, or of `all` (the system's and one's own)."""
    query = call.query
    scope = "user" if query.text("user") else _scope(query.text("scope"), listing=True)
    user = query.text("user") or call.user
    datastore = call.services.datastore
    limit, offset = paging(query, 100)
    decrypt = query.boolean("decrypt") or False
    found: list[KeyValuePair] = []
    # As in StackStorm, each scope is paged by itself, and the pages are put together.
    for part in ("system", "user") if scope == "all" else (scope,):
        items = datastore.list_items(part, user if part == "user" else "", query.text("prefix") or "")
        if names := query.texts("name"):
            items = [item for item in items if item.name in names]
        if ids := query.texts("id"):
            items = [item for item in items if item.id in ids]
        found += items[offset:] if limit is None else items[offset : offset + limit]
    shown = [
        key_value_json(_decrypted(call, item) if decrypt and item.secret else item, decrypted=decrypt) for item in found
    ]
    return json_reply(in_order(shown, query.texts("sort")))


def _decrypted(call: Call, item: KeyValuePair) -> KeyValuePair:
    return call.services.datastore.get(item.name, item.scope, item.user, decrypt=True)


async def get(call: Call) -> Reply:
    """Show one item; a secret one in clear with `?decrypt=true`."""
    decrypt = call.query.boolean("decrypt") or False
    item = _find(call, decrypt=decrypt)
    return json_reply(key_value_json(item, decrypted=decrypt))


async def put(call: Call) -> Reply:
    """Create or replace an item."""
    document = await read_document(call, _ITEM)
    datastore, name = call.services.datastore, call.parts["name"]
    scope = _scope(document.get("scope") or call.query.text("scope"))
    value, secret = document["value"], bool(document.get("secret"))
    if document.get("encrypted"):
        value, secret = _opened(call, name, value), True
    item = await datastore.put(
        name,
        value,
        scope=scope,
        user=document.get("user") or call.query.text("user") or call.user,
        secret=secret,
        ttl=document.get("ttl"),
        description=document.get("description") or "",
    )
    return json_reply(key_value_json(item))


def _opened(call: Call, name: str, value: str) -> str:
    """Return what a value that was sealed before holds; so it is known to be whole."""
    try:
        return call.services.datastore.decrypt(value)
    except InvalidInputError:
        raise InvalidInputError(
            f'Failed to verify the integrity of the provided value for key "{name}". Ensure that the value is encrypted '
            "with the correct key and not corrupted."
        ) from None


async def delete(call: Call) -> Reply:
    """Delete one item."""
    item = _find(call)
    await call.services.datastore.delete(item.name, item.scope, item.user)
    return Reply(status=204)


def _find(call: Call, *, decrypt: bool = False) -> KeyValuePair:
    """Return the item that the path names; naming a user implies the user's scope, as in StackStorm."""
    scope = "user" if call.query.text("user") else _scope(call.query.text("scope"))
    user = (call.query.text("user") or call.user) if scope == "user" else ""
    name = call.parts["name"]
    try:
        return call.services.datastore.get(name, scope, user, decrypt=decrypt)
    except NotFoundError:
        text = f"KeyValuePair with name: {name} and scope: {FULL_SCOPES[scope]} not found in db."
        raise NotFoundError(text) from None


def _scope(given: str | None, *, listing: bool = False) -> str:
    """Return `system` or `user` (or, where things are listed, `all`). Raises InvalidInputError."""
    if not given:
        return "system"
    if given == "all":
        return "all" if listing else "system"
    if given not in SHORT_SCOPES:
        allowed = [*SHORT_SCOPES, "all"]
        raise InvalidInputError(f"Scope {given} is not in allowed scopes list: {allowed}.")
    return SHORT_SCOPES[given]
