"""Where an endpoint's secrets are, and from when until when each signs.

A secret's entry is that of a source, without what only matters for verifying, and with `created_at` and `retires_at`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from stormlet.content.dialect import Provenance
from stormlet.content.shapes import join
from stormlet.content.source_secrets import read_secrets
from stormlet.foundation.clock import from_iso
from stormlet.model.endpoint import EndpointSecret
from stormlet.model.problem import Problem

MOST_SECRETS: Final = 10
_TIMES: Final = ("created_at", "retires_at")
_ONLY_OF_SOURCES: Final = ("kind", "username", "key_id", "algorithm", "enabled")


class _Span(NamedTuple):
    """When one secret signs."""

    created_at: datetime | None = None
    retires_at: datetime | None = None


def read_endpoint_secrets(
    document: Mapping[str, Any], provenance: Provenance, problems: list[Problem]
) -> tuple[EndpointSecret, ...]:
    """Return the references in their order; what is wrong with them is added to `problems`."""
    bare = {key: document[key] for key in ("secret", "secrets") if document.get(key) is not None}
    spans: dict[str, _Span] = {}

    def without_times(entry: Any, path: str, number: int) -> Any:
        if not isinstance(entry, Mapping):
            return entry
        spans[str(entry.get("name") or number)] = _span(entry, path, provenance, problems)
        for key in _ONLY_OF_SOURCES:
            if key in entry:
                text = f"there is no `{key}` for what signs"
                problems.append(provenance.problem("unknown-key", text, join(path, key)))
        return {key: value for key, value in entry.items() if key not in (*_TIMES, *_ONLY_OF_SOURCES)}

    if "secret" in bare:
        bare["secret"] = without_times(bare["secret"], "secret", 1)
    if isinstance(bare.get("secrets"), list):
        entries = list(enumerate(bare["secrets"]))
        bare["secrets"] = [without_times(entry, f"secrets.{at}", at + 1) for at, entry in entries]
        if len(entries) > MOST_SECRETS:
            text = f"there are more than {MOST_SECRETS} secrets"
            problems.append(provenance.problem("bad-value", text, "secrets"))
    references, found = read_secrets(bare, provenance)
    problems += found
    return tuple(
        EndpointSecret(name=each.name, reference=each.reference, **spans.get(each.name, _Span())._asdict())
        for each in references
    )


def _span(entry: Mapping[Any, Any], path: str, provenance: Provenance, problems: list[Problem]) -> _Span:
    moments: dict[str, datetime | None] = {}
    for key in _TIMES:
        given = entry.get(key)
        if given is None:
            continue
        try:
            moments[key] = from_iso(given)
        except (ValueError, TypeError, AttributeError):
            hint = "such as 2026-01-02T03:04:05Z"
            problems.append(provenance.problem("bad-value", "this is not a moment", join(path, key), hint=hint))
    return _Span(**moments)
