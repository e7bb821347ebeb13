"""`stormlet doctor`: looks at everything that may be wrong with an installation, and tells the cure of each finding."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from stormlet.cli.client import Client
from stormlet.cli.failures import FAILED, OK
from stormlet.cli.options import Command, with_client, with_screen
from stormlet.cli.render import Screen
from stormlet.cli.text import counted, pad, visible

if TYPE_CHECKING:
    from stormlet.cli.findings import Finding

_WIDTH = 12


@click.command(cls=Command)
@click.option("--config", metavar="FILE", help="Settings, as for `serve`.")
@with_screen
@with_client
@click.pass_context
def command(ctx: click.Context, client: Client, screen: Screen, config: str | None) -> int:
    """Find what is wrong with this installation, and its cure.

    Looks at settings, home, disk, clock, database, content and the server. It changes nothing. Exit code 1 where there is
    a problem; warnings alone leave it at 0.
    """
    from stormlet.cli.findings import Health

    found = []
    for finding in _examine(client, ctx.params["home"], config):
        found.append(finding)
        if screen.for_people:
            _print(screen, finding)
    problems, warnings = (sum(one.health is kind for one in found) for kind in (Health.PROBLEM, Health.WARNING))
    if screen.for_people:
        screen.line(counted((problems, "problem"), (warnings, "warning")) or "all is well")
    else:
        screen.data([finding._asdict() for finding in found])
    return FAILED if problems else OK


def _examine(client: Client, home: str | None, config: str | None) -> Iterator["Finding"]:
    from stormlet.cli import findings, server_findings
    from stormlet.cli.findings import Finding, Health
    from stormlet.cli.since import now
    from stormlet.foundation.errors import SettingsError
    from stormlet.foundation.settings import environment, read_settings

    try:
        settings = read_settings(environment(), {"home": home}, config)
    except SettingsError as error:
        yield Finding(Health.PROBLEM, "settings", error.text, error.hint)
        return
    yield Finding(Health.OK, "settings", "all are known and within their bounds")
    yield from findings.check_home(settings)
    yield from findings.check_disk(settings)
    yield from findings.check_clock(settings, now())
    yield from findings.check_database(settings)
    yield from _check_content(home, config)
    yield from server_findings.check_server(client)


def _check_content(home: str | None, config: str | None) -> Iterator["Finding"]:
    from stormlet.cli.check import check_paths
    from stormlet.cli.findings import Finding, Health

    try:
        checked = check_paths((), home, config)
    except click.UsageError:
        yield Finding(Health.NOTE, "content", "no rules and no packs are named in the settings or lie here")
        return
    errors = sum(problem.severity == "error" for problem in checked.problems)
    health = Health.PROBLEM if errors else Health.WARNING if checked.problems else Health.OK
    yield Finding(health, "content", checked.summary(), "`stormlet check` lists them" if checked.problems else "")


def _print(screen: Screen, finding: "Finding") -> None:
    mark = screen.paint_status(str(finding.health)) + " " * (9 - len(finding.health))
    screen.line(f"{mark}{pad(finding.what, _WIDTH)}{visible(finding.text)}")
    if finding.cure:
        screen.line(f"{' ' * (9 + _WIDTH)}→ {visible(finding.cure)}")
