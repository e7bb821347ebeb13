"""The schema module speaks StackStorm's dialect in Python-jsonschema's words."""

from datetime import date
from typing import Any

import pytest

from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.schema_validation import (
    accepting_none,
    compile_schema,
    lift_required,
    object_schema,
    with_defaults,
)

PARAMETERS = object_schema(
    {
        "cmd": {"type": "string", "required": True},
        "count": {"type": "integer", "minimum": 3},
        "either": {"type": ["string", "null"]},
        "color": {"enum": ["red", "green"]},
        "names": {"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True},
        "code": {"type": "string", "pattern": r"^(?P<letter>a)\Z", "maxLength": 3},
        "loose": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    }
)


def texts(schema: dict[str, Any], value: Any) -> list[str]:
    return [error.text for error in compile_schema(schema).errors(value)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"cmd": "x"}, []),
        ({}, ["'cmd' is a required property"]),
        ({"cmd": 1}, ["1 is not of type 'string'"]),
        ({"cmd": None}, ["None is not of type 'string'"]),
        ({"cmd": "x", "a": 1}, ["Additional properties are not allowed ('a' was unexpected)"]),
        ({"cmd": "x", "b": 1, "a": 1}, ["Additional properties are not allowed ('a', 'b' were unexpected)"]),
        ({"cmd": "x", "count": 2}, ["2 is less than the minimum of 3"]),
        ({"cmd": "x", "count": True}, ["True is not of type 'integer'"]),
        ({"cmd": "x", "count": 3.0}, ["3.0 is not of type 'integer'"]),
        ({"cmd": "x", "count": 2**80}, []),
        ({"cmd": "x", "either": 1}, ["1 is not of type 'string', 'null'"]),
        ({"cmd": "x", "color": "blue"}, ["'blue' is not one of ['red', 'green']"]),
        ({"cmd": "x", "names": ["a"]}, ["['a'] is too short"]),
        ({"cmd": "x", "names": ["a", "a"]}, ["['a', 'a'] has non-unique elements"]),
        ({"cmd": "x", "code": "b"}, [r"'b' does not match '^(?P<letter>a)\\Z'"]),
        ({"cmd": "x", "code": "a"}, []),
        ({"cmd": "x", "loose": 1}, ["1 is not of type 'string'"]),
        ({"cmd": date(2026, 1, 2)}, []),
        ([], ["[] is not of type 'object'"]),
    ],
)
def test_sentences(value: Any, expected: list[str]) -> None:
    """Each kind of error is worded as Python's jsonschema words it."""
    assert texts(PARAMETERS, value) == expected


def test_the_first_error_is_the_one_st2_reports() -> None:
    """The shallowest error comes first: a key that is too many before one that is missing."""
    assert texts(PARAMETERS, {"count": "x", "zzz": 1}) == [
        "Additional properties are not allowed ('zzz' was unexpected)",
        "'cmd' is a required property",
        "'x' is not of type 'integer'",
    ]


def test_required_is_lifted_at_every_depth() -> None:
    """`required: true` inside a property becomes draft 4's list, also below `items` and `properties`."""
    schema = {
        "type": "object",
        "properties": {
            "required": {"type": "boolean", "required": True},
            "deep": {
                "type": "object",
                "required": False,
                "properties": {"x": {"required": True}, "y": {"required": False}},
            },
            "list": {"items": {"required": True, "properties": {"z": {"required": True}}}},
        },
    }
    lifted = lift_required(schema)
    assert lifted["required"] == ["required"]
    assert lifted["properties"]["deep"]["required"] == ["x"]
    assert lifted["properties"]["list"]["items"]["required"] == ["z"]
    errors = compile_schema(schema).errors({"required": True, "deep": {}, "list": [{}]})
    assert [(error.dotted, error.names) for error in errors] == [("deep", ("x",)), ("list.0", ("z",))]


def test_a_list_of_required_names_and_the_flag_work_together() -> None:
    """Draft 4's own list stays; the flags of properties are added to it."""
    schema = {"required": ["a"], "properties": {"a": {"required": True}, "b": {"required": True}}}
    assert lift_required(schema)["required"] == ["a", "b"]


@pytest.mark.parametrize(
    ("schema", "part"),
    [
        ({"type": "strin"}, "type: 'strin' is not a JSON Schema type"),
        ({"properties": {"a": {"type": "nope"}}}, "properties.a.type: 'nope' is not a JSON Schema type"),
        ({"properties": 3}, "properties: 3 is not of type 'object'"),
        ({"properties": {"a": {"pattern": "["}}}, "'[' is not a regular expression"),
        ({"$ref": "http://example.com/schema"}, "example.com"),
        ({"$ref": "file:///etc/passwd"}, "etc/passwd"),
        ({"properties": {"a": {"$ref": "#/nowhere"}}}, "nowhere"),
    ],
)
def test_a_bad_schema_is_refused_with_its_place(schema: dict[str, Any], part: str) -> None:
    """A schema that is not valid, or that refers out of itself, is an error that says where."""
    with pytest.raises(InvalidInputError) as caught:
        compile_schema(schema)
    assert part in str(caught.value)


def test_local_references_and_pattern_properties_work() -> None:
    """Configs of real packs use `$ref: "#/properties/x"` below `patternProperties`."""
    schema = {
        "type": "object",
        "properties": {
            "host": {"type": "string"},
            "profiles": {
                "type": "object",
                "patternProperties": {r"^\w+$": {"type": "object", "properties": {"h": {"$ref": "#/properties/host"}}}},
                "additionalProperties": False,
            },
        },
    }
    assert texts(schema, {"profiles": {"a": {"h": "x"}}}) == []
    assert texts(schema, {"profiles": {"a": {"h": 1}}}) == ["1 is not of type 'string'"]
    assert texts(schema, {"profiles": {"a b": {}}}) == [r"'a b' does not match any of the regexes: '^\\w+$'"]


def test_a_pattern_that_backtracks_is_cut_off() -> None:
    """A hostile text cannot hold the validator for longer than the time limit."""
    errors = texts({"type": "string", "pattern": "^(a|a)+(b|b)*c$"}, "a" * 60 + "!")
    assert len(errors) == 1


def test_a_value_that_is_too_deep_is_an_error_not_a_crash() -> None:
    """The recursion limit of the library becomes an error of the value."""
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    assert [error.keyword for error in compile_schema({"type": "object"}).errors(value)] == ["depth"]


def test_a_schema_that_is_too_deep_is_refused() -> None:
    """A schema nested without end is an InvalidInputError, never a RecursionError."""
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(5000):
        schema = {"properties": {"a": schema}}
    with pytest.raises(InvalidInputError):
        compile_schema(schema)


def test_defaults_fill_nested_objects_that_are_given() -> None:
    """Defaults are filled where the parent exists; the given value is not changed."""
    schema = {
        "properties": {
            "port": {"default": 443},
            "tls": {"properties": {"verify": {"default": True}}},
            "hosts": {"items": {"properties": {"weight": {"default": 1}}}},
        }
    }
    given: dict[str, Any] = {"tls": {}, "hosts": [{}, {"weight": 2}], "port": None}
    assert with_defaults(given, schema) == {
        "port": 443,
        "tls": {"verify": True},
        "hosts": [{"weight": 1}, {"weight": 2}],
    }
    assert given == {"tls": {}, "hosts": [{}, {"weight": 2}], "port": None}
    assert with_defaults({}, schema) == {"port": 443}


def test_none_is_accepted_where_st2_accepts_it() -> None:
    """Optional properties without a default of their own, and those whose default is None, may be None."""
    schema = accepting_none(
        object_schema(
            {
                "optional": {"type": "integer"},
                "none_default": {"type": "array", "default": None, "required": True},
                "with_default": {"type": "integer", "default": 1},
                "must": {"type": "integer", "required": True},
                "union": {"anyOf": [{"type": "integer"}]},
                "choice": {"enum": ["a"], "type": "string"},
                "untyped": {"description": "x"},
            }
        )
    )
    value: dict[str, Any] = {"optional": None, "none_default": None, "with_default": 1, "must": 1, "union": None}
    assert texts(schema, value | {"choice": None, "untyped": None}) == []
    assert texts(schema, value | {"must": None}) == ["None is not of type 'integer'"]
    assert texts(schema, value | {"with_default": None}) == ["None is not of type 'integer'"]
