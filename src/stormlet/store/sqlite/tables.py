"""What the groups of tables (instances, executions, documents, …) stand on: one writer, some readers, one codec."""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from stormlet.foundation.clock import to_microseconds
from stormlet.store.encoding import Codec
from stormlet.store.interface import Page
from stormlet.store.rows import Row
from stormlet.store.sqlite.readers import Readers
from stormlet.store.sqlite.transaction import Transaction
from stormlet.store.sqlite.writer import Writer

T = TypeVar("T")


class Tables:
    """Base of the groups; `SqliteStore` is all of them at once."""

    _writer: Writer
    _readers: Readers
    _codec: Codec

    async def _write(self, work: Callable[[Transaction], T]) -> T:
        """Write what finishes or follows from something accepted before: it may use the reserve of the disk."""
        return await self._writer.run(work)

    async def _change(self, query: str, parameters: Mapping[str, Any]) -> int:
        """Run one query that changes rows. Returns how many."""
        return await self._writer.run(lambda transaction: transaction.change(query, parameters))

    async def _page(
        self, listing: str, count: str, wanted: Mapping[str, Any], page: Page, make: Callable[[Row], T]
    ) -> tuple[list[T], int]:
        """Return one page of a listing, and how many rows it has in all."""
        given = set(wanted)
        parameters = {**wanted, "limit": -1 if page.limit is None else page.limit, "offset": page.offset}
        order = "ascending" if page.ascending else "descending"
        found = await self._readers.rows(listing, parameters, make, given | {order})
        if page.offset == 0 and (page.limit is None or len(found) < page.limit):
            return found, len(found)
        totals = await self._readers.rows(count, wanted, read_total, given)
        return found, totals[0]


def conditions(wanted: msgspec.Struct) -> dict[str, Any]:
    """Return what a filter asks for as parameters; what is None is left out, and its condition with it."""
    return {name: _parameter(value) for name, value in msgspec.structs.asdict(wanted).items() if value is not None}


def _parameter(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_microseconds(value)
    return value.value if isinstance(value, StrEnum) else value


def read_total(row: Row) -> int:
    """Read the one column of a count."""
    return int(row["total"])
