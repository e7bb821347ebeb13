"""Step 3: claims, leases, outcomes, cancels and output."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from stormlet.foundation.errors import ConflictError, InvalidInputError
from stormlet.model.execution import COMPLETED, ExecutionStatus, OutputChunk, OutputKind
from stormlet.store.interface import ExecutionFilter, Page, Store

S = ExecutionStatus


def statuses(execution: Any) -> list[str]:
    return [entry.status.value for entry in execution.log]


async def test_a_requested_execution_comes_back_whole(store: Store, new: Any) -> None:
    """Parameters, context, snapshot; the log says when it was requested."""
    execution = new.execution(
        parameters={"n": 2**80, "cmd": "echo 'ž'", "list": [1, {"a": None}]},
        secret_parameters=("token",),
        context={"user": "joe", "trace_context": {"trace_tag": "t"}},
        action_snapshot={"ref": "core.local", "parameters": {"cmd": {"type": "string"}}},
        rule="examples.r",
        trigger_instance_id="a" * 24,
        enforcement_id="b" * 24,
        parent="c" * 24,
        idempotent=True,
        trace_tag="t",
    )
    await store.request_execution(execution)
    found = await store.execution(execution.id)
    assert found is not None
    assert statuses(found) == ["requested"]
    assert found.log[0].timestamp == execution.requested_at
    assert found.__class__(**{**{f: getattr(found, f) for f in found.__struct_fields__}, "log": ()}) == execution


async def test_an_execution_is_requested_once(store: Store, new: Any) -> None:
    """The same id again is a conflict."""
    execution = new.execution()
    await store.request_execution(execution)
    with pytest.raises(ConflictError):
        await store.request_execution(execution)


async def test_a_claim_takes_the_oldest_and_says_so(store: Store, new: Any, claim: Any) -> None:
    """Status, attempt, start, worker's lease, log."""
    executions = [new.execution() for _ in range(3)]
    for execution in executions:
        await store.request_execution(execution)
    now = new.moment()
    first, second = await claim(limit=2, now=now)
    assert [first.execution.id, second.execution.id] == [one.id for one in executions[:2]]
    assert first.execution.status is S.RUNNING
    assert (first.execution.attempt, first.token, first.execution.started_at) == (1, 1, now)
    assert first.lease_until == now + timedelta(seconds=30)
    assert first.execution.parameters == {"cmd": "date"}
    assert statuses(first.execution) == ["requested", "running"]
    (third,) = await claim()
    assert third.execution.id == executions[2].id
    assert await claim() == []


async def test_a_delayed_execution_is_claimed_when_its_moment_has_come(store: Store, new: Any, claim: Any) -> None:
    """Not a microsecond earlier."""
    due = new.moment() + timedelta(seconds=100)
    delayed = new.execution(status=S.DELAYED, delay_until=due)
    await store.request_execution(delayed)
    assert await claim(now=due - timedelta(microseconds=1)) == []
    (one,) = await claim(now=due)
    assert statuses(one.execution) == ["delayed", "running"]


async def test_an_outcome_is_recorded_once(store: Store, new: Any, claim: Any) -> None:
    """With what follows from it, in one transaction."""
    await store.request_execution(new.execution())
    (one,) = await claim()
    follow = new.instance(trigger="core.st2.generic.actiontrigger", payload={"status": "succeeded"})
    outcome = new.outcome(one, result={"n": 2**70})
    assert await store.conclude_execution(outcome, [follow])
    assert not await store.conclude_execution(new.outcome(one, S.FAILED), [new.instance()])
    found = await store.execution(one.execution.id)
    assert found is not None
    assert (found.status, found.result, found.ended_at) == (S.SUCCEEDED, {"n": 2**70}, outcome.ended_at)
    assert statuses(found) == ["requested", "running", "succeeded"]
    assert [each.instance for each in await store.pending_instances(10)] == [follow]


async def test_of_many_concluders_at_once_one_wins(store: Store, new: Any, claim: Any) -> None:
    """The others hear False, and leave nothing behind."""
    await store.request_execution(new.execution())
    (one,) = await claim()
    outcomes = [new.outcome(one, result=n) for n in range(50)]
    answers = await asyncio.gather(*(store.conclude_execution(outcome, [new.instance()]) for outcome in outcomes))
    assert sorted(answers) == [False] * 49 + [True]
    found = await store.execution(one.execution.id)
    assert found is not None
    assert found.result == answers.index(True)
    assert len(await store.pending_instances(100)) == 1


async def test_a_stale_token_concludes_nothing(store: Store, new: Any, claim: Any) -> None:
    """A worker that was thought dead and comes back cannot overwrite its successor, nor what waits for one."""
    await store.request_execution(new.execution())
    (old,) = await claim("w1")
    assert await store.requeue_execution(old.execution.id, old.token, new.moment())
    assert not await store.conclude_execution(new.outcome(old))
    (young,) = await claim("w2")
    assert (young.token, young.execution.attempt) == (2, 2)
    assert not await store.conclude_execution(new.outcome(old))
    assert await store.extend_leases("w1", [(old.execution.id, old.token)], new.moment()) == [old.execution.id]
    assert not await store.requeue_execution(old.execution.id, old.token, new.moment())
    assert await store.conclude_execution(new.outcome(young))
    found = await store.execution(young.execution.id)
    assert found is not None
    assert statuses(found) == ["requested", "running", "requested", "running", "succeeded"]


async def test_100_claimers_never_get_one_execution_twice(store: Store, new: Any) -> None:
    """All are handed out, each once."""
    executions = [new.execution() for _ in range(150)]
    await asyncio.gather(*(store.request_execution(execution) for execution in executions))
    now = new.moment()
    claims = await asyncio.gather(
        *(store.claim_executions(f"w{n}", 2, now, now + timedelta(seconds=30)) for n in range(100))
    )
    taken = [one.execution.id for some in claims for one in some]
    assert sorted(taken) == sorted(execution.id for execution in executions)


async def test_a_lease_is_prolonged_by_its_holder_only(store: Store, new: Any, claim: Any) -> None:
    """Others learn that it is lost."""
    await store.request_execution(new.execution())
    now = new.moment()
    (one,) = await claim("w1", now=now)
    later = now + timedelta(seconds=300)
    mine = [(one.execution.id, one.token)]
    assert await store.extend_leases("w2", mine, later) == [one.execution.id]
    assert await store.extend_leases("w1", [*mine, ("f" * 24, 1)], later) == ["f" * 24]
    assert await store.expired_executions(now + timedelta(seconds=60), 10) == []
    assert [e.execution.id for e in await store.expired_executions(later, 10)] == [one.execution.id]


async def test_an_expired_lease_is_found_with_its_token(store: Store, new: Any, claim: Any) -> None:
    """So that rescue can requeue or abandon it."""
    await store.request_execution(new.execution(idempotent=True))
    now = new.moment()
    (one,) = await claim(now=now)
    (expired,) = await store.expired_executions(now + timedelta(seconds=30), 10)
    assert (expired.token, expired.lease_until, expired.execution.idempotent) == (one.token, one.lease_until, True)
    assert await store.conclude_execution(new.outcome(expired, S.ABANDONED))
    assert await store.expired_executions(now + timedelta(seconds=60), 10) == []


async def test_released_leases_end_now(store: Store, new: Any, claim: Any) -> None:
    """Those of the worker that stops, and no others."""
    for _ in range(3):
        await store.request_execution(new.execution())
    now = new.moment()
    mine = await claim("w1", limit=2, now=now)
    await claim("w2", now=now)
    assert await store.release_leases("w1", now) == 2
    expired = await store.expired_executions(now, 10)
    assert {one.execution.id for one in expired} == {one.execution.id for one in mine}
    assert await store.release_leases("w1", now) == 0


async def test_what_waits_is_canceled_at_once(store: Store, new: Any, claim: Any) -> None:
    """And never handed out."""
    for execution in (new.execution(), new.execution(status=S.DELAYED, delay_until=new.moment())):
        await store.request_execution(execution)
        now = new.moment()
        canceled = await store.request_cancel(execution.id, now)
        assert canceled is not None
        assert (canceled.status, canceled.ended_at, canceled.cancel_requested) == (S.CANCELED, now, True)
        assert statuses(canceled)[-1] == "canceled"
    assert await claim() == []


async def test_what_runs_is_told_to_end(store: Store, new: Any, claim: Any) -> None:
    """Its worker still concludes it; a second cancel changes nothing; it is not requeued."""
    await store.request_execution(new.execution())
    (one,) = await claim()
    canceling = await store.request_cancel(one.execution.id, new.moment())
    assert canceling is not None
    assert (canceling.status, canceling.cancel_requested, canceling.ended_at) == (S.CANCELING, True, None)
    assert await store.request_cancel(one.execution.id, new.moment()) == canceling
    assert not await store.requeue_execution(one.execution.id, one.token, new.moment())
    assert [e.token for e in await store.expired_executions(one.lease_until, 10)] == [one.token]
    assert await store.conclude_execution(new.outcome(one, S.CANCELED))
    found = await store.execution(one.execution.id)
    assert found is not None
    assert statuses(found) == ["requested", "running", "canceling", "canceled"]


async def test_what_is_completed_is_not_canceled(store: Store, new: Any, claim: Any) -> None:
    """It is returned as it is; what does not exist is None."""
    await store.request_execution(new.execution())
    (one,) = await claim()
    await store.conclude_execution(new.outcome(one))
    before = await store.execution(one.execution.id)
    assert await store.request_cancel(one.execution.id, new.moment()) == before
    assert await store.request_cancel("f" * 24, new.moment()) is None


@pytest.mark.parametrize("status", sorted(set(ExecutionStatus) - COMPLETED))
async def test_an_outcome_is_an_end(store: Store, new: Any, claim: Any, status: ExecutionStatus) -> None:
    """No other status concludes an execution."""
    await store.request_execution(new.execution())
    (one,) = await claim()
    with pytest.raises(InvalidInputError, match=status.value):
        await store.conclude_execution(new.outcome(one, status))


@pytest.mark.parametrize("status", sorted(COMPLETED))
async def test_every_end_can_be_reached_from_running(
    store: Store, new: Any, claim: Any, status: ExecutionStatus
) -> None:
    """As the table of transitions says."""
    await store.request_execution(new.execution())
    (one,) = await claim()
    assert await store.conclude_execution(new.outcome(one, status))


async def test_a_result_of_odd_text_does_not_lose_the_outcome(store: Store, new: Any, claim: Any) -> None:
    """Lone surrogates become U+FFFD."""
    await store.request_execution(new.execution())
    (one,) = await claim()
    assert await store.conclude_execution(new.outcome(one, result={"stdout": "a\udc80b", "n": 2**70}))
    found = await store.execution(one.execution.id)
    assert found is not None
    assert found.result == {"stdout": "a\ufffdb", "n": 2**70}


async def test_output_comes_back_in_order(store: Store, new: Any, claim: Any) -> None:
    """Of both streams or of one; the same piece again changes nothing; unprintable text does no harm."""
    await store.request_execution(new.execution())
    (one,) = await claim()
    chunks = [
        OutputChunk(
            execution_id=one.execution.id,
            sequence=n,
            kind=OutputKind.STDERR if n % 3 == 0 else OutputKind.STDOUT,
            timestamp=new.moment(),
            data=f"line {n} \x00 ž\n",
        )
        for n in range(500)
    ]
    await store.append_output(chunks[250:])
    await store.append_output(chunks)
    assert await store.output(one.execution.id) == chunks
    stderr = [chunk for chunk in chunks if chunk.kind is OutputKind.STDERR]
    assert await store.output(one.execution.id, OutputKind.STDERR) == stderr
    odd = OutputChunk(
        execution_id=one.execution.id, sequence=500, kind=OutputKind.STDOUT, timestamp=new.moment(), data="\udcff"
    )
    await store.append_output([odd])
    assert (await store.output(one.execution.id))[-1].data == "\ufffd"


async def test_output_of_an_execution_that_is_gone_is_dropped(store: Store, new: Any) -> None:
    """There is nobody left to read it."""
    chunk = OutputChunk(execution_id="f" * 24, sequence=0, kind=OutputKind.STDOUT, timestamp=new.moment(), data="late")
    await store.append_output([chunk])
    await store.append_output([])
    assert await store.output("f" * 24) == []


async def test_the_last_execution_is_the_one_requested_last(store: Store, new: Any) -> None:
    """What `stormlet execution get last` shows."""
    for _ in range(3):
        execution = new.execution()
        await store.request_execution(execution)
    last = await store.last_execution()
    assert last is not None
    assert last.id == execution.id


async def test_totals_count_what_waits_and_runs(store: Store, new: Any, claim: Any) -> None:
    """Not what is over."""
    empty = await store.totals()
    assert (empty.pending_instances, empty.oldest_pending, empty.oldest_waiting) == (0, None, None)
    instances = [new.instance() for _ in range(3)]
    await store.record(instances)
    await store.conclude_decision(new.decision(instances[0]))
    executions = [new.execution() for _ in range(4)]
    for execution in executions:
        await store.request_execution(execution)
    await store.request_execution(new.execution(status=S.DELAYED, delay_until=new.moment()))
    first, _second = await claim(limit=2, now=executions[0].requested_at)
    await store.conclude_execution(new.outcome(first))
    totals = await store.totals()
    assert (totals.pending_instances, totals.oldest_pending) == (2, instances[1].occurrence_time)
    assert (totals.waiting_executions, totals.running_executions) == (3, 1)
    assert totals.oldest_waiting == executions[2].requested_at
    assert totals.size_bytes > 0
    assert (await store.list_executions(ExecutionFilter(), Page()))[1] == 5


async def test_check_writes(store: Store) -> None:
    """/readyz asks this."""
    await store.check()


async def test_an_old_token_prolongs_nothing_though_the_worker_is_the_same(store: Store, new: Any, claim: Any) -> None:
    """Its first attempt was given back, and its second has a lease of its own."""
    await store.request_execution(new.execution())
    (old,) = await claim("w1")
    await store.requeue_execution(old.execution.id, old.token, new.moment())
    (young,) = await claim("w1")
    later = young.lease_until + timedelta(seconds=60)
    assert await store.extend_leases("w1", [(old.execution.id, old.token)], later) == [old.execution.id]
    assert len(await store.expired_executions(young.lease_until, 10)) == 1
    assert await store.extend_leases("w1", [(young.execution.id, young.token)], later) == []
