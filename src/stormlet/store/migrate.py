"""Which migrations a database still needs. Numbered files, forward only; how they are run is the backend's business.

A released migration is never edited: a database out there has run it as it was. This module must not touch a database.
"""

import re
from collections.abc import Sequence
from importlib.resources.abc import Traversable

import msgspec

from stormlet.foundation.errors import StoreError

FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the schema: the database that has run it has version `number`."""

    number: int
    name: str
    sql: str


def read_migrations(directory: Traversable) -> tuple[Migration, ...]:
    """Read `0001_name.sql`, `0002_name.sql`, … in order.

    Raises:
        ValueError: a number is missing or there twice.
    """
    found = []
    for file in directory.iterdir():
        if named := FILE.fullmatch(file.name):
            sql = file.read_text(encoding="utf-8")
            found.append(Migration(number=int(named[1]), name=named[2], sql=sql))
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations must count from 1: {[migration.number for migration in found]}")
    return tuple(found)


def due(migrations: Sequence[Migration], version: int, where: str) -> Sequence[Migration]:
    """Return the migrations that the database `where` at `version` has not run.

    Raises:
        StoreError: the database was written by a newer stormlet.
    """
    if version > len(migrations):
        raise StoreError(
            f"{where} was written by a newer stormlet: its schema is number {version}, this one knows {len(migrations)}",
            hint="install the newer stormlet again, or restore the backup that it made beside the database",
        )
    return migrations[version:]
