"""What arrives at a webhook becomes an Event: the raw bytes and headers, without the credentials that brought them in.

Our own credentials must never reach a payload, the database or a log: not under the names that carry them, and not under
others either (a proxy may repeat the URL, with its `?st2-api-key=`, in a header of its own).
"""

import re
from datetime import datetime
from urllib.parse import parse_qsl, quote, quote_plus, urlencode

from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.headers import Pairs, first_value
from stormlet.foundation.identifiers import new_id, new_uuid
from stormlet.foundation.secrets import MASK
from stormlet.model.event import Event, EventKind

TRACE_TAG = "st2-trace-tag"
MAX_TRACE_TAG = 256
_CREDENTIAL_HEADERS = frozenset({"st2-api-key", "x-auth-token", "authorization", "proxy-authorization", "cookie"})
_CREDENTIAL_PARAMETERS = frozenset({"st2-api-key", "x-auth-token", "auth-token", "access-token", "api-key"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def make_event(
    *,
    kind: EventKind,
    url: str,
    body: bytes,
    headers: Pairs,
    query: str,
    remote: str,
    user: str,
    credential: str,
    now: datetime,
) -> tuple[Event, str]:
    """Return the event, and the trace tag of what follows from it.

    Args:
        kind: whether it came to the generic webhook or to a rule's own URL.
        url: the hook's URL, normalised.
        body: as received, still compressed where it was.
        headers: as received, as text (foundation/headers.py).
        query: the URL's query, undecoded.
        remote: the sender's address.
        user: whose credential it was.
        credential: its text, so that it can be blotted out wherever else it stands; empty where there was none.
        now: when it was received.
    """
    secret = _forms(credential)
    kept = [
        (name, _blot(value, secret))
        for name, value in headers
        if name.lower() != TRACE_TAG and name.lower() not in _CREDENTIAL_HEADERS
    ]
    event = Event(
        id=new_id(now),
        kind=kind,
        url=url,
        received_at=now,
        body=body,
        content_type=first_value(kept, "content-type"),
        headers=tuple(kept),
        query=_blot(_without_credentials(query), secret),
        remote=remote,
        user=user,
    )
    return event, trace_tag(first_value(headers, TRACE_TAG), url)


def trace_tag(given: str, url: str) -> str:
    """Return the tag that a sender gave, or a fresh one in StackStorm's form."""
    cleaned = _CONTROL.sub("", given).strip()[:MAX_TRACE_TAG]
    return cleaned or f"webhook-{url}-{new_uuid().replace('-', '')}"


def check_body(body: object) -> None:
    """Raise InvalidInputError unless a hook's body is an object or an array."""
    if not isinstance(body, dict | list):
        shown = "null" if body is None else str(body)[:100]
        raise InvalidInputError(f"{shown} is not of type 'object', 'array'")


def _without_credentials(query: str) -> str:
    if not query:
        return ""
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    kept = [(name, value) for name, value in pairs if name.lower().replace("_", "-") not in _CREDENTIAL_PARAMETERS]
    return query if len(kept) == len(pairs) else urlencode(kept)


def _forms(credential: str) -> frozenset[str]:
    """Return the credential as it may stand in a header: as it is, and quoted as in a URL."""
    if len(credential) < 4:  # so short a key would blot out half of every header, and hides nothing
        return frozenset()
    return frozenset({credential, quote(credential, safe=""), quote_plus(credential)})


def _blot(text: str, secret: frozenset[str]) -> str:
    for form in secret:
        if form in text:
            text = text.replace(form, MASK)
    return text
