"""Microsoft Teams: an Adaptive Card for a Workflows webhook.

Texts stand in `TextRun`s, which know no markdown, so there is nothing to escape but what a host might look for everywhere.
A card has at most 28 KB.
"""

from collections.abc import Mapping
from typing import Any, Final

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
from stormlet.flow.delivery.formats.texts import cut, for_teams, link, plain
from stormlet.flow.delivery.formats.wording import SIGNS, Mood, Wording, worded
from stormlet.flow.delivery.schedule import Advice, Answer
from stormlet.foundation.templates import Templates
from stormlet.model.message import Message

_LARGEST: Final = 28 * 1024
_LONGEST_DETAIL: Final = 1500
_COLOURS: Final[Mapping[Mood, str]] = {
    Mood.GOOD: "Good",
    Mood.BAD: "Attention",
    Mood.WARNING: "Warning",
    Mood.NEUTRAL: "Default",
}
_STYLES: Final[Mapping[Mood, str]] = {
    Mood.GOOD: "good",
    Mood.BAD: "attention",
    Mood.WARNING: "warning",
    Mood.NEUTRAL: "emphasis",
}


class TeamsFormat:
    """A card in a channel or chat of Teams."""

    about = About(
        name="teams",
        title="Microsoft Teams",
        help="An Adaptive Card: what happened, in the colour of the outcome, then the rule, how long it took, the "
        "error, and a button that leads to it. The endpoint's URL is that of a workflow (“When a Teams webhook "
        "request is received”), and a secret: it is masked wherever it is shown. The retired connectors with their "
        "MessageCard are not spoken.",
        signs="Nothing: whoever knows the URL may post.",
        secret=SecretUse.UNUSED,
        url_is_secret=True,
        max_body=_LARGEST,
        examples=(
            Example(title="An action succeeded", message="execution.succeeded"),
            Example(title="A person must look", message="inquiry.pending"),
        ),
    )

    def prepare(self, options: Mapping[str, Any], templates: Templates) -> Render:
        return _render

    def read(self, answer: Answer) -> Advice | None:
        return None


def _render(sending: Sending) -> OutgoingRequest:
    wording = worded(sending.message)
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": for_teams(wording.headline),
        "body": _body(sending.message, wording),
    }
    if url := link(sending.message.url):
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open in stormlet", "url": url}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    body = compact({"type": "message", "attachments": [attachment]})
    return outgoing(post(sending, body, "application/json; charset=utf-8"))


def _body(message: Message, wording: Wording) -> list[dict[str, Any]]:
    headline = _run(
        f"{SIGNS[wording.mood]} {wording.headline}", weight="Bolder", size="Medium", color=_COLOURS[wording.mood]
    )
    parts = [{"type": "Container", "style": _STYLES[wording.mood], "bleed": True, "items": [_paragraph(headline)]}]
    parts += [
        _paragraph(_run(f"{fact.label}  ", weight="Bolder"), _run(fact.value), spacing="Small")
        for fact in wording.facts
    ]
    if wording.detail:
        lines = cut(wording.detail, _LONGEST_DETAIL)
        parts.append(_paragraph(_run(lines, fontType="Monospace"), separator=True))
    about = _run(f"stormlet · {plain(message.type, 100)}", size="Small", isSubtle=True)
    parts.append(_paragraph(about, spacing="Small"))
    return parts


def _run(text: str, **looks: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": for_teams(text), **looks}


def _paragraph(*runs: dict[str, Any], **looks: Any) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs), **looks}
