"""The reference page of runners, written from what each runner says of itself; tests carry out the examples on it."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from stormlet.flow.execution.catalogue import RUNNERS
from stormlet.flow.execution.interface import Example, Runner
from stormlet.flow.execution.rescue import MOST_ATTEMPTS

_HEAD: Final = f"""<!-- Written by `make docs` from src/stormlet/flow/execution/runners; change it there. -->

# Runners

An action's metadata names its runner in `runner_type`. A runner brings parameters of its own, which every action of that
runner takes beside those that it declares itself; an action may give them another default, or fix them (`immutable: true`).

What every child process has in common:

- Its environment is made from nothing: PATH, HOME, USER, LOGNAME, SHELL, LANG, LC_ALL, LC_CTYPE, TZ and TMPDIR of the engine,
  the parameter `env`, and `ST2_ACTION_PACK_NAME`, `ST2_ACTION_EXECUTION_ID`, `ST2_ACTION_API_URL`, `ST2_ACTION_AUTH_TOKEN` and
  `ST2_ACTION_DEBUG`. The token is that of the execution's user, and ends with the action.
- It leads a process group of its own. When it ends, what it left running in that group is killed; so it is at a timeout or a
  cancel (SIGTERM, and after `execution.kill_seconds` SIGKILL), and when the engine is killed.
- Of each stream `execution.output_bytes` are kept; the rest is read, counted and dropped. What is not UTF-8 is replaced.
- An action that was interrupted by a crash is run again only where its metadata says `on_interruption: retry` (or the setting
  `execution.on_interruption` does), {MOST_ATTEMPTS} times in all; otherwise it ends as `abandoned`, with the reason.
"""


def render_runners() -> str:
    """Return docs/reference/runners.md."""
    return "\n".join([_HEAD, *_sections()]).rstrip() + "\n"


def _sections() -> Iterator[str]:
    for runner in RUNNERS:
        yield f"## {runner.type.name}\n"
        yield f"{runner.type.description}\n"
        yield f"{runner.help}\n"
        yield from _parameters(runner)
        for example in runner.examples:
            yield from _example(runner, example)


def _parameters(runner: Runner) -> Iterator[str]:
    if not runner.type.parameters:
        return
    yield "| parameter | type | default | meaning |"
    yield "|---|---|---|---|"
    for name, schema in runner.type.parameters.items():
        marks = [mark for mark in ("required", "secret") if schema.get(mark)]
        meaning = " ".join([schema["description"], *(f"({mark})" for mark in marks)])
        default = f"`{_json(schema['default'])}`" if schema.get("default") is not None else ""
        yield f"| `{name}` | {schema['type']} | {default} | {meaning} |"
    yield ""


def _example(runner: Runner, example: Example) -> Iterator[str]:
    """Show an action, its parameters, and the part of the result that matters."""
    yield f"{example.title}:\n"
    yield "```json"
    yield _json({"action": example.action or runner.type.name, "parameters": example.parameters})
    yield _json({"status": example.status.value, "result": example.result})
    yield "```\n"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
