"""The chain of causes that every request of ours carries, so that a loop is stopped and said so.

A rule that sends to an endpoint which leads back to the rule would go on for ever. So each request carries what led to it, in
`Stormlet-Chain`, signed: nobody can make us believe that we caused something. Several engines may stand in one loop; each adds a
part of its own and passes the parts of others on as they came, so that a chain finds its way back through strangers.

A part is `key.links.signature`: the first eight hex digits of the key's hash, which says whose part it is; base64url of the
links as a JSON array; and HMAC-SHA256 over both. What a message keeps of it (`Message.chain`) is a list of texts: our own links
as they are, parts of others behind a `~`.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

import msgspec

HEADER: Final = "Stormlet-Chain"
DEEPEST: Final = 8
"""Links, ours and foreign parts together, before a chain is refused; a setting may say otherwise."""
_PURPOSE: Final = b"stormlet chain v1"
_FOREIGN: Final = "~"
_PART: Final = re.compile(r"([0-9a-f]{8})\.([A-Za-z0-9_-]{1,2048})\.([A-Za-z0-9_-]{43})", re.ASCII)
_MOST_BYTES: Final = 8192
_MOST_PARTS: Final = 16
_LONGEST_LINK: Final = 200


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """What a request's header says."""

    links: tuple[str, ...] = ()
    """Ours that are genuine, oldest first, then the parts of others, each behind `~`. This is what a message keeps."""
    problem: str = ""
    """Why the header, or a part of it, was not believed; for the log. A chain that is not believed is no chain."""


class LoopGuard:
    """Writes and reads chains under the engine's data key."""

    def __init__(self, data_key: bytes, deepest: int = DEEPEST) -> None:
        # A key of its own for this one purpose: the data key seals secrets, and must not sign what strangers see as well.
        self._key = hmac.digest(data_key, _PURPOSE, hashlib.sha256)
        self._name = hashlib.sha256(self._key).hexdigest()[:8]
        self._deepest = deepest

    def refusal(self, chain: Sequence[str], subject: str) -> str:
        """Return why `subject` must not act as the next link of the chain; empty where it may.

        Args:
            chain: a message's chain, or `Chain.links` of a request.
            subject: what is about to act, such as `endpoint:ops.pager` or `rule:ops.forward`: a name, not an id that is
                fresh each time.
        """
        if _link(subject) in chain:
            way = " → ".join([*(each for each in chain if not each.startswith(_FOREIGN)), subject])
            return f"this is a loop: {way}"
        if len(chain) >= self._deepest:
            return f"the chain of causes has {len(chain)} links, and {self._deepest} are allowed: probably a loop"
        return ""

    def extended(self, chain: Sequence[str], subject: str) -> tuple[str, ...]:
        """Return the chain with our next link in it."""
        own = [each for each in chain if not each.startswith(_FOREIGN)]
        foreign = [each for each in chain if each.startswith(_FOREIGN)]
        return (*own, _link(subject), *foreign)

    def written(self, chain: Sequence[str]) -> str:
        """Return the header's value; empty where there is nothing to say."""
        own = [each for each in chain if not each.startswith(_FOREIGN)]
        foreign = [each.removeprefix(_FOREIGN) for each in chain if each.startswith(_FOREIGN)]
        parts = [self._part(own)] if own else []
        return ", ".join([*parts, *foreign])

    def read(self, values: Sequence[str]) -> Chain:
        """Return the chain in a request's headers of that name. Never raises, whatever a stranger wrote."""
        text = ",".join(values)
        if not text.strip():
            return Chain()
        if len(text) > _MOST_BYTES or not text.isascii() or text.count(",") >= _MOST_PARTS:
            return Chain(problem=f"{HEADER} is longer than any chain of ours")
        own: list[str] = []
        foreign: list[str] = []
        problem = ""
        for part in (each.strip() for each in text.split(",")):
            found = _PART.fullmatch(part)
            if found is None:
                problem = f"a part of {HEADER} cannot be read"
            elif found[1] != self._name:
                foreign.append(_FOREIGN + part)
            elif hmac.compare_digest(found[3], self._signature(found[1], found[2])):
                own.extend(link for link in _links(found[2]) if link not in own)
            else:
                problem = f"a part of {HEADER} bears our name and a wrong signature"
        return Chain(links=(*own, *foreign), problem=problem)

    def _part(self, links: Sequence[str]) -> str:
        encoded = base64.urlsafe_b64encode(msgspec.json.encode(list(links))).rstrip(b"=").decode()
        return f"{self._name}.{encoded}.{self._signature(self._name, encoded)}"

    def _signature(self, name: str, encoded: str) -> str:
        digest = hmac.digest(self._key, f"{name}.{encoded}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _link(subject: str) -> str:
    """Return a subject as a link: short, ASCII, and never taken for a part of somebody else. A link stays as it is."""
    text = subject.lstrip(_FOREIGN).encode("ascii", "backslashreplace").decode()
    if len(text) <= _LONGEST_LINK:
        return text
    # A long name keeps its own identity: two that differ at the end only must not look like a loop.
    return f"{text[: _LONGEST_LINK - 20]}...{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _links(encoded: str) -> list[str]:
    raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    found = msgspec.json.decode(raw, type=list[str])
    return [_link(each) for each in found]
