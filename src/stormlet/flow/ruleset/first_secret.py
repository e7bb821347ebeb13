"""Secrets that are made here: for an endpoint that comes without one, and for a rotation."""

from typing import Any

from stormlet.flow.delivery.formats.interface import About, SecretForm, SecretUse
from stormlet.flow.delivery.formats.registry import format_named
from stormlet.flow.delivery.secrets import generate
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.model.endpoint import Endpoint


def about_of(name: Any, action: Any) -> About | None:
    """Return what the format of a document says of itself; None where there is none, which its reader tells."""
    if action or not isinstance(name, str):
        return None
    try:
        return format_named(name).about
    except NotFoundError:
        return None


def with_secret(document: dict[str, Any], old: Endpoint | None) -> tuple[dict[str, Any], str]:
    """Return the document with a secret that was just made, and that secret, where it says nothing of secrets."""
    about = about_of(document.get("format") or "standard", document.get("action"))
    if about is None or document.get("secret") is not None or document.get("secrets") is not None:
        return document, ""
    if about.secret is SecretUse.UNUSED or about.secret_form is SecretForm.ROUTING_KEY:
        return document, ""
    if old is not None and (old.secrets or about.secret is not SecretUse.REQUIRED):
        return document, ""  # one that was made without stays without
    made = made_secret(about)
    return {**document, "secrets": [{"name": "1", "value": made}]}, made


def made_secret(about: About | None) -> str:
    """Return a new secret in the form that a format takes. Raises InvalidInputError where none can be made."""
    if about is None or about.secret is SecretUse.UNUSED:
        raise InvalidInputError("nothing is signed there, so there is no secret to change")
    if about.secret_form is SecretForm.ROUTING_KEY:
        raise InvalidInputError(
            f"the secret of {about.name} comes from {about.title}",
            hint="send it as `value`: the integration's routing key",
        )
    return generate()
