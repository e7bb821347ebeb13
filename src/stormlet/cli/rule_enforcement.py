"""`stormlet rule-enforcement`: rules that matched, and what came of it."""

from typing import Any

import click

from stormlet.cli.client import Client
from stormlet.cli.failures import NOT_FOUND, CommandError
from stormlet.cli.listing import Noun, show_list, show_one
from stormlet.cli.moments import age, exact
from stormlet.cli.options import Group, filters, limit_option, with_client, with_screen
from stormlet.cli.render import Column, Screen
from stormlet.cli.since import now

RULE_ENFORCEMENT = Noun(
    path="/ruleenforcements",
    name="id",
    columns=(
        Column("WHEN", lambda row: age(row.get("enforced_at"), now()), shrink=False),
        Column("RULE", "rule.ref"),
        Column("STATUS", "status", shrink=False),
        Column("EXECUTION", "execution_id", shrink=False),
        Column("FAILURE", "failure_reason"),
        Column("TRIGGER INSTANCE", "trigger_instance_id", wide=True),
        Column("ID", "id", wide=True),
    ),
    fields=(
        Column("id", "id"),
        Column("rule", "rule.ref"),
        Column("status", "status"),
        Column("failure", "failure_reason"),
        Column("enforced", lambda row: exact(row.get("enforced_at"), now())),
        Column("execution", "execution_id"),
        Column("trigger instance", "trigger_instance_id"),
    ),
    empty="No rule has matched yet. `stormlet why last` tells why.",
)


@click.group(cls=Group)
def command() -> None:
    """Rules that matched, and what came of it."""


@command.command("list")
@filters(
    rule="Only those of this rule.",
    execution="Only the one that requested this execution.",
    trigger_instance="Only those that this event led to.",
)
@limit_option()
@with_screen
@with_client
def list_enforcements(client: Client, screen: Screen, rule: str | None, **query: Any) -> None:
    """List rules that matched, newest first."""
    show_list(client, screen, RULE_ENFORCEMENT, {"rule_ref": rule, **query})


@command.command("get")
@click.argument("enforcement_id", metavar="ID|last")
@with_screen
@with_client
def get_enforcement(client: Client, screen: Screen, enforcement_id: str) -> None:
    """Show one."""
    key = _last_enforcement(client) if enforcement_id == "last" else enforcement_id
    show_one(client, screen, RULE_ENFORCEMENT, key)


def _last_enforcement(client: Client) -> str:
    page = client.list(RULE_ENFORCEMENT.path, {"limit": 1})
    if not page.items:
        raise CommandError(
            "no rule has matched yet", hint="`stormlet why last` tells why", exit_code=NOT_FOUND, code="not_found"
        )
    return str(page.items[0]["id"])
