"""Endpoints as the command line shows them."""

from typing import Any

from stormlet.cli.listing import Noun
from stormlet.cli.moments import age, exact
from stormlet.cli.render import Column
from stormlet.cli.since import now


def destination(endpoint: Any) -> Any:
    """Return where messages go: a URL, or an action."""
    return endpoint.get("url") or f"action {endpoint.get('action', '')}"


def trouble(endpoint: Any) -> Any:
    """Return why nothing is sent, or what goes wrong with it; empty where all is well."""
    status = endpoint.get("status") or {}
    if endpoint.get("state") == "broken":
        return "; ".join(str(problem.get("text")) for problem in endpoint.get("problems", []))
    if endpoint.get("state") == "active":
        return status.get("last_error") if status.get("failing_since") else ""
    return status.get("disabled_reason") or status.get("verification_error")


def _waiting(endpoint: Any) -> Any:
    status = endpoint.get("status") or {}
    return (status.get("waiting") or 0) + (status.get("delivering") or 0)


def _moment(name: str) -> Any:
    return lambda endpoint: exact((endpoint.get("status") or {}).get(name), now())


ENDPOINT = Noun(
    path="/endpoints",
    name="ref",
    columns=(
        Column("REF", "ref", shrink=False),
        Column("STATE", "state", shrink=False),
        Column("FORMAT", "format", shrink=False),
        Column("WAITING", _waiting, shrink=False),
        Column("LAST SENT", lambda row: age((row.get("status") or {}).get("last_success_at"), now()), shrink=False),
        Column("TO", destination),
        Column("TROUBLE", trouble),
        Column("TYPES", "types", wide=True),
        Column("SCOPE", "scope", wide=True),
        Column("ID", "id", wide=True),
        Column("FILE", "metadata_file", wide=True),
    ),
    fields=(
        Column("ref", "ref"),
        Column("description", "description"),
        Column("state", "state"),
        Column("trouble", trouble),
        Column("problems", "problems"),
        Column("url", "url"),
        Column("action", "action"),
        Column("parameters", "parameters"),
        Column("format", "format"),
        Column("options", "options"),
        Column("types", "types"),
        Column("scope", "scope"),
        Column("filter", "filter"),
        Column("secrets", "secrets"),
        Column("headers", "headers"),
        Column("timeout", "timeout"),
        Column("rate", "rate"),
        Column("concurrency", "concurrency"),
        Column("order", "order"),
        Column("largest body", "max_body"),
        Column("waiting", _waiting),
        Column("verified", _moment("verified_at")),
        Column("last sent", _moment("last_success_at")),
        Column("failing since", _moment("failing_since")),
        Column("last error", "status.last_error"),
        Column("file", "metadata_file"),
        Column("id", "id"),
    ),
    empty="No endpoints. docs/howto/send-webhooks.md shows a first one: `stormlet endpoint create NAME --to URL`.",
)
