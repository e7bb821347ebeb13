"""Step 2: a decision is written whole, once."""

import asyncio
from typing import Any

import pytest

from stormlet.foundation.errors import ConflictError
from stormlet.model.enforcement import EnforcementStatus
from stormlet.model.execution import ExecutionStatus
from stormlet.model.trigger import TriggerInstanceStatus
from stormlet.store.interface import EnforcementFilter, ExecutionFilter, Page, Store


async def test_a_decision_is_written_whole(store: Store, new: Any) -> None:
    """Status, enforcements and executions."""
    instance = new.instance()
    await store.record([instance])
    execution = new.execution(trigger_instance_id=instance.id, rule="examples.deploy")
    made = new.enforcement(instance, execution_id=execution.id)
    failed = new.enforcement(
        instance, rule="examples.other", status=EnforcementStatus.FAILED, failure_reason="no such filter"
    )
    assert await store.conclude_decision(new.decision(instance, enforcements=(made, failed), executions=(execution,)))
    assert await store.pending_instances(10) == []
    stored = await store.trigger_instance(instance.id)
    assert stored is not None
    assert stored.instance.status is TriggerInstanceStatus.PROCESSED
    assert await store.enforcement(made.id) == made
    assert await store.enforcement(failed.id) == failed
    found = await store.execution(execution.id)
    assert found is not None
    assert (found.parameters, found.rule, found.status) == (execution.parameters, "examples.deploy", "requested")


async def test_a_decision_again_changes_nothing(store: Store, new: Any) -> None:
    """Even one with other contents."""
    instance = new.instance()
    await store.record([instance])
    assert await store.conclude_decision(new.decision(instance))
    second = new.decision(instance, executions=(new.execution(),), status=TriggerInstanceStatus.PROCESSING_FAILED)
    assert not await store.conclude_decision(second)
    assert await store.list_executions(ExecutionFilter(), Page()) == ([], 0)


async def test_of_many_deciders_at_once_one_wins(store: Store, new: Any) -> None:
    """Two engines, or one that was interrupted: one set of executions."""
    instance = new.instance()
    await store.record([instance])
    decisions = [new.decision(instance, executions=(new.execution(),)) for _ in range(50)]
    answers = await asyncio.gather(*(store.conclude_decision(decision) for decision in decisions))
    assert sorted(answers) == [False] * 49 + [True]
    (execution,), total = await store.list_executions(ExecutionFilter(), Page())
    assert total == 1
    assert execution.id == decisions[answers.index(True)].executions[0].id


async def test_a_decision_about_what_is_not_there_is_false(store: Store, new: Any) -> None:
    """It may have been purged."""
    assert not await store.conclude_decision(new.decision(new.instance()))


async def test_one_rule_enforces_an_instance_once(store: Store, new: Any) -> None:
    """A decision that says otherwise is refused whole, and the instance can still be decided."""
    instance = new.instance()
    await store.record([instance])
    twice = (new.enforcement(instance), new.enforcement(instance))
    with pytest.raises(ConflictError):
        await store.conclude_decision(new.decision(instance, enforcements=twice, executions=(new.execution(),)))
    assert await store.list_enforcements(EnforcementFilter(), Page()) == ([], 0)
    assert await store.list_executions(ExecutionFilter(), Page()) == ([], 0)
    assert await store.conclude_decision(new.decision(instance, enforcements=twice[:1]))


async def test_a_refused_decision_does_not_undo_its_neighbours(store: Store, new: Any) -> None:
    """They share a commit, and nothing else."""
    instances = [new.instance() for _ in range(20)]
    await store.record(instances)

    def decision(n: int) -> Any:
        same = (new.enforcement(instances[n]), new.enforcement(instances[n]))
        return new.decision(instances[n], enforcements=same if n % 2 else same[:1])

    answers = await asyncio.gather(*(store.conclude_decision(decision(n)) for n in range(20)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [bool, ConflictError] * 10
    pending = await store.pending_instances(100)
    assert [one.instance.id for one in pending] == [one.id for one in instances[1::2]]
    assert (await store.list_enforcements(EnforcementFilter(), Page()))[1] == 10


async def test_a_decision_that_failed_says_why(store: Store, new: Any) -> None:
    """For `stormlet trigger-instance get`."""
    instance = new.instance()
    await store.record([instance])
    status = TriggerInstanceStatus.PROCESSING_FAILED
    assert await store.conclude_decision(new.decision(instance, status=status, failure_reason="TypeError: no"))
    stored = await store.trigger_instance(instance.id)
    assert stored is not None
    assert (stored.instance.status, stored.instance.failure_reason) == (status, "TypeError: no")


async def test_an_execution_that_could_not_be_rendered_is_completed_from_the_start(store: Store, new: Any) -> None:
    """It is listed with its error, and no worker ever gets it."""
    instance = new.instance()
    await store.record([instance])
    now = new.moment()
    execution = new.execution(
        status=ExecutionStatus.FAILED, started_at=now, ended_at=now, result={"error": "undefined"}
    )
    assert await store.conclude_decision(new.decision(instance, executions=(execution,)))
    found = await store.execution(execution.id)
    assert found is not None
    assert (found.status, found.result, found.ended_at) == ("failed", {"error": "undefined"}, now)
    assert await store.claim_executions("w", 10, now, now) == []
