"""What the sender of an event is answered: what the source says, else what the sender expects, else what StackStorm says."""

import re
from typing import Any, Final

import msgspec

from stormlet.foundation.errors import InvalidInputError
from stormlet.model.source import Reply, Source
from stormlet.signatures.handshakes import event_reply
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.scheme import Scheme

JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")
_ORDINARY: Final = 202
_BODILESS: Final = (204, 205)
_OURS: Final = frozenset({"content-length", "transfer-encoding", "connection", "date", "server", "x-request-id"})


class FixedReply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is known before the request. Body None: what the request says, echoed as JSON."""

    status: int = _ORDINARY
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = (("Content-Type", JSON),)


def fixed_reply(source: Source, scheme: Scheme | None) -> FixedReply:
    """Return what an accepted event of this source is answered.

    Raises:
        InvalidInputError: the source's reply is none that can be sent.
    """
    if source.reply != Reply():
        return _own(source.reply)
    if scheme is not None:
        expected = event_reply(scheme, SignedRequest())
        if expected.status != _ORDINARY:
            return FixedReply(status=expected.status, body=expected.body, headers=expected.headers)
    return FixedReply()


def _own(reply: Reply) -> FixedReply:
    if not 200 <= reply.status <= 299:
        # A sender takes anything else for a failure, and sends again what was taken.
        raise InvalidInputError(f"a reply of {reply.status} would make the sender send again", hint="200 to 299")
    for name, value in reply.headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise InvalidInputError(f"{name!r} is no header that can be sent")
        if name.lower() in _OURS:
            raise InvalidInputError(f"the header {name} is the server's own")
    body, content_type = _body(reply.body)
    headers = {
        "Content-Type" if name.lower() == "content-type" else name: value for name, value in reply.headers.items()
    }
    if reply.status in _BODILESS:
        return FixedReply(status=reply.status, body=b"", headers=tuple(headers.items()))
    return FixedReply(status=reply.status, body=body, headers=tuple({"Content-Type": content_type, **headers}.items()))


def _body(value: Any) -> tuple[bytes | None, str]:
    if value is None:
        return None, JSON
    if isinstance(value, str):
        return value.encode(), _TEXT
    try:
        return msgspec.json.encode(value), JSON
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"the reply's body is no JSON: {error}") from None
