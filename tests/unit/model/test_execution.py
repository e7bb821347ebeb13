"""The state machine of executions."""

from stormlet.model.execution import CANCELABLE, COMPLETED, TRANSITIONS, ExecutionStatus


def test_every_status_has_its_transitions() -> None:
    """The table names each status, and leads only to statuses."""
    assert set(TRANSITIONS) == set(ExecutionStatus)
    assert all(target in ExecutionStatus for targets in TRANSITIONS.values() for target in targets)


def test_completed_is_the_end() -> None:
    """Nothing leads out of a completed status, and something leads out of every other."""
    assert {status for status, targets in TRANSITIONS.items() if not targets} == set(COMPLETED)


def test_every_end_can_be_reached_from_the_beginning() -> None:
    """Each status can come about from requested."""
    reached, todo = set(), [ExecutionStatus.REQUESTED]
    while todo:
        status = todo.pop()
        if status not in reached:
            reached.add(status)
            todo.extend(TRANSITIONS[status])
    assert reached == set(ExecutionStatus)


def test_what_can_be_canceled_leads_to_canceled() -> None:
    """From each cancelable status there is a way to canceled."""
    for status in CANCELABLE:
        steps = TRANSITIONS[status]
        assert ExecutionStatus.CANCELED in steps or any(ExecutionStatus.CANCELED in TRANSITIONS[step] for step in steps)
