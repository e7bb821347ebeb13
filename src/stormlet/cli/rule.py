"""`stormlet rule`: the rules that are loaded."""

import sys
from typing import Any

import click

from stormlet.cli.client import Client, part
from stormlet.cli.documents import read_document
from stormlet.cli.listing import Noun, remove, show_list, show_one, switch
from stormlet.cli.options import Group, filters, limit_option, with_client, with_screen
from stormlet.cli.render import Column, Screen
from stormlet.cli.text import counted


def _trigger(rule: Any) -> Any:
    """Show a webhook's URL rather than the long name that all webhooks share."""
    trigger = rule.get("trigger") or {}
    if url := (trigger.get("parameters") or {}).get("url"):
        return f"webhook {str(url).strip('/')}"
    return trigger.get("type")


def _state(rule: Any) -> Any:
    """Show a rule's state, or that it is switched off; a StackStorm knows the second only."""
    return rule.get("state", "enabled") if rule.get("enabled") else "disabled"


RULE = Noun(
    path="/rules",
    name="ref",
    columns=(
        Column("REF", "ref", shrink=False),
        Column("STATE", _state, shrink=False),
        Column("TRIGGER", _trigger),
        Column("ACTION", "action.ref"),
        Column("DESCRIPTION", "description", wide=True),
        Column("ID", "id", wide=True),
        Column("FILE", "metadata_file", wide=True),
    ),
    fields=(
        Column("ref", "ref"),
        Column("description", "description"),
        Column("enabled", "enabled"),
        Column("state", "state"),
        Column("problems", "problems"),
        Column("type", "type.ref"),
        Column("trigger", "trigger.type"),
        Column("trigger parameters", "trigger.parameters"),
        Column("criteria", "criteria"),
        Column("action", "action.ref"),
        Column("action parameters", "action.parameters"),
        Column("tags", "tags"),
        Column("file", "metadata_file"),
        Column("id", "id"),
    ),
    empty="No rules. `stormlet init` writes a first one; `stormlet serve --rules DIR` loads them.",
)


@click.group(cls=Group)
def command() -> None:
    """Rules: list, look, create, switch on and off, delete."""


@command.command("list")
@filters(trigger="Only rules on this trigger.")
@click.option("-p", "--pack", help="Only rules of this pack.")
@click.option("-c", "--action", help="Only rules that run this action.")
@click.option("--enabled/--disabled", default=None, help="Only rules that are switched on, or off.")
@limit_option()
@click.option("--all", "everything", is_flag=True, help="Also examples that are switched off.")
@with_screen
@with_client
def list_rules(client: Client, screen: Screen, everything: bool, **query: Any) -> None:
    """List rules.

    Rules of packs that come with the engine are examples. Those that are switched off are left out of the table, unless --all
    or a filter asks for them; other formats have them always.
    """
    filtered = any(value is not None for name, value in query.items() if name != "limit")
    if everything or filtered or not screen.for_people:
        show_list(client, screen, RULE, query)
        return
    hidden: list[Any] = []
    bundled = {pack.get("ref") for pack in client.list("/packs").items if pack.get("bundled")}

    def without_examples(rules: list[Any]) -> list[Any]:
        hidden.extend(rule for rule in rules if rule.get("pack") in bundled and not rule.get("enabled"))
        return [rule for rule in rules if rule not in hidden]

    show_list(client, screen, RULE, {**query, "limit": -1}, dress=without_examples, most=query["limit"])
    if hidden:
        print(f"{counted((len(hidden), 'example'))} switched off; --all lists them", file=sys.stderr)


@command.command("get")
@click.argument("ref")
@with_screen
@with_client
def get_rule(client: Client, screen: Screen, ref: str) -> None:
    """Show one rule."""
    show_one(client, screen, RULE, ref)


@command.command("create")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@with_screen
@with_client
def create_rules(client: Client, screen: Screen, files: tuple[str, ...]) -> None:
    """Create rules from YAML or JSON files (`-`: standard input).

    They are kept in the database. Rules in a directory that is served need no create: saving the file is enough.
    """
    for document in [read_document(file) for file in files]:
        created = client.post(RULE.path, document)
        if screen.for_people:
            screen.line(f"created {created.get('ref')}")
        else:
            screen.fields(created, RULE.fields, name=RULE.name)


@command.command("update")
@click.argument("ref")
@click.argument("file")
@with_screen
@with_client
def update_rule(client: Client, screen: Screen, ref: str, file: str) -> None:
    """Replace a rule that was created through the API."""
    document = read_document(file)
    known = client.get(f"{RULE.path}/{part(ref)}")
    changed = client.put(f"{RULE.path}/{part(known['id'])}", {**document, "id": known["id"]})
    if screen.for_people:
        screen.line(f"updated {changed.get('ref', ref)}")
    else:
        screen.fields(changed, RULE.fields, name=RULE.name)


@command.command("enable")
@click.argument("ref")
@with_screen
@with_client
def enable_rule(client: Client, screen: Screen, ref: str) -> None:
    """Switch a rule on."""
    switch(client, screen, RULE, ref, enabled=True)


@command.command("disable")
@click.argument("ref")
@with_screen
@with_client
def disable_rule(client: Client, screen: Screen, ref: str) -> None:
    """Switch a rule off; its webhook URL stays registered."""
    switch(client, screen, RULE, ref, enabled=False)


@command.command("delete")
@click.argument("refs", nargs=-1, required=True, metavar="REF...")
@with_screen
@with_client
def delete_rules(client: Client, screen: Screen, refs: tuple[str, ...]) -> None:
    """Delete rules that were created through the API."""
    remove(client, screen, RULE.path, refs, {})
