"""Rules are asked: in order, as far as needed, backstops last; and every answer can be explained."""

from typing import Any

import msgspec
import pytest

from stormlet.flow.matching import CompiledRule, MatchContext, RuleIndex, compile_rule, explain, match
from stormlet.foundation.templates import Templates
from stormlet.model.rule import RuleType
from stormlet.model.verdict import Verdict

TEMPLATES = Templates()
MAIN = {"trigger.ref": {"type": "equals", "pattern": "main"}}
TOO_LARGE = "the template makes a value larger than 4,194,304 characters"
FAILS = {"trigger.n": {"type": "startswith", "pattern": "m"}}


def compiled(rule: Any) -> CompiledRule:
    """Return the compiled rule, which has no errors."""
    made, problems = compile_rule(rule, TEMPLATES)
    assert made is not None, problems
    return made


def only(verdicts: list[Verdict]) -> Verdict:
    """Return the one verdict."""
    [verdict] = verdicts
    return verdict


def test_a_rule_without_criteria_matches_everything(rule: Any, context: MatchContext) -> None:
    """Also an empty payload."""
    for payload in ({}, None, {"a": 1}):
        assert only(match([compiled(rule())], payload, "1", context)).matched


@pytest.mark.parametrize("payload", [{}, None, [], "", 0])
def test_criteria_are_not_asked_of_nothing(rule: Any, context: MatchContext, payload: Any) -> None:
    """Not even `nexists` or one on the datastore: so does StackStorm."""
    criteria = {"trigger.v": {"type": "nexists", "pattern": ""}, "system.branch": {"type": "equals", "pattern": "main"}}
    rules = [compiled(rule(criteria))]
    for verdict in (only(match(rules, payload, "1", context)), only(explain(rules, payload, "1", context))):
        assert not verdict.matched
        assert not verdict.error
        assert "payload is empty" in verdict.reason
    assert [finding.matched for finding in verdict.findings] == [None, None]


def test_the_first_failure_decides(rule: Any, context: MatchContext) -> None:
    """What stands after a criterion that is not met is not asked, so it cannot fail; explained, it is shown."""
    criteria = {**MAIN, **FAILS}
    rules = [compiled(rule(criteria))]
    brief = only(match(rules, {"ref": "dev", "n": 5}, "1", context))
    assert (brief.matched, brief.error, brief.findings) == (False, "", ())
    full = only(explain(rules, {"ref": "dev", "n": 5}, "1", context))
    assert (full.matched, full.error) == (False, "")
    assert [(f.path, f.matched, f.wanted, f.got) for f in full.findings] == [
        ("criteria.trigger.ref", False, "main", "dev"),
        ("criteria.trigger.n", False, "m", 5),
    ]
    assert "'int' object has no attribute 'startswith'" in full.findings[1].error


PROBLEM = "There might be a problem with the criteria in rule p.r: "
FAILURES = {
    "operator": (
        FAILS,
        {"n": 5},
        f"{PROBLEM}'int' object has no attribute 'startswith'",
    ),
    "missing name": (
        {"trigger.n": {"type": "equals", "pattern": "{{ trigger.x }}"}},
        {"n": 5},
        """Failed to render pattern value "{{ trigger.x }}" for key "trigger.n": 'dict object' has no attribute 'x'""",
    ),
    "slow regex": (
        {"trigger.n": {"type": "regex", "pattern": "^(a|aa)+$"}},
        {"n": "a" * 5000 + "!"},
        f"{PROBLEM}the regular expression '^(a|aa)+$' took longer than 50 ms",
    ),
    "bad regex of an event": (
        {"trigger.n": {"type": "regex", "pattern": "{{ trigger.r }}"}},
        {"n": "x", "r": "("},
        f"{PROBLEM}missing ), unterminated subpattern at position 0",
    ),
    "growing template": (
        {"trigger.n": {"type": "equals", "pattern": "{{ ('a' * 10**9) }}"}},
        {"n": "x"},
        """Failed to render pattern value "{{ ('a' * 10**9) }}" for key "trigger.n": """ + TOO_LARGE,
    ),
}


@pytest.mark.parametrize(("criteria", "payload", "said"), FAILURES.values(), ids=FAILURES)
def test_failures_are_said_in_stackstorms_words(
    rule: Any, context: MatchContext, criteria: Any, payload: Any, said: str
) -> None:
    """The reason names rule, instance, criterion and what went wrong."""
    rules = [compiled(rule(criteria))]
    expected = f'Failed to match rule "p.r" against trigger instance "abc": {said}'
    assert only(match(rules, payload, "abc", context)).error == expected
    assert only(explain(rules, payload, "abc", context)).error == expected


def test_backstops_are_asked_only_where_nothing_matched(rule: Any, context: MatchContext) -> None:
    """Wherever they stand in the list; and several of them may match."""
    rules = [
        compiled(rule(name="last", kind=RuleType.BACKSTOP)),
        compiled(rule(MAIN, name="main")),
        compiled(rule(name="also", kind=RuleType.BACKSTOP)),
    ]
    asked = match(rules, {"ref": "main"}, "1", context)
    assert [(v.rule, v.matched) for v in asked] == [("p.main", True)]
    asked = match(rules, {"ref": "dev"}, "1", context)
    assert [(v.rule, v.matched) for v in asked] == [("p.main", False), ("p.last", True), ("p.also", True)]


def test_explain_says_why_a_rule_was_not_asked(rule: Any, context: MatchContext) -> None:
    """Backstops behind a match, and disabled rules, are there with a reason and with what they would have found."""
    rules = [
        compiled(rule(MAIN, name="off", enabled=False)),
        compiled(rule(MAIN, name="stop", kind=RuleType.BACKSTOP)),
        compiled(rule(MAIN, name="main")),
    ]
    assert [v.rule for v in match(rules, {"ref": "main"}, "1", context)] == ["p.main"]
    verdicts = {v.rule: v for v in explain(rules, {"ref": "main"}, "1", context)}
    assert [(v.rule, v.matched) for v in verdicts.values()] == [("p.off", False), ("p.main", True), ("p.stop", False)]
    assert verdicts["p.off"].reason == "the rule is disabled"
    assert "standard rule matched" in verdicts["p.stop"].reason
    assert all(v.findings[0].matched for v in verdicts.values())


def test_the_datastore_is_there_in_patterns_and_keys(rule: Any, context: MatchContext) -> None:
    """`st2kv` in a pattern, which StackStorm documents and breaks; and `system.` and `st2kv.system.` as keys."""
    criteria = {
        "trigger.ref": {"type": "equals", "pattern": "{{ st2kv.system.branch }}"},
        "trigger.n": {"type": "lt", "pattern": "{{ st2kv.system.limits.large | int }}"},
        "system.branch": {"type": "equals", "pattern": "main"},
        "st2kv.system.limits.large": {"type": "equals", "pattern": "10"},
        "system.nope": {"type": "nexists", "pattern": ""},
    }
    verdict = only(explain([compiled(rule(criteria))], {"ref": "main", "n": 9}, "1", context))
    assert verdict.matched, verdict
    assert [finding.wanted for finding in verdict.findings] == ["main", 10, "main", "10", ""]


@pytest.mark.parametrize(
    ("condition", "names", "matched"),
    [
        ("any", ["a", "x"], True),
        ("any", ["x"], False),
        ("any", [], False),
        ("all", ["a", "a"], True),
        ("all", ["a", "x"], False),
        ("all", [], True),
        ("all2any", ["a", "ab"], True),
        ("all2any", ["a", "x"], False),
        ("any2any", ["x", "xb"], True),
        ("any2any", ["x"], False),
    ],
)
def test_search_counts(rule: Any, context: MatchContext, condition: str, names: list[str], *, matched: bool) -> None:
    """How many items have to meet how many criteria."""
    pattern = {"item.name": {"type": "startswith", "pattern": "a"}, "item.name#2": {"type": "endswith", "pattern": "b"}}
    if condition in {"any", "all"}:
        del pattern["item.name#2"]
    criteria = {"trigger.l": {"type": "search", "condition": condition, "pattern": pattern}}
    payload = {"l": [{"name": name} for name in names], "x": 1}
    assert only(match([compiled(rule(criteria))], payload, "1", context)).matched is matched


def test_search_is_explained_item_by_item(rule: Any, context: MatchContext) -> None:
    """Each item with each criterion, searches in searches too."""
    inner = {"type": "search", "condition": "any", "pattern": {"item.x": {"type": "gt", "pattern": "{{ item.y }}"}}}
    pattern = {"item.name": {"type": "equals", "pattern": "a"}, "item.sub": inner}
    criteria = {"trigger.l": {"type": "search", "condition": "any", "pattern": pattern}}
    payload = {"l": [{"name": "b", "sub": []}, {"name": "a", "sub": [{"x": 1, "y": 5}, {"x": 2, "y": 1}]}]}
    verdict = only(explain([compiled(rule(criteria))], payload, "1", context))
    assert verdict.matched
    [finding] = verdict.findings
    assert [(child.path, child.matched) for child in finding.children] == [
        ("criteria.trigger.l[0].item.name", False),
        ("criteria.trigger.l[0].item.sub", False),
        ("criteria.trigger.l[1].item.name", True),
        ("criteria.trigger.l[1].item.sub", True),
    ]
    assert [(child.path, child.wanted, child.got, child.matched) for child in finding.children[3].children] == [
        ("criteria.trigger.l[1].item.sub[0].item.x", 5, 1, False),
        ("criteria.trigger.l[1].item.sub[1].item.x", 1, 2, True),
    ]


@pytest.mark.parametrize("value", [None, 5, "text"])
def test_search_needs_a_list(rule: Any, context: MatchContext, value: Any) -> None:
    """An object counts as a list of itself; everything else fails, or has no items with keys."""
    criteria = {
        "trigger.l": {"type": "search", "condition": "any", "pattern": {"item.n": {"type": "exists", "pattern": ""}}}
    }
    verdict = only(match([compiled(rule(criteria))], {"l": value, "x": 1}, "1", context))
    assert not verdict.matched
    assert bool(verdict.error) is not isinstance(value, str)
    assert only(match([compiled(rule(criteria))], {"l": {"n": 1}}, "1", context)).matched


def test_an_error_inside_a_search_is_not_lost(rule: Any, context: MatchContext) -> None:
    """Where it decides that the rule does not match, it is the rule's error; where the rule matches all the same, it is shown."""
    pattern = {"item.n": {"type": "startswith", "pattern": "a"}}
    criteria = {"trigger.l": {"type": "search", "condition": "any", "pattern": pattern}}
    failed = only(match([compiled(rule(criteria))], {"l": [{"n": 5}]}, "1", context))
    assert "'int' object has no attribute 'startswith'" in failed.error
    good = only(explain([compiled(rule(criteria))], {"l": [{"n": 5}, {"n": "a"}]}, "1", context))
    assert (good.matched, good.error) == (True, "")
    assert good.findings[0].children[0].error


def test_explanations_are_bounded(rule: Any, context: MatchContext) -> None:
    """A huge payload does not become a huge explanation."""
    payload = {
        "text": "x" * 1_000_000,
        "list": list(range(100_000)),
        "deep": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}},
    }
    payload["items"] = [{"n": n} for n in range(5_000)]
    search = {"type": "search", "condition": "all", "pattern": {"item.n": {"type": "lt", "pattern": 10}}}
    criteria = {
        "trigger": {"type": "exists", "pattern": ""},
        "trigger.text": {"type": "equals", "pattern": "y" * 100_000},
    }
    verdict = only(explain([compiled(rule({**criteria, "trigger.items": search}))], payload, "1", context))
    assert len(msgspec.json.encode(verdict)) < 60_000
    assert verdict.findings[1].got.endswith("… (1,000,000 characters)")
    assert len(verdict.findings[2].children) == 200


def test_the_index_knows_who_listens(rule: Any) -> None:
    """By the trigger's ref, in order, without what is disabled."""
    rules = [compiled(rule(name=name, enabled=name != "b")) for name in "abc"]
    rules.append(msgspec.structs.replace(compiled(rule(name="d")), trigger="p.other"))
    index = RuleIndex(rules)
    assert [found.rule.name for found in index.rules_for("p.t")] == ["a", "c"]
    assert [found.rule.name for found in index.rules_for("p.other")] == ["d"]
    assert index.rules_for("p.nobody") == ()


def test_a_rule_sees_one_datastore_for_a_whole_event(rule: Any, context: MatchContext) -> None:
    """A key that many rules name is looked up once per event."""
    read: list[str] = []

    def reader(name: str) -> str | None:
        read.append(name)
        return "main"

    watching = msgspec.structs.replace(context, read_system_key=reader)
    rules = [compiled(rule({"system.branch": {"type": "equals", "pattern": "main"}}, name=f"r{n}")) for n in range(5)]
    assert all(verdict.matched for verdict in match(rules, {"x": 1}, "1", watching))
    assert read == ["branch"]
