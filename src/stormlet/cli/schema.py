"""`stormlet schema`: the JSON Schema of a kind of content file, for editors."""

import click

from stormlet.cli.options import Command, with_screen
from stormlet.cli.render import Screen

_KINDS = {
    "rule": "rule",
    "action": "action",
    "trigger": "trigger",
    "source": "source",
    "endpoint": "endpoint",
    "pack": "pack",
    "config": "config_schema",
}


@click.command(cls=Command)
@click.argument("kind", type=click.Choice(list(_KINDS)))
@with_screen
def command(screen: Screen, kind: str) -> None:
    """Print the JSON Schema of a kind of content file, for editors.

    It is the schema that `stormlet check` uses. For the YAML language server, save it and name it in the file's first line:

    \b
      stormlet schema rule > rule.schema.json
      # yaml-language-server: $schema=rule.schema.json
    """
    from stormlet.content.schemas import read_schema

    screen.data(read_schema(_KINDS[kind]))
