"""`stormlet action`: what rules can run."""

import click

from stormlet.cli.client import Client
from stormlet.cli.listing import Noun, show_list, show_one
from stormlet.cli.options import Group, limit_option, with_client, with_screen
from stormlet.cli.render import Column, Screen

ACTION = Noun(
    path="/actions",
    name="ref",
    columns=(
        Column("REF", "ref", shrink=False),
        Column("RUNNER", "runner_type", shrink=False),
        Column("DESCRIPTION", "description"),
        Column("ENABLED", "enabled", wide=True),
        Column("ID", "id", wide=True),
    ),
    fields=(
        Column("ref", "ref"),
        Column("description", "description"),
        Column("runner", "runner_type"),
        Column("enabled", "enabled"),
        Column("entry point", "entry_point"),
        Column("parameters", "parameters"),
        Column("file", "metadata_file"),
        Column("id", "id"),
    ),
    empty="No actions.",
)


@click.group(cls=Group)
def command() -> None:
    """Actions that rules can run."""


@command.command("list")
@click.option("-p", "--pack", help="Only those of this pack.")
@limit_option(100)
@with_screen
@with_client
def list_actions(client: Client, screen: Screen, pack: str | None, limit: int) -> None:
    """List actions."""
    show_list(client, screen, ACTION, {"pack": pack, "limit": limit})


@command.command("get")
@click.argument("ref")
@with_screen
@with_client
def get_action(client: Client, screen: Screen, ref: str) -> None:
    """Show one action with its parameters. `stormlet run REF k=v` runs it."""
    show_one(client, screen, ACTION, ref)
