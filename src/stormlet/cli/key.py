"""`stormlet key`: values in the datastore, which rules and actions read as `st2kv.system.NAME`."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from stormlet.cli.client import Client, part
from stormlet.cli.documents import read_bytes
from stormlet.cli.listing import Noun, remove, show_list
from stormlet.cli.options import Group, limit_option, with_client, with_screen
from stormlet.cli.render import Column, Screen
from stormlet.cli.text import visible


def _scope_of(item: Mapping[str, Any]) -> str:
    return str(item.get("scope") or "").removeprefix("st2kv.")


KEY = Noun(
    path="/keys",
    name="name",
    columns=(
        Column("NAME", "name", shrink=False),
        Column("VALUE", lambda row: "********" if row.get("secret") else row.get("value")),
        Column("SCOPE", _scope_of, shrink=False),
        Column("USER", "user"),
        Column("SECRET", "secret", shrink=False),
        Column("EXPIRES", "expire_timestamp", wide=True),
    ),
    fields=(
        Column("name", "name"),
        Column("value", "value"),
        Column("scope", _scope_of),
        Column("user", "user"),
        Column("secret", "secret"),
        Column("expires", "expire_timestamp"),
        Column("description", "description"),
    ),
    empty="No keys.",
)

_scope = click.option("-s", "--scope", type=click.Choice(["system", "user"]), default="system", show_default=True)
_user = click.option("-u", "--user", help="Whose key, in scope `user`.")


@click.group(cls=Group)
def command() -> None:
    """The datastore: values that rules and actions read."""


@command.command("set")
@click.argument("name")
@click.argument("value")
@click.option("-e", "--encrypt", is_flag=True, help="A secret: sealed in the database, masked in what is shown.")
@click.option("-l", "--ttl", type=click.IntRange(min=1), metavar="SECONDS", help="Forget it after this time.")
@_scope
@_user
@with_screen
@with_client
def set_key(
    client: Client, screen: Screen, name: str, value: str, encrypt: bool, ttl: int | None, **where: Any
) -> None:
    """Set a key. VALUE is text, @FILE or `-` for standard input (which keeps a secret out of the shell's history)."""
    text = read_bytes(value).decode(errors="strict").rstrip("\n") if value == "-" or value.startswith("@") else value
    document = {"name": name, "value": text, "secret": encrypt, **where}
    if ttl is not None:
        document["ttl"] = ttl
    saved = client.put(f"{KEY.path}/{part(name)}", document)
    if screen.for_people:
        screen.line(f"set {visible(name)}")
    else:
        screen.fields(saved, KEY.fields, name=KEY.name)


@command.command("get")
@click.argument("name")
@click.option("-d", "--decrypt", is_flag=True, help="Show a secret in clear.")
@_scope
@_user
@with_screen
@with_client
def get_key(client: Client, screen: Screen, name: str, **query: Any) -> None:
    """Print a key's value."""
    item = client.get(f"{KEY.path}/{part(name)}", query)
    if screen.for_people and item.get("encrypted"):
        screen.line("********")
        print("it is a secret: -d shows it", file=sys.stderr)
    elif screen.for_people:
        screen.line(visible(str(item.get("value", ""))))
    else:
        screen.fields(item, KEY.fields, name=KEY.name)


@command.command("list")
@click.option("--prefix", help="Only names that begin so.")
@click.option("-s", "--scope", type=click.Choice(["all", "system", "user"]), default="all", show_default=True)
@_user
@click.option("-d", "--decrypt", is_flag=True, help="With -o json or yaml: secrets in clear.")
@limit_option()
@with_screen
@with_client
def list_keys(client: Client, screen: Screen, **query: Any) -> None:
    """List keys. Secrets are masked."""
    show_list(client, screen, KEY, query)


@command.command("delete")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_scope
@_user
@with_screen
@with_client
def delete_keys(client: Client, screen: Screen, names: tuple[str, ...], **query: Any) -> None:
    """Delete keys."""
    remove(client, screen, KEY.path, names, query)
