"""API keys, tokens, users and datastore items in StackStorm's JSON."""

from typing import Any

from stormlet.foundation.clock import to_iso
from stormlet.foundation.secrets import MASK
from stormlet.model.credential import ApiKey, Identity, Token
from stormlet.model.datastore import KeyValuePair

FULL_SCOPES = {"system": "st2kv.system", "user": "st2kv.user"}
SHORT_SCOPES = {full: short for short, full in FULL_SCOPES.items()} | {short: short for short in FULL_SCOPES}


def api_key_json(key: ApiKey, *, show_secrets: bool = False) -> dict[str, Any]:
    """Return an API key; its hash only where secrets are shown."""
    return {
        "id": key.id,
        "uid": f"api_key:{key.key_hash if show_secrets else MASK}",
        "user": key.user,
        "key_hash": key.key_hash if show_secrets else MASK,
        "metadata": key.metadata,
        "created_at": to_iso(key.created_at),
        "enabled": key.enabled,
    }


def new_api_key_json(key: ApiKey, text: str) -> dict[str, Any]:
    """Return a key that was just made, with its text: the only answer that ever has it. None for an import."""
    shown = api_key_json(key)
    del shown["key_hash"]
    return {**shown, "key": text or None}


def token_json(token: Token, text: str) -> dict[str, Any]:
    """Return a token that was just issued."""
    return {
        "id": token.id,
        "user": token.user,
        "token": text,
        "expiry": to_iso(token.expiry),
        "metadata": token.metadata,
    }


def identity_json(identity: Identity) -> dict[str, Any]:
    """Return who one is: what `st2 whoami` prints. Without roles, everybody is an administrator."""
    authentication: dict[str, Any] = {"method": identity.method, "location": identity.location}
    if identity.token_expiry is not None:
        authentication["token_expire"] = to_iso(identity.token_expiry)
    return {
        "username": identity.user,
        "authentication": authentication,
        "rbac": {"enabled": False, "roles": [], "is_admin": True},
    }


def key_value_json(item: KeyValuePair, *, decrypted: bool = False) -> dict[str, Any]:
    """Return a datastore item; `decrypted` says that the value of a secret one is in clear."""
    scope = FULL_SCOPES[item.scope]
    name = f"{item.user}:{item.name}" if item.scope == "user" else item.name
    shown: dict[str, Any] = {
        "id": item.id,
        "uid": f"key_value_pair:{scope}:{name}",
        "name": item.name,
        "value": item.value,
        "secret": item.secret,
        "encrypted": item.secret and not decrypted,
        "scope": scope,
    }
    if item.scope == "user":
        shown["user"] = item.user
    if item.description:
        shown["description"] = item.description
    if item.expires_at is not None:
        shown["expire_timestamp"] = to_iso(item.expires_at)
    return shown
