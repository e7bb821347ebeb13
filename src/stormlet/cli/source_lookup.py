"""Sources as the command line shows them, and finding the one that a person means."""

from typing import Any

from stormlet.cli.client import Client
from stormlet.cli.failures import NOT_FOUND, CommandError
from stormlet.cli.listing import Noun
from stormlet.cli.render import Column
from stormlet.cli.webhook import normalised


def state_of(source: Any) -> Any:
    """Tell in one word whether a source guards its URL now."""
    if source.get("state") in ("broken", "stale"):
        return source["state"]
    if source.get("active"):
        return "no secret" if source.get("secretless") else "active"
    return "asleep" if source.get("enabled") == "auto" else "off" if not source.get("enabled") else "inactive"


def _secrets(source: Any) -> Any:
    return ", ".join(str(secret.get("from")) for secret in source.get("secrets", []))


SOURCE = Noun(
    path="/sources",
    name="ref",
    columns=(
        Column("REF", "ref", shrink=False),
        Column("STATE", state_of, shrink=False),
        Column("URL", "url", shrink=False),
        Column("SCHEME", lambda row: row.get("scheme") or f"({row.get('auth', '')})".replace("()", "")),
        Column("SECRETS", _secrets),
        Column("DESCRIPTION", "description", wide=True),
        Column("ID", "id", wide=True),
        Column("FILE", "metadata_file", wide=True),
    ),
    fields=(
        Column("ref", "ref"),
        Column("description", "description"),
        Column("state", state_of),
        Column("enabled", "enabled"),
        Column("problems", "problems"),
        Column("url", lambda row: f"/api/v1/webhooks/{row.get('url', '')}"),
        Column("scheme", "scheme"),
        Column("auth", "auth"),
        Column("options", "options"),
        Column("secrets", "secrets"),
        Column("tolerance", "tolerance"),
        Column("replay", "replay"),
        Column("ordering", "ordering"),
        Column("reply", "reply"),
        Column("methods", "methods"),
        Column("content types", "content_types"),
        Column("largest body", "max_body"),
        Column("rate", "rate"),
        Column("may send", "allow_ips"),
        Column("proxies", "trusted_proxies"),
        Column("cloudevents", "cloudevents"),
        Column("triggers", "triggers"),
        Column("forward", "forward"),
        Column("file", "metadata_file"),
        Column("id", "id"),
    ),
    empty="No sources. docs/howto/verify-a-sender.md shows a first one: four lines.",
)


def find_source(client: Client, target: str) -> dict[str, Any]:
    """Return the source that is meant by a ref, an id or a URL. Of several on one URL, the first that guards it now.

    Raises:
        CommandError: there is none.
    """
    return sources_on(client, target)[0]


def sources_on(client: Client, target: str) -> list[dict[str, Any]]:
    """Return the sources that are meant, those that guard their URL now first. Raises CommandError where there are none."""
    known: list[dict[str, Any]] = client.list(SOURCE.path).items
    found = [source for source in known if target in (source.get("ref"), source.get("id"))]
    url = normalised(target.partition("/webhooks/")[2] or target)
    found = found or [source for source in known if source.get("url") == url]
    if found:
        return sorted(found, key=lambda source: not source.get("active"))
    from difflib import get_close_matches

    names = [str(name) for source in known for name in (source.get("ref"), source.get("url")) if name]
    close = get_close_matches(target, names, 1)
    hint = f"did you mean `{close[0]}`?" if close else "`stormlet source list` shows all"
    raise CommandError(f"no source guards `{target}` or is called so", hint=hint, exit_code=NOT_FOUND, code="not_found")
