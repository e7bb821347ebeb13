"""What lies in a content directory and is no file: it is told, nobody waits for it, and its neighbours are read."""

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from stormlet.content.directories import ContentDirectories
from stormlet.content.loader import load
from stormlet.content.yaml_reader import read_file
from stormlet.foundation.clock import EPOCH
from stormlet.foundation.regular_files import NotAFileError, open_regular
from stormlet.model.rule import RuleState
from stormlet.model.snapshot import Snapshot
from stormlet.st2compat.dialect import Dialect

Writer = Callable[[Mapping[str, str]], Path]
Loader = Callable[..., Snapshot]
Maker = Callable[[Path], object]

RULE = "name: good\ntrigger: {type: my.thing}\naction: {ref: core.noop}\n"
PACK = "name: web\ndescription: x\nversion: 1.0.0\nauthor: a\n"


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path.relative_to(Path.cwd())))  # a socket's name is short


ODD: dict[str, tuple[Maker, str]] = {
    "a named pipe": (os.mkfifo, "it is a named pipe, not a file"),
    "an endless device": (lambda path: path.symlink_to("/dev/zero"), "it is a device, not a file"),
    "a directory": (Path.mkdir, "it is a directory, not a file"),
    "a socket": (make_socket, "it is a socket, not a file"),
    "a link to nothing": (lambda path: path.symlink_to("gone"), "No such file or directory"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("make", "reason"), ODD.values(), ids=ODD)
@pytest.mark.parametrize("kind", ["rules", "sources", "endpoints"])
def test_what_is_no_file_is_told_and_its_neighbours_are_read(
    write: Writer, kind: str, make: Maker, reason: str
) -> None:
    """Nobody waits for a pipe's writer, and nothing that is called x.yaml is passed over in silence."""
    root = write({"rules/good.yaml": RULE, f"{kind}/.keep": ""})
    make(root / kind / "x.yaml")
    directories = ContentDirectories(**{"rules": (root / "rules",), kind: (root / kind,)})
    snapshot = load(directories, Dialect(), EPOCH)
    told = [(Path(p.location.file).name, p.code, p.text) for p in snapshot.problems]
    assert ("x.yaml", "file-unreadable", f"the file cannot be read: {reason}") in told
    assert snapshot.rules["default.good"].state is RuleState.READY


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["/dev/zero", "pipe"])
def test_a_path_that_is_named_itself_is_judged_too(name: str) -> None:
    """`content.rules` may name a file; what it names is said to be none."""
    os.mkfifo("pipe")
    snapshot = load(ContentDirectories(rules=(Path(name),)), Dialect(), EPOCH)
    assert [(p.location.file, p.code) for p in snapshot.problems] == [(name, "file-unreadable")]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "name", ["pack.yaml", "config.schema.yaml", "actions/x.yaml", "triggers/x.yml", "sensors/x.yaml"]
)
@pytest.mark.parametrize(("make", "reason"), [ODD["a named pipe"], ODD["a directory"]], ids=["pipe", "directory"])
def test_a_packs_own_files_are_judged_too(write: Writer, load_all: Loader, name: str, make: Maker, reason: str) -> None:
    """Metadata, schemas and all content of a pack; the rest of the pack is loaded."""
    root = write({"packs/web/pack.yaml": PACK, "packs/web/rules/r.yaml": RULE, f"packs/web/{name}.keep": ""})
    (root / "packs/web" / name).unlink(missing_ok=True)
    make(root / "packs/web" / name)
    snapshot = load_all()
    told = [(p.location.file, p.code, p.text) for p in snapshot.problems if p.code == "file-unreadable"]
    assert told == [(str(root / "packs/web" / name), "file-unreadable", f"the file cannot be read: {reason}")]
    assert "web.good" in snapshot.rules


@pytest.mark.timeout(20)
def test_a_config_that_is_no_file_is_told(write: Writer, load_all: Loader) -> None:
    """A link into nothing would otherwise be a pack without a config."""
    root = write({"packs/web/pack.yaml": PACK, "configs/.keep": ""})
    (root / "configs/web.yaml").symlink_to("gone")
    assert [p.code for p in load_all().problems if "configs" in p.location.file] == ["file-unreadable"]


def test_a_link_to_a_file_is_a_file(tmp_path: Path) -> None:
    """Deployments link their content."""
    (tmp_path / "real").write_text("a: 1\n")
    (tmp_path / "x.yaml").symlink_to("real")
    assert read_file(tmp_path / "x.yaml").value == {"a": 1}


def test_what_is_opened_does_not_outlive_a_child(tmp_path: Path) -> None:
    """The descriptor is closed when another program is started."""
    (tmp_path / "x").write_text("x")
    with open_regular(tmp_path / "x") as stream:
        assert not os.get_inheritable(stream.fileno())
    with pytest.raises(NotAFileError):
        open_regular(tmp_path)
