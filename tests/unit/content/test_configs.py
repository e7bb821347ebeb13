"""A pack's config is joined with its schema."""

from typing import Any

import yaml

from stormlet.content.configs import fill_defaults, join_config
from stormlet.content.yaml_reader import Document, read_bytes
from stormlet.st2compat.dialect import Dialect

DIALECT = Dialect()


def document(name: str, value: Any) -> Document:
    return read_bytes(yaml.safe_dump(value).encode(), name)


def join(schema: Any, config: Any) -> tuple[Any, list[str]]:
    schema_document = document("config.schema.yaml", schema) if schema is not None else None
    config_document = document("web.yaml", config) if config is not None else None
    values, problems = join_config("web", schema_document, config_document, DIALECT)
    return values, [str(problem) for problem in problems]


def test_defaults_appear_at_every_depth() -> None:
    """An object with keys of its own is there even where the config does not name it."""
    schema = {
        "host": {"type": "string", "default": "localhost"},
        "tls": {"type": "object", "properties": {"verify": {"type": "boolean", "default": True}}},
        "profiles": {
            "type": "object",
            "patternProperties": {r"^\w+$": {"type": "object", "properties": {"port": {"default": 443}}}},
        },
        "hosts": {"type": "array", "items": {"type": "object", "properties": {"weight": {"default": 1}}}},
    }
    values, problems = join(schema, {"profiles": {"a": {}}, "hosts": [{}]})
    assert problems == []
    assert values == {
        "host": "localhost",
        "tls": {"verify": True},
        "profiles": {"a": {"port": 443}},
        "hosts": [{"weight": 1}],
    }
    assert join(schema, None)[0] == {"host": "localhost", "tls": {"verify": True}, "profiles": {}, "hosts": []}


def test_a_pack_without_schema_and_config_has_none() -> None:
    """None tells it from an empty config."""
    assert join(None, None) == (None, [])
    assert join(None, {"a": 1}) == ({"a": 1}, [])


def test_wrong_values_are_told_with_their_place_and_never_repeated() -> None:
    """A config may hold secrets, so a message names the key and not the value."""
    schema = {"token": {"type": "string", "required": True, "secret": True}, "port": {"type": "integer"}}
    values, problems = join(schema, {"port": "hunter2"})
    assert values == {"port": "hunter2"}
    assert problems == [
        "web.yaml:1:1 config-schema port: the value breaks `type` of the config schema",
        "web.yaml:1:1 config-schema 'token' is a required property",
    ]


def test_templates_are_not_judged() -> None:
    """A value from the datastore has its type only when it is read."""
    schema = {"port": {"type": "integer"}}
    assert join(schema, {"port": "{{ st2kv.system.port }}"})[1] == []


def test_keys_that_the_schema_does_not_name_are_allowed() -> None:
    """StackStorm allows them, too."""
    assert join({"a": {"type": "string"}}, {"b": 1}) == ({"b": 1}, [])


def test_a_bad_schema_or_config_is_a_problem() -> None:
    """What is not a mapping, or not a schema, is told; the values stay usable."""
    values, problems = join({"a": {"type": "strin"}}, {"a": 1})
    assert values == {"a": 1}
    assert [problem[: problem.index(" is not")] for problem in problems] == [
        "config.schema.yaml:2:3 bad-value a.type: 'strin'"
    ]
    assert join({"a": {"type": "string"}}, ["x"])[1] == [
        "web.yaml:1:1 wrong-type a config is a mapping of keys to values"
    ]


def test_fill_defaults_leaves_its_input_alone() -> None:
    """The file's value may be shared with a cache."""
    given: dict[str, Any] = {"tls": {}}
    fill_defaults(given, {"properties": {"tls": {"type": "object", "properties": {"a": {"default": 1}}}}})
    assert given == {"tls": {}}
