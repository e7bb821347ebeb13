"""Which part of a listing is wanted; every listing of the store is asked in these words."""

import msgspec


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a listing is wanted. `limit` None means all; `ascending` False means newest first."""

    limit: int | None = 100
    offset: int = 0
    ascending: bool = False
