"""`stormlet version`."""

import platform

import click

from stormlet import __version__
from stormlet.cli.options import Command, with_screen
from stormlet.cli.render import Screen


@click.command(cls=Command)
@with_screen
def command(screen: Screen) -> None:
    """Print the version."""
    import sqlite3

    facts = {"stormlet": __version__, "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    if not screen.for_people:
        screen.data(facts)
    elif screen.output == "wide":
        screen.labelled(list(facts.items()))
    else:
        screen.line(f"stormlet {__version__}")
