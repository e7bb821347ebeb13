"""What a runner is: the contract between the worker, which knows leases, and the ways of carrying out an action.

A runner makes no decision about retries, leases or storage, and keeps nothing between two runs.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from stormlet.flow.execution.child import Children, Limits, Sink
from stormlet.flow.execution.halt import Halt, HaltReason
from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.settings import Execution as ExecutionSettings
from stormlet.model.action import Action, RunnerType
from stormlet.model.execution import Execution, ExecutionStatus
from stormlet.st2compat.host import Host

_LONGEST_TIMEOUT = 30 * 86400.0


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended: a completed status, and the result in the shape that st2's runner of that name gives."""

    status: ExecutionStatus
    result: Any


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one run may use."""

    execution: Execution
    action: Action
    runner_parameters: Mapping[str, Any]
    """Those that the runner type declares, with their defaults."""
    action_parameters: Mapping[str, Any]
    """Those that only the action declares."""
    config: Mapping[str, Any]
    """The pack's config, as it is handed to Python actions."""
    environment: Mapping[str, str]
    """What every child gets; never the engine's own environment."""
    st2_variables: Mapping[str, str]
    """`ST2_ACTION_*`: put over whatever the action's `env` says."""
    output: Sink
    halt: Halt
    clock: Clock
    children: Children
    settings: ExecutionSettings
    host: Host
    carried: Mapping[str, str] = {}
    """Headers for requests that the run makes: what led to it, so that a loop through others is found."""

    @property
    def timeout(self) -> float:
        """The parameter `timeout` in seconds; the runner's default where it is absent, and never endless."""
        value = self.runner_parameters.get("timeout", self.action_parameters.get("timeout"))
        usable = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        return min(float(value or 0), _LONGEST_TIMEOUT) if usable else 60.0

    @property
    def limits(self) -> Limits:
        """What a child of this run may cost."""
        return Limits(
            timeout=self.timeout, output_bytes=self.settings.output_bytes, kill_seconds=self.settings.kill_seconds
        )

    def with_variables(self, st2_variables: Mapping[str, str]) -> "Run":
        """Return the same run with these variables of st2."""
        return msgspec.structs.replace(self, st2_variables=st2_variables)

    def child_environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the whole environment of a child: the base, the parameter `env`, `more`, and st2's variables.

        Raises:
            InvalidInputError: `env` is not a mapping of names to plain values.
        """
        return {
            **self.environment,
            **_variables(self.runner_parameters.get("env")),
            **(more or {}),
            **self.st2_variables,
        }


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A run that documentation shows and a test carries out."""

    title: str
    parameters: Mapping[str, Any]
    result: Mapping[str, Any]
    """The part of the result that is shown."""
    action: str = ""
    """Ref of an action in the shipped packs; empty: a bare action of this runner."""
    status: ExecutionStatus = ExecutionStatus.SUCCEEDED


class Runner(Protocol):
    """A way of carrying out actions. Constructing one has no side effects."""

    @property
    def type(self) -> RunnerType:
        """Its name, what it is, and st2's parameters of that name."""
        ...

    @property
    def help(self) -> str:
        """What an author of actions must know, in a few sentences."""
        ...

    @property
    def examples(self) -> tuple[Example, ...]: ...

    async def run(self, run: Run) -> RunResult:
        """Carry out the action and say how it ended.

        Output is handed to `run.output` as it comes. When `run.halt` rings, end soon; the status to give then is `canceled`.
        A StormletError, or any other exception, makes the execution `failed`.
        """
        ...


def canceled_text(halt: Halt) -> str:
    """Say in a result why a run was ended; the first sentence is st2's."""
    if halt.reason is HaltReason.STOPPING:
        return "The engine was stopped while this action was running."
    return "Execution canceled by user."


def timeout_text(seconds: float) -> str:
    """Say in a result that the time was over, as st2 does."""
    return f"Action failed to complete in {seconds:g} seconds"


def _variables(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"parameter `env` must be an object of names and values, not {type(value).__name__}")
    variables = {}
    for name, content in value.items():
        if isinstance(content, list | dict):
            raise InvalidInputError(f"parameter `env`: the value of {name} must be plain, not {type(content).__name__}")
        if not name or "=" in name or "\0" in name:
            raise InvalidInputError(f"parameter `env`: {name!r} cannot be the name of a variable")
        if content is not None:
            variables[name] = str(content)
    return variables
