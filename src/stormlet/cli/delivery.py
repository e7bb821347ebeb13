"""`stormlet delivery`: what was sent to whom, what came back, and sending it once more."""

from typing import Any

import click

from stormlet.cli.client import Client, part
from stormlet.cli.listing import Noun, show_list
from stormlet.cli.moments import age, exact
from stormlet.cli.options import Function, Group, limit_option, with_client, with_screen
from stormlet.cli.render import Column, Screen
from stormlet.cli.since import bound, now
from stormlet.cli.text import visible

DELIVERY = Noun(
    path="/deliveries",
    name="id",
    columns=(
        Column("ID", "id", shrink=False),
        Column("WHEN", lambda row: age(row.get("created_at"), now()), shrink=False),
        Column("STATUS", "status", shrink=False),
        Column("TYPE", "type", shrink=False),
        Column("ENDPOINT", "endpoint", shrink=False),
        Column("TRIES", "attempts", shrink=False),
        Column("NEXT", lambda row: age(row.get("next_attempt_at"), now()), shrink=False),
        Column("REASON", "reason"),
        Column("MESSAGE", "message", wide=True),
        Column("TIME", "created_at", wide=True),
    ),
    fields=(
        Column("id", "id"),
        Column("message", "message"),
        Column("type", "type"),
        Column("endpoint", "endpoint"),
        Column("status", "status"),
        Column("reason", "reason"),
        Column("created", lambda row: exact(row.get("created_at"), now())),
        Column("next attempt", lambda row: exact(row.get("next_attempt_at"), now())),
        Column("ended", lambda row: exact(row.get("ended_at"), now())),
        Column("order key", "order_key"),
        Column("payload", "payload"),
    ),
    empty="Nothing was sent yet. `stormlet endpoint list` shows whom anything would be sent to.",
)
_FILTERS = (
    click.option("-e", "--endpoint", metavar="REF", help="Only those to this endpoint."),
    click.option("-m", "--message", metavar="ID", help="Only those of this message."),
    click.option("-t", "--type", "kind", metavar="TYPE", help="Only those of this type."),
    click.option("-s", "--status", metavar="STATUS", help="planned, delivering, delivered, failed or canceled."),
    click.option("--since", metavar="WHEN", help="Only later ones: 10m, 2h, 1d, or a moment."),
    click.option("--until", metavar="WHEN", help="Only earlier ones."),
)


def _filtered(function: Function) -> Function:
    for option in reversed(_FILTERS):
        function = option(function)
    return function


def _query(given: dict[str, Any]) -> dict[str, Any]:
    moment = now()
    asked = {
        "endpoint": given["endpoint"],
        "message": given["message"],
        "type": given["kind"],
        "status": given["status"],
        "timestamp_gt": bound(given["since"], moment),
        "timestamp_lt": bound(given["until"], moment),
    }
    return {key: value for key, value in asked.items() if value is not None}


@click.group(cls=Group)
def command() -> None:
    """Deliveries: what was sent to whom, what came back, and sending it once more."""


@command.command("list")
@_filtered
@limit_option()
@with_screen
@with_client
def list_deliveries(client: Client, screen: Screen, limit: int, **given: Any) -> None:
    """List deliveries, the newest first."""
    show_list(client, screen, DELIVERY, {**_query(given), "limit": limit})


@command.command("get")
@click.argument("delivery_id", metavar="ID")
@click.option("--headers", is_flag=True, help="Headers as well.")
@with_screen
@with_client
def get_delivery(client: Client, screen: Screen, delivery_id: str, headers: bool) -> None:
    """Show a delivery, and each attempt at it with what was sent and answered."""
    found = client.get(f"{DELIVERY.path}/{part(delivery_id)}")
    if not screen.for_people:
        screen.fields(found, [*DELIVERY.fields, Column("attempts", "attempt_list")], name=DELIVERY.name)
        return
    screen.fields(found, DELIVERY.fields, name=DELIVERY.name)
    for attempt in found["attempt_list"]:
        _show_attempt(screen, attempt, headers)


def _show_attempt(screen: Screen, attempt: Any, headers: bool) -> None:
    came = attempt["status_code"] or "no answer"
    screen.line()
    screen.line(
        visible(
            f"attempt {attempt['number']}, {age(attempt['started_at'], now())}: {attempt['method']} {attempt['url']} → "
            f"{came} in {attempt['seconds']:.3f} s"
        )
    )
    if attempt["error"]:
        screen.line(visible(f"  {attempt['error']}"))
    for which, mark in (("request", ">"), ("answer", "<")):
        for name, value in attempt[f"{which}_headers"] if headers else ():
            screen.line(visible(f"  {mark} {name}: {value}"))
        for line in str(attempt[f"{which}_body"]).splitlines():
            screen.line(visible(f"  {mark} {line}"))
        if attempt[f"{which}_cut"]:
            screen.line(f"  {mark} … {attempt[f'{which}_size']} bytes in all")


@command.command("resend")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@_filtered
@click.option("--all", "everything", is_flag=True, help="Without any of the options above.")
@click.option("--yes", is_flag=True, help="Do it; without this, those that match are only counted.")
@with_screen
@with_client
def resend_deliveries(
    client: Client, screen: Screen, ids: tuple[str, ...], everything: bool, yes: bool, **given: Any
) -> None:
    """Send deliveries once more, under the same id and signed anew: by their ids, or all that match.

    Those that match are only counted, until --yes is there too. Without --status they are those that have ended.

    \b
      stormlet delivery resend 66a0f7c1c0ffee0000000001
      stormlet delivery resend -e default.ops -s failed --since 1d
    """
    _step_in(client, screen, "resend", ids, _many(given, everything), yes)


@command.command("cancel")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@_filtered
@click.option("--all", "everything", is_flag=True, help="Without any of the options above.")
@click.option("--yes", is_flag=True, help="Do it; without this, those that match are only counted.")
@with_screen
@with_client
def cancel_deliveries(
    client: Client, screen: Screen, ids: tuple[str, ...], everything: bool, yes: bool, **given: Any
) -> None:
    """Give up deliveries that have not ended: by their ids, or all that match, with --yes."""
    _step_in(client, screen, "cancel", ids, _many(given, everything), yes)


def _many(given: dict[str, Any], everything: bool) -> dict[str, Any]:
    return {**_query(given), **({"all": True} if everything else {})}


def _step_in(client: Client, screen: Screen, verb: str, ids: tuple[str, ...], which: dict[str, Any], yes: bool) -> None:
    if bool(ids) == bool(which):
        raise click.UsageError("name IDs, or say which with options such as --endpoint and --status, but not both")
    done = "sent again" if verb == "resend" else "canceled"
    if not ids:
        counted_ones = client.post(f"{DELIVERY.path}/{verb}", {**which, "dry_run": not yes})
        if not screen.for_people:
            screen.fields(counted_ones, [Column(key, key) for key in counted_ones], name="count")
            return
        count = counted_ones["count"]
        many = f"{count or 'no'} deliver{'y' if count < 2 else 'ies'}"
        screen.line(f"{many} {done}" if yes else f"{many} would be {done}; --yes does it")
        return
    for each in ids:
        found = client.post(f"{DELIVERY.path}/{part(each)}/{verb}", {})
        if not screen.for_people:
            screen.fields(found, DELIVERY.fields, name=DELIVERY.name)
            continue
        # One that had ended is not canceled, and says what it is.
        word = done if verb == "resend" else found["status"]
        screen.line(visible(f"{found['id']} to {found['endpoint']}: {word}"))
        if found.get("note"):
            screen.line(visible(str(found["note"])))
