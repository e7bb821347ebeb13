"""Listings: filters, order, pages, totals."""

from datetime import timedelta
from typing import Any

import pytest

from stormlet.model.enforcement import EnforcementStatus
from stormlet.model.execution import ExecutionStatus
from stormlet.model.trigger import TriggerInstanceStatus
from stormlet.store.interface import EnforcementFilter, ExecutionFilter, InstanceFilter, Page, Store

ALL = Page(limit=None)


@pytest.fixture
async def instances(store: Store, new: Any) -> list[Any]:
    """Six instances of two triggers and types, half of them decided."""
    made = [
        new.instance(trigger=f"core.t{n % 2}", trigger_type=f"core.type{n % 3}", payload={"n": n}) for n in range(6)
    ]
    await store.record(made)
    for instance in made[:3]:
        await store.conclude_decision(new.decision(instance))
    return made


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [5, 4, 3, 2, 1, 0]),
        ({"trigger": "core.t1"}, [5, 3, 1]),
        ({"trigger_type": "core.type2"}, [5, 2]),
        ({"trigger_type": "core.none"}, []),
        ({"status": TriggerInstanceStatus.PENDING}, [5, 4, 3]),
        ({"status": TriggerInstanceStatus.PROCESSED, "trigger": "core.t0"}, [2, 0]),
    ],
)
async def test_instances_are_filtered(
    store: Store, instances: list[Any], wanted: dict[str, Any], expected: list[int]
) -> None:
    """Newest first, with their payloads and the total."""
    found, total = await store.list_trigger_instances(InstanceFilter(**wanted), ALL)
    assert [one.instance.payload["n"] for one in found] == expected
    assert total == len(expected)


async def test_bounds_of_time_are_exclusive(store: Store, instances: list[Any]) -> None:
    """As StackStorm's are, to the microsecond."""
    after, before = instances[1].occurrence_time, instances[4].occurrence_time
    found, _ = await store.list_trigger_instances(InstanceFilter(after=after, before=before), ALL)
    assert [one.instance.id for one in found] == [instances[3].id, instances[2].id]
    tick = timedelta(microseconds=1)
    _, total = await store.list_trigger_instances(InstanceFilter(after=after - tick, before=before + tick), ALL)
    assert total == 4


async def test_pages_cut_the_listing_and_know_its_length(store: Store, instances: list[Any]) -> None:
    """In both directions; beyond the end is empty."""
    page, total = await store.list_trigger_instances(InstanceFilter(), Page(limit=2, offset=1))
    assert ([one.instance.id for one in page], total) == ([instances[4].id, instances[3].id], 6)
    page, total = await store.list_trigger_instances(InstanceFilter(), Page(limit=2, ascending=True))
    assert ([one.instance.id for one in page], total) == ([instances[0].id, instances[1].id], 6)
    assert await store.list_trigger_instances(InstanceFilter(), Page(limit=2, offset=9)) == ([], 6)
    assert await store.list_trigger_instances(InstanceFilter(trigger="core.t0"), Page(limit=0)) == ([], 3)


async def test_of_the_same_moment_the_one_written_last_is_the_newest(store: Store, new: Any) -> None:
    """So that pages neither repeat nor skip."""
    moment = new.moment()
    made = [new.instance(occurrence_time=moment) for _ in range(5)]
    await store.record(made)
    pages = [await store.list_trigger_instances(InstanceFilter(), Page(limit=2, offset=n)) for n in (0, 2, 4)]
    ids = [one.instance.id for page, _ in pages for one in page]
    assert ids == [one.id for one in reversed(made)]


async def test_enforcements_are_filtered(store: Store, new: Any) -> None:
    """By each of their filters."""
    instances = [new.instance() for _ in range(3)]
    await store.record(instances)
    made = []
    for n, instance in enumerate(instances):
        status = EnforcementStatus.FAILED if n == 2 else EnforcementStatus.SUCCEEDED
        enforcement = new.enforcement(
            instance, rule=f"p.r{n % 2}", rule_id=f"{n % 2:024x}", execution_id=f"{n:024x}", status=status
        )
        made.append(enforcement)
        await store.conclude_decision(new.decision(instance, enforcements=(enforcement,)))
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({}, [2, 1, 0]),
        ({"rule": "p.r0"}, [2, 0]),
        ({"rule_id": f"{1:024x}"}, [1]),
        ({"trigger_instance_id": instances[1].id}, [1]),
        ({"execution_id": f"{2:024x}"}, [2]),
        ({"status": EnforcementStatus.FAILED}, [2]),
        ({"after": made[0].enforced_at}, [2, 1]),
        ({"before": made[1].enforced_at}, [0]),
        ({"rule": "p.r0", "status": EnforcementStatus.SUCCEEDED}, [0]),
    ]
    for wanted, expected in cases:
        found = await store.list_enforcements(EnforcementFilter(**wanted), ALL)
        assert found == ([made[n] for n in expected], len(expected)), wanted
    assert await store.list_enforcements(EnforcementFilter(), Page(limit=1, offset=1)) == ([made[1]], 3)


async def test_executions_are_filtered(store: Store, new: Any, claim: Any) -> None:
    """By each of their filters."""
    made = [
        new.execution(
            action=f"p.a{n % 2}",
            runner_type=f"runner-{n % 3}",
            rule="p.r" if n == 1 else None,
            trigger_instance_id="a" * 24 if n == 2 else None,
            parent="b" * 24 if n == 3 else None,
            context={"user": f"u{n % 2}"},
        )
        for n in range(4)
    ]
    for execution in made:
        await store.request_execution(execution)
    await claim(limit=1)
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({}, [3, 2, 1, 0]),
        ({"action": "p.a1"}, [3, 1]),
        ({"status": ExecutionStatus.RUNNING}, [0]),
        ({"status": ExecutionStatus.REQUESTED, "user": "u1"}, [3, 1]),
        ({"rule": "p.r"}, [1]),
        ({"runner_type": "runner-0"}, [3, 0]),
        ({"trigger_instance_id": "a" * 24}, [2]),
        ({"user": "u0"}, [2, 0]),
        ({"parent": "b" * 24}, [3]),
        ({"parent": "null"}, [2, 1, 0]),
        ({"ids": (made[0].id, made[3].id, "f" * 24)}, [3, 0]),
        ({"ids": ()}, []),
        ({"after": made[1].requested_at}, [3, 2]),
        ({"before": made[1].requested_at}, [0]),
    ]
    for wanted, expected in cases:
        found, total = await store.list_executions(ExecutionFilter(**wanted), ALL)
        assert [one.id for one in found] == [made[n].id for n in expected], wanted
        assert total == len(expected), wanted
    found, total = await store.list_executions(ExecutionFilter(action="p.a0"), Page(limit=1, ascending=True))
    assert ([one.id for one in found], total) == ([made[0].id], 2)


async def test_a_filter_is_never_sql(store: Store, instances: list[Any]) -> None:
    """Quotes and wildcards are characters."""
    for text in ("' OR 1=1 --", "core.t%", "core.t_", '"', "\\", ";DROP TABLE events"):
        assert await store.list_trigger_instances(InstanceFilter(trigger=text), ALL) == ([], 0)
