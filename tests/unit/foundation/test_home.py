"""The home directory."""

import os
import stat
from pathlib import Path

import pytest

from stormlet.foundation.errors import SettingsError
from stormlet.foundation.home import Home


def test_a_home_is_made_private(tmp_path: Path) -> None:
    """What holds keys is readable by its owner only."""
    home = Home(str(tmp_path / "new" / "home"))
    home.prepare()
    home.data_key()
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((home.path / "keys" / "data.key").stat().st_mode) == 0o600


def test_the_key_stays_the_same(tmp_path: Path) -> None:
    """A second start opens what the first one sealed."""
    first = Home(str(tmp_path))
    first.prepare()
    assert first.data_key() == Home(str(tmp_path)).data_key()


@pytest.mark.parametrize("content", ["", "zz", "abcd", "0" * 63])
def test_a_damaged_key_is_refused(tmp_path: Path, content: str) -> None:
    """A new key in place of a damaged one would lose every secret, so none is made."""
    home = Home(str(tmp_path))
    home.prepare()
    (tmp_path / "keys" / "data.key").write_text(content)
    with pytest.raises(SettingsError, match=r"data\.key is not a key"):
        home.data_key()


def test_two_engines_do_not_share_a_home(tmp_path: Path) -> None:
    """The second is refused, and told who holds it; after the first has gone it may."""
    first, second = Home(str(tmp_path)), Home(str(tmp_path))
    first.prepare()
    first.acquire()
    with pytest.raises(SettingsError, match=f"process {os.getpid()}"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """The message names the path and the cure."""
    (tmp_path / "home").write_text("")
    with pytest.raises(SettingsError, match="cannot be used"):
        Home(str(tmp_path / "home")).prepare()


def test_what_could_not_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    """A file is whole or absent; a disk that is full is not filled with pieces."""
    home = Home(str(tmp_path))
    home.prepare()
    (tmp_path / "cli.json").mkdir()
    with pytest.raises(SettingsError, match=r"cannot write .*cli\.json"):
        home.write_cli(url="http://127.0.0.1:1")
    assert {path.name for path in tmp_path.iterdir()} == {"cli.json", "keys"}
