"""`stormlet explain` and `stormlet schema`."""

import json

import pytest
from click.testing import CliRunner, Result

from stormlet.cli.explain import SUBJECTS
from stormlet.cli.failures import CommandError, Session
from stormlet.cli.main import root


def call(*arguments: str) -> Result:
    return CliRunner().invoke(root, list(arguments), obj=Session())


@pytest.mark.parametrize("subject", SUBJECTS)
def test_each_subject_lists_names_that_can_be_explained(subject: str) -> None:
    """What a list names has an explanation of its own."""
    names = call("explain", subject, "-o", "name").output.split()
    assert names
    assert call("explain", names[-1]).exit_code == 0


def test_an_operator_shows_examples() -> None:
    """Help and examples, which a test of the engine runs."""
    output = call("explain", "equals").output
    assert 'pattern "main", value "main": yes' in output


def test_the_nearest_name_is_suggested() -> None:
    """Exit code 3, and the name that was probably meant."""
    error = call("explain", "unknown-operater").exception
    assert isinstance(error, CommandError)
    assert (error.exit_code, error.hint) == (3, "did you mean `unknown-operator`?")


@pytest.mark.parametrize("kind", ["rule", "action", "trigger", "pack", "config"])
def test_schemas_are_json_schema(kind: str) -> None:
    """Draft 7, as editors want it."""
    schema = json.loads(call("schema", kind).output)
    assert schema["$schema"].startswith("http://json-schema.org/draft-07/")
