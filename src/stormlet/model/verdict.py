"""Why one rule did or did not match one trigger instance: a tree that API, command line and console print alike."""

from typing import Any

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one criterion.

    `matched` is None where the criterion was not asked. For `search`, `children` holds one finding per item and child
    criterion, with paths such as `criteria.trigger.items[0].item.name`.
    """

    path: str
    matched: bool | None
    operator: str = ""
    wanted: Any = None
    got: Any = None
    error: str = ""
    children: tuple["Finding", ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One rule's answer to one trigger instance.

    `error` is st2's failure reason where a criterion could not be evaluated; then `matched` is False and an enforcement
    with status failed is recorded. `reason` says in words why a rule was not asked at all (disabled, broken, backstop).
    """

    rule: str
    rule_id: str
    matched: bool
    findings: tuple[Finding, ...] = ()
    error: str = ""
    reason: str = ""
