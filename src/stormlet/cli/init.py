"""`stormlet init`: a directory to start from. It never overwrites anything."""

import os
from pathlib import Path

import click

from stormlet.cli.failures import CommandError
from stormlet.cli.options import Command

RULE = """\
# Runs when {"key1": "value1"} is posted to the webhook `sample`. Try it, while `stormlet serve` runs here:
#
#   stormlet send sample -d '{"key1": "value1"}' --wait
#
# Then change the pattern, save, send again, and ask: stormlet why last
name: sample
description: Say which key came in
enabled: true

trigger:
  type: core.st2.webhook
  parameters:
    url: sample

criteria:
  trigger.body.key1:
    type: equals
    pattern: value1

action:
  ref: core.local
  parameters:
    # Text of an event is quoted, or the sender could write shell commands.
    cmd: echo key1 is {{ trigger.body.key1 | quote }}
"""

SETTINGS = """\
# Settings of this home. Each can also be given as STORMLET_SECTION__KEY; what stands here is the default.
# All of them: stormlet explain settings

[content]
rules = ["rules"]
packs = ["packs"]
sources = ["sources"]

# [server]
# host = "127.0.0.1"
# port = 9101

# [store]
# retention_days = 30

# [execution]
# workers = 20
"""

PACKS = "Directories of packs go here: each has a pack.yaml, and actions/, rules/, triggers/ beside it.\n"

SOURCES = """\
Sources go here: each says how one webhook URL is guarded. Four lines are enough:

    url: github
    scheme: github
    secret: env:GITHUB_WEBHOOK_SECRET
    replay: {id: header:X-GitHub-Delivery, horizon: 7d}
"""

FILES = {
    "rules/sample.yaml": RULE,
    "packs/README.md": PACKS,
    "sources/README.md": SOURCES,
    ".stormlet/stormlet.toml": SETTINGS,
    ".gitignore": "# Keys and the database stay on this machine; the settings may be shared.\n"
    ".stormlet/*\n!.stormlet/stormlet.toml\n",
}


@click.command(cls=Command)
@click.argument("directory", default=".", metavar="[DIR]")
def command(directory: str) -> None:
    """Make a directory with a first rule, places for packs and sources, and settings.

    Refuses to overwrite: where one of its files exists, nothing is written.
    """
    base = Path(directory)
    taken = [name for name in FILES if os.path.lexists(base / name)]
    if taken:
        raise CommandError(
            f"{base / taken[0]} exists already; nothing was written", hint="name an empty directory: stormlet init DIR"
        )
    try:
        for name, content in FILES.items():
            path = base / name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if name.startswith(".stormlet") else 0o755)
            with path.open("x", encoding="utf-8") as file:
                file.write(content)
    except OSError as error:
        raise CommandError(f"cannot write {error.filename}: {error.strerror or error}") from None
    for name in FILES:
        click.echo(f"wrote {base / name}")
    click.echo("Next:")
    if directory != ".":
        click.echo(f"  cd {directory}")
    click.echo("  stormlet check")
    click.echo("  stormlet serve")
