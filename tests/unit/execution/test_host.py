"""What children find around them."""

from pathlib import Path

import pytest

from stormlet.st2compat.host import SHIMS, base_environment, interpreter_of, python_variables


def test_only_named_variables_are_taken_over() -> None:
    """PATH, HOME, language, time zone; whatever else the engine was started with stays with it."""
    given = {
        "PATH": "/bin",
        "HOME": "/h",
        "LANG": "de_DE.UTF-8",
        "TZ": "UTC",
        "STORMLET_X": "1",
        "AWS_KEY": "1",
        "LD_PRELOAD": "x",
    }
    assert base_environment(given, "/opt/py/bin/python") == {
        "PATH": "/bin:/opt/py/bin",
        "HOME": "/h",
        "LANG": "de_DE.UTF-8",
        "TZ": "UTC",
    }


def test_an_empty_environment_is_filled_in() -> None:
    """Children have a PATH, a home and UTF-8 even where the engine has nothing."""
    made = base_environment({}, "/opt/py/bin/python")
    assert made["PATH"] == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/py/bin"
    assert (made["HOME"], made["LANG"]) == ("/", "C.UTF-8")


def test_modules_are_found_in_the_order_of_st2(tmp_path: Path) -> None:
    """actions/lib, the lib beside the entry point, then what stands for st2; only what is there."""
    (tmp_path / "actions" / "lib").mkdir(parents=True)
    (tmp_path / "actions" / "sub" / "lib").mkdir(parents=True)

    def path(entry_point: str) -> list[str]:
        made = python_variables(entry_point=tmp_path / entry_point, pack_directory=tmp_path, api_url="u", token="t")
        return made["PYTHONPATH"].split(":")

    assert path("actions/a.py") == [str(tmp_path / "actions/lib"), str(SHIMS)]
    assert path("actions/sub/a.py") == [str(tmp_path / "actions/lib"), str(tmp_path / "actions/sub/lib"), str(SHIMS)]
    assert path("actions/other/a.py") == [str(tmp_path / "actions/lib"), str(SHIMS)]


@pytest.mark.parametrize(
    ("line", "start"),
    [
        ("#!/bin/sh", ["/bin/sh"]),
        ("#! /bin/sh -e -u ", ["/bin/sh", "-e -u"]),
        ("#!/usr/bin/env python3\r", ["/usr/bin/env", "python3"]),
        ("#!/opt/stackstorm/st2/bin/python", ["PYTHON"]),
        ("#!", []),
        ("echo", []),
        ("", []),
    ],
)
def test_first_lines_are_read_as_the_kernel_does(line: str, start: list[str]) -> None:
    """One argument behind the program; StackStorm's own Python is replaced by ours."""
    assert interpreter_of(line, "PYTHON") == start
