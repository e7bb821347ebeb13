"""Who may talk to the engine: API keys, tokens, users. Only hashes are ever stored."""

from datetime import datetime
from typing import Any

import msgspec


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that does not expire. `key_hash` is st2's hash, so exported keys import."""

    id: str
    user: str
    key_hash: str
    created_at: datetime
    metadata: dict[str, Any] = {}
    enabled: bool = True


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token with an end. `token_hash` is SHA-256 of the token's text."""

    id: str
    user: str
    token_hash: str
    expiry: datetime
    metadata: dict[str, Any] = {}


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can log in. `password_hash` is scrypt's, with its parameters and salt in front."""

    name: str
    password_hash: str
    created_at: datetime


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who a request comes from, and how we know."""

    user: str
    method: str
    """`API key`, `authentication token` or `none`: st2's words in GET /user."""
    location: str
    """`header`, `query` or `cookie`."""
    credential_id: str = ""
    token_expiry: datetime | None = None
