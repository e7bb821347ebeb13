"""`stormlet run`: run an action now."""

from typing import Any

import click

from stormlet.cli.client import Client
from stormlet.cli.execution import EXECUTION, PATH, wait_and_show
from stormlet.cli.failures import OK
from stormlet.cli.options import Command, with_client, with_screen
from stormlet.cli.parameters import parse_parameters, schemas_of
from stormlet.cli.render import Screen


@click.command(cls=Command)
@click.argument("action")
@click.argument("parameters", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("-a", "--async", "at_once", is_flag=True, help="Do not wait for the result.")
@click.option("--delay", type=click.IntRange(min=0), default=0, metavar="MS", help="Start it after this time.")
@click.option("--trace-tag", help="A word to find it by.")
@click.option("-u", "--user", help="As whom to run it.")
@click.option("--timeout", type=float, default=3600.0, show_default=True, metavar="SECONDS", help="How long to wait.")
@with_screen
@with_client
def command(
    client: Client,
    screen: Screen,
    action: str,
    parameters: tuple[str, ...],
    at_once: bool,
    timeout: float,
    **more: Any,
) -> int:
    """Run an action and wait for its result.

    Exit code 6 where it was not successful. Arrays and objects are JSON, or `a,b` and `k:v,l:w`; `@FILE` is a file's
    content.

    \b
      stormlet run core.local cmd=date
      stormlet run core.http url=https://example.com method=GET
    """
    document: dict[str, Any] = {
        "action": action,
        "parameters": parse_parameters(parameters, schemas_of(client, action)),
        "user": more["user"],
        "delay": more["delay"] or None,
    }
    if more["trace_tag"]:
        document["context"] = {"trace_context": {"trace_tag": more["trace_tag"]}}
    started = client.post(PATH, {key: value for key, value in document.items() if value is not None})
    if at_once:
        screen.fields(started, EXECUTION.fields, name=EXECUTION.name)
        return OK
    return wait_and_show(client, screen, str(started["id"]), timeout)
