"""An action's file that is not there, or that lies outside its pack."""

from collections.abc import Iterator
from pathlib import Path

from stormlet.content.directories import is_inside
from stormlet.content.linting.context import Context, in_action
from stormlet.model.action import Action
from stormlet.model.problem import Problem

_RUNNERS_WITH_FILES = frozenset(
    {"python-script", "local-shell-script", "remote-shell-script", "winrm-ps-script", "orquesta", "action-chain"}
)


def check(action: Action, _context: Context) -> Iterator[Problem]:
    """Yield a warning for an action that has nothing to run. Only files of packs are looked for."""
    if action.runner_type not in _RUNNERS_WITH_FILES or not action.pack_directory:
        return
    if not action.entry_point:
        text = f"an action of the runner {action.runner_type} needs a file to run"
        yield in_action(action, "missing-entry-point", text, "entry_point", hint="add `entry_point:`")
        return
    path = Path(action.pack_directory) / "actions" / action.entry_point
    if not path.is_file():
        text = f"{path} does not exist"
        yield in_action(action, "missing-entry-point", text, "entry_point", hint="it is looked for in actions/")
    elif not Path(action.entry_point).is_absolute() and not is_inside(path, Path(action.pack_directory)):
        text = f"{action.entry_point} leads out of the pack's directory"
        yield in_action(action, "symlink-outside", text, "entry_point", hint="copy the file into the pack")
