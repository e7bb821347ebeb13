"""What one rendering may cost: time, steps, and the size of every text and list on the way.

A template is a program. Its loops are counted, what it makes is weighed, and the clock is looked at now and then; whoever
spends too much gets a RenderError. The budget lives in the template's context, so that renderings never share one.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import msgspec

from stormlet.foundation.deadlines import Deadline
from stormlet.foundation.errors import RenderError
from stormlet.foundation.templates.opaque import refuse_opaque

KEY = "budget of this rendering"
"""Where the budget lies in the context; no template can spell it as a name."""
_NODE = 16
"""What a list, a number or a key weighs besides its text."""
_CLOCK_EVERY = 64
_WITH_TEXT = (str, int, float, list, dict, tuple, type(None))


class TemplateLimits(msgspec.Struct, frozen=True):
    """What one rendering may cost.

    Texts and lists made on the way may be four times as large as the output, and all of them together sixty-four times.
    """

    output_bytes: int = 1024 * 1024
    seconds: float = 1.0
    regex_seconds: float = 0.05
    steps: int = 400_000
    source_characters: int = 256 * 1024
    source_tokens: int = 20_000

    @property
    def working_size(self) -> int:
        return 4 * self.output_bytes


class Budget:
    """What is left for one rendering."""

    __slots__ = ("_deadline", "_kept", "_monotonic", "_outer", "_output", "_spent", "_steps", "_weights", "limits")

    def __init__(self, limits: TemplateLimits, monotonic: Callable[[], float], outer: Deadline | None = None) -> None:
        self.limits = limits
        self._outer = outer
        self._monotonic = monotonic
        self._deadline = monotonic() + limits.seconds
        self._steps = limits.steps
        self._spent = 64 * limits.output_bytes
        self._output = limits.output_bytes
        self._weights: dict[int, int] = {}
        self._kept: list[Any] = []

    def step(self) -> None:
        """Count one turn of a loop, one call or one operation."""
        self._steps -= 1
        if self._steps < 0:
            raise RenderError(f"the template takes more than {self.limits.steps:,} steps")
        if not self._steps % _CLOCK_EVERY:
            self.look_at_clock()

    def look_at_clock(self) -> None:
        """Raise if the time is up: this rendering's, or that of the rule which it is part of."""
        if self._outer is not None:
            self._outer.check()
        if self._monotonic() > self._deadline:
            raise RenderError(f"the template takes longer than {self.limits.seconds:g} s")

    def allow(self, size: int) -> None:
        """Raise if a text or list of this size must not be made; `size` is in characters."""
        if size > self.limits.working_size:
            raise RenderError(f"the template makes a value larger than {self.limits.working_size:,} characters")

    def output(self, size: int) -> None:
        """Count what goes into the result, in characters."""
        self._output -= size
        if self._output < 0:
            raise RenderError(f"the template's result is larger than {self.limits.output_bytes:,} bytes")

    def keep(self, value: Any) -> Any:
        """Return what an operation has made, after it is counted and weighed."""
        self.step()
        if isinstance(value, (str, bytes)):
            size = len(value)
        elif isinstance(value, (list, tuple, dict, set, frozenset)):
            size = self.weigh(value)
        else:
            return value
        self.allow(size)
        self._spent -= size
        if self._spent < 0:
            raise RenderError(f"the template makes more than {64 * self.limits.output_bytes:,} characters on its way")
        if size > self.limits.output_bytes // _CLOCK_EVERY:
            self.look_at_clock()
        return value

    def weigh(self, value: Any) -> int:
        """Return about how many characters the value has when it is written out.

        Each container is looked into once, however often it is part of others: `[x, x]` forty times around is found out
        in forty steps. Raises if the weight is more than any value may have.
        """
        if isinstance(value, (str, bytes)):
            return len(value)
        if not isinstance(value, (list, tuple, dict, set, frozenset)):
            return value.bit_length() // 3 if isinstance(value, int) else _NODE
        if (known := self._weights.get(id(value))) is not None:
            return known
        weight = _NODE
        parts: Iterator[Any] = iter(value)
        if isinstance(value, dict):
            parts = (part for item in value.items() for part in item)
        for part in parts:
            if not isinstance(part, _WITH_TEXT):
                refuse_opaque(part)
            weight += _NODE + self.weigh(part)
            if weight > self.limits.working_size:
                self.allow(weight)
        self._weights[id(value)] = weight
        self._kept.append(value)  # as long as it lives, nothing else gets its id
        return weight

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hold the deadline also in library code written in Python, which has no hook of its own for that.

        The interpreter's profiling hook is called at every call in this thread; whatever hook was set before is set again.
        """
        before = sys.getprofile()
        calls = 0

        def look(_frame: FrameType, _event: str, _argument: Any) -> None:
            nonlocal calls
            calls += 1
            if not calls % _CLOCK_EVERY:
                self.look_at_clock()

        sys.setprofile(look)
        try:
            yield
        finally:
            sys.setprofile(before)
        self.look_at_clock()


def budget_of(context: Mapping[str, Any]) -> Budget:
    """Return the budget that this context carries."""
    budget = context[KEY]
    assert isinstance(budget, Budget)
    return budget
