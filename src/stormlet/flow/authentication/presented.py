"""Which credential a request presents, and in which of the places where StackStorm's clients put one."""

from collections.abc import Mapping
from typing import NamedTuple

# The order is StackStorm's, with Bearer after its own headers: the first that is present decides, there is no second try.
HEADERS = ("x-auth-token", "st2-api-key", "authorization")
QUERY = ("x-auth-token", "st2-api-key")
COOKIE = "auth-token"
ONLY_KEYS = "st2-api-key"
"""The place that holds API keys only; the others hold a token or a key (docs/decisions/0008)."""


class Credential(NamedTuple):
    """What was presented, and where."""

    name: str
    location: str
    text: str


def presented(headers: Mapping[str, str], query: Mapping[str, str]) -> Credential | None:
    """Return the credential that decides: the first that is present, in StackStorm's order, with Bearer after its headers."""
    for name in HEADERS:
        text = headers.get(name, "")
        if name == "authorization":
            scheme, _, text = text.partition(" ")
            text = text.strip() if scheme.lower() == "bearer" else ""
        if text:
            return Credential(name, "header", text)
    for name in QUERY:
        if text := query.get(name, ""):
            return Credential(name, "query", text)
    if text := _cookie(headers.get("cookie", "")):
        return Credential(COOKIE, "cookie", text)
    return None


def _cookie(header: str) -> str:
    for part in header.split(";"):
        name, _, value = part.partition("=")
        if name.strip() == COOKIE:
            return value.strip().strip('"')
    return ""
