"""Content made through the API, operators' switches, and the datastore: small tables that are read whole."""

from stormlet.foundation.errors import ConflictError
from stormlet.model.datastore import KeyValuePair
from stormlet.store.encoding import Codec
from stormlet.store.interface import ContentDocument
from stormlet.store.rows import document_row, key_value_row, read_document, read_key_value
from stormlet.store.sqlite.tables import Tables
from stormlet.store.sqlite.transaction import Transaction


class DocumentTables(Tables):
    """The methods of `Store` about content and key values."""

    async def content_documents(self) -> list[ContentDocument]:
        return await self._readers.rows("content_documents", {}, lambda row: read_document(row, self._codec))

    async def put_content(self, document: ContentDocument, *, create: bool) -> None:
        await self._write(lambda transaction: _put_content(transaction, document, create, self._codec))

    async def delete_content(self, kind: str, ref: str) -> bool:
        return await self._change("delete_content_document", {"kind": kind, "ref": ref}) > 0

    async def enabled_overrides(self) -> dict[tuple[str, str], bool]:
        switches = await self._readers.rows(
            "enabled_overrides", {}, lambda row: ((row["kind"], row["ref"]), bool(row["enabled"]))
        )
        return dict(switches)

    async def set_enabled_override(self, kind: str, ref: str, enabled: bool | None) -> None:
        switch = {"kind": kind, "ref": ref, "enabled": enabled}
        await self._change("delete_enabled_override" if enabled is None else "put_enabled_override", switch)

    async def key_values(self) -> list[KeyValuePair]:
        return await self._readers.rows("key_values", {}, read_key_value)

    async def put_key_value(self, item: KeyValuePair) -> None:
        await self._change("put_key_value", key_value_row(item))

    async def delete_key_value(self, scope: str, user: str, name: str) -> bool:
        return await self._change("delete_key_value", {"scope": scope, "username": user, "name": name}) > 0


def _put_content(transaction: Transaction, document: ContentDocument, create: bool, codec: Codec) -> None:
    if create:
        holder = transaction.row("content_document_id", {"kind": document.kind, "ref": document.ref})
        if holder is not None:
            raise ConflictError(f"{document.kind} {document.ref} exists already", conflict_id=holder["id"])
    transaction.change("put_content_document", document_row(document, codec))
