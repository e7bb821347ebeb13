"""Where the file of an action lies. It must lie in its pack: metadata must not be able to name other files of the machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.model.action import Action


def entry_point_of(action: Action, runner_parameters: Mapping[str, Any]) -> Path:
    """Return the full path of the action's entry point.

    Raises:
        NotFoundError: there is no such file, or the metadata names none.
        InvalidInputError: it lies outside of the pack, or cannot be read, or another revision of the pack is asked for.
    """
    if version := runner_parameters.get("content_version"):
        raise InvalidInputError(
            f"content_version {version!r}: running another revision of a pack is not supported", hint="leave it out"
        )
    if not action.entry_point:
        raise NotFoundError(
            f"Action {action.ref} names no entry point", hint="set `entry_point` in its metadata to a file in actions/"
        )
    if not action.pack_directory:
        raise NotFoundError(f"Action {action.ref} has no pack directory, so its entry point cannot be found")
    actions = Path(action.pack_directory) / "actions"
    path = actions / action.entry_point
    try:
        inside = path.resolve().is_relative_to(Path(action.pack_directory).resolve())
        is_file = path.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # no permission, a NUL, a loop of links
        raise InvalidInputError(f"cannot read the entry point {action.entry_point!r}: {error}") from None
    if not inside:
        raise InvalidInputError(f"the entry point {action.entry_point!r} of {action.ref} lies outside of its pack")
    if not is_file:
        raise NotFoundError(
            f"the entry point {path} of {action.ref} does not exist", hint=f"it has to lie in {actions}"
        )
    return path
