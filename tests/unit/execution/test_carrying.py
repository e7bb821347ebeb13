"""Which parameters go to the runner and which to the action; where entry points lie."""

from pathlib import Path
from typing import Any

import pytest

from stormlet.flow.execution.carrying import split_parameters
from stormlet.flow.execution.entry_points import entry_point_of
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.model.action import Action, RunnerType

RUNNER = RunnerType(
    name="r", description="d", parameters={"timeout": {"default": 60}, "env": {}, "sudo": {"default": False}}
)


def action(**more: Any) -> Action:
    return Action(id="a" * 24, pack="p", name="n", runner_type="r", **more)


def test_the_runners_own_go_to_the_runner() -> None:
    """Also where the action declares them, too; what only the action has goes to the action."""
    made = action(parameters={"word": {}, "env": {"default": {"A": "1"}}})
    runner, own = split_parameters({"word": "w", "timeout": 5}, made, RUNNER)
    assert runner == {"timeout": 5, "env": {"A": "1"}, "sudo": False}
    assert own == {"word": "w"}


def test_defaults_stand_in_for_what_is_missing_or_null() -> None:
    """The action's default before the runner's; an absent one without default is null."""
    made = action(parameters={"timeout": {"default": 7}, "a": {"default": [1]}, "b": {}})
    runner, own = split_parameters({"timeout": None, "a": None, "sudo": True}, made, RUNNER)
    assert (runner["timeout"], runner["sudo"], runner["env"]) == (7, True, None)
    assert own == {"a": [1], "b": None}


def test_false_and_zero_are_values() -> None:
    """Only null is missing."""
    runner, own = split_parameters({"n": 0, "sudo": False}, action(parameters={"n": {"default": 5}}), RUNNER)
    assert (own["n"], runner["sudo"]) == (0, False)


def test_an_entry_point_may_lie_in_a_subdirectory(tmp_path: Path) -> None:
    """Its path is under actions/, and may be reached through a link to the pack."""
    (tmp_path / "real" / "actions" / "sub").mkdir(parents=True)
    (tmp_path / "real" / "actions" / "sub" / "x.py").touch()
    (tmp_path / "pack").symlink_to("real")
    made = action(entry_point="sub/x.py", pack_directory=str(tmp_path / "pack"))
    assert entry_point_of(made, {}) == tmp_path / "pack" / "actions" / "sub" / "x.py"


@pytest.mark.parametrize("entry_point", ["../../outside.py", "link.py", "/etc/hostname"])
def test_an_entry_point_outside_of_the_pack_is_refused(tmp_path: Path, entry_point: str) -> None:
    """Neither dots nor links nor absolute paths lead out."""
    (tmp_path / "pack" / "actions").mkdir(parents=True)
    (tmp_path / "outside.py").touch()
    (tmp_path / "pack" / "actions" / "link.py").symlink_to(tmp_path / "outside.py")
    with pytest.raises(InvalidInputError, match="lies outside of its pack"):
        entry_point_of(action(entry_point=entry_point, pack_directory=str(tmp_path / "pack")), {})


@pytest.mark.parametrize(
    ("entry_point", "said"), [("", "names no entry point"), ("sub", "does not exist"), ("x", "does not exist")]
)
def test_an_entry_point_that_is_no_file_is_refused(tmp_path: Path, entry_point: str, said: str) -> None:
    """Nothing named, nothing there, or a directory."""
    (tmp_path / "actions" / "sub").mkdir(parents=True)
    with pytest.raises(NotFoundError, match=said):
        entry_point_of(action(entry_point=entry_point, pack_directory=str(tmp_path)), {})
