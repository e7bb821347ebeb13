"""Rows of credentials to model and back, as rows.py does for the way of the data. Only hashes come here."""

from typing import Any

from stormlet.foundation.clock import from_microseconds, to_microseconds
from stormlet.model.credential import ApiKey, Token, User
from stormlet.store.encoding import from_json, to_json
from stormlet.store.rows import Parameters, Row, damage_aware


def api_key_row(key: ApiKey) -> Parameters:
    return {
        "id": key.id,
        "username": key.user,
        "key_hash": key.key_hash,
        "created_at": to_microseconds(key.created_at),
        "enabled": key.enabled,
        "metadata": to_json(key.metadata).decode(),
    }


@damage_aware
def read_api_key(row: Row) -> ApiKey:
    return ApiKey(
        id=row["id"],
        user=row["username"],
        key_hash=row["key_hash"],
        created_at=from_microseconds(row["created_at"]),
        metadata=from_json(row["metadata"], dict[str, Any]),
        enabled=bool(row["enabled"]),
    )


def token_row(token: Token) -> Parameters:
    return {
        "token_hash": token.token_hash,
        "id": token.id,
        "username": token.user,
        "expiry": to_microseconds(token.expiry),
        "metadata": to_json(token.metadata).decode(),
    }


@damage_aware
def read_token(row: Row) -> Token:
    return Token(
        id=row["id"],
        user=row["username"],
        token_hash=row["token_hash"],
        expiry=from_microseconds(row["expiry"]),
        metadata=from_json(row["metadata"], dict[str, Any]),
    )


def user_row(user: User) -> Parameters:
    return {
        "name": user.name,
        "password_hash": user.password_hash,
        "created_at": to_microseconds(user.created_at),
    }


@damage_aware
def read_user(row: Row) -> User:
    return User(name=row["name"], password_hash=row["password_hash"], created_at=from_microseconds(row["created_at"]))
