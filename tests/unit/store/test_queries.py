"""Named queries."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

import stormlet.store.sqlite
from stormlet.store.queries import read_queries

QUERIES = read_queries(files("stormlet.store.sqlite") / "queries")
SOURCES = sorted(Path(stormlet.store.sqlite.__file__).parent.glob("*.py"))


def written(directory: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (directory / f"{name}.sql").write_text(text)
    return directory


def test_a_query_is_its_lines_without_comments(tmp_path: Path) -> None:
    """And without its semicolon."""
    queries = read_queries(written(tmp_path, a="-- About.\n\n-- name: one\n-- Why.\nSELECT 1\nFROM t;\n"))
    assert queries.names == {"one"}
    assert queries.text("one") == "SELECT 1\nFROM t"


def test_a_line_with_a_condition_is_there_when_its_word_is_given(tmp_path: Path) -> None:
    """And its mark never."""
    text = "-- name: q\n-- Why.\nSELECT 1 WHERE 1\n  AND a = :a -- if a\n  AND b -- if b\n"
    queries = read_queries(written(tmp_path, a=text))
    assert queries.words("q") == {"a", "b"}
    assert queries.text("q") == "SELECT 1 WHERE 1"
    assert queries.text("q", {"a"}) == "SELECT 1 WHERE 1\n  AND a = :a"
    assert queries.text("q", {"a", "b", "c"}) == "SELECT 1 WHERE 1\n  AND a = :a\n  AND b"


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ({"a": "-- name: one\nSELECT 1"}, "nothing says what one is for"),
        (
            {"a": "-- name: one\n-- Why.\nSELECT 1\n-- name: one\n-- Why.\nSELECT 2"},
            "a.sql:4: query one is there twice",
        ),
        ({"a": "-- name: x\n-- Why.\nSELECT 1", "b": "-- name: x\n-- Why.\nSELECT 1"}, "b.sql: query x is there twice"),
        ({"a": "SELECT 1"}, "a.sql:1: SQL in front of"),
    ],
)
def test_mistakes_in_files_are_found_at_start(tmp_path: Path, texts: dict[str, str], complaint: str) -> None:
    """With file and line."""
    with pytest.raises(ValueError, match=re.escape(complaint)):
        read_queries(written(tmp_path, **texts))


def test_every_query_is_used_and_every_used_one_exists() -> None:
    """Nothing rots in the SQL files."""
    mentioned = {name for file in SOURCES for name in re.findall(r'"([a-z_]+)"', file.read_text())}
    assert QUERIES.names <= mentioned
