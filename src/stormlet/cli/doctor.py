"""`stormlet doctor`: looks at everything that may be wrong with an installation, and tells the cure of each finding."""

from collections.abc import Iterator
from typing import Any

import click

from stormlet.cli.client import Client
from stormlet.cli.failures import FAILED, OK, CommandError
from stormlet.cli.options import Command, with_client, with_screen
from stormlet.cli.render import Screen
from stormlet.cli.text import visible

PENDING_SECONDS = 60.0
"""An event that waits longer to be decided is a sign that the engine is stuck."""


@click.command(cls=Command)
@click.option("--config", metavar="FILE", help="Settings, as for `serve`.")
@with_screen
@with_client
@click.pass_context
def command(ctx: click.Context, client: Client, screen: Screen, config: str | None) -> int:
    """Find what is wrong with this installation, and its cure.

    Looks at settings, home, disk, clock, database, content and the server. It changes nothing. Exit code 1 where there is
    something to mend.
    """
    from stormlet.cli.findings import Finding, Health

    home = ctx.params.get("home")
    found = list(_examine(client, home, config))
    if not screen.for_people:
        screen.data([finding._asdict() for finding in found])
    else:
        for finding in found:
            _print(screen, finding)
    bad = [finding for finding in found if finding.health in (Health.WARNING, Health.PROBLEM)]
    if screen.for_people:
        screen.line(f"{len(bad)} to mend" if bad else "all is well")
    assert all(isinstance(finding, Finding) for finding in found)
    return FAILED if bad else OK


def _examine(client: Client, home: str | None, config: str | None) -> Iterator[Any]:
    from stormlet.cli import findings
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
