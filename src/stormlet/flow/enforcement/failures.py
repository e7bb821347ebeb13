"""What the log says of enforcements that failed: a rule that matched and then did nothing must not be silent.

One line a second for each rule: a rule that fails on every event of a storm says so, but does not fill the disk.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Final

from stormlet.foundation.telemetry import one_line
from stormlet.model.enforcement import Enforcement, EnforcementStatus

log = logging.getLogger(__name__)
WARN_SECONDS: Final = 1.0
REMEMBERED: Final = 10_000
"""Rules; beyond that, all are forgotten, and may say a line too many."""
LONGEST: Final = 500


class FailureLog:
    """Warns of failed enforcements."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._last: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def note(self, enforcements: Iterable[Enforcement]) -> None:
        """Tell of those that failed: the rule, the trigger instance and why."""
        for enforcement in enforcements:
            if enforcement.status is EnforcementStatus.FAILED:
                self._warn(enforcement)

    def _warn(self, failed: Enforcement) -> None:
        now = self._monotonic()
        if now - self._last.get(failed.rule, -WARN_SECONDS) < WARN_SECONDS:
            self._unsaid[failed.rule] = self._unsaid.get(failed.rule, 0) + 1
            return
        if len(self._last) >= REMEMBERED:
            self._last.clear()
            self._unsaid.clear()
        self._last[failed.rule] = now
        reason = one_line(failed.failure_reason)
        if len(reason) > LONGEST:
            reason = f"{reason[:LONGEST]}…"
        before = self._unsaid.pop(failed.rule, 0)
        more = f" ({before} more of this rule since the last line)" if before else ""
        log.warning(
            "rule %s failed on trigger instance %s: %s%s", failed.rule, failed.trigger_instance_id, reason, more
        )
