"""Key-value pairs of the datastore."""

from datetime import datetime

import msgspec


class KeyValuePair(msgspec.Struct, frozen=True, kw_only=True):
    """One datastore item. `scope` is `system` or `user`; `value` is the text, or hex ciphertext where `secret`."""

    id: str
    scope: str
    name: str
    value: str
    user: str = ""
    secret: bool = False
    description: str = ""
    expires_at: datetime | None = None
