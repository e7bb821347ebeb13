"""`stormlet endpoint`: where messages go, how that is doing, and what signs them."""

import sys
from pathlib import PurePath
from typing import Any

import click

from stormlet.cli.client import Client, part
from stormlet.cli.documents import read_document
from stormlet.cli.endpoint_lookup import ENDPOINT, destination
from stormlet.cli.failures import FAILED, OK
from stormlet.cli.listing import remove, show_list, show_one
from stormlet.cli.moments import age
from stormlet.cli.options import Group, limit_option, with_client, with_screen
from stormlet.cli.render import Column, Screen
from stormlet.cli.since import now
from stormlet.cli.text import visible

_SECRETS = (
    Column("NAME", "name", shrink=False),
    Column("STATE", lambda row: "signs" if row.get("signs") else "ended" if row.get("present") else "missing"),
    Column("FROM", "from", shrink=False),
    Column("LAST USED", lambda row: age(row.get("last_used"), now()) or "never", shrink=False),
    Column("UNTIL", "retires_at"),
    Column("VALUE", "value"),
)


@click.group(cls=Group)
def command() -> None:
    """Endpoints: where messages go, in which format, and what signs them."""


@command.command("list")
@click.option("-p", "--pack", help="Only endpoints of this pack.")
@click.option("-f", "--format", help="Only endpoints with this format.")
@click.option("--state", help="active, off, unverified, stopped or broken.")
@limit_option(-1)
@with_screen
@with_client
def list_endpoints(client: Client, screen: Screen, **query: Any) -> None:
    """List endpoints.

    active is sent to; off is switched off; unverified has not said 2xx yet, as it is now; stopped was switched off by the
    engine, after 410 or days of failure; broken has errors. Whatever waits is kept in each of them.
    """
    show_list(client, screen, ENDPOINT, query)


@command.command("get")
@click.argument("ref")
@with_screen
@with_client
def get_endpoint(client: Client, screen: Screen, ref: str) -> None:
    """Show one endpoint, and how it is doing."""
    show_one(client, screen, ENDPOINT, ref)


@command.command("create")
@click.argument("name", required=False)
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="YAML or JSON; `-`: standard input.")
@click.option("--to", metavar="URL", help="Where messages are posted to.")
@click.option("--action", metavar="REF", help="An action to run instead.")
@click.option("--format", "form", metavar="FORMAT", help="How messages are written.  [default: standard]")
@click.option("-t", "--type", "types", multiple=True, metavar="TYPE", help="A type of messages, such as execution.*.")
@click.option("-p", "--pack", "packs", multiple=True, metavar="PACK", help="Only messages of this pack.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only messages with this tag.")
@click.option("--secret", metavar="SECRET", help="env:NAME, file:PATH or the text itself. Default: one is made.")
@click.option("--disabled", is_flag=True, help="Make it without verifying it, switched off.")
@with_screen
@with_client
def create_endpoints(client: Client, screen: Screen, **given: Any) -> int:
    """Create an endpoint, or make it so again: from options or from files.

    It is asked whether it is there before anything is sent, and stays off where it does not say 2xx; then the exit code is 1.
    A secret that is made is printed once. The same again changes nothing.

    \b
      stormlet endpoint create ops --to https://example.org/hook -t execution.failed
      stormlet endpoint create chat --format slack --to https://hooks.slack.com/services/…
      stormlet endpoint create -f endpoint.yaml
    """
    documents = _documents(given)
    codes = [_put(client, screen, document) for document in documents]
    return max(codes)


def _documents(given: dict[str, Any]) -> list[dict[str, Any]]:
    if given["files"]:
        if any(given[key] for key in ("name", "to", "action", "form", "types", "packs", "tags")):
            raise click.UsageError("an endpoint comes from a file, or from options, but not from both")
        documents = [(file, read_document(file)) for file in given["files"]]
        for file, document in documents:
            if file != "-":
                document.setdefault("name", PurePath(file).stem)
    elif not given["name"] or bool(given["to"]) == bool(given["action"]):
        raise click.UsageError("give a NAME and either --to or --action, or a file with -f")
    else:
        scope = {key: list(given[key]) for key in ("packs", "tags") if given[key]}
        wanted = {"name": given["name"], "url": given["to"], "action": given["action"], "format": given["form"]}
        more = {"types": list(given["types"]), "scope": scope}
        document = {key: value for key, value in {**wanted, **more}.items() if value}
        documents = [("", _with_pack(document))]
    written = _written_once(given["secret"])
    off = {"enabled": False} if given["disabled"] else {}
    return [{**document, **written, **off} for _, document in documents]


def _with_pack(document: dict[str, Any]) -> dict[str, Any]:
    """Take `pack.name` apart."""
    pack, dot, name = document["name"].partition(".")
    return {**document, "pack": pack, "name": name} if dot else document


def _written_once(secret: str | None) -> dict[str, Any]:
    if secret is None:
        return {}
    from stormlet.cli.signing import secret_text

    return {"secret": {"value": secret_text(secret)}}


def _put(client: Client, screen: Screen, document: dict[str, Any]) -> int:
    ref = f"{document.get('pack') or 'default'}.{document.get('name', '')}"
    return _told(client.put(f"{ENDPOINT.path}/{part(ref)}", document), screen)


@command.command("enable")
@click.argument("ref")
@with_screen
@with_client
def enable_endpoint(client: Client, screen: Screen, ref: str) -> int:
    """Switch an endpoint on, if it says 2xx; what waited for it is then sent."""
    return _told(_switched(client, ref, enabled=True), screen)


@command.command("disable")
@click.argument("ref")
@with_screen
@with_client
def disable_endpoint(client: Client, screen: Screen, ref: str) -> int:
    """Switch an endpoint off: nothing more is sent, and what waits is kept."""
    return _told(_switched(client, ref, enabled=False), screen)


@command.command("verify")
@click.argument("ref")
@with_screen
@with_client
def verify_endpoint(client: Client, screen: Screen, ref: str) -> int:
    """Send a verification now. Exit code 1 where the endpoint does not say 2xx."""
    said = client.post(f"{ENDPOINT.path}/{part(ref)}/verify", {})
    if not screen.for_people:
        screen.fields(said, [Column(key, key) for key in said], name="ok")
    elif said["ok"]:
        screen.line(visible(f"{ref} is there: it answered {said.get('status_code') or 'as an action'}"))
    else:
        screen.line(visible(f"{ref} is not verified: {said['error']}"))
    return OK if said["ok"] else FAILED


@command.command("secrets")
@click.argument("ref")
@with_screen
@with_client
def list_secrets(client: Client, screen: Screen, ref: str) -> None:
    """List an endpoint's secrets; their values only where it says `secrets_viewable`."""
    found = client.list(f"{ENDPOINT.path}/{part(ref)}/secrets").items
    screen.rows(found, _SECRETS, name="name", empty="The endpoint signs nothing.")


@command.command("rotate")
@click.argument("ref")
@click.option("--overlap", metavar="SPAN", help="How long the old secret signs on: 2h, 7d, 0.  [default: 1d]")
@click.option("--secret", metavar="SECRET", help="The new one: env:NAME, file:PATH or the text. Default: one is made.")
@click.option(
    "--from", "reference", metavar="WHERE", help="Where the server finds it: env:NAME, file:/path, st2kv:name."
)
@click.option("--name", help="What to call it.")
@with_screen
@with_client
def rotate_secret(
    client: Client,
    screen: Screen,
    ref: str,
    overlap: str | None,
    secret: str | None,
    reference: str | None,
    name: str | None,
) -> int:
    """Sign with a new secret, and for a while with the old one too.

    Give the new one to the receiver before the old one ends; when that is, is said.
    """
    from stormlet.cli.signing import secret_text

    if secret is not None and reference is not None:
        raise click.UsageError("--secret and --from cannot both be there")
    asked = {
        "name": name,
        "from": reference,
        "value": None if secret is None else secret_text(secret),
        "overlap": overlap,
    }
    document = {key: value for key, value in asked.items() if value is not None}
    rotated = client.post(f"{ENDPOINT.path}/{part(ref)}/rotate", document)
    said = rotated.get("verification") or {"ok": True}
    if not screen.for_people:
        screen.fields(rotated, [Column(key, key) for key in rotated], name="name")
        return OK if said["ok"] else FAILED
    if "value" in rotated:
        screen.line(visible(str(rotated["value"])))
        print("The secret is not shown again: give it to the receiver now.", file=sys.stderr)
    for sentence in rotated["endings"]:
        screen.line(visible(str(sentence)))
    if not said["ok"]:
        screen.line(visible(f"{ref} is not verified with it, and is asked again by itself: {said['error']}"))
    return OK if said["ok"] else FAILED


@command.command("delete")
@click.argument("refs", nargs=-1, required=True, metavar="REF...")
@with_screen
@with_client
def delete_endpoints(client: Client, screen: Screen, refs: tuple[str, ...]) -> None:
    """Delete endpoints that were created through the API. Their deliveries can still be listed."""
    remove(client, screen, ENDPOINT.path, refs, {})


def _switched(client: Client, ref: str, *, enabled: bool) -> Any:
    path = f"{ENDPOINT.path}/{part(ref)}"
    return client.put(path, {**client.get(path), "enabled": enabled})


def _told(endpoint: Any, screen: Screen) -> int:
    """Show what became of an endpoint; exit code 1 where it was asked and did not say 2xx."""
    said = endpoint.get("verification")
    code = FAILED if said is not None and not said["ok"] else OK
    if not screen.for_people:
        secret = [Column(key, key) for key in ("generated_secret", "verification") if key in endpoint]
        screen.fields(endpoint, [*ENDPOINT.fields, *secret], name=ENDPOINT.name)
        return code
    screen.line(visible(f"{endpoint['ref']} is {endpoint['state']}, to {destination(endpoint)}"))
    if "generated_secret" in endpoint:
        screen.line(visible(str(endpoint["generated_secret"])))
        print("The secret is not shown again: give it to the receiver now.", file=sys.stderr)
    if code != OK and said is not None:
        screen.line(visible(f"its verification failed: {said['error']}"))
        print(f"when that is mended: stormlet endpoint enable {endpoint['ref']}", file=sys.stderr)
    return code
