"""`stormlet completion`: the script that lets a shell complete commands and options."""

import click

from stormlet.cli.options import Command

_USE = {
    "bash": 'eval "$(stormlet completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(stormlet completion zsh)"   # in ~/.zshrc',
    "fish": "stormlet completion fish | source   # in ~/.config/fish/config.fish",
}


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(list(_USE)))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  eval "$(stormlet completion bash)"
    zsh:   eval "$(stormlet completion zsh)"
    fish:  stormlet completion fish | source
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(f"# {_USE[shell]}")
    click.echo(kind(ctx.find_root().command, {}, "stormlet", "_STORMLET_COMPLETE").source())
