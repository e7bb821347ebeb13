"""`stormlet webhook`: the URLs that rules have registered."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from stormlet.cli.client import API, Client
from stormlet.cli.failures import NOT_FOUND, CommandError
from stormlet.cli.listing import Noun
from stormlet.cli.options import Group, with_client, with_screen
from stormlet.cli.render import Column, Screen, at


def normalised(url: str) -> str:
    """Return a hook's URL as the server compares it: no slashes at the ends, none doubled."""
    return "/".join(name for name in url.split("/") if name)


def url_of(hook: Mapping[str, Any]) -> str:
    """Return a hook's normalised URL."""
    return normalised(str(at(hook, "parameters.url") or ""))


WEBHOOK = Noun(
    path="/webhooks",
    name="parameters.url",
    columns=(
        Column("URL", lambda row: f"{API}/webhooks/{url_of(row)}", shrink=False),
        Column("RULES", lambda row: ", ".join(row.get("rules", []))),
        Column("TRIGGER", "ref", wide=True),
        Column("ID", "id", wide=True),
    ),
    fields=(
        Column("url", lambda row: f"{API}/webhooks/{url_of(row)}"),
        Column("type", "type"),
        Column("description", "description"),
        Column("trigger", "ref"),
        Column("id", "id"),
    ),
    empty="No webhooks. A rule registers one: trigger type core.st2.webhook with parameter url.",
)


@click.group(cls=Group)
def command() -> None:
    """Webhook URLs that rules have registered."""


@command.command("list")
@with_screen
@with_client
def list_webhooks(client: Client, screen: Screen) -> None:
    """List webhook URLs."""
    hooks = client.list(WEBHOOK.path).items
    if screen.for_people and hooks:
        rules = client.list("/rules").items
        hooks = [{**hook, "rules": _rules_on(hook, rules)} for hook in hooks]
    hooks = sorted(hooks, key=url_of)
    if screen.output == "table" and screen.is_narrow and hooks:
        shown = [{"url": WEBHOOK.columns[0].of(hook), "rules": ", ".join(hook["rules"])} for hook in hooks]
        screen.definitions(shown, name="url", text="rules")
        return
    screen.rows(hooks, WEBHOOK.columns, name=WEBHOOK.name, empty=WEBHOOK.empty)


def _rules_on(hook: Mapping[str, Any], rules: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the refs of the rules that asked for this hook."""
    return [str(rule.get("ref")) for rule in rules if at(rule, "trigger.ref") == hook.get("ref")]


@command.command("get")
@click.argument("hook", metavar="URL")
@with_screen
@with_client
def get_webhook(client: Client, screen: Screen, hook: str) -> None:
    """Show one webhook."""
    # Taken from the list: st2's GET of one hook knows URLs of one part only.
    found = [each for each in client.list(WEBHOOK.path).items if url_of(each) == normalised(hook)]
    if not found:
        raise CommandError(
            f'no rule has registered the webhook "{hook}"',
            hint="`stormlet webhook list` shows all",
            exit_code=NOT_FOUND,
            code="not_found",
        )
    screen.fields(found[0], WEBHOOK.fields, name=WEBHOOK.name)
