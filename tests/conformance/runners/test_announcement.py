"""announcement: what would be announced."""

from typing import Any

from stormlet.model.execution import ExecutionStatus


async def test_the_actions_own_parameters_are_announced(bench: Any) -> None:
    """Neither the route nor the flag is part of the message."""
    got = await bench.run(bench.shipped("core.announcement"), {"message": {"a": 1}, "route": "x.y"})
    assert got.result == {"output": {"message": {"a": 1}}, "message": {"a": 1}}


async def test_without_the_flag_it_is_refused(bench: Any) -> None:
    """An action that does not say `experimental: true` fails with st2's sentence and the cure."""
    got = await bench.run(bench.action("announcement"), {"message": "x"})
    assert got.status is ExecutionStatus.FAILED
    assert got.result["error"] == "Experimental flag is missing for action bench.probe (set `experimental: true`)"
