"""The command as a process: what it imports, what it prints where, and how it exits."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from stormlet.cli.catalogue import ENTRIES
from stormlet.cli.failures import EXIT_CODES, MEANINGS
from stormlet.cli.main import root, run
from stormlet.foundation import errors

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("STORMLET_", "ST2_"))}
HEAVY = ("aiohttp", "jinja2", "msgspec", "rich", "yaml", "cryptography", "prometheus_client", "asyncio", "regex")


def stormlet(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stormlet", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=CLEAN | environment, cwd=cwd)


def imported_by(*arguments: str) -> set[str]:
    """Return the heavy packages that a command line imports."""
    code = "import sys\nfrom stormlet.cli.main import run\nrun(sys.argv[1:])\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, env=CLEAN
    )
    return set(HEAVY) & set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["rule", "--help"], ["serve", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """`stormlet --help` starts at once because nothing of weight is imported for it."""
    assert imported_by(*arguments) == set()


def test_the_client_never_imports_the_server() -> None:
    """A command that talks HTTP does so on the standard library."""
    assert (
        imported_by("rule", "list", "--url", "http://127.0.0.1:1") & {"aiohttp", "jinja2", "rich", "cryptography"}
        == set()
    )


def test_help_names_every_command() -> None:
    """All of them, each with its line."""
    out = stormlet("--help").stdout
    for entry in ENTRIES.values():
        assert f"  {entry.name} " in out


@pytest.mark.parametrize("name", ENTRIES)
def test_the_catalogue_says_what_the_command_says(name: str) -> None:
    """The lines in the catalogue, which import nothing, are those of the commands."""
    command = root.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    assert command.get_short_help_str(limit=200) == ENTRIES[name].help


def test_a_wrong_command_is_answered_with_the_right_one() -> None:
    """Usage errors exit with 2, print nothing on standard output, and help."""
    done = stormlet("rul")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean `rule`?" in done.stderr
    done = stormlet("rule", "lst")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean `list`?" in done.stderr


def commands_that_need_something() -> Iterator[list[str]]:
    """Yield the words of each command that has an argument or option which must be given."""
    for name in ENTRIES:
        command = root.get_command(None, name)  # type: ignore[arg-type]
        verbs = command.commands.items() if isinstance(command, click.Group) else [("", command)]
        for verb, each in verbs:
            if each is not None and any(parameter.required for parameter in each.params):
                yield [name, verb] if verb else [name]


@pytest.mark.parametrize("words", list(commands_that_need_something()), ids=" ".join)
def test_a_missing_argument_is_named(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With the command's usage, on standard error; the exit code is 2."""
    assert run(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"Usage: stormlet {' '.join(words)} ")
    assert "Missing " in err


@pytest.mark.parametrize("words", [[], ["rule"], ["rule-enforcement"]], ids=" ".join)
def test_a_missing_verb_shows_the_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Once, on standard error; the exit code is 2."""
    assert run(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("Usage: ") == 1
    assert "--help" in err


def test_errors_are_json_where_json_was_asked_for(tmp_path: Path) -> None:
    """With -o json a program can read the error, too; standard output stays empty."""
    done = stormlet("rule", "list", "-o", "json", "--url", "http://127.0.0.1:1", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (5, "")
    assert json.loads(done.stderr)["error"]["exit_code"] == 5
    done = stormlet("rule", "list", "--nonsense", "-j", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_closed_pipe_is_no_error() -> None:
    """`stormlet … | head` ends quietly."""
    command = f"{sys.executable} -m stormlet --help"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command.split(), stdout=write, stderr=subprocess.PIPE, timeout=60, env=CLEAN)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_exits_with_130(tmp_path: Path) -> None:
    """An interrupted command says nothing more, and its exit code is the shell's for SIGINT."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [sys.executable, "-m", "stormlet", "rule", "list", "--url", url]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=CLEAN, cwd=tmp_path)
        peer, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        peer.close()
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err


def test_every_error_has_an_exit_code() -> None:
    """The table is total, and each code in it is explained."""
    kinds = {errors.StormletError}
    found = list(kinds)
    while found:
        found = [kind for parent in found for kind in parent.__subclasses__() if kind.__module__ == errors.__name__]
        kinds |= set(found)
    assert set(EXIT_CODES) == kinds
    assert set(EXIT_CODES.values()) <= set(MEANINGS)


def test_no_colour_where_nobody_sees_it() -> None:
    """Piped output has no escape sequence."""
    assert "\x1b" not in stormlet("version", "-o", "wide").stdout


def test_a_terminal_that_knows_no_unicode_still_works() -> None:
    """What cannot be shown is written out."""
    done = stormlet("completion", "fish", PYTHONIOENCODING="ascii")
    assert done.returncode == 0


def test_version_is_short() -> None:
    """One line for people, more for programs."""
    assert stormlet("version").stdout == stormlet("--version").stdout
    assert set(json.loads(stormlet("version", "-j").stdout)) == {"stormlet", "python", "sqlite"}
