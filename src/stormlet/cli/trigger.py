"""`stormlet trigger`: the kinds of events that rules can ask for."""

import click

from stormlet.cli.client import Client
from stormlet.cli.listing import Noun, show_list, show_one
from stormlet.cli.options import Group, limit_option, with_client, with_screen
from stormlet.cli.render import Column, Screen

TRIGGER_TYPE = Noun(
    path="/triggertypes",
    name="ref",
    columns=(
        Column("REF", "ref", shrink=False),
        Column("DESCRIPTION", "description"),
        Column("ID", "id", wide=True),
    ),
    fields=(
        Column("ref", "ref"),
        Column("description", "description"),
        Column("parameters schema", "parameters_schema"),
        Column("payload schema", "payload_schema"),
        Column("tags", "tags"),
        Column("id", "id"),
    ),
    empty="No trigger types.",
)


@click.group(cls=Group)
def command() -> None:
    """Trigger types: the kinds of events that rules can ask for."""


@command.command("list")
@click.option("-p", "--pack", help="Only those of this pack.")
@limit_option()
@with_screen
@with_client
def list_triggers(client: Client, screen: Screen, pack: str | None, limit: int) -> None:
    """List trigger types."""
    show_list(client, screen, TRIGGER_TYPE, {"pack": pack, "limit": limit})


@command.command("get")
@click.argument("ref")
@with_screen
@with_client
def get_trigger(client: Client, screen: Screen, ref: str) -> None:
    """Show one trigger type, with its schemas."""
    show_one(client, screen, TRIGGER_TYPE, ref)
