"""`stormlet source`: how webhook URLs are guarded, and why a request was refused."""

import sys
from pathlib import PurePath
from typing import Any

import click

from stormlet.cli.client import Client, part
from stormlet.cli.documents import read_document
from stormlet.cli.listing import remove, show_list, switch
from stormlet.cli.options import Group, limit_option, with_client, with_screen
from stormlet.cli.render import Screen
from stormlet.cli.source_lookup import SOURCE, find_source, state_of
from stormlet.cli.source_refusals import explain_source, list_rejections, retry_source
from stormlet.cli.source_rotation import list_secrets, retire_secret, rotate_source


@click.group(cls=Group)
def command() -> None:
    """Sources: guarded webhook URLs, their secrets, and why requests were refused."""


@command.command("list")
@click.option("-p", "--pack", help="Only sources of this pack.")
@click.option("-s", "--scheme", help="Only sources with this signature scheme.")
@click.option("--all", "everything", is_flag=True, help="Also those that are asleep.")
@limit_option(-1)
@with_screen
@with_client
def list_sources(client: Client, screen: Screen, everything: bool, **query: Any) -> None:
    """List sources.

    active guards its URL; `no secret` does, too, and so refuses everything; asleep waits for its secret (`enabled: auto`);
    broken cannot be used, and its URL is refused; stale is broken too, and its last good version goes on guarding. Those that
    are asleep are left out of the table, unless --all or a filter asks for them; other formats have them always.
    """
    asleep: list[Any] = []

    def without_asleep(sources: list[Any]) -> list[Any]:
        if not (everything or query["pack"] or query["scheme"]) and screen.for_people:
            asleep.extend(source for source in sources if state_of(source) == "asleep")
        return [source for source in sources if source not in asleep]

    show_list(client, screen, SOURCE, query, dress=without_asleep)
    if asleep:
        print(f"{len(asleep)} more are asleep until their secrets are set; --all lists them", file=sys.stderr)


@command.command("get")
@click.argument("target", metavar="URL|REF")
@with_screen
@with_client
def get_source(client: Client, screen: Screen, target: str) -> None:
    """Show one source."""
    found = find_source(client, target)
    screen.fields(client.get(f"{SOURCE.path}/{part(found['id'])}"), SOURCE.fields, name=SOURCE.name)


@command.command("create")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--secret", metavar="SECRET", help="Written once and never shown: env:NAME, file:PATH or the text itself."
)
@with_screen
@with_client
def create_sources(client: Client, screen: Screen, files: tuple[str, ...], secret: str | None) -> None:
    """Create sources from YAML or JSON files (`-`: standard input).

    They are kept in the database, their secrets sealed. A source in a directory that is served needs no create: saving the
    file is enough.
    """
    for file, document in [(file, read_document(file)) for file in files]:
        if file != "-":
            document.setdefault("name", PurePath(file).stem)
        created = client.post(SOURCE.path, {**document, **_written_once(secret)})
        if screen.for_people:
            screen.line(f"created {created.get('ref')}, {state_of(created)}")
        else:
            screen.fields(created, SOURCE.fields, name=SOURCE.name)


@command.command("update")
@click.argument("ref")
@click.argument("file")
@click.option(
    "--secret", metavar="SECRET", help="Written once and never shown: env:NAME, file:PATH or the text itself."
)
@with_screen
@with_client
def update_source(client: Client, screen: Screen, ref: str, file: str, secret: str | None) -> None:
    """Replace a source that was created through the API. Secrets that it names as `from: sealed` are kept."""
    document = read_document(file)
    known = find_source(client, ref)
    document = {"name": known.get("name"), "pack": known.get("pack"), **document, **_written_once(secret)}
    changed = client.put(f"{SOURCE.path}/{part(known['id'])}", document)
    if screen.for_people:
        screen.line(f"updated {changed.get('ref', ref)}")
    else:
        screen.fields(changed, SOURCE.fields, name=SOURCE.name)


@command.command("enable")
@click.argument("target", metavar="URL|REF")
@with_screen
@with_client
def enable_source(client: Client, screen: Screen, target: str) -> None:
    """Switch a source on; one that says `enabled: auto` is then on as soon as its secret is there."""
    switch(client, screen, SOURCE, str(find_source(client, target)["ref"]), enabled=True)


@command.command("disable")
@click.argument("target", metavar="URL|REF")
@with_screen
@with_client
def disable_source(client: Client, screen: Screen, target: str) -> None:
    """Switch a source off; its URL then asks for an API key, as without it."""
    switch(client, screen, SOURCE, str(find_source(client, target)["ref"]), enabled=False)


@command.command("delete")
@click.argument("refs", nargs=-1, required=True, metavar="REF...")
@with_screen
@with_client
def delete_sources(client: Client, screen: Screen, refs: tuple[str, ...]) -> None:
    """Delete sources that were created through the API; their URLs then ask for an API key."""
    remove(client, screen, SOURCE.path, refs, {})


def _written_once(secret: str | None) -> dict[str, Any]:
    if secret is None:
        return {}
    from stormlet.cli.signing import secret_text

    return {"secret": {"value": secret_text(secret)}}


for verb in (explain_source, list_rejections, retry_source, list_secrets, rotate_source, retire_secret):
    command.add_command(verb)
