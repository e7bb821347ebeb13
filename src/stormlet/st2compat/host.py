"""What StackStorm's children find around them: the modules they import, and the environment they run in.

The shims (`st2common`, `st2reactor`) are shipped as data and are on the path of child processes only; the engine never
imports them. The environment is built from nothing, so that no secret of the engine can be inherited.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

SHIMS = Path(__file__).parent / "shims"
PYTHON_ACTION_WRAPPER = SHIMS / "stormlet_child" / "run_action.py"

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What is taken over from the engine's own environment: where programs are, who we are, how text and time are written.
_INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_RETIRED_INTERPRETERS = ("/opt/stackstorm/st2/bin/python", "/opt/stackstorm/st2/bin/python3")


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """Where the children of one engine live."""

    base_environment: Mapping[str, str]
    """See `base_environment()`."""
    api_url: str
    """The API's URL with its version, such as `http://127.0.0.1:9101/v1`, reachable from this machine."""
    interpreter: str = sys.executable
    """The Python that runs actions of packs."""


def base_environment(variables: Mapping[str, str], interpreter: str = sys.executable) -> dict[str, str]:
    """Return what every child gets, chosen by name from `variables` (the engine's environment).

    The interpreter's directory is put behind the PATH, so that `#!/usr/bin/env python` works where only `python3` exists.
    """
    environment = {name: variables[name] for name in _INHERITED if variables.get(name)}
    path = environment.get("PATH", DEFAULT_PATH)
    environment["PATH"] = f"{path}:{Path(interpreter).parent}"
    if not any(name in environment for name in ("LANG", "LC_ALL", "LC_CTYPE")):
        environment["LANG"] = "C.UTF-8"
    environment.setdefault("HOME", "/")
    return environment


def action_variables(*, pack: str, execution_id: str, api_url: str, token: str, debug: bool = False) -> dict[str, str]:
    """Return the variables that st2 gives to every child of an action (st2common/constants/runners.py)."""
    return {
        "ST2_ACTION_PACK_NAME": pack,
        "ST2_ACTION_EXECUTION_ID": execution_id,
        "ST2_ACTION_API_URL": api_url,
        "ST2_ACTION_AUTH_TOKEN": token,
        "ST2_ACTION_DEBUG": str(debug),
    }


def python_variables(*, entry_point: Path, pack_directory: Path, api_url: str, token: str) -> dict[str, str]:
    """Return what Python actions get besides: where modules are, and what `st2client.client.Client()` reads.

    The order is st2's: the pack's `actions/lib`, the `lib` beside the entry point, then what stands for st2 itself. The
    entry point's own directory is put last by the wrapper.
    """
    libraries = [pack_directory / "actions" / "lib", entry_point.parent / "lib", SHIMS]
    return {
        "PYTHONPATH": ":".join(dict.fromkeys(str(path) for path in libraries if path.is_dir())),
        "ST2_API_URL": api_url,
        "ST2_AUTH_TOKEN": token,
    }


def interpreter_of(first_line: str, interpreter: str = sys.executable) -> list[str]:
    """Return the arguments that a script's `#!` line asks for; [] where it has none.

    Packs that name the Python of a StackStorm installation get `interpreter` instead.
    """
    if not first_line.startswith("#!"):
        return []
    program, _, argument = first_line[2:].strip().partition(" ")
    if program in _RETIRED_INTERPRETERS and not Path(program).exists():
        program = interpreter
    # As the kernel does it: everything behind the program is one argument.
    return [program, argument.strip()] if argument.strip() else [program] if program else []
