"""Packs, config schemas and trigger types are read as StackStorm reads them."""

from typing import Any

import pytest

from stormlet.content.dialect import Provenance, file_provenance
from stormlet.content.yaml_reader import read_bytes
from stormlet.foundation.identifiers import derived_id
from stormlet.model.problem import Severity
from stormlet.st2compat.dialect import Dialect

DIALECT = Dialect()
PACK: dict[str, Any] = {"name": "Web tools", "description": "x", "version": "1.2.3", "author": "a"}


def pack_ref(document: Any, directory: str = "/packs/web") -> tuple[str, list[str]]:
    pack, problems = DIALECT.pack_from_document(document, Provenance(pack_directory=directory, file="pack.yaml"))
    return pack.ref, [str(problem) for problem in problems]


def test_the_ref_is_ref_else_the_directory_else_the_name() -> None:
    """The first of them that may be a ref is taken."""
    assert pack_ref({**PACK, "ref": "tools"}) == ("tools", [])
    assert pack_ref(PACK) == ("web", [])
    assert pack_ref({**PACK, "name": "web"}, "/packs/stackstorm-web") == ("web", [])
    assert pack_ref(PACK, "/packs/stackstorm-web") == (
        "stackstorm-web",
        [
            (
                "pack.yaml bad-name name: neither the directory's name 'stackstorm-web' nor `name` can be the pack's ref "
                "(add `ref:` with lower-case letters, digits and _)"
            )
        ],
    )


def test_pack_metadata_is_kept_and_unknown_keys_are_allowed() -> None:
    """Packs of the exchange have keys of their own."""
    pack, problems = DIALECT.pack_from_document(
        {
            **PACK,
            "version": 1.0,
            "email": "a@example.com",
            "keywords": ["a"],
            "python_versions": ["3"],
            "dependencies": ["core=1.0.0"],
            "stackstorm_version": ">=3.0.0",
            "system": {"x": 1},
            "Contributors": ["somebody"],
            "runner_type": "python-script",
        },
        Provenance(pack_directory="/packs/web"),
    )
    assert problems == []
    assert (pack.version, pack.email, pack.keywords, pack.python_versions) == ("1.0.0", "a@example.com", ("a",), ("3",))
    assert pack.dependencies == ("core=1.0.0",)
    assert pack.id == derived_id("pack:web")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"name": "web", "version": "1.0.0", "author": "a"}, ["pack.yaml missing-key 'description' is a required property"]),
        (
            {**PACK, "version": "one"},
            [(r"pack.yaml bad-value version: 'one' does not match '^\\d+\\.\\d+(\\.\\d+)?(-[0-9A-Za-z.-]+)?"
             r"(\\+[0-9A-Za-z.-]+)?$' (write three numbers, such as 1.2.0)")],
        ),
        (
            {**PACK, "ref": "My-Pack"},
            ["pack.yaml bad-name ref: 'My-Pack' does not match '^[a-z0-9_]+$' (use lower-case letters, digits and _)"],
        ),
        (None, ["pack.yaml empty-file there is nothing in it"]),
        ([], ["pack.yaml wrong-type [] is not of type 'object'"]),
    ],
)  # fmt: skip
def test_broken_pack_metadata_is_told_and_the_pack_is_there_all_the_same(document: Any, expected: list[str]) -> None:
    """Its rules and actions must not vanish because of a missing description."""
    assert pack_ref(document) == ("web", expected)


def test_a_trigger_type_is_read_with_its_schemas() -> None:
    """Name, schemas and place are kept; the pack is the directory's."""
    document = read_bytes(
        b"name: st2.webhook\npack: core\nparameters_schema:\n  type: object\n  properties:\n"
        b"    url: {type: string, required: true}\npayload_schema: {}\n",
        "t.yaml",
    )
    kind, problems = DIALECT.trigger_type_from_document(document.value, file_provenance(document, "core"))
    assert problems == []
    assert kind is not None
    assert kind.ref == "core.st2.webhook"
    assert kind.payload_schema is None
    assert kind.parameters_schema is not None
    assert str(kind.location) == "t.yaml:1:1"
    assert kind.id == derived_id("trigger_type:core:st2.webhook")


def test_a_schema_that_is_not_valid_is_left_out_with_its_place() -> None:
    """The trigger type stays, so that rules on it are not all broken by one slip."""
    document = read_bytes(b"name: x\npayload_schema:\n  properties:\n    a: {type: strin}\n", "t.yaml")
    kind, problems = DIALECT.trigger_type_from_document(document.value, file_provenance(document, "web"))
    assert kind is not None
    assert kind.payload_schema is None
    assert [f"{problem.severity} {problem}" for problem in problems] == [
        (
            "warning t.yaml:4:9 bad-schema payload_schema.properties.a.type: 'strin' is not a JSON Schema type; "
            "the schema is not used"
        )
    ]
    _, problems = DIALECT.trigger_type_from_document(document.value)
    assert [problem.severity for problem in problems] == [Severity.ERROR]


def test_a_sensor_declares_trigger_types_and_stray_keys_are_warned_of() -> None:
    """`payload_info` is in three sensors of the exchange; StackStorm drops it without a word."""
    sensor = {
        "class_name": "S",
        "entry_point": "s.py",
        "poll_interval": 5,
        "trigger_types": [{"name": "a", "payload_info": ["x"]}, {"name": "b"}, {"description": "no name"}, 3],
    }
    kinds, problems = DIALECT.sensor_trigger_types(sensor, Provenance(pack="web", file="s.yaml"))
    assert [kind.ref for kind in kinds] == ["web.a", "web.b"]
    assert [str(problem) for problem in problems] == [
        "s.yaml unknown-key trigger_types.0.payload_info: 'payload_info' is ignored",
        "s.yaml missing-key trigger_types.2: 'name' is a required property",
        "s.yaml wrong-type trigger_types.3: 3 is not of type 'object'",
    ]


@pytest.mark.parametrize("document", [None, [], "text", {"trigger_types": {"a": 1}}])
def test_a_broken_sensor_declares_nothing(document: Any) -> None:
    """A sensor's file may hold anything."""
    kinds, problems = DIALECT.sensor_trigger_types(document, Provenance(file="s.yaml"))
    assert kinds == []
    assert problems


def test_a_sensor_without_trigger_types_is_fine() -> None:
    """One of 88 sensors has none."""
    assert DIALECT.sensor_trigger_types({"class_name": "S", "entry_point": "s.py"}) == ([], [])


def test_a_config_schema_is_the_schema_of_the_whole_config() -> None:
    """`$ref` between keys and patternProperties work; keys that it does not name are allowed."""
    schema, problems = DIALECT.config_schema_from_document(
        {
            "host": {"type": "string", "required": True},
            "profiles": {
                "type": "object",
                "patternProperties": {
                    r"^\w+$": {"type": "object", "properties": {"host": {"$ref": "#/properties/host"}}}
                },
                "additionalProperties": False,
            },
        }
    )
    assert problems == []
    assert schema is not None
    assert schema["additionalProperties"] is True
    assert DIALECT.config_schema_from_document(None)[0] is not None


@pytest.mark.parametrize(
    "document", [[], "x", {"a": 1}, {"a b": {}}, {"a": {"pattern": "["}}, {"a": {"typ": "string"}}]
)
def test_a_broken_config_schema_is_a_problem(document: Any) -> None:
    """It is not used at all then."""
    schema, problems = DIALECT.config_schema_from_document(document)
    assert schema is None
    assert problems
