"""Options that many commands share, and the help page that keeps them apart from a command's own."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import click

from stormlet.cli.client import Client
from stormlet.cli.connection import Wanted, find_connection
from stormlet.cli.failures import Session
from stormlet.cli.render import FORMATS, Screen

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]

_SERVER_OPTIONS = frozenset({"url", "api_key", "token", "home"})


class Command(click.Command):
    """A command whose help lists the options about the server apart: they are the same everywhere."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own: list[tuple[str, str]] = []
        server: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)) is not None:
                is_server = parameter.name in _SERVER_OPTIONS and self.name != "serve"
                (server if is_server else own).append(record)
        for title, records in (("Options", own), ("Server", server)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class Group(click.Group):
    """The verbs of one noun."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            from difflib import get_close_matches

            close = get_close_matches(args[0], self.commands, 1)
            cure = f"did you mean `{close[0]}`?" if close else f"it has: {', '.join(self.commands)}"
            raise click.UsageError(f"`{ctx.command_path}` has no `{args[0]}` ({cure})", ctx)
        return super().resolve_command(ctx, args)


def with_client(function: Function) -> Function:
    """Give the function a `client` of the server that options, environment or the home name."""

    def wrapper(*args: Any, **values: Any) -> Any:
        from stormlet.foundation.settings import environment

        wanted = Wanted(**{name: values.pop(name) for name in Wanted._fields})
        return function(*args, client=Client(find_connection(wanted, environment())), **values)

    options = (
        click.option("--url", metavar="URL", help="The server (STORMLET_URL); default http://127.0.0.1:9101."),
        click.option("--api-key", metavar="KEY", help="API key (STORMLET_API_KEY)."),
        click.option("--token", metavar="TOKEN", help="Token (STORMLET_AUTH_TOKEN)."),
        click.option("--home", metavar="DIR", help="The server's home, if it is on this machine (STORMLET_HOME)."),
    )
    return _decorated(update_wrapper(wrapper, function), *options)


def with_screen(function: Function) -> Function:
    """Give the function a `screen` to print on, in the format that `-o` asks for."""

    @click.pass_context
    def wrapper(ctx: click.Context, /, *args: Any, **values: Any) -> Any:
        return function(*args, screen=Screen.of_terminal(_session(ctx).output), **values)

    def chosen(value: str) -> Callable[[click.Context, click.Parameter, Any], None]:
        def callback(ctx: click.Context, _parameter: click.Parameter, given: Any) -> None:
            if given:
                _session(ctx).output = value or given

        return callback

    options = (
        click.option(
            "-o", "--output", type=click.Choice(FORMATS), is_eager=True, expose_value=False, callback=chosen(""),
            metavar="FORMAT", help="table, wide (cuts nothing), json, yaml or name.",
        ),
        click.option(
            "-j", "--json", is_flag=True, is_eager=True, expose_value=False, callback=chosen("json"), help="Same as -o json."
        ),
        click.option(
            "-y", "--yaml", is_flag=True, is_eager=True, expose_value=False, callback=chosen("yaml"), help="Same as -o yaml."
        ),
    )  # fmt: skip
    return _decorated(update_wrapper(wrapper, function), *options)


def limit_option(default: int = 50) -> Decorator:
    """Add `-n`."""
    text = f"How many to list at most; -1 lists all.  [default: {default}]"
    return click.option("-n", "--limit", type=int, default=default, metavar="N", help=text)


def filters(**options: str) -> Decorator:
    """Add one option for each filter of a listing: option name → help. They arrive as parameters of the same names."""

    def decorate(function: Function) -> Function:
        return _decorated(
            function, *(click.option(f"--{name.replace('_', '-')}", name, help=text) for name, text in options.items())
        )

    return decorate


def _session(ctx: click.Context) -> Session:
    session = ctx.find_root().obj
    return session if isinstance(session, Session) else Session()


def _decorated(function: Function, *decorators: Callable[[Any], Any]) -> Function:
    for decorate in reversed(decorators):
        function = decorate(function)
    return function
