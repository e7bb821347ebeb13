"""`stormlet init`."""

import stat
from pathlib import Path

from click.testing import CliRunner

from stormlet.cli.failures import Session
from stormlet.cli.init import FILES
from stormlet.cli.main import root


def init(directory: Path) -> object:
    return CliRunner().invoke(root, ["init", str(directory)], obj=Session())


def test_writes_a_skeleton(tmp_path: Path) -> None:
    """A rule, a place for packs, settings that name both, and a .gitignore that keeps secrets out."""
    init(tmp_path / "new")
    assert {str(path.relative_to(tmp_path / "new")) for path in (tmp_path / "new").rglob("*") if path.is_file()} == set(
        FILES
    )
    assert stat.S_IMODE((tmp_path / "new" / ".stormlet").stat().st_mode) & 0o077 == 0


def test_never_overwrites(tmp_path: Path) -> None:
    """Where one file is there already, none is written, and the old one stays."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "sample.yaml").write_text("mine")
    result = init(tmp_path)
    assert "nothing was written" in str(result.exception)  # type: ignore[attr-defined]
    assert (tmp_path / "rules" / "sample.yaml").read_text() == "mine"
    assert not (tmp_path / "packs").exists()


def test_does_not_follow_a_dangling_link(tmp_path: Path) -> None:
    """A link counts as something that exists."""
    (tmp_path / ".gitignore").symlink_to(tmp_path / "nowhere")
    init(tmp_path)
    assert not (tmp_path / "nowhere").exists()


def test_the_settings_it_writes_are_settings(tmp_path: Path) -> None:
    """What stands in the file is read without complaint."""
    from stormlet.foundation.settings import read_settings

    init(tmp_path)
    settings = read_settings({"STORMLET_HOME": str(tmp_path / ".stormlet")})
    assert settings.content.rules == ["rules"]
