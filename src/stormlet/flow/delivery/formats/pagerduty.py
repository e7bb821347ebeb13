"""PagerDuty's Events API v2: an alert where something went wrong, and its end where the same thing goes well again.

The same thing is not the same execution, which ends only once: it is the rule's or the person's use of an action. So a success
of `core.local` by `examples.deploy` resolves what a failure of it raised.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from stormlet.flow.delivery.formats.interface import (
    VERIFICATION,
    About,
    Example,
    OutgoingRequest,
    Render,
    SecretForm,
    SecretUse,
    Sending,
    compact,
    outgoing,
    post,
)
from stormlet.flow.delivery.formats.texts import link, plain
from stormlet.flow.delivery.formats.wording import Wording, at, name_at, worded
from stormlet.flow.delivery.schedule import Advice, Answer, Step
from stormlet.foundation.clock import to_iso
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.templates import Templates
from stormlet.model.message import Message
from stormlet.signatures.secret import Secret

_LARGEST: Final = 512 * 1024
_LARGEST_DETAILS: Final = 256 * 1024
_LONGEST_KEY: Final = 255
_BAD_REQUEST: Final = 400
_SEVERITIES: Final[Mapping[str, str]] = {
    "execution.failed": "error",
    "execution.timeout": "error",
    "execution.abandoned": "critical",
    "rule.failed": "error",
    "inquiry.pending": "warning",
    "source.rejected": "warning",
    "endpoint.disabled": "error",
}
_RESOLVING: Final = frozenset({"execution.succeeded", "rule.matched", "source.verified", VERIFICATION})
_EXAMPLE_KEY: Final = Secret(value="R0000000000000000000000000EXAMPL", name="1")


class PagerdutyFormat:
    """Alerts for those who are on call."""

    about = About(
        name="pagerduty",
        title="PagerDuty",
        help="`trigger` for what went wrong, `resolve` for what goes well again: both have the same `dedup_key`, "
        "made of rule and action (option `per`). The endpoint's URL is `https://events.pagerduty.com/v2/enqueue` "
        "(in the EU `https://events.eu.pagerduty.com/v2/enqueue`), its secret the integration's routing key, which "
        "is masked wherever it is shown. The verification resolves a key that nobody has raised, so that it wakes "
        "nobody.",
        signs="The routing key, in the body.",
        options={
            "per": {
                "enum": ["rule", "action", "subject"],
                "default": "rule",
                "description": "What makes two messages one incident: the same rule and action (the person and "
                "action where there is no rule), the same action whoever asked for it, or the very same subject, "
                "which nothing of ours resolves.",
            },
            "severity": {
                "enum": ["critical", "error", "warning", "info", ""],
                "default": "",
                "description": "The severity of every alert; empty: by the type.",
            },
        },
        secret=SecretUse.REQUIRED,
        secret_form=SecretForm.ROUTING_KEY,
        max_body=_LARGEST,
        types=(*_SEVERITIES, *sorted(_RESOLVING)),
        examples=(
            Example(title="An action failed", message="execution.failed", secrets=(_EXAMPLE_KEY,)),
            Example(title="It succeeded again", message="execution.succeeded", secrets=(_EXAMPLE_KEY,)),
        ),
    )

    def prepare(self, options: Mapping[str, Any], templates: Templates) -> Render:
        def render(sending: Sending) -> OutgoingRequest:
            if not sending.secrets:
                raise InvalidInputError("PagerDuty needs a routing key", hint=f"{self.about.name}: set a secret")
            secret = sending.secrets[(sending.attempt - 1) % len(sending.secrets)]
            body = _event(sending.message, secret.value, options)
            return outgoing(post(sending, compact(body), "application/json"), [secret], hidden=[secret.value])

        return render

    def read(self, answer: Answer) -> Advice | None:
        if answer.status == _BAD_REQUEST:
            return Advice(step=Step.GIVE_UP, reason="PagerDuty answered 400: it will never take this event")
        return None


def dedup_key(message: Message, per: str) -> str:
    """Return what PagerDuty joins events by: the same for a failure and the success that ends it."""
    execution = at(message.data, "execution")
    action = name_at(execution, "action")
    if message.type == VERIFICATION:
        parts = ["verification", message.id]
    elif per == "subject" or not (action or message.type.startswith("rule.")):
        parts = ["subject", message.subject]
    elif action and per == "action":
        parts = ["action", action]
    elif action:
        parts = ["execution", name_at(execution, "rule") or f"by {name_at(execution, 'user')}", action]
    else:
        parts = ["rule", name_at(message.data, "rule", "ref")]
    key = "/".join(["stormlet", message.pack, *parts])
    if len(key.encode("utf-8", "replace")) <= _LONGEST_KEY:
        return key
    return f"stormlet/{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()}"


def _event(message: Message, routing_key: str, options: Mapping[str, Any]) -> dict[str, Any]:
    resolving = message.type in _RESOLVING
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "resolve" if resolving else "trigger",
        "dedup_key": dedup_key(message, options["per"]),
    }
    if resolving:
        return event
    wording = worded(message)
    severity = options["severity"] or _SEVERITIES.get(message.type, "info")
    event |= {"payload": _payload(message, wording, severity), "client": "stormlet"}
    if url := link(message.url):
        event |= {"client_url": url, "links": [{"href": url, "text": "Open in stormlet"}]}
    return event


def _payload(message: Message, wording: Wording, severity: str) -> dict[str, Any]:
    first_line = wording.detail.partition("\n")[0]
    summary = f"{wording.headline}: {first_line}" if first_line else wording.headline
    details: Any = message.data
    if len(compact(details)) > _LARGEST_DETAILS:
        details = {"cut": "the message's data are too large for PagerDuty; follow the link"}
    return {
        "summary": plain(summary, 1024),
        "source": "stormlet",
        "severity": severity,
        "timestamp": to_iso(message.time),
        "component": name_at(message.data, "execution", "action") or message.subject,
        "group": message.pack,
        "class": message.type,
        "custom_details": details,
    }
