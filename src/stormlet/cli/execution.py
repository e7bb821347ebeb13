"""`stormlet execution`: runs of actions."""

import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import click

from stormlet.cli.client import Client, part
from stormlet.cli.failures import FAILED, OK, UNSUCCESSFUL, CommandError
from stormlet.cli.listing import Noun, show_list
from stormlet.cli.moments import age, exact, parse, span_text
from stormlet.cli.options import Group, filters, limit_option, with_client, with_screen
from stormlet.cli.parameters import parse_parameters, schemas_of
from stormlet.cli.render import Column, Screen
from stormlet.cli.since import bound, now
from stormlet.cli.text import visible
from stormlet.cli.waiting import wait_for_execution

PATH = "/executions"


def _took(execution: Mapping[str, Any]) -> str:
    """Return how long it ran, or has been running."""
    start = parse(str(execution.get("start_timestamp")))
    end = parse(str(execution.get("end_timestamp")))
    if start is None:
        return ""
    if end is None:
        if execution.get("status") not in ("running", "canceling"):
            return ""
        return f"{span_text(max(now() - start, timedelta(0)))} so far"
    seconds = (end - start).total_seconds()
    return f"{seconds:.2f}s" if seconds < 60 else span_text(end - start)


def _rule(execution: Mapping[str, Any]) -> Any:
    rule = execution.get("rule") or {}
    return rule.get("ref") or ((execution.get("context") or {}).get("rule") or {}).get("name")


def _trigger_instance(execution: Mapping[str, Any]) -> Any:
    instance = execution.get("trigger_instance") or (execution.get("context") or {}).get("trigger_instance") or {}
    return instance.get("id")


def _given(execution: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that have a value; the others are the runner's, and nobody asked for them."""
    return {name: value for name, value in (execution.get("parameters") or {}).items() if value is not None}


EXECUTION = Noun(
    path=PATH,
    name="id",
    columns=(
        Column("ID", "id", shrink=False),
        Column("ACTION", "action.ref"),
        Column("STATUS", "status", shrink=False),
        Column("STARTED", lambda row: age(row.get("start_timestamp"), now()), shrink=False),
        Column("TOOK", _took, shrink=False),
        Column("USER", "context.user"),
        Column("RULE", _rule, wide=True),
        Column("TRIGGER INSTANCE", _trigger_instance, wide=True),
    ),
    fields=(
        Column("id", "id"),
        Column("action", "action.ref"),
        Column("status", "status"),
        Column("started", lambda row: exact(row.get("start_timestamp"), now())),
        Column("took", _took),
        Column("user", "context.user"),
        Column("rule", _rule),
        Column("trigger instance", _trigger_instance),
        Column("parameters", _given),
        Column("result", "result"),
    ),
    empty="No action has run yet.",
)


def show_execution(screen: Screen, execution: Mapping[str, Any]) -> int:
    """Print an execution, and return the exit code that its status means."""
    screen.fields(execution, EXECUTION.fields, name=EXECUTION.name)
    return OK if execution.get("status") == "succeeded" else UNSUCCESSFUL


def wait_and_show(client: Client, screen: Screen, execution_id: str, seconds: float) -> int:
    """Wait for an execution, print it, and return the exit code that its status means."""
    try:
        execution = wait_for_execution(client, execution_id, seconds)
    except KeyboardInterrupt:
        print(f"\nit goes on: stormlet execution get {execution_id}", file=sys.stderr)
        raise
    return show_execution(screen, execution)


@click.group(cls=Group)
def command() -> None:
    """Runs of actions: status, output, cancel, run again."""


@command.command("list")
@filters(
    action="Only runs of this action.",
    status="Only those in this status, such as failed.",
    rule="Only those that this rule requested.",
    trigger_instance="Only those that this event led to.",
    user="Only those of this user.",
)
@click.option("--since", help="Only later ones: 10m, 2h, 1d, or a moment.")
@click.option("--until", help="Only earlier ones.")
@limit_option()
@with_screen
@with_client
def list_executions(client: Client, screen: Screen, since: str | None, until: str | None, **query: Any) -> None:
    """List runs of actions, newest first."""
    moment = now()
    bounds = {"timestamp_gt": bound(since, moment), "timestamp_lt": bound(until, moment)}
    show_list(client, screen, EXECUTION, {**query, **bounds})


@command.command("get")
@click.argument("execution_id", metavar="ID|last")
@with_screen
@with_client
def get_execution(client: Client, screen: Screen, execution_id: str) -> None:
    """Show one run, with its result."""
    execution = client.get(f"{PATH}/{part(execution_id)}")
    screen.fields(execution, EXECUTION.fields, name=EXECUTION.name)


@command.command("output")
@click.argument("execution_id", metavar="ID|last")
@click.option("--type", "kind", type=click.Choice(["all", "stdout", "stderr"]), default="all", show_default=True)
@with_client
def print_output(client: Client, execution_id: str, kind: str) -> None:
    """Print what the action has printed so far, as it is."""
    key = _id_of(client, execution_id)
    answer = client.request("GET", f"{PATH}/{part(key)}/output", query={"output_type": kind})
    text = answer.body.decode(errors="replace")
    sys.stdout.write(visible(text) if sys.stdout.isatty() else text)


@command.command("cancel")
@click.argument("execution_ids", nargs=-1, required=True, metavar="ID...")
@with_screen
@with_client
def cancel_executions(client: Client, screen: Screen, execution_ids: tuple[str, ...]) -> int:
    """Cancel runs: what waits is canceled at once, what runs is told to end."""
    code = OK
    for execution_id in execution_ids:
        answer = client.delete(f"{PATH}/{part(_id_of(client, execution_id))}") or {}
        if reason := answer.get("faultstring"):  # st2 says so with status 200
            print(f"stormlet: {visible(str(reason))}", file=sys.stderr)
            code = FAILED
        elif screen.for_people:
            screen.line(f"{answer.get('status', 'canceling')} {execution_id}")
        else:
            screen.data(answer)
    return code


@command.command("re-run")
@click.argument("execution_id", metavar="ID|last")
@click.argument("parameters", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("-a", "--async", "at_once", is_flag=True, help="Do not wait for the result.")
@click.option("--timeout", type=float, default=3600.0, show_default=True, metavar="SECONDS", help="How long to wait.")
@with_screen
@with_client
def re_run(
    client: Client, screen: Screen, execution_id: str, parameters: tuple[str, ...], at_once: bool, timeout: float
) -> int:
    """Run an action again with the parameters it had, or others."""
    old = client.get(f"{PATH}/{part(execution_id)}")
    schemas = schemas_of(client, str(old["action"]["ref"])) if parameters else {}
    body = {"parameters": parse_parameters(parameters, schemas), "tasks": [], "reset": [], "delay": 0}
    started = client.post(f"{PATH}/{part(str(old['id']))}/re_run", body)
    if at_once:
        screen.fields(started, EXECUTION.fields, name=EXECUTION.name)
        return OK
    return wait_and_show(client, screen, str(started["id"]), timeout)


def _id_of(client: Client, execution_id: str) -> str:
    if execution_id != "last":
        return execution_id
    found = client.get(f"{PATH}/last")
    if not isinstance(found, dict) or "id" not in found:
        raise CommandError("no action has run yet")
    return str(found["id"])
