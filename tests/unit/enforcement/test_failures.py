"""What the log says of rules that matched and failed."""

import logging
from datetime import UTC, datetime

import pytest

from stormlet.flow.enforcement.failures import FailureLog
from stormlet.model.enforcement import Enforcement, EnforcementStatus


def failed(
    rule: str, reason: str = "no such thing", status: EnforcementStatus = EnforcementStatus.FAILED
) -> Enforcement:
    return Enforcement(
        id="e" * 24,
        rule=rule,
        rule_id="r" * 24,
        trigger_instance_id="i" * 24,
        enforced_at=datetime(2026, 1, 2, tzinfo=UTC),
        status=status,
        failure_reason=reason,
    )


def test_each_rule_says_a_line_a_second(caplog: pytest.LogCaptureFixture) -> None:
    """With rule, trigger instance and reason, and how many were not said; what succeeded says nothing."""
    caplog.set_level(logging.INFO)
    now = 100.0
    told = FailureLog(lambda: now)
    told.note([failed("p.a"), failed("p.b", "other\nforged"), failed("p.a"), failed("p.a")])
    told.note([failed("p.c", status=EnforcementStatus.SUCCEEDED)])
    now = 101.0
    told.note([failed("p.a")])
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", f"rule p.a failed on trigger instance {'i' * 24}: no such thing"),
        ("WARNING", f"rule p.b failed on trigger instance {'i' * 24}: other\\x0aforged"),
        (
            "WARNING",
            f"rule p.a failed on trigger instance {'i' * 24}: no such thing (2 more of this rule since the last line)",
        ),
    ]
