"""`stormlet serve`: flags become settings, and app.py serves; what a person is told at the start is written here."""

import sys
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from stormlet.cli.client import API
from stormlet.cli.options import Command
from stormlet.cli.text import counted

if TYPE_CHECKING:
    from stormlet.flow.greeting import Greeting


@click.command(cls=Command)
@click.option(
    "--home", metavar="DIR", help="Database, keys and stormlet.toml; made if missing.  [default: ./.stormlet]"
)
@click.option("--host", metavar="ADDRESS", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", metavar="PORT", type=click.IntRange(0, 65535), help="0 takes a free one.  [default: 9101]")
@click.option("--packs", metavar="DIR", multiple=True, help="Directory that holds packs, or is one; may be repeated.")
@click.option("--rules", metavar="DIR", multiple=True, help="Directory of rules without a pack; may be repeated.")
@click.option("--sources", metavar="DIR", multiple=True, help="Directory of sources without a pack; may be repeated.")
@click.option(
    "--endpoints", metavar="DIR", multiple=True, help="Directory of endpoints without a pack; may be repeated."
)
@click.option("--config", metavar="FILE", help="Settings.  [default: stormlet.toml in the home, if it is there]")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="How to log, to standard error.")
def command(config: str | None, **flags: Any) -> int:
    """Serve webhooks, rules and the API until stopped.

    SIGTERM drains: no new events, what runs gets a grace time, and the exit code is 0. Every setting can also be given as
    STORMLET_SECTION__KEY; docs/reference/settings.md lists them.
    """
    from stormlet.foundation.settings import environment, read_bootstrap, read_settings

    tree = {
        "home": flags["home"],
        "server": {"host": flags["host"], "port": flags["port"]},
        "content": {kind: list(flags[kind]) or None for kind in ("packs", "rules", "sources", "endpoints")},
        "logging": {"format": flags["log_format"]},
    }
    settings = read_settings(environment(), tree, config)
    bootstrap = read_bootstrap(environment())

    from stormlet import app  # after the settings: a wrong flag is told before the engine is imported

    return app.run(settings, bootstrap, print_greeting)


def print_greeting(greeting: "Greeting") -> None:
    """Tell a person what is served, the credentials that were made just now, and what to try first."""
    for line in greeting_lines(greeting):
        print(line)
    sys.stdout.flush()  # whoever started us may wait for these lines through a pipe


def greeting_lines(greeting: "Greeting") -> list[str]:
    """Return the lines of the greeting. The last is a command that can be pasted into a shell as it is.

    A key is only known when it is made; later, the command line finds it in the home.
    """
    from stormlet import __version__

    directories = f" from {', '.join(greeting.directories)}" if greeting.directories else ""
    lines = [
        f"stormlet {__version__} serves {greeting.url} with {_counts(greeting)}{directories} ({_problems(greeting)})"
    ]
    if greeting.api_key:
        lines.append(f"API key (shown once): {greeting.api_key}")
    if greeting.admin_password:
        lines.append(f"Password of st2admin (shown once): {greeting.admin_password}")
    if not greeting.webhook:
        lines.append("No rule listens to a webhook; a directory to start from has one")
        lines.append("Try: stormlet init first-rules")
    elif greeting.api_key:
        headers = f"-H 'St2-Api-Key: {greeting.api_key}' -H 'Content-Type: application/json'"
        url = quote(f"{greeting.url}{API}/webhooks/{greeting.webhook}")
        lines.append(f'Try: curl -X POST {url} {headers} -d \'{{"key1": "value1"}}\'')
    else:
        lines.append(f'Try: stormlet send {quote(greeting.webhook)} -d \'{{"key1": "value1"}}\' --wait')
    return lines


def _counts(greeting: "Greeting") -> str:
    examples = f" ({greeting.examples} examples are switched off)" if greeting.examples else ""
    rules = f"{counted((greeting.rules, 'rule')) or 'no rules'}{examples}"
    others = counted((greeting.actions, "action"), (greeting.guarded, "guarded URL"))
    return f"{rules}, {others}" if others else rules


def _problems(greeting: "Greeting") -> str:
    found = counted((greeting.errors, "error"), (greeting.warnings, "warning"))
    missing = counted((greeting.missing_secrets, "missing secret"))
    told = [f"{found}: see `stormlet check`"] if found else []
    told += [f"{missing}: see `stormlet source list`"] if missing else []
    return "; ".join(told) or "no problems"
