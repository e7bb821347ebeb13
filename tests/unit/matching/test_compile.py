"""What is wrong with a rule is said when it is loaded, with its place and its cure."""

from typing import Any

import pytest

from stormlet.flow.matching import compile_rule
from stormlet.foundation.templates import Templates
from stormlet.model.problem import Location, Severity
from stormlet.model.problem_codes import CODES

TEMPLATES = Templates()
EQUALS = {"type": "equals", "pattern": "x"}


def search(pattern: Any, condition: Any = "any") -> dict[str, Any]:
    """Return a search."""
    return {"type": "search", "condition": condition, "pattern": pattern}


def inner(key: str, criterion: Any) -> dict[str, Any]:
    """Return a search with one criterion."""
    return search({key: criterion})


OPERATORS = {
    "near": ({"type": "equal", "pattern": "x"}, "unknown-operator", ".type", 'did you mean "equals"?'),
    "case": ({"type": "Equals", "pattern": "x"}, "unknown-operator", ".type", 'did you mean "equals"?'),
    "far": ({"type": "zzz", "pattern": "x"}, "unknown-operator", ".type", "not in list of allowed operators: ["),
    "none": ({"pattern": "x"}, "missing-operator", "", "Operator not specified for field: trigger.v"),
}
PATTERNS = {
    "regex": ({"type": "regex", "pattern": "("}, "bad-regex", ".pattern", "unterminated subpattern"),
    "wildcard": ({"type": "iregex", "pattern": "*.yaml"}, "bad-regex", ".pattern", "use matchwildcard"),
    "repeat": ({"type": "matchregex", "pattern": "a{2,1}"}, "bad-regex", ".pattern", "min repeat greater"),
    "open": ({"type": "equals", "pattern": "{{ trigger.x"}, "bad-template", ".pattern", "(line 1)"),
    "filter": ({"type": "equals", "pattern": "{{ x | nope }}"}, "bad-template", ".pattern", "No filter named 'nope'"),
    "comment": ({"type": "equals", "pattern": "{# open"}, "bad-template", ".pattern", "Missing end of comment"),
}
SEARCHES = {
    "no condition": (search({}, None), "bad-condition", ".condition", "a search needs a condition"),
    "other condition": (search({}, "some"), "bad-condition", ".condition", "any, all, all2any, any2any"),
    "no object": (search("item.n"), "bad-pattern", ".pattern", "an object of criteria"),
    "no criterion": (inner("item.n", "x"), "bad-pattern", ".pattern.item.n", "is not a criterion"),
    "operator": (inner("item.n", {"type": "is"}), "unknown-operator", ".pattern.item.n.type", "item.n"),
    "path": (inner("item.é", EQUALS), "bad-path", ".pattern.item.é", "is not a path"),
    "regex": (inner("item.n", {"type": "regex", "pattern": "("}), "bad-regex", ".pattern.item.n.pattern", "("),
    "deep": (
        inner("item.s", inner("item.x", {"type": "?"})),
        "unknown-operator",
        ".pattern.item.s.pattern.item.x.type",
        "operator ?",
    ),
}
MISTAKES = [*OPERATORS.values(), *PATTERNS.values(), *SEARCHES.values()]


@pytest.mark.parametrize(("criterion", "code", "path", "said"), MISTAKES, ids=[*OPERATORS, *PATTERNS, *SEARCHES])
def test_errors_break_the_rule(rule: Any, criterion: Any, code: str, path: str, said: str) -> None:
    """One error for one mistake, at its path; the rule cannot be asked."""
    compiled, problems = compile_rule(rule({"trigger.v": criterion}), TEMPLATES)
    assert compiled is None
    [problem] = problems
    assert (problem.code, problem.path, problem.severity) == (code, f"criteria.trigger.v{path}", Severity.ERROR)
    assert said in f"{problem} {problem.text}"
    assert code in CODES


@pytest.mark.parametrize("key", ["trigger.é", "trigger.a b", "$t", ""])
def test_keys_that_are_no_paths_break_the_rule(rule: Any, key: str) -> None:
    """With the way to write such a name."""
    compiled, [problem] = compile_rule(rule({key: EQUALS}), TEMPLATES)
    assert compiled is None
    assert (problem.code, problem.path) == ("bad-path", f"criteria.{key}")
    assert "['like this']" in problem.hint


@pytest.mark.parametrize(
    ("key", "criterion", "code"),
    [
        ("trigger.v", {"type": "regex", "pattern": "(a+)+$"}, "slow-regex"),
        ("trigger.v", {"type": "regex", "pattern": 5}, "bad-pattern"),
        ("trigger.v", {"type": "timediff_lt", "pattern": "soon"}, "bad-pattern"),
        ("trigger.v", {"type": "td_gt", "pattern": [5]}, "bad-pattern"),
        ("trigger.v", {"type": "in", "pattern": 5}, "bad-pattern"),
        ("trigger.v", {"type": "icontains", "pattern": 5}, "bad-pattern"),
        ("trigger.v", {"type": "matchwildcard", "pattern": ["*"]}, "bad-pattern"),
        ("trigger.l", search({"item.n": {"pattern": "x"}}), "missing-operator"),
    ],
)
def test_what_stackstorm_would_load_is_a_warning(rule: Any, key: str, criterion: Any, code: str) -> None:
    """The rule is asked all the same, and keeps its warnings."""
    compiled, problems = compile_rule(rule({key: criterion}), TEMPLATES)
    assert compiled is not None
    assert [(problem.code, problem.severity) for problem in problems] == [(code, Severity.WARNING)]
    assert compiled.problems == tuple(problems)


@pytest.mark.parametrize(
    "criterion",
    [
        {"type": "timediff_lt", "pattern": "60"},
        {"type": "regex", "pattern": r"^refs/heads/(main|release-\d+)$"},
        {"type": "regex", "pattern": "{{ st2kv.system.regex }}"},
        {"type": "in", "pattern": "main,release"},
        {"type": "startswith", "pattern": "x"},
        {"type": "exists", "pattern": ""},
        {"type": "search", "condition": "any", "pattern": {"item.n": {"type": "EQUALS", "pattern": 1}}},
    ],
)
def test_good_criteria_say_nothing(rule: Any, criterion: Any) -> None:
    """Nothing to complain of."""
    compiled, problems = compile_rule(rule({"trigger.v": criterion}), TEMPLATES)
    assert compiled is not None
    assert problems == []


def test_all_mistakes_are_told_at_once(rule: Any) -> None:
    """Three mistakes in one criterion, one in the next."""
    criteria = {"trigger.é": {"type": "zz", "pattern": "{{ x"}, "trigger.v": {"type": "regex", "pattern": "("}}
    _, problems = compile_rule(rule(criteria), TEMPLATES)
    assert [problem.code for problem in problems] == ["bad-path", "unknown-operator", "bad-template", "bad-regex"]


def test_problems_stand_where_the_mistake_is(rule: Any) -> None:
    """The nearest known place: of the key itself, of the criterion around it, or what the criterion says of itself."""
    here, around = Location(file="r.yaml", line=9, column=5), Location(file="r.yaml", line=8, column=3)
    criteria = {"trigger.v": {"type": "zz", "pattern": "x"}}
    places = [
        ({"criteria.trigger.v.type": here, "criteria.trigger.v": around}, here),
        ({"criteria.trigger.v": around}, around),
        ({"criteria": here}, Location(file="r.yaml", line=7, column=3)),
        ({}, Location(file="r.yaml", line=7, column=3)),
    ]
    for locations, place in places:
        _, [problem] = compile_rule(rule(criteria, locations=locations), TEMPLATES)
        assert problem.location == place


@pytest.mark.parametrize(
    ("value", "path", "severity"),
    [
        ("{{ trigger.x | nope }}", "action.parameters.cmd", Severity.ERROR),
        ({"a": ["{{ x is nope }}"]}, "action.parameters.cmd.a.0", Severity.ERROR),
        ("awk '{{print $1}}'", "action.parameters.cmd", Severity.WARNING),
    ],
)
def test_parameters_are_looked_at_too(rule: Any, value: Any, path: str, severity: Severity) -> None:
    """A filter that does not exist can never work; what is no template is taken literally, with a warning."""
    compiled, [problem] = compile_rule(rule(parameters={"cmd": value}), TEMPLATES)
    assert (problem.code, problem.path, problem.severity) == ("bad-template", path, severity)
    assert (compiled is None) is (severity is Severity.ERROR)


def test_searches_in_searches_end_somewhere(rule: Any) -> None:
    """A document that nests searches without end is refused, not followed."""
    pattern: dict[str, Any] = {"item.n": EQUALS}
    for _ in range(200):
        pattern = {"item.l": search(pattern)}
    compiled, [problem] = compile_rule(rule({"trigger.l": search(pattern)}), TEMPLATES)
    assert compiled is None
    assert problem.code == "bad-pattern"
    assert "more than 20 searches" in problem.text
