"""`stormlet trigger-instance`: events that have happened."""

from collections.abc import Sequence
from typing import Any

import click

from stormlet.cli.client import Client, part
from stormlet.cli.failures import NOT_FOUND, CommandError
from stormlet.cli.listing import Noun, show_list
from stormlet.cli.moments import age, exact
from stormlet.cli.options import Group, filters, limit_option, with_client, with_screen
from stormlet.cli.render import Column, Screen, as_json
from stormlet.cli.since import bound, now

TRIGGER_INSTANCE = Noun(
    path="/triggerinstances",
    name="id",
    columns=(
        Column("ID", "id", shrink=False),
        Column("WHEN", lambda row: age(row.get("occurrence_time"), now()), shrink=False),
        Column("STATUS", "status", shrink=False),
        Column("TRIGGER", "trigger"),
        Column("TIME", "occurrence_time", wide=True),
    ),
    fields=(
        Column("id", "id"),
        Column("trigger", "trigger"),
        Column("status", "status"),
        Column("failure", "failure_reason"),
        Column("occurred", lambda row: exact(row.get("occurrence_time"), now())),
        Column("payload", "payload"),
    ),
    empty="No events yet. `stormlet send` sends one.",
)


def named_triggers(client: Client, instances: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the instances with `trigger` as people know it: a webhook's trigger is a UUID, and its URL says more."""
    known = {trigger.get("ref"): _name_of(trigger) for trigger in client.list("/triggers").items} if instances else {}
    return [{**each, "trigger": known.get(each.get("trigger"), each.get("trigger"))} for each in instances]


def _name_of(trigger: dict[str, Any]) -> str:
    parameters = trigger.get("parameters") or {}
    if url := parameters.get("url"):
        return f"webhook {str(url).strip('/')}"
    return f"{trigger.get('type')} {as_json(parameters, indent=None)}" if parameters else str(trigger.get("ref"))


def last_instance(client: Client) -> str:
    """Return the id of the newest trigger instance. Raises CommandError where there is none."""
    page = client.list(TRIGGER_INSTANCE.path, {"limit": 1})
    if not page.items:
        raise CommandError(
            "no event has come in yet", hint="send one: `stormlet send`", exit_code=NOT_FOUND, code="not_found"
        )
    return str(page.items[0]["id"])


@click.group(cls=Group)
def command() -> None:
    """Events that have happened."""


@command.command("list")
@filters(
    trigger="Only those of this trigger.",
    trigger_type="Only those of this trigger type.",
    status="pending, processing, processed or processing_failed.",
)
@click.option("--since", help="Only later ones: 10m, 2h, 1d, or a moment.")
@click.option("--until", help="Only earlier ones.")
@limit_option()
@with_screen
@with_client
def list_instances(client: Client, screen: Screen, since: str | None, until: str | None, **query: Any) -> None:
    """List events, newest first."""
    moment = now()
    bounds = {"timestamp_gt": bound(since, moment), "timestamp_lt": bound(until, moment)}
    name = (lambda found: named_triggers(client, found)) if screen.for_people else list
    show_list(client, screen, TRIGGER_INSTANCE, {**query, **bounds}, name)


@command.command("get")
@click.argument("instance_id", metavar="ID|last")
@with_screen
@with_client
def get_instance(client: Client, screen: Screen, instance_id: str) -> None:
    """Show one event with its payload."""
    key = last_instance(client) if instance_id == "last" else instance_id
    instance = client.get(f"{TRIGGER_INSTANCE.path}/{part(key)}")
    if screen.for_people:
        instance = named_triggers(client, [instance])[0]
    screen.fields(instance, TRIGGER_INSTANCE.fields, name=TRIGGER_INSTANCE.name)


@command.command("re-emit")
@click.argument("instance_id", metavar="ID|last")
@with_screen
@with_client
def re_emit(client: Client, screen: Screen, instance_id: str) -> None:
    """Let an event happen again: rules are asked anew, and actions really run."""
    key = last_instance(client) if instance_id == "last" else instance_id
    answer = client.post(f"{TRIGGER_INSTANCE.path}/{part(key)}/re_emit", None)
    if screen.for_people:
        screen.line(str(answer.get("message", "sent again")))
    else:
        screen.data(answer)
