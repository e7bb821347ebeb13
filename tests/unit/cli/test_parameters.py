"""k=v on the command line."""

from pathlib import Path
from typing import Any

import click
import pytest

from stormlet.cli.documents import read_document, read_json
from stormlet.cli.failures import FAILED, CommandError
from stormlet.cli.parameters import parse_parameters

SCHEMAS: dict[str, dict[str, Any]] = {
    "count": {"type": "integer"},
    "ratio": {"type": "number"},
    "force": {"type": "boolean"},
    "hosts": {"type": "array"},
    "labels": {"type": "object"},
    "text": {"type": "string"},
}


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("count=5", {"count": 5}),
        ("ratio=0.5", {"ratio": 0.5}),
        ("force=True", {"force": True}),
        ("force=0", {"force": False}),
        ("hosts=a, b,c", {"hosts": ["a", "b", "c"]}),
        ("hosts=[1, 2]", {"hosts": [1, 2]}),
        ('labels={"a": 1}', {"labels": {"a": 1}}),
        ("labels=a:b,c:d:e", {"labels": {"a": "b", "c": "d:e"}}),
        ("text=1", {"text": "1"}),
        ("text=a=b", {"text": "a=b"}),
        ("text=", {"text": ""}),
        ("unknown=1", {"unknown": "1"}),
    ],
)
def test_values_take_the_declared_type(pair: str, value: dict[str, Any]) -> None:
    """What the action declares decides; what it does not declare stays text, and the server judges it."""
    assert parse_parameters([pair], SCHEMAS) == value


@pytest.mark.parametrize("pair", ["count=five", "ratio=x", "force=maybe", "hosts=[1", "labels={", "labels=a"])
def test_values_of_another_type_are_refused(pair: str) -> None:
    """The message names the parameter; the exit code is that of the server's refusal, which it spares."""
    with pytest.raises(CommandError, match=pair.partition("=")[0]) as caught:
        parse_parameters([pair], SCHEMAS)
    assert caught.value.exit_code == FAILED


@pytest.mark.parametrize("pair", ["no-equals", "=value"])
def test_what_is_no_pair_is_an_error_of_usage(pair: str) -> None:
    """The message shows the form that is meant."""
    with pytest.raises(click.BadParameter, match="name=value"):
        parse_parameters([pair], SCHEMAS)


def test_a_value_may_be_a_file(tmp_path: Path) -> None:
    """@file is its content; a file that is not there is told."""
    (tmp_path / "f").write_text("content")
    assert parse_parameters([f"text=@{tmp_path / 'f'}"], SCHEMAS) == {"text": "content"}
    with pytest.raises(click.BadParameter, match="cannot read"):
        parse_parameters([f"text=@{tmp_path / 'absent'}"], SCHEMAS)


def test_documents_are_yaml_or_json(tmp_path: Path) -> None:
    """Dates stay text: JSON, which is sent, has none."""
    path = tmp_path / "rule.yaml"
    path.write_text("name: a\nsince: 2026-01-02\n")
    assert read_document(str(path)) == {"name": "a", "since": "2026-01-02"}
    path.write_text('{"name": "a"}')
    assert read_document(str(path)) == {"name": "a"}


@pytest.mark.parametrize("content", [b"- 1", b"a: [", b"", b"\xff\xfe", b"!!python/object:x {}", b"[" * 5000])
def test_documents_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    """Each is a usage error, never a traceback, and never an object of Python's."""
    path = tmp_path / "rule.yaml"
    path.write_bytes(content)
    with pytest.raises(click.BadParameter):
        read_document(str(path))


def test_json_that_is_not_json() -> None:
    """The message says where it stops being JSON."""
    with pytest.raises(click.BadParameter, match=r"-d is not JSON: .*column 2"):
        read_json("{a: 1}", "-d")
