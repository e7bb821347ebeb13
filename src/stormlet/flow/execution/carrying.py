"""Carrying out one execution: from its record to a runner's result. Whatever goes wrong becomes a result, never an exception.

It stores nothing and knows no leases; the worker does.
"""

import logging
import traceback
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from stormlet.flow.execution.catalogue import RETIRED_NAMES
from stormlet.flow.execution.child import Children, Sink
from stormlet.flow.execution.halt import Halt
from stormlet.flow.execution.interface import Run, Runner, RunResult
from stormlet.foundation.clock import Clock
from stormlet.foundation.errors import InvalidInputError, NotFoundError, StormletError
from stormlet.foundation.settings import Execution as ExecutionSettings
from stormlet.model.action import Action, RunnerType
from stormlet.model.execution import Execution, ExecutionStatus
from stormlet.st2compat.host import Host, action_variables

log = logging.getLogger(__name__)

_TOKEN_SPARE_SECONDS = 60.0  # a token lives a little longer than its action may: starting and ending take time, too


class Carrier:
    """Finds the action and its runner, and lets it run."""

    def __init__(
        self,
        *,
        runners: Mapping[str, Runner],
        settings: ExecutionSettings,
        clock: Clock,
        children: Children,
        host: Callable[[], Host],
        action_of: Callable[[str], Action | None],
        config_of: Callable[[str, str], Mapping[str, Any]],
        issue_token: Callable[[str, float], str],
        revoke_token: Callable[[str], None],
        carried: Callable[[Execution], Mapping[str, str]] = lambda execution: {},
    ) -> None:
        """Args: `host` is asked at each run, because the port may be known only after the start."""
        self._runners = runners
        self._settings = settings
        self._clock = clock
        self._children = children
        self._host = host
        self._action_of = action_of
        self._config_of = config_of
        self._issue_token = issue_token
        self._revoke_token = revoke_token
        self._carried = carried

    async def carry_out(self, execution: Execution, halt: Halt, output: Sink) -> RunResult:
        """Run the action and return how it ended."""
        token = ""
        try:
            action = self._action(execution.action)
            runner = self._runner(action.runner_type)
            run = self._run(execution, action, runner.type, halt, output)
            token = run.st2_variables["ST2_ACTION_AUTH_TOKEN"]
            return await runner.run(run)
        except StormletError as error:
            return _failure(str(error), "")
        except Exception as error:  # the border: a fault of a runner must not lose the execution
            log.exception("execution %s of %s: its runner failed", execution.id, execution.action)
            return _failure(f"{type(error).__name__}: {error}", "".join(traceback.format_tb(error.__traceback__, 20)))
        finally:
            if token:
                self._revoke_token(token)

    def runner_type(self, name: str) -> RunnerType | None:
        """Return the runner type of that name, if there is one."""
        runner = self._runners.get(name)
        return runner.type if runner else None

    def _action(self, ref: str) -> Action:
        action = self._action_of(ref)
        if action is None:
            raise NotFoundError(
                f'Action "{ref}" cannot be found.', hint="it was there when the execution was requested"
            )
        if not action.enabled:
            raise InvalidInputError(f'Unable to execute. Action "{ref}" is disabled.')
        return action

    def _runner(self, name: str) -> Runner:
        if runner := self._runners.get(name):
            return runner
        close = [RETIRED_NAMES[name]] if name in RETIRED_NAMES else get_close_matches(name, self._runners, 1)
        hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(sorted(self._runners))}"
        raise InvalidInputError(f'RunnerType "{name}" does not exist', hint=hint)

    def _run(self, execution: Execution, action: Action, runner: RunnerType, halt: Halt, output: Sink) -> Run:
        host = self._host()
        user = str(execution.context.get("user") or self._settings.user)
        runner_parameters, action_parameters = split_parameters(execution.parameters, action, runner)
        run = Run(
            execution=execution,
            action=action,
            runner_parameters=runner_parameters,
            action_parameters=action_parameters,
            config=self._config_of(action.pack, user),
            environment=host.base_environment,
            st2_variables={},
            output=output,
            halt=halt,
            clock=self._clock,
            children=self._children,
            settings=self._settings,
            host=host,
            carried=self._carried(execution),
        )
        return run.with_variables(
            action_variables(
                pack=action.pack,
                execution_id=execution.id,
                api_url=host.api_url,
                token=self._issue_token(user, run.timeout + _TOKEN_SPARE_SECONDS),
                debug=bool(runner_parameters.get("debug")),
            )
        )


def split_parameters(
    values: Mapping[str, Any], action: Action, runner: RunnerType
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (the runner's parameters, those of the action only), with defaults where there is no value.

    For a parameter that both declare, the action's default counts; the value goes to the runner.
    """
    defaults = {name: schema.get("default") for name, schema in runner.parameters.items()}
    for name, schema in action.parameters.items():
        own = schema.get("default")
        defaults[name] = defaults.get(name) if own is None else own
    full = {**defaults, **{name: value for name, value in values.items() if value is not None}}
    runner_parameters = {name: value for name, value in full.items() if name in runner.parameters}
    return runner_parameters, {name: value for name, value in full.items() if name not in runner.parameters}


def _failure(error: str, trace: str) -> RunResult:
    return RunResult(status=ExecutionStatus.FAILED, result={"error": error, "traceback": trace})
