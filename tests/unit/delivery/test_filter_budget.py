"""An endpoint's filter is asked inside a request, so its time is bounded."""

import itertools
from datetime import UTC, datetime

from stormlet.flow.ruleset.endpoints import compile_filter
from stormlet.foundation.templates import Templates
from stormlet.model.endpoint import Endpoint
from stormlet.model.message import Message
from stormlet.model.rule import Criterion


def test_a_filter_that_takes_too_long_lets_nothing_through() -> None:
    """On a clock that moves by a second at each look, a search over many items is cut off at once."""
    seconds = itertools.count()
    looked: list[int] = []

    def monotonic() -> float:
        looked.append(next(seconds))
        return float(looked[-1])

    child = {"item.n": {"type": "equals", "pattern": 1}}
    criterion = Criterion(key="trigger.data.items", type="search", condition="any", pattern=child)
    endpoint = Endpoint(id="e" * 24, pack="p", name="n", url="https://example.org", filter=(criterion,))
    accepts, problems = compile_filter(endpoint, Templates(monotonic=monotonic))
    assert not problems
    assert accepts is not None
    now = datetime(2026, 1, 2, tzinfo=UTC)
    message = Message(id="m", type="my.type", time=now, subject="s", data={}, pack="p")
    document = {"type": "my.type", "data": {"items": [{"n": 1}] * 100_000}}
    assert accepts(message, document, lambda _name: None) is False
    assert len(looked) < 100
