"""Endpoints as the API shows them: a document that can be sent back as it is, and beside it what is computed.

`enabled` is whether messages go out now; an endpoint that is meant to be on and could not be verified says false, so that a tool
which compares what it wants with what there is sees the difference. No secret is in it; credentials in headers and URLs of
chats are masked, and sent back masked they stay what they are.
"""

from collections.abc import Mapping
from typing import Any, Final

from stormlet.flow.addressing import KnownSecret, Standing
from stormlet.flow.delivery.attempt import shown_url
from stormlet.flow.delivery.confirmation import Confirmed
from stormlet.flow.delivery.formats.interface import About, is_credential
from stormlet.flow.ruleset.endpoint_writing import document_of, hides_url
from stormlet.foundation.clock import to_iso
from stormlet.foundation.identifiers import derived_id
from stormlet.foundation.secrets import MASK
from stormlet.model.endpoint import Endpoint, EndpointState
from stormlet.model.message import MessageType, ScopeKind
from stormlet.st2compat.api_names.content import problem_json
from stormlet.store.delivery_interface import Waiting

COMPUTED: Final = frozenset(
    {"id", "ref", "uid", "state", "status", "origin", "problems", "metadata_file", "generated_secret", "verification"}
)
"""Keys of what is shown that mean nothing in what is sent back."""


def endpoint_json(standing: Standing, *, clear: bool = False) -> dict[str, Any]:
    """Return an endpoint and how it is doing. `clear` masks nothing but secrets."""
    pack, _, name = standing.ref.partition(".")
    endpoint = standing.endpoint
    identity = endpoint.id if endpoint is not None else derived_id(f"endpoint:{pack}:{name}")
    shown: dict[str, Any] = {
        "id": identity,
        "uid": f"endpoint:{pack}:{name}",
        "ref": standing.ref,
        "name": name,
        "pack": pack,
        **(_document(endpoint, clear=clear) if endpoint is not None else {}),
        "enabled": standing.word == "active",
        "state": standing.word,
        "status": status_json(standing.state, standing.waiting),
        "metadata_file": standing.metadata_file,
    }
    if endpoint is not None:
        shown["origin"] = endpoint.origin.value
    if standing.problems:
        shown["problems"] = [problem_json(problem) for problem in standing.problems]
    return shown


def status_json(state: EndpointState, waiting: Waiting | None) -> dict[str, Any]:
    """Return what the engine has learned about an endpoint, and what waits for it."""
    moments = {
        "verified_at": state.verified_at,
        "disabled_at": state.disabled_at,
        "failing_since": state.failing_since,
        "last_attempt_at": state.last_attempt_at,
        "last_success_at": state.last_success_at,
        "oldest_waiting": waiting.oldest if waiting else None,
        "next_attempt_at": waiting.next_attempt_at if waiting else None,
    }
    return {
        "verification_error": state.verification_error,
        "disabled_reason": state.disabled_reason,
        "failures": state.failures,
        "last_status_code": state.last_status_code,
        "last_error": state.last_error,
        "waiting": waiting.planned if waiting else 0,
        "delivering": waiting.delivering if waiting else 0,
        **{name: None if moment is None else to_iso(moment) for name, moment in moments.items()},
    }


def confirmed_json(confirmed: Confirmed) -> dict[str, Any]:
    """Return what an endpoint said to its verification."""
    shown: dict[str, Any] = {"ok": confirmed.ok, "status_code": confirmed.status_code, "error": confirmed.error}
    if confirmed.attempt is not None:
        shown["seconds"] = confirmed.attempt.seconds
        shown["answer_body"] = confirmed.attempt.answer_body[:1000].decode("utf-8", "replace")
    return shown


def secret_json(known: KnownSecret) -> dict[str, Any]:
    """Return one secret of an endpoint; its value only where the endpoint lets it be read."""
    secret = known.secret
    shown: dict[str, Any] = {
        "name": secret.name,
        "from": known.place,
        "present": known.present,
        "signs": known.signs,
        "created_at": None if secret.created_at is None else to_iso(secret.created_at),
        "retires_at": None if secret.retires_at is None else to_iso(secret.retires_at),
        "last_used": known.last_used or None,
    }
    return shown if known.value is None else {**shown, "value": known.value}


def type_json(kind: MessageType) -> dict[str, Any]:
    """Return a type of messages."""
    return {
        "name": kind.name,
        "version": kind.version,
        "description": kind.description,
        "subject": kind.subject,
        "scopes": [scope.value for scope in ScopeKind if scope in kind.scopes],
        "schema": kind.schema,
        "example": kind.example,
    }


def format_json(about: About) -> dict[str, Any]:
    """Return what a format says of itself."""
    return {
        "name": about.name,
        "title": about.title,
        "help": about.help,
        "signs": about.signs,
        "secret": about.secret.value,
        "options": about.schema,
        "scheme": about.scheme,
        "max_body": about.max_body,
        "types": list(about.types),
    }


def without_computed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a document is meant."""
    return {name: value for name, value in document.items() if name not in COMPUTED}


def changed(sent: Mapping[str, Any], shown: Mapping[str, Any]) -> list[str]:
    """Return the keys in which a document that is sent back differs from what was shown, apart from the switch."""
    return [name for name, value in sent.items() if name not in COMPUTED | {"enabled"} and value != shown.get(name)]


def _document(endpoint: Endpoint, *, clear: bool) -> dict[str, Any]:
    document = document_of(endpoint)
    if not clear and hides_url(endpoint):
        document["url"] = shown_url(endpoint.url)
    if "headers" in document and not clear:
        document["headers"] = {name: MASK if is_credential(name) else value for name, value in endpoint.headers.items()}
    return document
