"""API keys, tokens and users. Only hashes come here."""

from datetime import datetime

from stormlet.foundation.clock import to_microseconds
from stormlet.foundation.errors import ConflictError
from stormlet.model.credential import ApiKey, Token, User
from stormlet.store.credential_rows import api_key_row, read_api_key, read_token, read_user, token_row, user_row
from stormlet.store.sqlite.tables import Tables
from stormlet.store.sqlite.transaction import Transaction


class CredentialTables(Tables):
    """The methods of `Store` about credentials."""

    async def api_keys(self) -> list[ApiKey]:
        return await self._readers.rows("api_keys", {}, read_api_key)

    async def put_api_key(self, key: ApiKey, *, create: bool) -> None:
        await self._write(lambda transaction: _put_api_key(transaction, key, create))

    async def delete_api_key(self, key_id: str) -> bool:
        return await self._change("delete_api_key", {"id": key_id}) > 0

    async def put_token(self, token: Token) -> None:
        await self._change("put_token", token_row(token))

    async def token(self, token_hash: str) -> Token | None:
        return await self._readers.row("token", {"token_hash": token_hash}, read_token)

    async def delete_token(self, token_hash: str) -> bool:
        return await self._change("delete_token", {"token_hash": token_hash}) > 0

    async def purge_tokens(self, now: datetime) -> int:
        return await self._change("purge_tokens", {"now": to_microseconds(now)})

    async def user(self, name: str) -> User | None:
        return await self._readers.row("user", {"name": name}, read_user)

    async def put_user(self, user: User) -> None:
        await self._change("put_user", user_row(user))


def _put_api_key(transaction: Transaction, key: ApiKey, create: bool) -> None:
    for holder in transaction.rows("api_key_holder", {"id": key.id, "key_hash": key.key_hash}):
        if create or holder["id"] != key.id:
            raise ConflictError("this API key exists already", conflict_id=holder["id"])
    transaction.change("put_api_key", api_key_row(key))
