"""How long the decision on one event may take: so long for each rule, and so long for all of them together.

A regular expression and a template have limits of their own, but a rule may ask them of a hundred thousand items. So whoever
works for a rule looks at its deadline between two of them. Reads no clock: seconds come from the function that is handed in.
"""

from collections.abc import Callable

from stormlet.foundation.errors import RenderError

_FIRST = 20
"""What part of a rule's time its first deadline gives."""


class OverdueError(RenderError):
    """A rule or a request took longer than it may. Raised in the middle of renderings too, and so one of their errors."""


class Deadline:
    """A moment after which no more work is to be done for one rule or request."""

    __slots__ = ("_allowance", "_end", "_last", "_text", "passed")

    def __init__(self, allowance: "Allowance", end: float, text: str, *, last: bool = True) -> None:
        self.passed = False
        self._allowance = allowance
        self._end = end
        self._text = text
        self._last = last

    def check(self) -> None:
        """Raise OverdueError if the moment has come; its text names the setting."""
        if self._allowance.monotonic() >= self._end:
            self.passed = True
            self._allowance.overdue |= self._last
            raise OverdueError(self._text)


class Allowance:
    """What one event may take, from the moment that this is made."""

    __slots__ = ("_end", "_event_seconds", "_rule_seconds", "monotonic", "overdue")

    def __init__(self, *, rule_seconds: float, event_seconds: float, monotonic: Callable[[], float]) -> None:
        """Begin.

        Args:
            rule_seconds: for one rule: once to be matched, once to have its parameters rendered.
            event_seconds: for all rules together.
            monotonic: seconds that never go back; infinity makes everything overdue.
        """
        self.monotonic = monotonic
        self.overdue = False
        """Whether anything was cut off for good."""
        self._rule_seconds = rule_seconds
        self._event_seconds = event_seconds
        self._end = monotonic() + event_seconds

    def first_for(self, rule: str) -> Deadline:
        """Return a short deadline, for a rule that will be begun again where it does not suffice."""
        return Deadline(self, min(self.monotonic() + self._rule_seconds / _FIRST, self._end), rule, last=False)

    def for_rule(self, rule: str) -> Deadline:
        """Return the deadline of a rule that is begun now."""
        end = self.monotonic() + self._rule_seconds
        if end <= self._end:
            text = f'rule "{rule}" took longer than {self._rule_seconds:g} s (setting limits.rule_seconds)'
            return Deadline(self, end, text)
        text = (
            f"the rules of this event together took longer than {self._event_seconds:g} s (setting limits.event_seconds),"
            f' so rule "{rule}" was not asked to its end'
        )
        return Deadline(self, self._end, text)

    def for_request(self, action: str) -> Deadline:
        """Return the deadline for making ready what a person asks to run."""
        text = f'the parameters of "{action}" took longer than {self._event_seconds:g} s (setting limits.event_seconds)'
        return Deadline(self, self._end, text)
