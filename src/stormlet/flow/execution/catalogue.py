"""The runners there are, by name. Where others come from some day (an entry point), they are added here."""

from collections.abc import Mapping

from stormlet.flow.execution.interface import Runner
from stormlet.flow.execution.runners.announcement import AnnouncementRunner
from stormlet.flow.execution.runners.http_request import HttpRequestRunner
from stormlet.flow.execution.runners.local_shell_cmd import LocalShellCmdRunner
from stormlet.flow.execution.runners.local_shell_script import LocalShellScriptRunner
from stormlet.flow.execution.runners.noop import NoopRunner
from stormlet.flow.execution.runners.publish import PublishRunner
from stormlet.flow.execution.runners.python_script import PythonScriptRunner
from stormlet.model.action import RunnerType

RUNNERS: tuple[Runner, ...] = (
    LocalShellCmdRunner(),
    LocalShellScriptRunner(),
    HttpRequestRunner(),
    PythonScriptRunner(),
    NoopRunner(),
    AnnouncementRunner(),
    PublishRunner(),
)

RUNNER_TYPES: Mapping[str, RunnerType] = {runner.type.name: runner.type for runner in RUNNERS}

RETIRED_NAMES: Mapping[str, str] = {
    "run-local": "local-shell-cmd",
    "run-local-script": "local-shell-script",
    "run-python": "python-script",
    "run-remote": "remote-shell-cmd",
    "run-remote-script": "remote-shell-script",
    "http-runner": "http-request",
}
"""What StackStorm called runners before 2.0, for a message that holds its cure."""
