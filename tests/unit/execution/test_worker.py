"""The worker on a real store: claims, outcomes, cancellation, leases, stopping."""

import logging
import sqlite3
import time
from datetime import timedelta
from typing import Any

import pytest

from stormlet.flow.execution.interface import Run, RunResult
from stormlet.model.execution import ExecutionStatus, OutputKind


async def test_what_is_requested_is_run_and_recorded(bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    """An execution ends with its result, its times and its states, and a log line that shows its output."""
    caplog.set_level(logging.INFO)
    await bench.worker.start()
    done = await bench.run("local", {"cmd": "echo hello; echo more"})
    assert done.status is ExecutionStatus.SUCCEEDED
    assert done.result["stdout"] == "hello\nmore"
    assert done.started_at is not None
    assert done.ended_at is not None
    assert done.requested_at <= done.started_at <= done.ended_at
    assert [entry.status.value for entry in done.log] == ["requested", "running", "succeeded"]
    assert f"execution {done.id} of t.local succeeded in 0." in caplog.text
    assert " s: hello\n" in caplog.text


async def test_a_wake_up_is_heard_at_once(bench: Any) -> None:
    """Woken, the worker does not wait for its next look."""
    await bench.worker.start()
    await bench.run("noop")
    started = time.monotonic()
    for _ in range(10):
        await bench.run("noop")
    assert time.monotonic() - started < 2


async def test_without_a_wake_up_the_worker_looks(bench: Any) -> None:
    """A lost wake-up delays an execution, it does not lose it."""
    await bench.worker.start()
    execution_id = await bench.request("noop")
    assert (await bench.completed(execution_id)).status is ExecutionStatus.SUCCEEDED


async def test_delayed_executions_start_when_they_are_due(bench: Any) -> None:
    """A delayed execution waits, and then runs by itself."""
    await bench.worker.start()
    due = bench.clock.now() + timedelta(seconds=0.5)
    execution_id = await bench.request("noop", status=ExecutionStatus.DELAYED, delay_until=due)
    done = await bench.completed(execution_id)
    assert done.started_at >= due


async def test_no_more_run_than_there_are_workers(bench: Any) -> None:
    """`workers` bounds what runs at the same time; the rest waits its turn."""
    worker = bench.make_worker(workers=3)
    ids = [await bench.request("held") for _ in range(10)]
    await worker.start()
    await bench.held.wait_for_started(3)
    assert worker.running == 3
    bench.held.let_go.set()
    for execution_id in ids:
        await bench.completed(execution_id)
    assert bench.held.most == 3


async def test_a_slow_action_blocks_nobody(bench: Any) -> None:
    """Others are claimed, run and recorded beside it."""
    await bench.worker.start()
    slow = await bench.request("held")
    bench.worker.wake()
    await bench.held.wait_for_started(1)
    assert (await bench.run("noop")).status is ExecutionStatus.SUCCEEDED
    assert (await bench.get(slow)).status is ExecutionStatus.RUNNING


async def test_two_hundred_are_each_recorded_once(bench: Any) -> None:
    """200 executions at once: each runs once and has one outcome."""
    worker = bench.make_worker(workers=200, lease_seconds=30)
    ids = [await bench.request("local", {"cmd": f"echo n{number}"}) for number in range(200)]
    await worker.start()
    done = [await bench.completed(execution_id) for execution_id in ids]
    assert [one.result["stdout"] for one in done] == [f"n{number}" for number in range(200)]
    assert {one.attempt for one in done} == {1}
    assert {tuple(entry.status.value for entry in one.log) for one in done} == {("requested", "running", "succeeded")}


async def test_cancel_ends_what_runs(bench: Any) -> None:
    """Cancelled while it runs: canceling, then canceled, and the child is gone."""
    await bench.worker.start()
    execution_id = await bench.request("local", {"cmd": "echo begun; sleep 300"})
    bench.worker.wake()
    await bench.until(execution_id, lambda execution: execution.status is ExecutionStatus.RUNNING)
    await bench.store.request_cancel(execution_id, bench.clock.now())
    bench.worker.cancel(execution_id)
    done = await bench.completed(execution_id)
    assert [entry.status.value for entry in done.log] == ["requested", "running", "canceling", "canceled"]
    assert done.result["error"] == "Execution canceled by user."


async def test_a_cancel_that_only_the_store_knows_is_noticed(bench: Any) -> None:
    """Whoever cancels need not know which worker runs it."""
    await bench.worker.start()
    execution_id = await bench.request("held")
    bench.worker.wake()
    await bench.held.wait_for_started(1)
    await bench.store.request_cancel(execution_id, bench.clock.now())
    assert (await bench.completed(execution_id)).status is ExecutionStatus.CANCELED


async def test_cancelling_what_does_not_run_here_is_no_error(bench: Any) -> None:
    """Unknown ids are ignored."""
    bench.worker.cancel("f" * 24)


async def test_an_action_that_finished_first_keeps_its_result(bench: Any) -> None:
    """Where cancel and end meet, what happened is recorded."""
    await bench.worker.start()
    execution_id = await bench.request("held")
    bench.worker.wake()
    await bench.held.wait_for_started(1)
    bench.held.let_go.set()
    await bench.completed(execution_id)
    bench.worker.cancel(execution_id)
    assert (await bench.get(execution_id)).status is ExecutionStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("gone", None, 'Action "t.gone" cannot be found.'),
        ("off", {"runner": "noop", "enabled": False}, 'Unable to execute. Action "t.off" is disabled.'),
        ("old", {"runner": "run-python"}, 'RunnerType "run-python" does not exist (did you mean python-script?)'),
        ("typo", {"runner": "noops"}, 'RunnerType "noops" does not exist (did you mean noop?)'),
        ("odd", {"runner": "zzz"}, 'RunnerType "zzz" does not exist (one of announcement,'),
        ("no_file", {"runner": "python-script", "entry_point": "x.py", "pack_directory": "/nowhere"}, "does not exist"),
        ("no_pack", {"runner": "python-script", "entry_point": "x.py"}, "has no pack directory"),
    ],
)
async def test_what_cannot_be_run_fails_with_a_reason(bench: Any, name: str, more: Any, said: str) -> None:
    """A missing or disabled action, an unknown runner, a missing file: failed, and the result says why."""
    if more:
        bench.add(name, more.pop("runner"), **more)
    await bench.worker.start()
    done = await bench.run(name)
    assert done.status is ExecutionStatus.FAILED
    assert said in done.result["error"]
    assert done.result["traceback"] == ""


async def test_a_fault_of_a_runner_fails_the_execution(bench: Any) -> None:
    """An exception of a runner is recorded with its traceback; the worker goes on."""

    def fail(run: Run) -> RunResult:
        raise KeyError("oops")

    bench.held.outcome = fail
    bench.held.let_go.set()
    await bench.worker.start()
    done = await bench.run("held")
    assert done.status is ExecutionStatus.FAILED
    assert done.result["error"] == "KeyError: 'oops'"
    assert "in fail" in done.result["traceback"]
    assert (await bench.run("noop")).status is ExecutionStatus.SUCCEEDED


async def test_a_result_that_cannot_be_stored_fails_the_execution(bench: Any) -> None:
    """A runner's result that is no JSON is recorded as a failure, not lost."""
    bench.held.outcome = lambda run: RunResult(status=ExecutionStatus.SUCCEEDED, result={"x": object()})
    bench.held.let_go.set()
    await bench.worker.start()
    done = await bench.run("held")
    assert done.status is ExecutionStatus.FAILED
    assert "could not be stored" in done.result["error"]


async def test_output_is_stored_while_it_runs_and_in_order(bench: Any) -> None:
    """Output can be read before the end, and is whole at the end."""
    await bench.worker.start()
    gate = bench.directory / "gate"
    cmd = f"echo one; echo two >&2; while [ ! -e {gate} ]; do sleep 0.02; done; echo three"
    execution_id = await bench.request("local", {"cmd": cmd})
    bench.worker.wake()

    async def has_two_lines() -> bool:
        return len(await bench.store.output(execution_id)) == 2

    await bench.poll(has_two_lines)
    gate.touch()
    await bench.completed(execution_id)
    chunks = await bench.store.output(execution_id)
    assert [chunk.sequence for chunk in chunks] == list(range(len(chunks)))
    by_kind = {kind: "".join(chunk.data for chunk in chunks if chunk.kind is kind) for kind in OutputKind}
    assert by_kind == {OutputKind.STDOUT: "one\nthree\n", OutputKind.STDERR: "two\n"}


async def test_leases_are_prolonged(bench: Any) -> None:
    """What runs longer than its lease keeps it, and runs once."""
    await bench.worker.start()
    execution_id = await bench.request("local", {"cmd": "sleep 2.5; echo done"})
    bench.worker.wake()
    done = await bench.completed(execution_id)
    assert (done.status, done.attempt, done.result["stdout"]) == (ExecutionStatus.SUCCEEDED, 1, "done")


async def test_a_clock_that_steps_forward_rescues_nothing_that_runs(bench: Any) -> None:
    """An hour forward, an hour back: what runs here goes on."""
    await bench.worker.start()
    execution_id = await bench.request("local", {"cmd": "sleep 2; echo done"})
    bench.worker.wake()
    await bench.until(execution_id, lambda execution: execution.status is ExecutionStatus.RUNNING)
    soon = bench.clock.now() + timedelta(minutes=30)
    bench.clock.step = timedelta(hours=1)

    async def lease_has_moved() -> bool:
        return not await bench.store.expired_executions(soon, 1)

    await bench.poll(lease_has_moved)
    bench.clock.step = timedelta(hours=-1)
    done = await bench.completed(execution_id)
    assert (done.status, done.attempt) == (ExecutionStatus.SUCCEEDED, 1)


@pytest.mark.parametrize("workers", [1, 5])
async def test_a_lost_lease_ends_the_child_and_records_nothing(bench: Any, workers: int) -> None:
    """When the store says that the lease is somebody else's, the run is ended and leaves no trace; also where that somebody
    is the same worker, which claimed it anew."""
    worker = bench.make_worker(workers=workers)
    await worker.start()
    execution_id = await bench.request("held")
    worker.wake()
    await bench.held.wait_for_started(1)
    first = bench.held.started[0]
    assert await bench.store.requeue_execution(execution_id, 1, bench.clock.now())
    await bench.held.wait_for_started(2)

    async def only_one_runs() -> bool:
        return bool(worker.running == 1)

    await bench.poll(only_one_runs)
    assert first.halt.reason == "lease lost"
    assert bench.held.started[1].halt.reason is None
    bench.held.let_go.set()
    done = await bench.completed(execution_id)
    assert (done.status, done.attempt) == (ExecutionStatus.SUCCEEDED, 2)
    assert [entry.status.value for entry in done.log] == ["requested", "running", "requested", "running", "succeeded"]


async def test_outcomes_wait_for_a_locked_database(bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    """While somebody else holds the database, the outcome waits; it is recorded when the database is free."""
    worker = bench.make_worker(lease_seconds=30)
    await worker.start()
    execution_id = await bench.request("held")
    worker.wake()
    await bench.held.wait_for_started(1)
    blocker = sqlite3.connect(bench.directory / "stormlet.db", isolation_level=None)
    try:
        blocker.execute("BEGIN EXCLUSIVE")
        bench.held.let_go.set()

        async def outcome_waits() -> bool:
            return f"the outcome of execution {execution_id} waits" in caplog.text

        await bench.poll(outcome_waits)
        assert worker.running == 1
        blocker.execute("COMMIT")
    finally:
        blocker.close()
    assert (await bench.completed(execution_id)).status is ExecutionStatus.SUCCEEDED


async def test_stop_lets_what_runs_end(bench: Any) -> None:
    """Within the grace time an action ends by itself, and nothing new is claimed."""
    worker = bench.make_worker(workers=1)
    await worker.start()
    running = await bench.request("local", {"cmd": "sleep 0.5; echo done"})
    waiting = await bench.request("noop")
    worker.wake()
    await bench.until(running, lambda execution: execution.status is ExecutionStatus.RUNNING)
    await worker.stop(10)
    assert (await bench.get(running)).result["stdout"] == "done"
    assert (await bench.get(waiting)).status is ExecutionStatus.REQUESTED


async def test_stop_ends_the_rest_and_says_what_became_of_it(bench: Any) -> None:
    """What does not end in time is ended: abandoned with a reason, or given back where it may run again."""
    await bench.worker.start()
    ids = [
        await bench.request("local", {"cmd": "trap '' TERM; echo begun; sleep 300"}, idempotent=idempotent)
        for idempotent in (False, True)
    ]
    bench.worker.wake()

    async def all_have_begun() -> bool:
        return all([await bench.store.output(execution_id) for execution_id in ids])

    await bench.poll(all_have_begun)
    started = time.monotonic()
    await bench.worker.stop(1)
    assert time.monotonic() - started < 4
    abandoned, given_back = [await bench.get(execution_id) for execution_id in ids]
    assert abandoned.status is ExecutionStatus.ABANDONED
    assert abandoned.result["error"].startswith("the engine was stopped while this action was running; it may already")
    assert given_back.status is ExecutionStatus.REQUESTED
    assert bench.worker.running == 0


async def test_start_and_stop_may_be_called_twice(bench: Any) -> None:
    """Twice, or in the wrong order: no error, and it works afterwards."""
    await bench.worker.stop(1)
    await bench.worker.start()
    await bench.worker.start()
    assert (await bench.run("noop")).status is ExecutionStatus.SUCCEEDED
    await bench.worker.stop(1)
    await bench.worker.stop(1)
    await bench.worker.start()
    assert (await bench.run("local", {"cmd": "echo again"})).result["stdout"] == "again"


async def test_outcomes_are_counted(bench: Any) -> None:
    """Metrics know how many ended how, and how long they took."""
    await bench.worker.start()
    await bench.run("noop")
    value = bench.metrics.registry.get_sample_value
    assert value("stormlet_executions_total", {"status": "succeeded", "runner": "noop"}) == 1
    assert value("stormlet_execution_seconds_count") == 1


async def test_secret_parameters_are_not_logged(bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What a secret parameter holds is masked in the log line, also where the action prints it."""
    caplog.set_level(logging.DEBUG)
    await bench.worker.start()
    await bench.run(
        "local", {"cmd": "echo $S", "env": {"S": "hunter2"}, "word": "hunter2"}, secret_parameters=("word",)
    )
    assert "s: ********" in caplog.text
    assert "hunter2" not in caplog.text
