"""What is kept of a guarded request holds no credential: no secret of its source, and nothing that stands where one would.

A sender that does not sign sends the secret itself, in a header, in the URL or in the body. Once it has proved who sends, it
is of no use to anybody but a thief.
"""

import json
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote_plus

import msgspec

from stormlet.flow.verification.guard import Guard
from stormlet.foundation.headers import Pairs
from stormlet.foundation.secrets import MASK
from stormlet.signatures.secret import Secret

_SHORTEST: Final = 6
"""A shorter secret would blot out half of every request, and hides nothing."""
_STATES: Final = "msgraph"


class Blotter:
    """Masks the secrets of one source. Made once for a set of secrets."""

    __slots__ = ("_bytes", "_texts")

    def __init__(self, secrets: Iterable[Secret]) -> None:
        texts: dict[str, None] = {}
        for secret in secrets:
            for text in _forms(secret):
                if len(text) >= _SHORTEST:
                    texts[text] = None
        # The longest first: the user and password in base64 before a part of it.
        self._texts = sorted(texts, key=len, reverse=True)
        self._bytes = [text.encode("utf-8", "surrogatepass") for text in self._texts]

    def text(self, text: str) -> str:
        """Return the text with each secret masked, wherever it stands, also quoted as in a URL or in JSON."""
        for secret in self._texts:
            if secret in text:
                text = text.replace(secret, MASK)
        return text

    def body(self, body: bytes) -> bytes:
        """Return the body with each secret masked; the very same object where there is none."""
        for secret in self._bytes:
            if secret in body:
                body = body.replace(secret, MASK.encode())
        return body


def masked_headers(headers: Pairs, guard: Guard, blotter: Blotter) -> Pairs:
    """Return headers without credentials; signatures stay."""
    hidden = guard.credential_headers
    if not hidden:
        return tuple([(name, blotter.text(value)) for name, value in headers])
    return tuple([(name, MASK if name.lower() in hidden else blotter.text(value)) for name, value in headers])


def masked_query(query: str, guard: Guard, blotter: Blotter) -> str:
    """Return a URL's query without credentials, and otherwise as it was sent."""
    if not query:
        return ""
    hidden = guard.credential_parameters
    fields = []
    for field in query.split("&"):
        name, sign, value = field.partition("=")
        fields.append(f"{name}={MASK}" if sign and unquote_plus(name) in hidden else f"{name}{sign}{value}")
    return blotter.text("&".join(fields))


def masked_document(guard: Guard, document: Any) -> bytes | None:
    """Return the body anew where its credential stands in it, written in whatever way; None where it holds none."""
    if guard.scheme is None or guard.scheme.about.name != _STATES or not isinstance(document, dict):
        return None
    value = document.get("value")
    if not isinstance(value, list):
        return None
    masked = [
        {**item, "clientState": MASK} if isinstance(item, dict) and "clientState" in item else item for item in value
    ]
    return msgspec.json.encode({**document, "value": masked})


def _forms(secret: Secret) -> list[str]:
    from base64 import b64encode

    text = secret.value
    if not text:
        return []
    inside = json.dumps(text)[1:-1]
    basic = b64encode(f"{secret.username}:{text}".encode("utf-8", "surrogatepass")).decode() if secret.username else ""
    return [
        text,
        quote(text, safe="", errors="replace"),
        quote_plus(text, errors="replace"),
        inside,
        inside.replace("/", "\\/"),
        json.dumps(text, ensure_ascii=False)[1:-1],
        basic,
    ]
