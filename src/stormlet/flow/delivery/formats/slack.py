"""Slack's incoming webhooks: a line that notifies, and below it a coloured card of Block Kit.

Whatever came from outside stands in code or is escaped, links are only made by us, and `parse` and `link_names` are off: nothing
in a payload calls anybody. Limits are Slack's: 3,000 characters in a section, 2,000 in a field, 10 fields.
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
from stormlet.flow.delivery.formats.texts import block_for_slack, code_for_slack, cut, for_slack, link, plain
from stormlet.flow.delivery.formats.wording import COLOURS, SIGNS, Wording, worded
from stormlet.flow.delivery.schedule import Advice, Answer, Step
from stormlet.foundation.templates import Templates
from stormlet.model.message import Message

_MOST_FIELDS: Final = 10
_LONGEST_FIELD: Final = 300
_LONGEST_DETAIL: Final = 500
"""Five characters each at worst, when all are `&`: below Slack's 3,000."""
_GONE: Final = frozenset(
    {
        "no_service",
        "no_active_hooks",
        "no_team",
        "team_disabled",
        "channel_is_archived",
        "channel_not_found",
        "invalid_token",
    }
)
_REFUSED: Final = frozenset({"invalid_payload", "no_text", "invalid_blocks", "too_many_attachments"})


class SlackFormat:
    """A message in a channel of Slack."""

    about = About(
        name="slack",
        title="Slack",
        help="A line with what happened, and below it, in the colour of the outcome, the rule, how long it took, the "
        "error and a link. The endpoint's URL is that of an incoming webhook, and a secret: it is masked wherever "
        "it is shown. A webhook that Slack says is gone (`no_service`, `channel_is_archived` and others) disables "
        "the endpoint.",
        signs="Nothing: whoever knows the URL may post.",
        secret=SecretUse.UNUSED,
        url_is_secret=True,
        examples=(
            Example(title="An action failed", message="execution.failed"),
            Example(title="A message of your own", message="deploy.finished"),
        ),
    )

    def prepare(self, options: Mapping[str, Any], templates: Templates) -> Render:
        return _render

    def read(self, answer: Answer) -> Advice | None:
        word = answer.body[:64].decode("ascii", "replace").strip()
        if answer.status is None or 200 <= answer.status < 300:
            return None
        if word in _GONE:
            return Advice(step=Step.DISABLE, reason=f"Slack answered {answer.status} {word}: the webhook is gone")
        if word in _REFUSED:
            return Advice(
                step=Step.GIVE_UP, reason=f"Slack answered {answer.status} {word}: it will never take this message"
            )
        return None


def _render(sending: Sending) -> OutgoingRequest:
    message = sending.message
    wording = worded(message)
    line = f"{SIGNS[wording.mood]} {for_slack(wording.headline)}"
    body = {
        "text": line,
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "attachments": [
            {"color": f"#{COLOURS[wording.mood]:06x}", "fallback": line, "blocks": _blocks(message, wording)}
        ],
    }
    return outgoing(post(sending, compact(body), "application/json; charset=utf-8"))


def _blocks(message: Message, wording: Wording) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    fields = [
        _mrkdwn(f"*{for_slack(fact.label)}*\n{code_for_slack(cut(fact.value, _LONGEST_FIELD))}")
        for fact in wording.facts
    ]
    if fields:
        blocks.append({"type": "section", "fields": fields[:_MOST_FIELDS]})
    if wording.detail:
        blocks.append({"type": "section", "text": _mrkdwn(block_for_slack(cut(wording.detail, _LONGEST_DETAIL)))})
    about = [_mrkdwn(f"stormlet · {code_for_slack(plain(message.type, 100))}")]
    if url := link(message.url):
        about.insert(0, _mrkdwn(f"<{for_slack(url)}|Open in stormlet>"))
    blocks.append({"type": "context", "elements": about})
    return blocks


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}
