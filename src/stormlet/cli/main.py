"""The command `stormlet`: picks a command, imports it, runs it, and turns what went wrong into a line and an exit code.

The one place that ends the process. It must stay light: `stormlet --help` imports click and nothing else of weight.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from stormlet.cli.catalogue import ENTRIES, SECTIONS
from stormlet.cli.failures import FAILED, INTERRUPTED, OK, USAGE, CommandError, Session, report
from stormlet.foundation.errors import StormletError


class _OutputClosedError(Exception):
    """The reader of our output went away."""


class _Root(click.Group):
    """The group of all commands, which imports a command only to run it or to show its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(ENTRIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (entry := ENTRIES.get(cmd_name)) is None:
            return None
        command = import_module(f"stormlet.cli.{entry.module}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in ENTRIES:
            from difflib import get_close_matches

            close = get_close_matches(args[0], ENTRIES, 1)
            cure = f"did you mean `{close[0]}`?" if close else "see `stormlet --help`"
            raise click.UsageError(f"there is no command `{args[0]}` ({cure})", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in SECTIONS:
            with formatter.section(section.title):
                formatter.write_dl([(entry.name, entry.help) for entry in section.entries], col_max=18)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        # Help is printed from in here. Click's own main would answer a closed pipe with exit code 1.
        try:
            return super().make_context(info_name, args, parent, **extra)
        except BrokenPipeError:
            raise _OutputClosedError from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            raise _OutputClosedError from None
        return code


def _version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from stormlet import __version__

        click.echo(f"stormlet {__version__}")
        ctx.exit()


@click.group(
    cls=_Root,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=False,
    epilog="Start with `stormlet init DIR`, or with `make run` in a checkout.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def root() -> None:
    """Verified events in, YAML rules, actions: StackStorm's words, one process."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code. Data goes to standard output, everything else to standard error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a terminal that cannot show a character still shows the rest
    session = Session()
    try:
        code = root.main(
            args=None if arguments is None else list(arguments),
            prog_name="stormlet",
            standalone_mode=False,
            obj=session,
        )
    except click.UsageError as error:
        return _usage(error, session)
    except click.ClickException as error:
        return report(CommandError(error.format_message(), exit_code=FAILED), session)
    except click.Abort:
        return INTERRUPTED
    except _OutputClosedError:
        # Python flushes standard output once more at exit; it must find something that takes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (CommandError, StormletError) as error:
        return report(error, session)
    return code if isinstance(code, int) else OK


def _usage(error: click.UsageError, session: Session) -> int:
    if session.machine_readable:
        return report(CommandError(error.format_message(), exit_code=USAGE, code="usage"), session)
    error.show()
    return USAGE


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run())
