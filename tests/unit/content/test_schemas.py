"""The schemas that editors get are complete and say what the engine knows."""

from typing import Any

import pytest

from stormlet.content.schemas import NAMES, read_schema
from stormlet.flow.matching.operators import OPERATORS
from stormlet.foundation.schema_validation import compile_schema


def properties_of(schema: Any) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name, part in schema.get("properties", {}).items():
        if "$ref" in part:
            continue  # its definition is looked at below
        found += [(name, part), *properties_of(part)]
    for part in schema.get("definitions", {}).values():
        found += properties_of(part)
    if isinstance(schema.get("additionalProperties"), dict):
        found += properties_of(schema["additionalProperties"])
    return found


@pytest.mark.parametrize("name", NAMES)
def test_each_schema_is_valid_and_every_key_is_described(name: str) -> None:
    """An editor shows the description; a key without one is a riddle."""
    schema = read_schema(name)
    compile_schema(schema)
    assert schema["title"]
    assert schema["description"]
    assert [key for key, part in properties_of(schema) if not part.get("description")] == []


def test_the_rule_schema_lists_exactly_the_operators_that_exist() -> None:
    """An editor offers what the engine knows, and nothing else."""
    criteria = read_schema("rule")["properties"]["criteria"]["additionalProperties"]
    assert set(criteria["properties"]["type"]["enum"]) == set(OPERATORS)


def test_an_unknown_schema_is_a_key_error() -> None:
    """There are only the schemas in NAMES."""
    with pytest.raises(KeyError):
        read_schema("../rule")
