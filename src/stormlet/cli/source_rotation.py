"""`stormlet source secrets`, `rotate` and `retire`: changing a secret without losing a request."""

import sys
from datetime import timedelta
from typing import Any

import click

from stormlet.cli.client import Client, part
from stormlet.cli.failures import CommandError
from stormlet.cli.moments import age, parse
from stormlet.cli.options import Command, with_client, with_screen
from stormlet.cli.render import Column, Screen
from stormlet.cli.since import now
from stormlet.cli.source_lookup import SOURCE, find_source
from stormlet.cli.text import visible

QUIET = timedelta(days=1)
"""How long a secret should not have been used before it is taken out."""


def _used(secret: Any) -> str:
    return age(secret.get("last_used"), now()) if secret.get("last_used") else "never"


def _state(secret: Any) -> str:
    return "off" if not secret.get("enabled", True) else "active" if secret.get("present") else "missing"


_SECRETS = (
    Column("NAME", "name", shrink=False),
    Column("STATE", _state, shrink=False),
    Column("FROM", "from", shrink=False),
    Column("LAST USED", _used, shrink=False),
    Column("PROBLEM", "problem"),
)


@click.command("secrets", cls=Command)
@click.argument("target", metavar="URL|REF")
@with_screen
@with_client
def list_secrets(client: Client, screen: Screen, target: str) -> None:
    """List a source's secrets: where each comes from, and when it was used last. No secret is shown."""
    found = find_source(client, target)
    secrets = client.list(f"{SOURCE.path}/{part(found['id'])}/secrets").items
    screen.rows(secrets, _SECRETS, name="name", empty="The source has no secret.")


@click.command("rotate", cls=Command)
@click.argument("target", metavar="URL|REF")
@click.option("--secret", metavar="SECRET", help="The new one: env:NAME, file:PATH or the text. Default: one is made.")
@click.option(
    "--from", "reference", metavar="WHERE", help="Where the server finds it: env:NAME, file:/path, st2kv:name."
)
@click.option("--name", help="What to call it.")
@with_screen
@with_client
def rotate_source(
    client: Client, screen: Screen, target: str, secret: str | None, reference: str | None, name: str | None
) -> None:
    """Add a new secret to a source; the old one goes on working.

    Then give the new one to the sender, wait until `stormlet source secrets` says that nobody uses the old one any more, and
    take it out with `stormlet source retire`. A source in a file says which line to change.
    """
    from stormlet.cli.signing import secret_text

    if secret is not None and reference is not None:
        raise click.UsageError("--secret and --from cannot both be there")
    found = find_source(client, target)
    asked = {"name": name, "from": reference, "value": None if secret is None else secret_text(secret)}
    document = {key: value for key, value in asked.items() if value is not None}
    rotated = client.post(f"{SOURCE.path}/{part(found['id'])}/rotate", document)
    if not screen.for_people:
        screen.fields(rotated, [Column(key, key) for key in rotated], name="name")
        return
    if "value" in rotated:
        screen.line(visible(str(rotated["value"])))
        print("The secret is not shown again: give it to the sender now.", file=sys.stderr)
    for each in rotated["secrets"]:
        if each["name"] != rotated["name"]:
            screen.line(visible(f"the old secret {each['name']} stays active; it was last used: {_used(each)}"))


@click.command("retire", cls=Command)
@click.argument("target", metavar="URL|REF")
@click.argument("name")
@click.option("--force", is_flag=True, help="Even if it was used within the last day.")
@with_screen
@with_client
def retire_secret(client: Client, screen: Screen, target: str, name: str, force: bool) -> None:
    """Take an old secret out of a source, unless it is still in use."""
    path = f"{SOURCE.path}/{part(find_source(client, target)['id'])}/secrets"
    known: list[dict[str, Any]] = client.list(path).items
    secret = next((each for each in known if each["name"] == name), {})
    used = parse(str(secret.get("last_used") or ""))
    if used is not None and now() - used < QUIET and not force:
        raise CommandError(
            f"the old secret was last used {_used(secret)}",
            hint="somebody still signs with it; --force takes it out all the same",
        )
    client.delete(f"{path}/{part(name)}")
    if screen.for_people:
        screen.line(visible(f"retired {name}"))
