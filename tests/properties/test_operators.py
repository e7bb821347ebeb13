"""Operators and rules on arbitrary values: nothing but an answer comes out, and both ways of asking agree."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stormlet.flow.matching import OPERATORS, MatchContext, compile_rule, explain, match
from stormlet.flow.matching.operators import CONDITIONS, SEARCH
from stormlet.foundation.templates import Templates
from stormlet.model.rule import ActionCall, Criterion, Rule, RuleType, TriggerSpec

TEMPLATES = Templates()
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CONTEXT = MatchContext(now=NOW, read_system_key={"k": "a"}.get)
TEXTS = st.sampled_from(
    ["", "a", "A", "ab", "a\n", "1", "*", "[a]", "a+", "(", "2026-01-02T03:04:00Z", "{{ trigger.a }}"]
)
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
NAMES = sorted(set(OPERATORS) - {SEARCH})
OPPOSITES = [
    ("eq", "neq"),
    ("contains", "ncontains"),
    ("icontains", "incontains"),
    ("in", "nin"),
    ("exists", "nexists"),
]
PLAIN = st.builds(lambda name, pattern: {"type": name, "pattern": pattern}, st.sampled_from(NAMES), VALUES)
ITEM_KEYS = st.sampled_from(["item", "item.a", "item.b[0]", "item.a#2"])
SEARCHES = st.builds(
    lambda condition, pattern: {"type": SEARCH, "condition": condition, "pattern": pattern},
    st.sampled_from(CONDITIONS),
    st.dictionaries(ITEM_KEYS, PLAIN, max_size=3),
)
KEYS = st.sampled_from(["trigger.a", "trigger.b", "trigger", "trigger.a[0]", "trigger.a#2", "trigger..a", "system.k"])
CRITERIA = st.dictionaries(KEYS, PLAIN | SEARCHES, max_size=3)


def answer(name: str, value: Any, pattern: Any) -> bool | type[Exception]:
    """Return the operator's answer, or the kind of exception it raises."""
    try:
        return OPERATORS[name].answer(value, pattern, NOW)
    except Exception as error:
        return type(error)


def rule_of(number: int, criteria: dict[str, Any], *, backstop: bool, enabled: bool) -> Rule:
    """Return a rule with these criteria."""
    read = tuple(
        Criterion(key=key, type=each["type"], pattern=each["pattern"], condition=each.get("condition"))
        for key, each in criteria.items()
    )
    return Rule(
        id=str(number),
        pack="p",
        name=f"r{number}",
        trigger=TriggerSpec(type="p.t"),
        action=ActionCall(ref="core.noop"),
        criteria=read,
        enabled=enabled,
        type=RuleType.BACKSTOP if backstop else RuleType.STANDARD,
    )


@given(st.sampled_from(NAMES), VALUES, VALUES)
def test_an_operator_says_yes_or_no_or_raises(name: str, value: Any, pattern: Any) -> None:
    """Always a boolean, never something that is merely true; and the same one each time."""
    first = answer(name, value, pattern)
    assert first in {True, False} or isinstance(first, type)
    assert answer(name, value, pattern) == first


@given(st.sampled_from(OPPOSITES), VALUES, VALUES)
def test_opposites_are_opposites(pair: tuple[str, str], value: Any, pattern: Any) -> None:
    """Where one says yes the other says no; they fail together; and only equality compares with None."""
    yes, no = answer(pair[0], value, pattern), answer(pair[1], value, pattern)
    if isinstance(yes, type):
        assert no is yes
    elif pattern is None and pair[0] not in {"eq", "exists"}:
        assert yes is no is False
    elif pattern is None and pair[0] == "eq":
        assert (yes, no) == (False, value is not None)
    else:
        assert yes is not no


@given(VALUES, VALUES)
def test_names_of_one_meaning_agree(value: Any, pattern: Any) -> None:
    """The short names are the long ones."""
    pairs = [("eq", "equals"), ("neq", "nequals"), ("ieq", "iequals"), ("lt", "lessthan"), ("gt", "greaterthan")]
    pairs += [("in", "inside"), ("nin", "ninside"), ("td_lt", "timediff_lt"), ("td_gt", "timediff_gt")]
    for short, long in pairs:
        assert answer(short, value, pattern) == answer(long, value, pattern)


@given(st.lists(st.tuples(CRITERIA, st.booleans(), st.booleans()), max_size=4), VALUES)
def test_match_and_explain_agree(rules: list[tuple[dict[str, Any], bool, bool]], payload: Any) -> None:
    """For any rules and any payload: the same verdicts and the same errors, and nothing is raised."""
    compiled = []
    for number, (criteria, backstop, enabled) in enumerate(rules):
        rule, _ = compile_rule(rule_of(number, criteria, backstop=backstop, enabled=enabled), TEMPLATES)
        if rule is not None:
            compiled.append(rule)
    brief = match(compiled, payload, "1", CONTEXT)
    full = {verdict.rule: verdict for verdict in explain(compiled, payload, "1", CONTEXT)}
    assert len(full) == len(compiled)
    for verdict in brief:
        told = full.pop(verdict.rule)
        assert (told.matched, told.error, told.reason) == (verdict.matched, verdict.error, verdict.reason)
        assert not (verdict.matched and verdict.error)
        assert verdict.matched is (not told.reason and all(finding.matched for finding in told.findings))
    assert all(verdict.reason and not verdict.matched for verdict in full.values())
