"""Tables, documents, JSON and YAML."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stormlet.cli.render import GAP, Column, Screen, as_json, as_yaml, at, block, fit

ROWS = [
    {"ref": "default.sample", "enabled": True, "description": "Say which key came in, at some length", "id": "1"},
    {"ref": "github.push", "enabled": False, "description": "one\ntwo \x1b[31m", "id": "2"},
]
COLUMNS = (
    Column("REF", "ref", shrink=False),
    Column("ENABLED", "enabled", shrink=False),
    Column("DESCRIPTION", "description"),
    Column("ID", "id", wide=True),
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_columns_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    """No boxes: columns start where their title does; a row is one line, whatever is in it."""
    Screen().rows(ROWS, COLUMNS, name="ref", empty="")
    assert printed(capsys) == [
        "REF             ENABLED  DESCRIPTION",
        "default.sample  yes      Say which key came in, at some length",
        "github.push     no       one two \\x1b[31m",
    ]


def test_a_narrow_terminal_cuts_prose_not_names(capsys: pytest.CaptureFixture[str]) -> None:
    """What a person copies stays whole."""
    Screen(width=44).rows(ROWS, COLUMNS, name="ref", empty="")
    lines = printed(capsys)
    assert lines[1] == "default.sample  yes      Say which key came…"
    assert all(len(line) <= 44 for line in lines)


def test_long_names_stand_above_their_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Where half a line is not enough for the name; nothing is cut, and no word is broken at a hyphen."""
    items = [{"url": "/api/v1/webhooks/" + "x" * 30, "rules": "default.tell-the-team, default.b"}]
    Screen(width=30).definitions(items, name="url", text="rules")
    assert printed(capsys) == [str(items[0]["url"]), "    default.tell-the-team,", "    default.b"]
    Screen(width=80).definitions([{"url": "/a", "rules": "default.b"}], name="url", text="rules")
    assert printed(capsys) == ["/a  default.b"]


def test_wide_cuts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """-o wide shows more columns and never an ellipsis."""
    Screen("wide", width=20).rows(ROWS, COLUMNS, name="ref", empty="")
    assert printed(capsys)[0].split() == ["REF", "ENABLED", "DESCRIPTION", "ID"]


def test_nothing_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty list is a sentence on standard error for people, and `[]` for programs."""
    Screen().rows([], COLUMNS, name="ref", empty="No rules.")
    assert capsys.readouterr() == ("", "No rules.\n")
    Screen("json").rows([], COLUMNS, name="ref", empty="No rules.")
    assert capsys.readouterr() == ("[]\n", "")
    Screen("name").rows([], COLUMNS, name="ref", empty="No rules.")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("output", "expected"), [("json", ROWS), ("yaml", ROWS), ("name", "default.sample github.push")]
)
def test_formats_for_programs(capsys: pytest.CaptureFixture[str], output: str, expected: object) -> None:
    """JSON and YAML hold what the server said; names are one a line."""
    Screen(output).rows(ROWS, COLUMNS, name="ref", empty="")
    out = capsys.readouterr().out
    read = {"json": json.loads, "yaml": yaml.safe_load, "name": " ".join}[output]
    assert read(out.split() if output == "name" else out) == expected


def test_colour_does_not_move_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences take no cells."""
    rows = [{"status": "failed", "n": "1"}, {"status": "succeeded", "n": "2"}]
    Screen(colour=True).rows(rows, (Column("STATUS", "status"), Column("N", "n")), name="n", empty="")
    lines = printed(capsys)
    assert lines[1] == "\x1b[31mfailed\x1b[0m     1"
    assert lines[2] == "\x1b[32msucceeded\x1b[0m  2"


def test_one_thing_is_labelled(capsys: pytest.CaptureFixture[str]) -> None:
    """Short values stand beside their label; nested ones and texts of several lines below it."""
    item = {"id": "1", "result": {"stdout": "a\nb", "return_code": 0, "empty": "", "list": [1, {"k": "v", "l": 2}]}}
    Screen().fields(item, (Column("id", "id"), Column("missing", "x"), Column("result", "result")), name="id")
    assert printed(capsys) == [
        "id      1",
        "result",
        "  stdout:",
        "    a",
        "    b",
        "  return_code: 0",
        '  empty: ""',
        "  list:",
        "    - 1",
        "    - k: v",
        "      l: 2",
    ]


@given(JSON_VALUES)
def test_json_is_the_same_json(value: object) -> None:
    """Escaping for the terminal changes no value."""
    text = as_json(value)
    assert json.loads(text) == value
    assert not any(127 <= ord(character) < 160 for character in text)


@given(JSON_VALUES)
def test_blocks_never_steer_the_terminal(value: object) -> None:
    """A nested value is shown without any control character."""
    assert all(
        character.isprintable() or character == "\t" or ord(character) > 159
        for line in block(value)
        for character in line
    )


def test_yaml_keeps_order_and_blocks() -> None:
    """Keys come in the server's order, and a text of several lines as a block."""
    assert as_yaml({"b": 1, "a": "x\ny\n"}) == "b: 1\na: |\n  x\n  y\n"


@given(st.lists(st.integers(1, 200), min_size=1, max_size=6), st.integers(20, 200))
def test_fit_stops_at_the_least_width(widths: list[int], total: int) -> None:
    """Columns shrink until they fit, or until none may shrink further."""
    before = list(widths)
    fit(widths, [True] * len(widths), total)
    assert all(new <= old for new, old in zip(widths, before, strict=True))
    fits = sum(widths) + GAP * (len(widths) - 1) <= total
    assert fits or all(width <= 8 for width in widths)


@pytest.mark.parametrize(("path", "value"), [("a.b", 1), ("a.x", None), ("a.b.c", None), ("z", None)])
def test_at_finds_or_gives_nothing(path: str, value: object) -> None:
    """A path that leads nowhere is None, never an error."""
    assert at({"a": {"b": 1}}, path) == value
