"""As GitHub sends: workflow_run for executions, repository_dispatch for everything else, ping for the verification."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from stormlet.flow.delivery.formats.interface import (
    VERIFICATION,
    About,
    Example,
    OutgoingRequest,
    Render,
    Sending,
    compact,
    post,
    signed_by_one,
)
from stormlet.flow.delivery.formats.scalr import EXAMPLE_SECRET
from stormlet.flow.delivery.formats.seed_parts import INCLUDE_MESSAGE, number_of, run_of, second_text, with_message
from stormlet.flow.delivery.formats.wording import at, worded
from stormlet.flow.delivery.schedule import Advice, Answer
from stormlet.foundation.identifiers import derived_uuid
from stormlet.foundation.templates import Templates
from stormlet.model.endpoint import Endpoint
from stormlet.model.message import Message
from stormlet.signatures.catalogue_platforms import GITHUB
from stormlet.signatures.request import FORM_TYPE
from stormlet.signatures.scheme import Options

_BOTH: Final = Options(legacy=True)
_JSON: Final = "application/json"
_ACTIONS: Final[Mapping[str, tuple[str, str, str | None]]] = {
    "requested": ("requested", "queued", None),
    "running": ("in_progress", "in_progress", None),
    "succeeded": ("completed", "completed", "success"),
    "failed": ("completed", "completed", "failure"),
    "timeout": ("completed", "completed", "timed_out"),
    "canceled": ("completed", "completed", "cancelled"),
    "abandoned": ("completed", "completed", "failure"),
}
"""The action, the status and the conclusion of a workflow run."""


class GithubFormat:
    """For receivers that were built for GitHub."""

    about = About(
        name="github",
        title="GitHub",
        help="An execution is a `workflow_run` (`requested`, `in_progress`, `completed` with a `conclusion`), any "
        "other message a `repository_dispatch` whose `action` is its type and whose `client_payload` is its data, "
        "and the verification a `ping`. The pack is the repository. Numbers that GitHub counts are made of our ids. "
        "`X-GitHub-Delivery` is the same in every attempt.",
        signs="`sha256=` and HMAC-SHA256 in hex over the body in `X-Hub-Signature-256`, and `sha1=` in "
        "`X-Hub-Signature`; without a secret, nothing.",
        options={
            "owner": {
                "type": "string",
                "pattern": "^[A-Za-z0-9-]+$",
                "default": "stormlet",
                "description": "The owner of the repositories.",
            },
            "content_type": {
                "enum": ["json", "form"],
                "default": "json",
                "description": "`form`: the JSON as the field `payload` of a form.",
            },
            "include_message": INCLUDE_MESSAGE,
        },
        scheme="github",
        examples=(
            Example(title="An action failed", message="execution.failed", secrets=(EXAMPLE_SECRET,)),
            Example(title="A rule matched", message="rule.matched", secrets=(EXAMPLE_SECRET,)),
            Example(title="The verification", message="endpoint.verification", secrets=(EXAMPLE_SECRET,)),
        ),
    )

    def prepare(self, options: Mapping[str, Any], templates: Templates) -> Render:
        def render(sending: Sending) -> OutgoingRequest:
            event, own = _event(sending.message, sending.endpoint)
            shared = _shared(sending.message, options["owner"])
            body = compact(with_message({**own, **shared}, sending.message, options))
            form = options["content_type"] == "form"
            request = post(
                sending,
                urlencode({"payload": body}).encode() if form else body,
                FORM_TYPE if form else _JSON,
                # Receivers tell GitHub's own requests by the first word of their agent.
                ("User-Agent", "GitHub-Hookshot/stormlet"),
                ("X-GitHub-Event", event),
                ("X-GitHub-Delivery", derived_uuid(sending.message.id)),
                ("X-GitHub-Hook-ID", str(number_of(sending.endpoint.id))),
            )
            return signed_by_one(GITHUB, request, sending, _BOTH)

        return render

    def read(self, answer: Answer) -> Advice | None:
        return None


def _event(message: Message, endpoint: Endpoint) -> tuple[str, dict[str, Any]]:
    """Return the event's name and what only such an event has."""
    run = run_of(message)
    if message.type == VERIFICATION:
        hook = {"type": "Repository", "id": number_of(endpoint.id), "name": "web", "active": True, "events": ["*"]}
        return "ping", {"zen": worded(message).headline, "hook_id": hook["id"], "hook": hook}
    if run.status not in _ACTIONS:
        return "repository_dispatch", {
            "action": message.type,
            "branch": "main",
            "client_payload": message.data,
        }
    action, status, conclusion = _ACTIONS[run.status]
    attempt = at(message.data, "execution", "attempt")
    return "workflow_run", {
        "action": action,
        "workflow_run": {
            "id": number_of(run.id),
            "name": run.action,
            "display_title": worded(message).headline,
            "event": "repository_dispatch",
            "status": status,
            "conclusion": conclusion,
            "workflow_id": number_of(run.action),
            "run_number": message.ordinal,
            "run_attempt": attempt if isinstance(attempt, int) and attempt > 0 else 1,
            "head_branch": "main",
            "head_sha": "",
            "html_url": message.url,
            "created_at": second_text(run.requested_at),
            "run_started_at": second_text(run.started_at or run.requested_at),
            "updated_at": second_text(run.changed_at),
            "actor": _user(run.user),
            "triggering_actor": _user(run.user),
        },
        "workflow": {"id": number_of(run.action), "name": run.action, "path": "", "state": "active"},
    }


def _shared(message: Message, owner: str) -> dict[str, Any]:
    full_name = f"{owner}/{message.pack}"
    return {
        "repository": {
            "id": number_of(full_name),
            "name": message.pack,
            "full_name": full_name,
            "private": True,
            "owner": {**_user(owner), "type": "Organization"},
            "html_url": message.url,
            "default_branch": "main",
        },
        "sender": _user(message.caused_by or "stormlet"),
    }


def _user(login: str) -> dict[str, Any]:
    return {"login": login, "id": number_of(login), "type": "User"}
