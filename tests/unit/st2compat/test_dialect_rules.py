"""Rule documents are read as StackStorm reads them."""

from typing import Any

import pytest

from stormlet.content.dialect import Provenance, file_provenance
from stormlet.content.yaml_reader import read_bytes
from stormlet.foundation.identifiers import derived_id
from stormlet.model.problem import Severity
from stormlet.model.rule import Rule, RuleType
from stormlet.model.trigger import Origin
from stormlet.st2compat.dialect import Dialect

DIALECT = Dialect()
SMALL: dict[str, Any] = {
    "name": "deploy",
    "trigger": {"type": "core.st2.webhook", "parameters": {"url": "x"}},
    "action": {"ref": "core.local", "parameters": {"cmd": "date"}},
}


def read(**changes: Any) -> tuple[Rule | None, list[str]]:
    document = {**SMALL, **changes}
    rule, problems = DIALECT.rule_from_document({key: value for key, value in document.items() if value is not ...})
    return rule, [f"{problem.severity} {str(problem).removeprefix('<input> ')}" for problem in problems]


def test_a_small_rule_gets_st2s_defaults() -> None:
    """Disabled, standard, in the pack default, without criteria; from the API unless said otherwise."""
    rule, problems = read()
    assert problems == []
    assert rule is not None
    assert rule.ref == "default.deploy"
    assert (rule.enabled, rule.type, rule.criteria, rule.tags) == (False, RuleType.STANDARD, (), ())
    assert rule.origin is Origin.API
    assert rule.id == derived_id("rule:default:deploy")


def test_a_full_rule_keeps_everything_in_the_files_order() -> None:
    """Criteria stay in their order, because evaluation stops at the first that does not hold."""
    rule, problems = read(
        pack="examples",
        description="what for",
        enabled=True,
        type={"ref": "backstop", "parameters": {}},
        criteria={
            "trigger.b": {"type": "equals", "pattern": 0},
            "trigger.a#1": {"type": "search", "pattern": {"item.x": {"type": "eq", "pattern": 1}}, "condition": "any"},
        },
        tags=[{"name": "a", "value": 1}],
        context={"user": "joe"},
        id="0123456789abcdef01234567",
        ref="ignored",
        uid="ignored",
        metadata_file="ignored",
    )
    assert problems == []
    assert rule is not None
    assert rule.id == "0123456789abcdef01234567"
    assert rule.type is RuleType.BACKSTOP
    assert [(c.key, c.type, c.condition) for c in rule.criteria] == [
        ("trigger.b", "equals", None),
        ("trigger.a#1", "search", "any"),
    ]
    assert rule.context == {"user": "joe"}


def test_null_means_not_given_where_a_key_is_optional() -> None:
    """An empty `description:` or `criteria:` is what many files have."""
    rule, problems = read(
        description=None,
        criteria=None,
        tags=None,
        pack=None,
        enabled=None,
        type=None,
        action={"ref": "core.noop", "parameters": None},
    )
    assert problems == []
    assert read(type={"ref": "standard", "parameters": None})[1] == []
    assert rule is not None
    assert rule.action.parameters == {}


@pytest.mark.parametrize("name", ["with spaces in it", "with.dots", "Ünïcode", "UPPER-and-dash", "a/b"])
def test_names_are_as_free_as_in_st2(name: str) -> None:
    """Real packs have rules with spaces in their names."""
    rule, problems = read(name=name)
    assert problems == []
    assert rule is not None
    assert rule.name == name


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": ...}, ["error missing-key 'name' is a required property"]),
        ({"trigger": ...}, ["error missing-key 'trigger' is a required property"]),
        ({"action": None}, ["error wrong-type action: None is not of type 'object'"]),
        ({"name": 3}, ["error wrong-type name: 3 is not of type 'string' (quote it)"]),
        ({"name": " "}, ["error bad-name name: ' ' cannot be a name (use letters, digits, . _ and -)"]),
        ({"name": "a\nb"}, ["error bad-name name: 'a\\nb' cannot be a name (use letters, digits, . _ and -)"]),
        ({"pack": "a.b"}, ["error bad-name pack: 'a.b' cannot be a pack's name (use lower-case letters, digits and _)"]),
        ({"enabled": "true"}, ["error wrong-type enabled: 'true' is not of type 'boolean'"]),
        (
            {"actions": {}},
            [("error unknown-key actions: Additional properties are not allowed ('actions' was unexpected) "
             '(did you mean "action"?)')],
        ),
        (
            {"action": {"ref": "core.noop", "params": {}}},
            [("error unknown-key action.params: Additional properties are not allowed ('params' was unexpected) "
             '(did you mean "parameters"?)')],
        ),
        ({"trigger": {"parameters": {}}}, ["error missing-key trigger: 'type' is a required property"]),
        (
            {"trigger": {"type": "webhook"}},
            ["error bad-ref trigger.type: 'webhook' is not a trigger type's ref (write pack.name, such as core.st2.webhook)"],
        ),
        ({"criteria": []}, ["error wrong-type criteria: [] is not of type 'object'"]),
        ({"tags": {"a": 1}}, ["error wrong-type tags: {'a': 1} is not of type 'array'"]),
        (
            {"type": "backstopp"},
            [("warning bad-value type: 'backstopp' is not a rule type; the rule is taken as a standard one "
             '(did you mean "backstop"?)')],
        ),
    ],
)  # fmt: skip
def test_what_st2_refuses_is_an_error_in_its_words(changes: dict[str, Any], expected: list[str]) -> None:
    """Missing keys, unknown keys and wrong types are told as StackStorm's clients know them, each with its cure."""
    assert read(**changes)[1] == expected


@pytest.mark.parametrize(
    ("criterion", "expected"),
    [
        (
            {"pattern": "x"},
            [("error missing-operator criteria.k: Operator not specified for field: k "
             "(add `type: equals`, or another operator)")],
        ),
        (
            {"typ": "equals", "pattern": "x"},
            ['error missing-operator criteria.k: Operator not specified for field: k ("typ" should be "type")',
             ("warning unknown-key criteria.k.typ: 'typ' is not a key of a criterion and is ignored "
             '(did you mean "type"?)')],
        ),
        ({"type": 3, "pattern": "x"}, ["error wrong-type criteria.k.type: 3 is not of type 'string'"]),
        (
            {"type": "equals"},
            ["error missing-pattern criteria.k: For field: k, no pattern specified for operator equals"],
        ),
        (
            {"type": "exists", "pattern": None},
            [("error missing-pattern criteria.k: For field: k, no pattern specified for operator exists "
             '(write `pattern: ""`)')],
        ),
        ("x", ["error wrong-type criteria.k: 'x' is not of type 'object' (write {type: equals, pattern: x})"]),
        ({"type": "exists", "pattern": ""}, []),
    ],
)  # fmt: skip
def test_criteria_without_operator_or_pattern_are_told_as_st2_tells_them(criterion: Any, expected: list[str]) -> None:
    """The sentences are StackStorm's; the cure is ours."""
    assert read(criteria={"k": criterion})[1] == expected


def test_all_errors_are_told_at_once() -> None:
    """A file is mended in one go."""
    _, problems = read(name=3, action=..., criteria={"k": {}}, zzz=1)
    assert [problem.split()[1] for problem in problems] == [
        "unknown-key",
        "wrong-type",
        "missing-key",
        "missing-operator",
        "missing-pattern",
    ]


def test_a_rule_with_errors_is_made_as_far_as_it_can_be() -> None:
    """What is right in it can be judged further; criteria with errors are left out."""
    rule, _ = read(zzz=1, criteria={"a": {"type": "equals"}, "b": {"type": "equals", "pattern": 1}})
    assert rule is not None
    assert [criterion.key for criterion in rule.criteria] == ["b"]
    assert read(name=3)[0] is None


@pytest.mark.parametrize("document", [None, [], "text", 3, {}])
def test_anything_at_all_is_read_without_raising(document: Any) -> None:
    """A file may hold anything."""
    rule, problems = DIALECT.rule_from_document(document)
    assert rule is None
    assert problems


def test_a_pack_may_only_name_itself() -> None:
    """A file in a pack's directory belongs to that pack."""
    rule, problems = DIALECT.rule_from_document({**SMALL, "pack": "other"}, Provenance(pack="mine", file="r.yaml"))
    assert [(p.code, p.path) for p in problems] == [("pack-mismatch", "pack")]
    rule, problems = DIALECT.rule_from_document(SMALL, Provenance(pack="mine", origin=Origin.FILE))
    assert problems == []
    assert rule is not None
    assert rule.ref == "mine.deploy"


def test_problems_stand_at_their_place_in_the_file() -> None:
    """Line and column lead to the key, and the rule keeps all places for later checks."""
    document = read_bytes(
        b"name: x\ntrigger:\n  type: a.b\n  parameters: 3\ncriteria:\n  k: {type: eq}\naction: {ref: c.d, x: 1}\n",
        "r.yaml",
    )
    rule, problems = DIALECT.rule_from_document(document.value, file_provenance(document))
    assert rule is None
    assert sorted(f"{p.location} {p.code}" for p in problems) == [
        "r.yaml:4:3 wrong-type",
        "r.yaml:6:3 missing-pattern",
        "r.yaml:7:20 unknown-key",
    ]
    document = read_bytes(
        b"name: x\ntrigger: {type: a.b}\ncriteria:\n  k: {type: eq, pattern: 1}\naction: {ref: c.d}\n", "r"
    )
    rule, problems = DIALECT.rule_from_document(document.value, file_provenance(document))
    assert rule is not None
    assert str(rule.criteria[0].location) == "r:4:3"
    assert str(rule.locations["action.ref"]) == "r:5:10"
    assert all(problem.severity is not Severity.ERROR for problem in problems)
