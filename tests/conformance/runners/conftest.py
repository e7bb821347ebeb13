"""A bench for runners: real runners, real processes, no store."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvloop
import yaml

from stormlet.flow.execution import RUNNERS
from stormlet.flow.execution.carrying import Carrier
from stormlet.flow.execution.child import Children
from stormlet.flow.execution.halt import Halt
from stormlet.flow.execution.interface import RunResult
from stormlet.flow.execution.shielding import shield_process
from stormlet.foundation.clock import SystemClock
from stormlet.foundation.settings import Execution as ExecutionSettings
from stormlet.model.action import Action
from stormlet.model.execution import Execution, ExecutionStatus, OutputKind
from stormlet.st2compat.host import Host, base_environment

PACKS = Path(__file__).parents[3] / "packs"


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The engine runs on uvloop where there is one; what is delicate about children must work on both loops."""
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"uvloop": uvloop.new_event_loop}
    if "hostile" in item.nodeid:
        factories["asyncio"] = asyncio.new_event_loop
    return factories


class Bench:
    """Runs actions as the worker would, and remembers what they printed."""

    def __init__(self, directory: Path) -> None:
        self.pack = directory / "bench"
        (self.pack / "actions").mkdir(parents=True)
        shield_process()
        self.settings = ExecutionSettings(output_bytes=64 * 1024, kill_seconds=0.3)
        self.clock = SystemClock()
        self.children = Children(self.clock)
        self.variables: dict[str, str] = dict(os.environ)
        self.config: dict[str, Any] = {}
        self.api_url = "http://127.0.0.1:9/v1"
        self.output: list[tuple[OutputKind, str]] = []
        self.on_output: Callable[[str], None] = lambda text: None
        self.issued: list[str] = []
        self.revoked: list[str] = []

    def action(self, runner_type: str, name: str = "probe", **more: Any) -> Action:
        return Action(
            id="0" * 24, pack="bench", name=name, runner_type=runner_type, pack_directory=str(self.pack), **more
        )

    def shipped(self, ref: str) -> Action:
        """Return an action of the packs that ship with the engine."""
        pack, _, name = ref.partition(".")
        document = yaml.safe_load((PACKS / pack / "actions" / f"{name}.yaml").read_text())
        return Action(
            id="0" * 24,
            pack=pack,
            name=name,
            runner_type=document["runner_type"],
            entry_point=document.get("entry_point") or "",
            parameters=document.get("parameters") or {},
            pack_directory=str(PACKS / pack),
        )

    def script(self, name: str, text: str, mode: int = 0o644) -> str:
        path = self.pack / "actions" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return name

    async def run(self, action: Action, parameters: dict[str, Any], halt: Halt | None = None) -> RunResult:
        carrier = Carrier(
            runners={runner.type.name: runner for runner in RUNNERS},
            settings=self.settings,
            clock=self.clock,
            children=self.children,
            host=lambda: Host(base_environment=base_environment(self.variables), api_url=self.api_url),
            action_of=lambda ref: action if ref == action.ref else None,
            config_of=lambda pack, user: self.config,
            issue_token=self._issue,
            revoke_token=self.revoked.append,
        )
        execution = Execution(
            id="e" * 24,
            action=action.ref,
            runner_type=action.runner_type,
            status=ExecutionStatus.RUNNING,
            requested_at=datetime.now(UTC),
            parameters=parameters,
            context={"user": "ada", "pack": action.pack},
        )
        return await carrier.carry_out(execution, halt or Halt(), self._print)

    async def shell(self, cmd: str, halt: Halt | None = None, **more: Any) -> RunResult:
        return await self.run(self.action("local-shell-cmd"), {"cmd": cmd, **more}, halt)

    async def python(self, text: str, halt: Halt | None = None, **parameters: Any) -> RunResult:
        """Run the body of an action's file."""
        self.script("probe.py", text)
        return await self.run(self.action("python-script", entry_point="probe.py"), parameters, halt)

    def _issue(self, user: str, ttl_seconds: float) -> str:
        self.issued.append(f"token-of-{user}")
        return self.issued[-1]

    def _print(self, kind: OutputKind, text: str) -> None:
        self.output.append((kind, text))
        self.on_output(text)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.children.close()
