"""`stormlet apikey`: keys for senders of webhooks and for programs. A key's text is shown once, when it is made."""

import sys
from typing import Any

import click

from stormlet.cli.client import Client
from stormlet.cli.documents import read_json
from stormlet.cli.listing import Noun, remove, show_list, switch
from stormlet.cli.moments import age
from stormlet.cli.options import Group, limit_option, with_client, with_screen
from stormlet.cli.render import Column, Screen
from stormlet.cli.since import now

API_KEY = Noun(
    path="/apikeys",
    name="id",
    columns=(
        Column("ID", "id", shrink=False),
        Column("USER", "user"),
        Column("ENABLED", "enabled", shrink=False),
        Column("CREATED", lambda row: age(row.get("created_at"), now()), shrink=False),
        Column("METADATA", "metadata"),
    ),
    fields=(
        Column("id", "id"),
        Column("user", "user"),
        Column("enabled", "enabled"),
        Column("created", "created_at"),
        Column("metadata", "metadata"),
        Column("key", "key"),
    ),
    empty="No API keys.",
)


@click.group(cls=Group)
def command() -> None:
    """API keys: create, list, switch on and off, delete."""


@command.command("create")
@click.option("-u", "--user", help="Whom the key is for; default: who asks.")
@click.option("-m", "--metadata", default="{}", metavar="JSON", help='Notes, such as \'{"used_by": "github"}\'.')
@click.option("-k", "--only-key", is_flag=True, help="Print the key and nothing else.")
@with_screen
@with_client
def create_key(client: Client, screen: Screen, user: str | None, metadata: str, only_key: bool) -> None:
    """Make a key. Its text is printed now, and never again."""
    notes = read_json(metadata, "--metadata")
    if not isinstance(notes, dict):
        raise click.BadParameter("--metadata must be a JSON object")
    document: dict[str, Any] = {"metadata": notes, **({"user": user} if user else {})}
    created = client.post(API_KEY.path, document)
    if only_key:
        screen.line(created["key"])
        return
    screen.fields(created, API_KEY.fields, name=API_KEY.name)
    if screen.for_people:
        print("The key is not shown again: keep it now.", file=sys.stderr)


@command.command("list")
@limit_option()
@with_screen
@with_client
def list_keys(client: Client, screen: Screen, limit: int) -> None:
    """List keys; their texts are not known to the server."""
    show_list(client, screen, API_KEY, {"limit": limit})


@command.command("enable")
@click.argument("key_id", metavar="ID")
@with_screen
@with_client
def enable_key(client: Client, screen: Screen, key_id: str) -> None:
    """Let a key be used again."""
    switch(client, screen, API_KEY, key_id, enabled=True)


@command.command("disable")
@click.argument("key_id", metavar="ID")
@with_screen
@with_client
def disable_key(client: Client, screen: Screen, key_id: str) -> None:
    """Refuse a key without forgetting it."""
    switch(client, screen, API_KEY, key_id, enabled=False)


@command.command("delete")
@click.argument("key_ids", nargs=-1, required=True, metavar="ID...")
@with_screen
@with_client
def delete_keys(client: Client, screen: Screen, key_ids: tuple[str, ...]) -> None:
    """Delete keys; whoever uses one is refused from now on."""
    remove(client, screen, API_KEY.path, key_ids, {})
