"""Rules answer as StackStorm's engine answered; README.md says where the answers come from."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stormlet.flow.matching import MatchContext, compile_rule, explain, match
from stormlet.foundation.templates import Templates
from stormlet.model.rule import ActionCall, Criterion, Rule, TriggerSpec

HERE = Path(__file__).parent
RECORDED_AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
TEMPLATES = Templates()
FILES = ("operators", "templates", "search", "keys", "rules", "differences")


def answer_of(case: dict[str, Any]) -> str:
    """Return what becomes of the case here. A rule that does not even load is one that fails."""
    criteria = tuple(
        Criterion(key=key, type=each["type"], pattern=each.get("pattern"), condition=each.get("condition"))
        for key, each in case["criteria"].items()
    )
    action = ActionCall(ref="core.noop")
    rule = Rule(
        id="1", pack="p", name="r", trigger=TriggerSpec(type="p.t"), action=action, criteria=criteria, enabled=True
    )
    compiled, _ = compile_rule(rule, TEMPLATES)
    if compiled is None:
        return "failed"
    context = MatchContext(now=RECORDED_AT, read_system_key=case.get("keys", {}).get)
    [verdict] = match([compiled], case["payload"], "1", context)
    [explained] = explain([compiled], case["payload"], "1", context)
    assert (explained.matched, explained.error) == (verdict.matched, verdict.error)
    return "matched" if verdict.matched else "failed" if verdict.error else "unmatched"


@pytest.mark.parametrize("name", FILES)
def test_answers_are_those_of_stackstorm(name: str) -> None:
    """Every recorded case has its recorded answer; those of differences.jsonl have ours."""
    cases = [json.loads(line) for line in (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(cases) >= 20
    wrong = [(case, answer) for case in cases if (answer := answer_of(case)) != case["answer"]]
    assert wrong == []


def test_differences_are_differences() -> None:
    """What is listed as different from StackStorm is so, and says why."""
    for line in (HERE / "differences.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        assert case["why"]
        assert case["stackstorm"] != case["answer"]
