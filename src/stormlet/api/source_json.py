"""Sources as the API shows them: a document that can be sent back as it is, and beside it what is computed.

No secret is in it: of each is shown where it comes from, and of one that was written here only that it is sealed.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stormlet.content.source_secrets import SEALED
from stormlet.flow.guarding import Retried, SecretState
from stormlet.flow.verification.diagnosing import Diagnosis, meaning_of
from stormlet.foundation.clock import to_iso
from stormlet.foundation.identifiers import derived_id
from stormlet.model.arrival import Rejection
from stormlet.model.source import BrokenSource, Forward, Reply, SecretReference, Source, TriggerMapping
from stormlet.signatures.reference import headers_of, time_of
from stormlet.signatures.scheme import Scheme
from stormlet.st2compat.api_names.content import problem_json

COMPUTED: Final = frozenset(
    {"id", "ref", "uid", "state", "active", "secretless", "origin", "problems", "metadata_file"}
)
"""Keys of what is shown that mean nothing in what is sent back."""
_SHOWN_SEALED: Final = SEALED.rstrip(":")


def source_json(
    source: Source, *, active: bool, secretless: bool = False, broken: BrokenSource | None = None
) -> dict[str, Any]:
    """Return a source.

    Args:
        source: as it is used.
        active: whether it guards its URL now.
        secretless: whether none of its secrets is there.
        broken: what is wrong with its document now, where this is its last good version.
    """
    shown: dict[str, Any] = {
        "id": source.id,
        "uid": f"source:{source.pack}:{source.name}",
        "ref": source.ref,
        "name": source.name,
        "pack": source.pack,
        "description": source.description,
        "enabled": "auto" if source.enabled is None else source.enabled,
        "url": source.url,
        "auth": source.auth.value,
        **_settings(source),
        "state": "ready" if broken is None else "stale",
        "active": active,
        "secretless": secretless,
        "origin": source.origin.value,
        "metadata_file": source.metadata_file,
    }
    if broken is not None:
        shown["problems"] = [problem_json(problem) for problem in broken.problems]
    return shown


def broken_json(broken: BrokenSource) -> dict[str, Any]:
    """Return a source that never worked, as far as it can be read. While it is enabled, its URL is refused to everybody."""
    pack, _, name = broken.ref.partition(".")
    return {
        "id": derived_id(f"source:{pack}:{name}"),
        "uid": f"source:{pack}:{name}",
        "ref": broken.ref,
        "name": name,
        "pack": pack,
        "enabled": broken.enabled,
        "url": broken.url,
        "state": "broken",
        "active": False,
        "metadata_file": broken.metadata_file,
        "problems": [problem_json(problem) for problem in broken.problems],
    }


def _settings(source: Source) -> dict[str, Any]:
    """Return what a source sets; what it leaves as it is by default is left out."""
    given: dict[str, Any] = {
        "scheme": source.scheme,
        "options": source.options,
        "secrets": [_secret(secret) for secret in source.secrets],
        "tolerance": source.tolerance,
        "replay": _plain(source.replay),
        "ordering": _plain(source.ordering),
        "reply": _reply(source.reply),
        "methods": [] if source.methods == ("POST",) else list(source.methods),
        "content_types": list(source.content_types),
        "max_body": source.max_body,
        "rate": _plain(source.rate),
        "allow_ips": list(source.allow_ips),
        "trusted_proxies": list(source.trusted_proxies),
        "cloudevents": source.cloudevents,
        "triggers": _triggers(source.triggers),
        "forward": _forward(source.forward),
    }
    return {name: value for name, value in given.items() if value not in (None, "", [], {}, False)}


def _secret(secret: SecretReference) -> dict[str, Any]:
    sealed = secret.reference.startswith(SEALED)
    shown = {"name": secret.name, "from": _SHOWN_SEALED if sealed else secret.reference}
    more = {"kind": secret.kind, "username": secret.username, "key_id": secret.key_id, "algorithm": secret.algorithm}
    shown |= {name: value for name, value in more.items() if value}
    return shown if secret.enabled else {**shown, "enabled": False}


def _plain(value: msgspec.Struct | None) -> Any:
    return None if value is None else msgspec.to_builtins(value)


def _reply(reply: Reply) -> dict[str, Any]:
    if reply == Reply():
        return {}
    shown: dict[str, Any] = {"status": reply.status, "body": reply.body, "headers": reply.headers}
    return {name: value for name, value in shown.items() if value is not None and (name == "body" or value != {})}


def _triggers(mapping: TriggerMapping) -> dict[str, Any]:
    if not mapping.types:
        return {}
    return {"event": list(mapping.event), "types": mapping.types} if mapping.event else {"types": mapping.types}


def _forward(forward: Forward | None) -> dict[str, Any] | None:
    if forward is None:
        return None
    return {name: value for name, value in msgspec.structs.asdict(forward).items() if value is not None}


def rejection_json(rejection: Rejection) -> dict[str, Any]:
    """Return a refused request, without what it held."""
    return {
        "id": rejection.id,
        "source": rejection.source,
        "url": rejection.url,
        "received_at": to_iso(rejection.received_at),
        "reason": rejection.reason,
        "meaning": meaning_of(rejection.reason),
        "detail": rejection.detail,
        "remote": rejection.remote,
        "size": rejection.size,
    }


def diagnosis_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return a refused request with what was likely wrong with it, the surest cause first."""
    causes = [
        {"code": cause.code, "text": cause.text, "confidence": cause.confidence.value} for cause in diagnosis.causes
    ]
    return {
        "id": diagnosis.rejection_id,
        "source": diagnosis.source,
        "url": diagnosis.url,
        "received_at": to_iso(diagnosis.received_at),
        "reason": diagnosis.reason,
        "meaning": diagnosis.meaning,
        "detail": diagnosis.detail,
        "remote": diagnosis.remote,
        "size": diagnosis.size,
        "causes": causes,
        "retryable": diagnosis.retryable,
    }


def retried_json(retried: Retried) -> dict[str, Any]:
    """Return what became of a refused request that was tried again."""
    shown: dict[str, Any] = {"outcome": retried.outcome, "events": list(retried.events)}
    return {**shown, "reason": retried.reason, "detail": retried.detail} if retried.reason else shown


def secret_json(secret: SecretState) -> dict[str, Any]:
    """Return what is known of a secret, which is everything but the secret."""
    shown: dict[str, Any] = {
        "name": secret.name,
        "from": secret.place,
        "enabled": secret.enabled,
        "present": secret.present,
        "last_used": None if secret.last_used is None else to_iso(secret.last_used),
    }
    return {**shown, "problem": secret.problem} if secret.problem else shown


def scheme_json(scheme: Scheme) -> dict[str, Any]:
    """Return what a scheme says of itself."""
    about = scheme.about
    return {
        "name": about.name,
        "title": about.title,
        "aliases": list(about.aliases),
        "signs": about.signs,
        "headers": list(headers_of(scheme)),
        "signed_time": time_of(scheme),
        "configure": about.configure,
        "proves": about.proves,
        "does_not_prove": about.unproved,
        "delivery_id": [str(place).replace("`", "") for place in about.delivery_id],
        "delivery_id_signed": about.delivery_id_signed,
        "event_type": [str(place).replace("`", "") for place in about.event_type],
        "handshake": about.handshake,
    }


def changed(sent: Mapping[str, Any], shown: Mapping[str, Any]) -> list[str]:
    """Return the keys in which a document that is sent back differs from what was shown, apart from the switch."""
    known = msgspec.json.decode(msgspec.json.encode(shown))  # as the client saw it: a tuple is a list there
    return [name for name, value in sent.items() if name not in COMPUTED | {"enabled"} and value != known.get(name)]
