"""What is stored instead of a credential.

Keys and tokens are random, so a fast hash of one tells nobody anything; passwords are chosen by people and need a slow one.
"""

import base64
import hashlib
import hmac
import secrets

SCRYPT = {"n": 2**14, "r": 8, "p": 1}


def api_key_hash(key: str) -> str:
    """Return StackStorm's hash of an API key (st2common/util/hash.py), in hex."""
    return hashlib.sha512(f"saltnpepper{key}".encode(errors="surrogateescape")).hexdigest()


def token_hash(text: str) -> str:
    """Return SHA-256 of a token, in hex."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def new_key_text() -> str:
    """Return a random API key in the form of StackStorm's: 86 characters, 256 bits."""
    return base64.b64encode(secrets.token_hex(32).encode()).decode().rstrip("=")


def hash_password(password: str, salt: bytes | None = None) -> str:
    """Return `scrypt$n$r$p$salt$hash`. Takes some 50 ms: not for the event loop."""
    salt = salt or secrets.token_bytes(16)
    digest = hashlib.scrypt(password.encode(errors="surrogateescape"), salt=salt, **SCRYPT)
    return "$".join(["scrypt", *map(str, SCRYPT.values()), salt.hex(), digest.hex()])


def password_matches(password: str, stored: str) -> bool:
    """Tell whether `hash_password` made `stored` from `password`. As slow as it, also where `stored` belongs to nobody."""
    _, n, r, p, salt, wanted = stored.split("$")
    given = password.encode(errors="surrogateescape")
    digest = hashlib.scrypt(given, salt=bytes.fromhex(salt), n=int(n), r=int(r), p=int(p))
    return hmac.compare_digest(digest.hex(), wanted)


NOBODY = "$".join(["scrypt", *map(str, SCRYPT.values()), "00" * 16, "00" * 64])
"""What a name without a user is compared with, so that it takes as long as a wrong password."""
