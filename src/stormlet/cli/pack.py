"""`stormlet pack`: what is loaded from pack directories."""

import click

from stormlet.cli.client import Client
from stormlet.cli.listing import Noun, show_list, show_one
from stormlet.cli.options import Group, limit_option, with_client, with_screen
from stormlet.cli.render import Column, Screen

PACK = Noun(
    path="/packs",
    name="ref",
    columns=(
        Column("REF", "ref", shrink=False),
        Column("VERSION", "version", shrink=False),
        Column("AUTHOR", "author", wide=True),
        Column("DESCRIPTION", "description"),
        Column("PATH", "path", wide=True),
    ),
    fields=(
        Column("ref", "ref"),
        Column("name", "name"),
        Column("description", "description"),
        Column("version", "version"),
        Column("author", "author"),
        Column("email", "email"),
        Column("keywords", "keywords"),
        Column("dependencies", "dependencies"),
        Column("path", "path"),
        Column("id", "id"),
    ),
    empty="No packs.",
)


@click.group(cls=Group)
def command() -> None:
    """Packs that are loaded."""


@command.command("list")
@limit_option()
@with_screen
@with_client
def list_packs(client: Client, screen: Screen, limit: int) -> None:
    """List packs."""
    show_list(client, screen, PACK, {"limit": limit})


@command.command("get")
@click.argument("ref")
@with_screen
@with_client
def get_pack(client: Client, screen: Screen, ref: str) -> None:
    """Show one pack."""
    show_one(client, screen, PACK, ref)
