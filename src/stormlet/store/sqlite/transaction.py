"""What a caller's piece of work sees of the database: named queries inside one transaction, and nothing else."""

import sqlite3
from collections.abc import Iterable, Mapping, Set
from typing import Any

from stormlet.store.queries import NOTHING, Queries


class Transaction:
    """Hands named queries to the writer's connection. It lives in the writer's thread and never leaves it."""

    def __init__(self, connection: sqlite3.Connection, queries: Queries) -> None:
        self._connection = connection
        self._queries = queries

    def change(self, query: str, parameters: Mapping[str, Any]) -> int:
        """Run an INSERT, UPDATE or DELETE. Returns how many rows it changed."""
        return self._connection.execute(self._queries.text(query), parameters).rowcount

    def change_each(self, query: str, parameters: Iterable[Mapping[str, Any]]) -> None:
        """Run an INSERT, UPDATE or DELETE once for each set of parameters."""
        self._connection.executemany(self._queries.text(query), parameters)

    def rows(self, query: str, parameters: Mapping[str, Any], given: Set[str] = NOTHING) -> list[sqlite3.Row]:
        """Return all rows. `given` are the words of optional lines."""
        return self._connection.execute(self._queries.text(query, given), parameters).fetchall()

    def row(self, query: str, parameters: Mapping[str, Any], given: Set[str] = NOTHING) -> sqlite3.Row | None:
        """Return the first row, or None."""
        found = self._connection.execute(self._queries.text(query, given), parameters).fetchone()
        assert found is None or isinstance(found, sqlite3.Row)
        return found
