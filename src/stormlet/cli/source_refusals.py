"""`stormlet source explain`, `rejections` and `retry`: what was refused, why, and once more."""

from collections.abc import Mapping
from typing import Any

import click

from stormlet.cli.client import Client, part
from stormlet.cli.failures import FAILED, NOT_FOUND, OK, CommandError
from stormlet.cli.moments import age
from stormlet.cli.options import Command, limit_option, with_client, with_screen
from stormlet.cli.render import Column, Screen
from stormlet.cli.since import now
from stormlet.cli.source_lookup import SOURCE, sources_on
from stormlet.cli.text import pad, visible

_REJECTIONS = (
    Column("ID", "id", shrink=False),
    Column("WHEN", lambda row: age(row.get("received_at"), now()), shrink=False),
    Column("REASON", "reason", shrink=False),
    Column("FROM", "remote", shrink=False),
    Column("DETAIL", "detail"),
    Column("SOURCE", "source", wide=True),
    Column("BYTES", "size", wide=True),
    Column("TIME", "received_at", wide=True),
)
_WIDTH = 9


@click.command("explain", cls=Command)
@click.argument("target", metavar="URL|REF")
@click.argument("rejection", required=False, metavar="[ID]")
@click.option("--last", is_flag=True, help="The last request that was refused; the default.")
@with_screen
@with_client
def explain_source(client: Client, screen: Screen, target: str, rejection: str | None, last: bool) -> None:
    """Tell why a request was refused.

    It tries what usually goes wrong: another secret, another encoding, a body that was changed on the way, a clock. Its sender
    was told none of it. `stormlet source rejections` lists what is kept.

    \b
      stormlet source explain github
      stormlet source explain github 65f1c0de65f1c0de65f1c0de
    """
    if last and rejection:
        raise click.UsageError("name an ID, or take the last one, but not both")
    found = _find(client, target, rejection)
    told = client.get(f"{SOURCE.path}/{part(found['source'])}/rejections/{part(found['id'])}")
    if not screen.for_people:
        screen.fields(told, [Column(name, name) for name in told], name="id")
        return
    when = age(told.get("received_at"), now())
    screen.line(visible(f"{told['source']} refused {told['id']}, {when}, from {told['remote']}: {told['reason']}"))
    screen.line(f"  {visible(_sentence(told))}")
    for cause in told["causes"]:
        sure = "green" if cause["confidence"] == "certain" else "dim"
        screen.line(
            screen.paint(pad(str(cause["confidence"]), _WIDTH), sure) + visible(f"{cause['text']} [{cause['code']}]")
        )
    if told.get("retryable"):
        screen.line(f"Once that is mended: stormlet source retry {visible(told['source'])} {told['id']}")


@click.command("rejections", cls=Command)
@click.argument("target", metavar="URL|REF")
@limit_option(20)
@with_screen
@with_client
def list_rejections(client: Client, screen: Screen, target: str, limit: int) -> None:
    """List requests that were refused, the newest first; of each source the last few are kept."""
    found = _refused(client, target, limit)
    screen.rows(found, _REJECTIONS, name="id", empty="None was refused, or they were taken in since.")


@click.command("retry", cls=Command)
@click.argument("target", metavar="URL|REF")
@click.argument("rejection", required=False, metavar="[ID]")
@click.option("--last", is_flag=True, help="The last request that was refused; the default.")
@with_screen
@with_client
def retry_source(client: Client, screen: Screen, target: str, rejection: str | None, last: bool) -> int:
    """Judge a refused request again, with the secrets of now.

    One that is genuine becomes an event like any other. The clock is that of its arrival. Exit code 1 where it is refused
    again.
    """
    if last and rejection:
        raise click.UsageError("name an ID, or take the last one, but not both")
    found = _find(client, target, rejection)
    outcome = client.post(f"{SOURCE.path}/{part(found['source'])}/rejections/{part(found['id'])}/retry", {})
    refused = outcome.get("outcome") == "refused"
    if not screen.for_people:
        screen.fields(outcome, [Column(name, name) for name in outcome], name="outcome")
    elif refused:
        screen.line(visible(f"refused again: {outcome.get('reason')}: {outcome.get('detail')}"))
        screen.line(f"`stormlet source explain {visible(target)} {found['id']}` says what is likely wrong")
    else:
        screen.line(visible(" ".join([f"{outcome['outcome']}:", *outcome.get("events", [])]).rstrip(":")))
    return FAILED if refused else OK


def _sentence(told: Mapping[str, Any]) -> str:
    detail = str(told.get("detail") or told.get("meaning") or "")
    return f"{detail[:1].upper()}{detail[1:]}" + ("" if detail.endswith(".") else ".")


def _refused(client: Client, target: str, limit: int = 20) -> list[dict[str, Any]]:
    """Return what the sources that are meant have refused, the newest first."""
    found: list[dict[str, Any]] = []
    for source in sources_on(client, target):
        if source.get("state") != "broken":
            found += client.list(f"{SOURCE.path}/{part(source['id'])}/rejections", {"limit": limit}).items
    return sorted(found, key=lambda rejection: str(rejection["received_at"]), reverse=True)


def _find(client: Client, target: str, rejection: str | None) -> dict[str, Any]:
    """Return the refused request that is meant: by its id, else the last one."""
    found = _refused(client, target, -1 if rejection and rejection != "last" else 1)
    if rejection and rejection != "last":
        found = [each for each in found if each["id"] == rejection]
    if found:
        return found[0]
    if rejection:
        text, hint = f"{target} has refused no request {rejection}", f"`stormlet source rejections {target}` lists them"
    else:
        text, hint = (
            f"{target} has refused no request that is kept",
            "one that never arrived is in the sender's log only",
        )
    raise CommandError(text, hint=hint, exit_code=NOT_FOUND, code="not_found")
