"""Identifiers: 24 hex characters, as StackStorm's clients expect (they tell an id from a name by that form)."""

import hashlib
import itertools
import random
import re
import secrets
import uuid
from collections.abc import Callable
from datetime import datetime

_ID = re.compile(r"[0-9a-f]{24}")


def is_id(text: str) -> bool:
    """Tell whether `text` has the form of an id."""
    return _ID.fullmatch(text) is not None


def id_source() -> Callable[[datetime], str]:
    """Return a maker of fresh ids that sort by the time they were made for.

    Four bytes of seconds, five random bytes that are this process's, three bytes that count: the layout of a BSON
    ObjectId (https://bsonspec.org), which is what StackStorm's ids are.
    """
    process = secrets.token_hex(5)
    counter = itertools.count(secrets.randbelow(1 << 20))

    def new_id(now: datetime) -> str:
        return f"{int(now.timestamp()) & 0xFFFFFFFF:08x}{process}{next(counter) & 0xFFFFFF:06x}"

    return new_id


new_id = id_source()


def uuid_source() -> Callable[[], str]:
    """Return a maker of random UUIDs (version 4) that name requests and traces.

    The operating system is asked for randomness once: where that is a slow call, one for each request would cost more than
    all the rest of it. So they are unique, but not secret.
    """
    bits = random.Random(secrets.randbits(256)).getrandbits  # noqa: S311 - names, no secrets

    def new_uuid() -> str:
        digits = f"{bits(128):032x}"
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    return new_uuid


new_uuid = uuid_source()


def derived_id(uid: str) -> str:
    """Return the id of something that comes from a file: the same `uid` has the same id after every restart."""
    return hashlib.sha256(uid.encode()).hexdigest()[:24]


def derived_uuid(text: str) -> str:
    """Return a UUID of version 4's form that depends on `text` only; st2 names parametrised triggers by such a UUID."""
    return str(uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4))
