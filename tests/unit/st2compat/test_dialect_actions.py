"""Action metadata is read as st2 3.9 reads it: everything that real packs have is taken."""

from typing import Any

import pytest

from stormlet.content.dialect import Provenance
from stormlet.model.action import Action
from stormlet.model.trigger import Origin
from stormlet.st2compat.dialect import Dialect

DIALECT = Dialect()
SMALL: dict[str, Any] = {"name": "get", "runner_type": "python-script"}


def read(**changes: Any) -> tuple[Action | None, list[str]]:
    action, problems = DIALECT.action_from_document({**SMALL, **changes})
    return action, [f"{problem.severity} {str(problem).removeprefix('<input> ')}" for problem in problems]


def test_a_small_action_gets_st2s_defaults() -> None:
    """Enabled, in the pack default, without parameters, and not run twice after a crash."""
    action, problems = read()
    assert problems == []
    assert action is not None
    assert (action.ref, action.enabled, action.parameters, action.idempotent) == ("default.get", True, {}, False)


def test_an_action_of_a_pack_knows_its_directory() -> None:
    """Runners find the entry point by it."""
    provenance = Provenance(
        origin=Origin.FILE, pack="web", pack_directory="/packs/web", file="/packs/web/actions/get.yaml"
    )
    action, problems = DIALECT.action_from_document({**SMALL, "name": "get.dcim.sites", "pack": "web"}, provenance)
    assert problems == []
    assert action is not None
    assert action.ref == "web.get.dcim.sites"
    assert action.pack_directory == "/packs/web"
    assert action.metadata_file == "/packs/web/actions/get.yaml"


def test_on_interruption_says_whether_it_may_be_run_twice() -> None:
    """`retry` is the author's word that a second run does no harm."""
    retried, _ = read(on_interruption="retry")
    assert retried is not None
    assert retried.idempotent
    assert read(on_interruption="maybe")[1] == [
        "error bad-value on_interruption: 'maybe' is not one of ['fail', 'retry'] (known: fail, retry)"
    ]


def test_everything_that_real_packs_have_is_taken() -> None:
    """The census of 10,244 actions of StackStorm's exchange, in one action."""
    parameters: dict[str, Any] = {
        "id": {"type": "integer", "required": True, "position": 0, "description": "Id"},
        "no_type": {"description": "28 parameters have none"},
        "none": {"type": "string", "default": None},
        "choice": {"type": "string", "enum": ["a", "b"], "default": "a"},
        "secret": {"type": "string", "secret": True, "required": False},
        "fixed": {"type": "string", "immutable": True, "default": "/dcim/sites/{{ id }}/"},
        "list": {
            "type": "array",
            "items": {"type": "object", "properties": {"x": {"type": "string", "required": True}}},
        },
        "limits": {"type": "array", "minItems": 1, "maxItems": 3, "uniqueItems": True, "items": {"type": "string"}},
        "either": {"oneOf": [{"type": "string"}, {"type": "array"}]},
        "nested": {
            "type": "object",
            "properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}, "item": "a stray key"}},
            "additionalProperties": False,
        },
        "same": {"$ref": "#/properties/id"},
        "pattern": {"type": "string", "pattern": r"^\w+\Z"},
        "number": {"type": "number", "minimum": 0, "maximum": 10, "default": "{{ action_context.parent.pack }}"},
        "null": {"type": "null"},
        "timeout": {"default": 300},
        "mixed": {"type": ["string", "null"], "position": 1},
    }
    action, problems = read(
        parameters=parameters,
        tags=[{"name": "a"}],
        output_schema={"x": {"type": "string"}},
        notify={"on-complete": {"message": "done", "routes": ["slack"]}},
        entry_point="get.py",
        enabled=False,
    )
    assert problems == []
    assert action is not None
    assert action.parameters == parameters


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"a b": {}}, ['error bad-name parameters.a b: Parameter name "a b" is invalid (use letters, digits and _)']),
        ({"a": "x"}, ["error wrong-type parameters.a: 'x' is not of type 'object'"]),
        ([], ["error wrong-type parameters: [] is not of type 'object'"]),
        (
            {"a": {"type": "string", "requird": True}},
            [("error unknown-key parameters.a.requird: Additional properties are not allowed ('requird' was unexpected) "
             '(did you mean "required"?)')],
        ),
        ({"a": {"required": "yes"}}, ["error wrong-type parameters.a.required: 'yes' is not of type 'boolean'"]),
        (
            {"a": {"type": "object", "properties": {"b": {"type": "strin"}}}, "c": {"pattern": "["}},
            ["error bad-schema parameters.c.pattern: '[' is not a regular expression: unterminated character set at position 1",
             ("warning bad-schema parameters.a.properties.b.type: 'strin' is not a JSON "
             "Schema type")],
        ),
        (
            {"a": {"position": 0}, "b": {"position": 0}},
            [("error bad-position parameters.b.position: Parameters b and a have same position 0. "
             "Position values have to be unique.")],
        ),
        (
            {"a": {"position": 0}, "b": {"position": 2}},
            [("error bad-position parameters: Positions supplied [0, 2] for parameters are not contiguous. "
             "(number them without gaps)")],
        ),
        (
            {"a": {"position": 1.5}},
            ["error bad-position parameters.a.position: 1.5 is not a whole number",
             ("error bad-position parameters: Positions supplied [1.5] for parameters are not contiguous. "
             "(number them without gaps)")],
        ),
    ],
)  # fmt: skip
def test_the_first_level_of_a_parameter_is_judged_strictly(parameters: Any, expected: list[str]) -> None:
    """What st2 refuses is an error; what it would trip over only when the action runs, a warning."""
    assert read(parameters=parameters)[1] == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"runner_type": None}, ["error wrong-type runner_type: None is not of type 'string'"]),
        ({"name": ""}, ["error bad-name name: '' cannot be a name (use letters, digits, . _ and -)"]),
        (
            {"runner": "x"},
            [("error unknown-key runner: Additional properties are not allowed ('runner' was unexpected) "
             '(did you mean "runner_type"?)')],
        ),
    ],
)  # fmt: skip
def test_what_an_action_must_have(changes: dict[str, Any], expected: list[str]) -> None:
    """A name, a runner, and no keys that nobody reads."""
    action, problems = read(**changes)
    assert action is None
    assert problems == expected


@pytest.mark.parametrize("document", [None, [], "text", 3, {}])
def test_anything_at_all_is_read_without_raising(document: Any) -> None:
    """A file may hold anything."""
    action, problems = DIALECT.action_from_document(document)
    assert action is None
    assert problems
