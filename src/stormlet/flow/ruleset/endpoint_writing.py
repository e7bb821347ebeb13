"""Endpoints that come through the API: what is sent joined with what is there, secrets sealed, secrets judged.

A client may send back what it was shown. What was masked there is then what it was before, and secrets that are not spoken of
stay: so the same document may be put any number of times, and changes nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from stormlet.content.source_secrets import SEALED
from stormlet.flow.delivery.attempt import shown_url
from stormlet.flow.delivery.endpoints import compile_endpoint, endpoint_label
from stormlet.flow.delivery.formats.interface import is_credential
from stormlet.flow.delivery.formats.registry import format_named
from stormlet.flow.delivery.secrets import check
from stormlet.flow.ruleset.endpoints import compile_filter
from stormlet.flow.ruleset.sealing import SHOWN, seal_secrets
from stormlet.foundation.clock import to_iso
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.foundation.secrets import MASK, SecretBox
from stormlet.foundation.templates import Templates
from stormlet.model.endpoint import Endpoint, EndpointSecret
from stormlet.model.problem import Problem
from stormlet.model.rule import Criterion

_TIMES: Final = ("created_at", "retires_at")


def prepare_endpoint(
    document: Mapping[str, Any], box: SecretBox, old: Endpoint | None, now: datetime
) -> dict[str, Any]:
    """Return the document as it is stored.

    Args:
        document: as it was sent.
        box: seals.
        old: the endpoint that it replaces; None where it is new.
        now: when secrets begin to sign that are new.

    Raises:
        InvalidInputError: a secret cannot be taken, or one that was never to be shown would become viewable.
    """
    joined = dict(document)
    if old is not None:
        joined = {"name": old.name, "pack": old.pack} | _unmasked(joined, old)
        if joined.get("secret") is None and joined.get("secrets") is None and old.secrets:
            joined["secrets"] = [secret_entry(secret) for secret in old.secrets]
    sealed = seal_secrets(joined, box, old, endpoint_label)
    known = {each.name: each for each in old.secrets} if old is not None else {}
    if isinstance(sealed.get("secret"), Mapping):
        sealed["secret"] = _dated(sealed["secret"], known, now)
    if isinstance(sealed.get("secrets"), list):
        sealed["secrets"] = [_dated(entry, known, now) for entry in sealed["secrets"]]
    if old is not None and not old.secrets_viewable and sealed.get("secrets_viewable") is True:
        _refuse_showing(sealed, old)
    return sealed


def document_of(endpoint: Endpoint) -> dict[str, Any]:
    """Return the document that, put again, leaves an endpoint as it is; what it leaves as it is by default is left out."""
    rate, scope = endpoint.rate, endpoint.scope
    given: dict[str, Any] = {
        "url": endpoint.url,
        "action": endpoint.action,
        "parameters": endpoint.parameters,
        "scope": {name: list(values) for name, values in (("packs", scope.packs), ("tags", scope.tags)) if values},
        "types": list(endpoint.types),
        "filter": {criterion.key: _criterion(criterion) for criterion in endpoint.filter},
        "format": "" if endpoint.action else endpoint.format,
        "options": endpoint.options,
        "secrets": [secret_entry(secret) for secret in endpoint.secrets],
        "secrets_viewable": endpoint.secrets_viewable,
        "headers": endpoint.headers,
        "timeout": endpoint.timeout,
        "rate": {"per_second": rate.per_second, "burst": rate.burst} if rate is not None else None,
        "concurrency": endpoint.concurrency,
        "order": endpoint.order_key,
        "max_body": endpoint.max_body,
    }
    return {
        "name": endpoint.name,
        "pack": endpoint.pack,
        "description": endpoint.description,
        "enabled": endpoint.enabled,
        **{name: value for name, value in given.items() if value not in (None, "", [], {}, False)},
    }


def _criterion(criterion: Criterion) -> dict[str, Any]:
    shown = {"type": criterion.type, "pattern": criterion.pattern}
    return shown if criterion.condition is None else {**shown, "condition": criterion.condition}


def secret_entry(secret: EndpointSecret) -> dict[str, Any]:
    """Return a secret's entry as documents have it; of one that is sealed, only that it is."""
    sealed = secret.reference.startswith(SEALED)
    entry: dict[str, Any] = {"name": secret.name, "from": SHOWN if sealed else secret.reference}
    for key, moment in zip(_TIMES, (secret.created_at, secret.retires_at), strict=True):
        if moment is not None:
            entry[key] = to_iso(moment)
    return entry


def hides_url(endpoint: Endpoint) -> bool:
    """Tell whether whoever knows the URL may post there, so that it is shown masked."""
    try:
        return bool(endpoint.url) and format_named(endpoint.format).about.url_is_secret
    except NotFoundError:
        return False


def endpoint_problems(endpoint: Endpoint, templates: Templates, box: SecretBox) -> list[Problem]:
    """Return what is wrong with an endpoint that only compiling it shows, and secrets that are too weak."""
    _, problems = compile_endpoint(endpoint, templates, lambda each: compile_filter(each, templates))
    if problems or endpoint.action:
        return problems
    form = format_named(endpoint.format).about.secret_form
    for number, secret in enumerate(endpoint.secrets):
        if not secret.reference.startswith(SEALED):
            continue  # where it lies may change, and it need not be there yet
        value = box.open(secret.reference.removeprefix(SEALED), endpoint_label(endpoint.ref, secret.name))
        try:
            check(value, form)
        except InvalidInputError as error:
            problems.append(Problem(code="bad-value", text=error.text, path=f"secrets.{number}", hint=error.hint))
    return problems


def _unmasked(document: dict[str, Any], old: Endpoint) -> dict[str, Any]:
    """Put back what was masked when it was shown."""
    if hides_url(old) and document.get("url") == shown_url(old.url):
        document["url"] = old.url
    headers = document.get("headers")
    if isinstance(headers, Mapping):
        document["headers"] = {
            name: old.headers[name] if value == MASK and name in old.headers and is_credential(name) else value
            for name, value in headers.items()
        }
    return document


def _dated(entry: Any, known: Mapping[str, EndpointSecret], now: datetime) -> Any:
    """Return a secret's entry with the time from which on it signs: that of the one that is there, or now."""
    if not isinstance(entry, Mapping):
        return entry
    before = known.get(str(entry.get("name")))
    if before is None or before.reference != entry.get("from"):
        return {"created_at": to_iso(now), **entry}
    times = zip(_TIMES, (before.created_at, before.retires_at), strict=True)
    return {**{key: to_iso(moment) for key, moment in times if moment is not None}, **entry}


def _refuse_showing(document: Mapping[str, Any], old: Endpoint) -> None:
    entries = [document.get("secret"), *(document.get("secrets") or ())]
    references = {entry.get("from") for entry in entries if isinstance(entry, Mapping)}
    kept = [each.name for each in old.secrets if each.reference.startswith(SEALED) and each.reference in references]
    if kept:
        raise InvalidInputError(
            f"secrets_viewable: the secret {kept[0]} was written to be never shown again",
            hint="send new secrets together with this, or rotate first and delete the old one",
        )
