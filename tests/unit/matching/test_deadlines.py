"""Deciding ends: each rule and each event has so many seconds, on a clock that the test owns."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from stormlet.flow.matching import CompiledRule, MatchContext, compile_rule, explain, match
from stormlet.foundation.deadlines import Allowance
from stormlet.foundation.templates import Templates
from stormlet.model.rule import RuleType

MAIN = {"trigger.ref": {"type": "equals", "pattern": "main"}}
RULE_SECONDS, EVENT_SECONDS = 1.0, 5.0


class Ticking:
    """A clock that goes on by `tick` seconds each time it is looked at."""

    def __init__(self, tick: float = 0.0) -> None:
        self.seconds = 100.0
        self.tick = tick

    def __call__(self) -> float:
        self.seconds += self.tick
        return self.seconds


class Item(dict[str, Any]):
    """An item of a list that is slow to look into."""

    def __init__(self, clock: Ticking, cost: float, **values: Any) -> None:
        super().__init__(values)
        self._clock = clock
        self._cost = cost

    def get(self, key: str, default: Any = None) -> Any:
        self._clock.seconds += self._cost
        return super().get(key, default)


def searching(pattern: Any = "a", condition: str = "all", operator: str = "equals") -> dict[str, dict[str, Any]]:
    """Return criteria that ask each item of a list."""
    inner = {"item.v": {"type": operator, "pattern": pattern}}
    return {"trigger.items": {"type": "search", "condition": condition, "pattern": inner}}


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def bounded(context: MatchContext, clock: Ticking) -> Callable[[], MatchContext]:
    """Make contexts in which rules have one second and events five, from now on."""

    def make() -> MatchContext:
        allowance = Allowance(rule_seconds=RULE_SECONDS, event_seconds=EVENT_SECONDS, monotonic=clock)
        return msgspec.structs.replace(context, allowance=allowance)

    return make


def compiled(rule: Any, templates: Templates | None = None) -> CompiledRule:
    """Return the compiled rule, which has no errors."""
    made, problems = compile_rule(rule, templates or Templates())
    assert made is not None, problems
    return made


@pytest.mark.parametrize("condition", ["any", "all", "all2any", "any2any"])
def test_a_search_ends_with_its_rule(rule: Any, bounded: Any, clock: Ticking, condition: str) -> None:
    """However many items there are; the reason names rule and setting, and no item is looked at after it."""
    items = [Item(clock, 0.3, v="a") for _ in range(1000)]
    context = bounded()
    [verdict] = match([compiled(rule(searching(condition=condition)))], {"items": items}, "17", context)
    assert not verdict.matched
    assert verdict.error == (
        'Failed to match rule "p.r" against trigger instance "17": rule "p.r" took longer than 1 s '
        "(setting limits.rule_seconds)"
    )
    assert clock.seconds < 102
    assert context.allowance.overdue


def test_patterns_of_a_search_do_not_add_up(rule: Any, bounded: Any, clock: Ticking) -> None:
    """Each rendering is quick; the rule ends all the same."""
    clock.tick = 0.01
    items = [{"v": "a"}] * 100_000
    [verdict] = match([compiled(rule(searching(pattern="{{ item.v }}")))], {"items": items}, "1", bounded())
    assert "limits.rule_seconds" in verdict.error
    assert clock.seconds < 102


def test_one_template_does_not_outlive_its_rule(rule: Any, bounded: Any, clock: Ticking) -> None:
    """A template that may take ten seconds by itself is ended after the rule's one."""
    clock.tick = 0.01
    loop = "{% for i in range(90000) %}{% endfor %}main"
    criteria = {"trigger.ref": {"type": "equals", "pattern": loop}}
    [verdict] = match([compiled(rule(criteria))], {"ref": "main"}, "1", bounded())
    assert "limits.rule_seconds" in verdict.error
    assert clock.seconds < 102


def test_criteria_of_a_rule_share_its_time(rule: Any, bounded: Any, clock: Ticking) -> None:
    """Each is quick enough; together they are not."""
    clock.tick = 0.3
    criteria = {f"trigger.ref#{number}": {"type": "equals", "pattern": "main"} for number in range(10)}
    [verdict] = match([compiled(rule(criteria))], {"ref": "main"}, "1", bounded())
    assert "limits.rule_seconds" in verdict.error


def test_other_rules_go_on(rule: Any, bounded: Any, clock: Ticking) -> None:
    """A rule that takes too long costs itself only, in whatever order they stand."""
    poison, innocent = compiled(rule(searching(), name="poison")), compiled(rule(MAIN, name="innocent"))
    payload = {"ref": "main", "items": [Item(clock, 0.3, v="a") for _ in range(100)]}
    for rules in ([poison, innocent], [innocent, poison]):
        verdicts = {verdict.rule: verdict for verdict in match(rules, payload, "1", bounded())}
        assert verdicts["p.innocent"].matched
        assert not verdicts["p.innocent"].error
        assert "limits.rule_seconds" in verdicts["p.poison"].error


def test_many_slow_rules_end_with_the_event(rule: Any, bounded: Any, clock: Ticking) -> None:
    """The event's time bounds them all; those that had no turn say which setting it was. A quick rule among them matches."""
    rules = [compiled(rule(searching(), name=f"slow{number}")) for number in range(50)]
    rules.append(compiled(rule(MAIN, name="quick")))
    payload = {"ref": "main", "items": [Item(clock, 0.01, v="a") for _ in range(1000)]}
    verdicts = match(rules, payload, "1", bounded())
    assert clock.seconds < 100 + EVENT_SECONDS + 0.1
    assert "limits.event_seconds" in verdicts[49].error
    assert 'rule "p.slow49"' in verdicts[49].error
    assert verdicts[50].matched


def test_a_rule_without_criteria_needs_no_time(rule: Any, bounded: Any, clock: Ticking) -> None:
    """It matches also after the event's time is up."""
    context = bounded()
    clock.seconds += 10
    assert [verdict.matched for verdict in match([compiled(rule())], {"a": 1}, "1", context)] == [True]


def test_a_backstop_is_asked_when_a_standard_rule_ran_out_of_time(rule: Any, bounded: Any, clock: Ticking) -> None:
    """It did not match, and somebody should hear of the event."""
    rules = [compiled(rule(searching())), compiled(rule(name="b", kind=RuleType.BACKSTOP))]
    payload = {"items": [Item(clock, 0.3, v="a") for _ in range(100)]}
    assert [verdict.matched for verdict in match(rules, payload, "1", bounded())] == [False, True]


def test_an_explanation_says_what_was_not_evaluated(rule: Any, bounded: Any, clock: Ticking) -> None:
    """The finding of a criterion that was cut off, and of all behind it, has no answer but a reason; the verdict is match's."""
    criteria = {**MAIN, **searching(), "trigger.other": {"type": "exists", "pattern": ""}}
    rules = [compiled(rule(criteria))]
    payload = {"ref": "main", "items": [Item(clock, 0.3, v="a") for _ in range(100)]}
    [verdict] = explain(rules, payload, "1", bounded())
    assert [finding.matched for finding in verdict.findings] == [True, None, None]
    for finding in verdict.findings[1:]:
        assert finding.error.startswith("not evaluated: ")
        assert "limits.rule_seconds" in finding.error
    [brief] = match(rules, payload, "1", bounded())
    assert (verdict.matched, verdict.error) == (brief.matched, brief.error)
