"""An enforcement: the record that a rule matched (or could not be evaluated), and what came of it."""

from datetime import datetime
from enum import StrEnum

import msgspec


class EnforcementStatus(StrEnum):
    """st2's two words."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Enforcement(msgspec.Struct, frozen=True, kw_only=True):
    """One rule met one trigger instance."""

    id: str
    rule: str
    rule_id: str
    trigger_instance_id: str
    enforced_at: datetime
    status: EnforcementStatus
    execution_id: str | None = None
    failure_reason: str = ""
