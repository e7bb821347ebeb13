"""Rescue: what becomes of executions whose engine died while they ran."""

import asyncio
import logging
from typing import Any

import pytest

from stormlet.flow.execution.rescue import MOST_ATTEMPTS
from stormlet.model.execution import ExecutionStatus


async def interrupt(bench: Any, **more: Any) -> str:
    """Let the engine die while an execution runs, and return the execution's id."""
    execution_id: str = await bench.request("held", **more)
    await bench.worker.start()
    await bench.held.wait_for_started(len(bench.held.started) + 1)
    await bench.crash()
    assert (await bench.get(execution_id)).status is ExecutionStatus.RUNNING
    return execution_id


async def test_it_is_abandoned_at_the_next_start(bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    """An action that may have had its effect is not run again: abandoned, with a reason and what to do."""
    caplog.set_level(logging.WARNING)
    execution_id = await interrupt(bench)
    await bench.worker.start()
    done = await bench.get(execution_id)
    assert done.status is ExecutionStatus.ABANDONED
    error = done.result["error"]
    assert error.startswith("the engine stopped while this action was running (its lease ended at 20")
    assert "it may already have had its effect, so it was not run again" in error
    assert error.endswith(f"re-run it with `stormlet execution re-run {execution_id}`")
    assert f"execution {execution_id} of t.held was abandoned" in caplog.text
    assert len(bench.held.started) == 1
    counted = bench.metrics.registry.get_sample_value
    assert counted("stormlet_executions_total", {"status": "abandoned", "runner": "held"}) == 1


@pytest.mark.parametrize(
    ("execution", "setting", "runs_again"),
    [
        ({}, "fail", False),
        ({}, "retry", True),
        ({"idempotent": True}, "fail", True),
        ({"action_snapshot": {"on_interruption": "fail"}}, "retry", False),
        ({"action_snapshot": {"on_interruption": "retry"}}, "fail", True),
    ],
)
async def test_metadata_wins_over_the_setting(
    bench: Any, execution: dict[str, Any], setting: str, runs_again: bool
) -> None:
    """`on_interruption` of the action decides; where it is silent, the setting does."""
    bench.make_worker(on_interruption=setting)
    execution_id = await interrupt(bench, **execution)
    bench.held.let_go.set()
    worker = bench.make_worker(on_interruption=setting)
    await worker.start()
    done = await bench.completed(execution_id)
    if runs_again:
        assert (done.status, done.attempt) == (ExecutionStatus.SUCCEEDED, 2)
    else:
        assert (done.status, done.attempt) == (ExecutionStatus.ABANDONED, 1)


async def test_attempts_are_bounded(bench: Any) -> None:
    """An action that takes the engine down each time does not do so for ever."""
    execution_id = await interrupt(bench, idempotent=True)
    for _ in range(MOST_ATTEMPTS - 1):
        await bench.worker.start()
        await bench.held.wait_for_started(len(bench.held.started) + 1)
        await bench.crash()
    await bench.worker.start()
    done = await bench.get(execution_id)
    assert (done.status, done.attempt) == (ExecutionStatus.ABANDONED, MOST_ATTEMPTS)
    assert f"it was started {MOST_ATTEMPTS} times, so it was not run again" in done.result["error"]


async def test_what_was_being_cancelled_is_canceled(bench: Any) -> None:
    """A cancel that the engine did not live to finish is finished."""
    execution_id = await interrupt(bench, idempotent=True)
    await bench.store.request_cancel(execution_id, bench.clock.now())
    await bench.worker.start()
    assert (await bench.get(execution_id)).status is ExecutionStatus.CANCELED


async def test_what_waited_is_run(bench: Any) -> None:
    """An execution that nobody had claimed is simply run."""
    worker = bench.make_worker(workers=1)
    running = await bench.request("held")
    waiting = await bench.request("noop")
    await worker.start()
    await bench.held.wait_for_started(1)
    await bench.crash()
    await bench.worker.start()
    assert (await bench.get(running)).status is ExecutionStatus.ABANDONED
    assert (await bench.completed(waiting)).status is ExecutionStatus.SUCCEEDED


async def test_a_lease_of_another_worker_is_waited_for(bench: Any) -> None:
    """Executions of a worker of another name are left alone until their lease ends, and then settled."""
    execution_id = await bench.request("noop")
    now = bench.clock.now()
    end = now.replace(microsecond=0)
    await bench.store.claim_executions("another", 1, now, end.replace(year=end.year + 1))
    await bench.worker.start()
    assert (await bench.get(execution_id)).status is ExecutionStatus.RUNNING
    await bench.store.release_leases("another", bench.clock.now())
    async with asyncio.timeout(20):
        assert (await bench.completed(execution_id)).status is ExecutionStatus.ABANDONED
