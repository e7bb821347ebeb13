"""The datastore: key-value pairs in memory, written through to the database.

Templates ask for keys in the middle of rendering, where nothing may wait; so all items are kept in memory, and every write
goes to disk first. Expiry is exact: it is checked on each read. One engine owns the database, so the mirror cannot be stale.
"""

from collections.abc import Iterator
from datetime import timedelta

import msgspec

from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.foundation.identifiers import new_id
from stormlet.foundation.secrets import SecretBox
from stormlet.model.datastore import KeyValuePair
from stormlet.store.interface import Store

SCOPES = ("system", "user")
_Key = tuple[str, str, str]


class Datastore:
    """Items by scope, user and name."""

    def __init__(self, store: Store, clock: Clock, box: SecretBox) -> None:
        self._store = store
        self._clock = clock
        self._box = box
        self._items: dict[_Key, KeyValuePair] = {}

    async def load(self) -> None:
        """Read all items from the database."""
        self._items = {(item.scope, item.user, item.name): item for item in await self._store.key_values()}

    def list_items(self, scope: str = "system", user: str = "", prefix: str = "") -> list[KeyValuePair]:
        """Return live items, by name. `scope` is system, user, or all (system's and this user's)."""
        wanted = {"system": ("system",), "user": ("user",), "all": SCOPES}.get(scope)
        if wanted is None:
            raise InvalidInputError(f"Scope {scope} is not in allowed scopes list: {[*SCOPES, 'all']}.")
        found = (item for item in self._live() if item.scope in wanted and item.name.startswith(prefix))
        mine = [item for item in found if item.scope == "system" or item.user == user]
        return sorted(mine, key=lambda item: (item.scope, item.name))

    def get(self, name: str, scope: str = "system", user: str = "", *, decrypt: bool = False) -> KeyValuePair:
        """Return one item; with `decrypt`, a secret one in clear.

        Raises:
            NotFoundError: there is none, or it has expired.
            InvalidInputError: the sealed value is damaged or was sealed under another key.
        """
        item = self._find(scope, user, name)
        if item is None:
            raise NotFoundError(f"KeyValuePair with name: {name} and scope: {scope} not found in db.")
        if decrypt and item.secret:
            return msgspec.structs.replace(item, value=self._box.open(item.value, _label(scope, user, name)))
        return item

    async def put(
        self,
        name: str,
        value: str,
        *,
        scope: str = "system",
        user: str = "",
        secret: bool = False,
        ttl: float | None = None,
        description: str = "",
    ) -> KeyValuePair:
        """Create or replace an item; `ttl` is seconds to live. What is returned is on disk."""
        if scope not in SCOPES:
            raise InvalidInputError(f"Scope {scope} is not in allowed scopes list: {list(SCOPES)}.")
        user = user if scope == "user" else ""
        now = self._clock.now()
        old = self._find(scope, user, name)
        item = KeyValuePair(
            id=old.id if old else new_id(now),
            scope=scope,
            name=name,
            user=user,
            value=self._box.seal(value, _label(scope, user, name)) if secret else value,
            secret=secret,
            description=description,
            expires_at=now + timedelta(seconds=ttl) if ttl is not None else None,
        )
        await self._store.put_key_value(item)
        self._items[(scope, user, name)] = item
        return item

    async def delete(self, name: str, scope: str = "system", user: str = "") -> None:
        """Delete one item. Raises NotFoundError where there is none."""
        self.get(name, scope, user)
        await self._store.delete_key_value(scope, user if scope == "user" else "", name)
        self._items.pop((scope, user if scope == "user" else "", name), None)

    def read_system(self, name: str) -> str | None:
        """Return a system item's value as stored (a secret one sealed), or None; this is what templates ask."""
        item = self._find("system", "", name)
        return item.value if item else None

    def find_system(self, name: str) -> KeyValuePair | None:
        """Return a system item as stored, or None."""
        return self._find("system", "", name)

    def read_user(self, user: str, name: str) -> str | None:
        """Return a user's item's value as stored, or None."""
        item = self._find("user", user, name)
        return item.value if item else None

    def decrypt(self, sealed: str) -> str:
        """Return a sealed value in clear: the template filter `decrypt_kv`."""
        return self._box.open(sealed)

    async def purge(self) -> int:
        """Delete items that have expired from the database. Returns how many."""
        now = self._clock.now()
        dead = [key for key, item in self._items.items() if item.expires_at is not None and item.expires_at <= now]
        for scope, user, name in dead:
            await self._store.delete_key_value(scope, user, name)
            self._items.pop((scope, user, name), None)
        return len(dead)

    def _find(self, scope: str, user: str, name: str) -> KeyValuePair | None:
        item = self._items.get((scope, user if scope == "user" else "", name))
        if item is None or (item.expires_at is not None and item.expires_at <= self._clock.now()):
            return None
        return item

    def _live(self) -> Iterator[KeyValuePair]:
        now = self._clock.now()
        return (item for item in self._items.values() if item.expires_at is None or item.expires_at > now)


def _label(scope: str, user: str, name: str) -> str:
    return f"{scope}:{user}:{name}"
