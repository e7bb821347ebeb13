"""Discord: one embed, and nobody mentioned.

`allowed_mentions` is empty, which is what holds; markup is escaped as well, so that a payload looks like what it is. Limits
are Discord's: 256 for a title and a field's name, 1,024 for a field, 4,096 for a description, 6,000 in all.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stormlet.flow.delivery.formats.interface import (
    About,
    Example,
    OutgoingRequest,
    Render,
    SecretUse,
    Sending,
    compact,
    outgoing,
    post,
)
from stormlet.flow.delivery.formats.texts import block_for_discord, cut, for_discord, link, plain, quiet
from stormlet.flow.delivery.formats.wording import COLOURS, SIGNS, worded
from stormlet.flow.delivery.schedule import Advice, Answer, Step
from stormlet.foundation.clock import to_iso
from stormlet.foundation.templates import Templates
from stormlet.model.message import Message
from stormlet.signatures.request import query_of

_LONGEST_HEADLINE: Final = 120
"""Twice as long when every character is escaped: below Discord's 256."""
_LONGEST_VALUE: Final = 150
_LONGEST_DETAIL: Final = 1500
_MOST_FIELDS: Final = 8
_UNKNOWN_WEBHOOK: Final = 10015


class _Error(msgspec.Struct):
    code: int = 0
    retry_after: float | None = None


class DiscordFormat:
    """A message in a channel of Discord."""

    about = About(
        name="discord",
        title="Discord",
        help="An embed: what happened, with a link, in the colour of the outcome, then the rule, how long it took "
        "and the error. The endpoint's URL is that of a webhook, and a secret: it is masked wherever it is shown. "
        "`wait=true` is added to it, so that a message that was not kept is an error. For a forum, `?thread_id=` "
        "belongs into the URL. A webhook that Discord says is deleted disables the endpoint.",
        signs="Nothing: whoever knows the URL may post.",
        secret=SecretUse.UNUSED,
        url_is_secret=True,
        examples=(
            Example(title="An action failed", message="execution.failed"),
            Example(title="A request was refused", message="source.rejected"),
        ),
    )

    def prepare(self, options: Mapping[str, Any], templates: Templates) -> Render:
        return _render

    def read(self, answer: Answer) -> Advice | None:
        if answer.status not in (404, 429):
            return None
        try:
            said = msgspec.json.decode(answer.body, type=_Error)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if answer.status == 404 and said.code == _UNKNOWN_WEBHOOK:
            return Advice(step=Step.DISABLE, reason="Discord answered 404: the webhook was deleted")
        return Advice(retry_after=said.retry_after) if answer.status == 429 else None


def _render(sending: Sending) -> OutgoingRequest:
    body = {
        "username": "stormlet",
        "allowed_mentions": {"parse": []},
        "embeds": [_embed(sending.message)],
    }
    request = post(sending, compact(body), "application/json")
    return outgoing(msgspec.structs.replace(request, url=_waiting(request.url)))


def _embed(message: Message) -> dict[str, Any]:
    wording = worded(message)
    headline = for_discord(cut(wording.headline, _LONGEST_HEADLINE))
    embed: dict[str, Any] = {
        "title": f"{SIGNS[wording.mood]} {headline}",
        "color": COLOURS[wording.mood],
        "fields": [
            {"name": fact.label, "value": for_discord(cut(fact.value, _LONGEST_VALUE)), "inline": True}
            for fact in _labelled(wording.facts)[:_MOST_FIELDS]
        ],
        "footer": {"text": f"stormlet · {quiet(plain(message.type, 100))}"},
        "timestamp": to_iso(message.time),
    }
    if wording.detail:
        embed["description"] = block_for_discord(cut(wording.detail, _LONGEST_DETAIL))
    if url := link(message.url):
        embed["url"] = url
    return embed


def _labelled(facts: Any) -> list[Any]:
    return [msgspec.structs.replace(fact, label=for_discord(cut(fact.label, 60))) for fact in facts if fact.label]


def _waiting(url: str) -> str:
    """Return the URL with `wait=true`, unless it says something about that already."""
    query = query_of(url)
    if any(part.partition("=")[0] == "wait" for part in query.split("&")):
        return url
    bare, mark, fragment = url.partition("#")
    joint = "&" if query else "" if bare.endswith("?") else "?"
    return f"{bare}{joint}wait=true{mark}{fragment}"
