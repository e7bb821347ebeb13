"""Asking a run to end."""

import asyncio

import pytest

from stormlet.flow.execution.halt import Halt, HaltReason


def test_the_first_reason_counts() -> None:
    """A second request changes neither reason nor time."""
    halt = Halt()
    rung: list[str] = []
    with halt.calling(lambda: rung.append("rang")):
        halt.request(HaltReason.CANCELED)
        halt.request(HaltReason.STOPPING, 5)
    assert (halt.reason, halt.kill_seconds, rung) == (HaltReason.CANCELED, None, ["rang"])


def test_who_comes_late_is_called_at_once() -> None:
    """A callback that is hung up after the request is called all the same."""
    halt = Halt()
    halt.request(HaltReason.CANCELED)
    rung: list[str] = []
    with halt.calling(lambda: rung.append("rang")):
        assert rung == ["rang"]


def test_who_has_left_is_not_called() -> None:
    """Behind the block nobody is called."""
    halt = Halt()
    rung: list[str] = []
    with halt.calling(lambda: rung.append("rang")):
        pass
    halt.request(HaltReason.CANCELED)
    assert rung == []


async def test_work_that_ends_by_itself_gives_its_value() -> None:
    """Without a request the value passes through."""

    async def work() -> int:
        return 5

    assert await Halt().unless_halted(work()) == 5


async def test_work_is_dropped_when_the_halt_rings() -> None:
    """None, and the task goes on."""
    halt = Halt()
    asyncio.get_running_loop().call_soon(halt.request, HaltReason.CANCELED)
    assert await halt.unless_halted(asyncio.Event().wait()) is None
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_work_is_dropped_when_the_halt_rang_before() -> None:
    """A request before the start counts."""
    halt = Halt()
    halt.request(HaltReason.CANCELED)
    assert await halt.unless_halted(asyncio.Event().wait()) is None


async def test_a_cancellation_from_outside_goes_on() -> None:
    """The loop may end the task whatever the halt says, also when both happen at once."""
    for both in (False, True):
        halt = Halt()
        task = asyncio.ensure_future(halt.unless_halted(asyncio.Event().wait()))
        await asyncio.wait([task], timeout=0)
        if both:
            halt.request(HaltReason.CANCELED)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
