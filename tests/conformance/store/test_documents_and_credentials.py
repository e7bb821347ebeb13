"""Content, switches, key values, API keys, tokens, users."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from stormlet.foundation.errors import ConflictError
from stormlet.model.credential import ApiKey, Token, User
from stormlet.model.datastore import KeyValuePair
from stormlet.store.interface import ContentDocument, Store


def document(new: Any, **fields: Any) -> ContentDocument:
    return ContentDocument(
        **{
            "kind": "rule",
            "ref": "default.r",
            "id": new.identity(),
            "document": {"name": "r", "criteria": {"trigger.n": {"type": "eq", "pattern": 2**65}}},
            "updated_at": new.moment(),
            **fields,
        }
    )


async def test_a_document_is_created_once_and_replaced_often(store: Store, new: Any) -> None:
    """A second creation says whose the name is."""
    first = document(new)
    await store.put_content(first, create=True)
    with pytest.raises(ConflictError) as caught:
        await store.put_content(document(new), create=True)
    assert caught.value.conflict_id == first.id
    assert await store.content_documents() == [first]
    second = document(new, id=first.id, document={"name": "r", "enabled": True})
    await store.put_content(second, create=False)
    action = document(new, kind="action")
    await store.put_content(action, create=True)
    assert await store.content_documents() == [action, second]


async def test_a_document_is_deleted_once(store: Store, new: Any) -> None:
    """And its name is free again."""
    await store.put_content(document(new), create=True)
    assert await store.delete_content("rule", "default.r")
    assert not await store.delete_content("rule", "default.r")
    await store.put_content(document(new), create=True)


async def test_switches_are_remembered_and_forgotten(store: Store) -> None:
    """Per kind and ref."""
    await store.set_enabled_override("rule", "p.a", False)
    await store.set_enabled_override("action", "p.a", True)
    await store.set_enabled_override("rule", "p.a", True)
    assert await store.enabled_overrides() == {("rule", "p.a"): True, ("action", "p.a"): True}
    await store.set_enabled_override("rule", "p.a", None)
    await store.set_enabled_override("rule", "p.none", None)
    assert await store.enabled_overrides() == {("action", "p.a"): True}


async def test_key_values_are_put_by_scope_user_and_name(store: Store, new: Any) -> None:
    """The same name may exist in each scope and for each user."""
    items = [
        KeyValuePair(id=new.identity(), scope="system", name="a", value="1", expires_at=new.moment()),
        KeyValuePair(id=new.identity(), scope="user", name="a", value="0f", user="joe", secret=True, description="d"),
        KeyValuePair(id=new.identity(), scope="user", name="a", value="ž", user="moe"),
    ]
    for item in items:
        await store.put_key_value(item)
    assert await store.key_values() == items
    newer = msgspec.structs.replace(items[0], value="2", expires_at=None)
    await store.put_key_value(newer)
    assert (await store.key_values())[0] == newer
    assert await store.delete_key_value("user", "joe", "a")
    assert not await store.delete_key_value("user", "joe", "a")
    assert await store.key_values() == [newer, items[2]]


def api_key(new: Any, **fields: Any) -> ApiKey:
    return ApiKey(
        **{
            "id": new.identity(),
            "user": "joe",
            "key_hash": new.identity() * 5,
            "created_at": new.moment(),
            "metadata": {"used_by": "CI", "n": 2**64},
            **fields,
        }
    )


async def test_an_api_key_is_unique_by_id_and_by_hash(store: Store, new: Any) -> None:
    """Also when it is replaced."""
    first, second = api_key(new), api_key(new)
    await store.put_api_key(first, create=True)
    await store.put_api_key(second, create=True)
    for clash in (api_key(new, id=first.id), api_key(new, key_hash=first.key_hash)):
        with pytest.raises(ConflictError) as caught:
            await store.put_api_key(clash, create=True)
        assert caught.value.conflict_id == first.id
    with pytest.raises(ConflictError):
        await store.put_api_key(msgspec.structs.replace(second, key_hash=first.key_hash), create=False)
    disabled = msgspec.structs.replace(first, enabled=False, metadata={})
    await store.put_api_key(disabled, create=False)
    assert await store.api_keys() == [disabled, second]
    assert await store.delete_api_key(first.id)
    assert not await store.delete_api_key(first.id)
    assert await store.api_keys() == [second]


async def test_a_token_is_found_by_its_hash_until_it_is_deleted(store: Store, new: Any) -> None:
    """Whether it has expired is for others to judge."""
    token = Token(id=new.identity(), user="joe", token_hash="h" * 64, expiry=new.moment(), metadata={"ip": "::1"})
    await store.put_token(token)
    await store.put_token(token)
    assert await store.token(token.token_hash) == token
    assert await store.token("x") is None
    assert await store.delete_token(token.token_hash)
    assert not await store.delete_token(token.token_hash)
    assert await store.token(token.token_hash) is None


async def test_expired_tokens_are_purged(store: Store, new: Any) -> None:
    """The others stay."""
    expiry = new.moment()
    for n in range(3):
        await store.put_token(
            Token(id=new.identity(), user="joe", token_hash=str(n), expiry=expiry + timedelta(seconds=n))
        )
    assert await store.purge_tokens(expiry + timedelta(seconds=1)) == 2
    assert await store.token("2") is not None


async def test_a_user_is_put_by_name(store: Store, new: Any) -> None:
    """The last password counts."""
    assert await store.user("st2admin") is None
    for password in ("scrypt$1", "scrypt$2"):
        user = User(name="st2admin", password_hash=password, created_at=new.moment())
        await store.put_user(user)
    assert await store.user("st2admin") == user
