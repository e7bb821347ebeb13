"""Files are read with their places, within limits, and without raising."""

from pathlib import Path

import pytest

from stormlet.content.yaml_nodes import MAX_NODES
from stormlet.content.yaml_reader import Document, nearest, read_bytes, read_file
from stormlet.model.problem import Severity

RULE = b"""---
name: deploy
trigger:
  type: core.st2.webhook
criteria:
  trigger.body.ref:
    type: equals
    pattern: main
tags:
  - name: team
    value: a
"""


def read(text: str) -> Document:
    return read_bytes(text.encode(), "x.yaml")


def lines(document: Document) -> list[str]:
    return [str(problem) for problem in document.problems]


def test_every_key_and_item_has_its_place() -> None:
    """Line and column count from 1 and name the key, or the item of a list."""
    document = read_bytes(RULE, "rules/deploy.yaml")
    places = {path: str(location) for path, location in document.locations.items()}
    assert places["name"] == "rules/deploy.yaml:2:1"
    assert places["criteria.trigger.body.ref"] == "rules/deploy.yaml:6:3"
    assert places["criteria.trigger.body.ref.type"] == "rules/deploy.yaml:7:5"
    assert places["tags.0"] == "rules/deploy.yaml:10:5"
    assert places["tags.0.value"] == "rules/deploy.yaml:11:5"


def test_a_part_that_is_not_there_is_placed_at_what_is_around_it() -> None:
    """A missing key is told at the mapping that lacks it."""
    document = read_bytes(RULE, "x.yaml")
    assert document.at("trigger.parameters.url").line == 3
    assert document.at("nowhere").line == 2
    assert str(nearest({}, "a.b", "x.yaml")) == "x.yaml"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1, 2", "x.yaml:2:1 yaml-syntax"),
        ("a: b: c", "x.yaml:1:5 yaml-syntax"),
        ("\ta: b", "x.yaml:1:1 yaml-syntax"),
        ("a: @b", "x.yaml:1:4 yaml-syntax"),
        ("a: {{ x }}", "x.yaml:1:5 yaml-syntax"),
        ("--- a\n--- b", "x.yaml:2:1 yaml-syntax"),
        ("a: 2026-13-45", "x.yaml:1:4 yaml-syntax"),
        ("a: *nowhere", "x.yaml:1:4 yaml-syntax"),
        ("a: &x 1\nb: &x 2", "x.yaml:2:4 yaml-syntax"),
        ("a: \x01", "x.yaml yaml-syntax"),
        ("a: \x00", "x.yaml:1:4 yaml-syntax"),
        ("a: " + "9" * 5000, "x.yaml:1:4 yaml-syntax"),
        ("<<: 3", "x.yaml:1:5 yaml-syntax"),
        ("a: !!python/object/apply:os.system [id]", "x.yaml:1:4 yaml-tag"),
        ("a: !!binary aGk=", "x.yaml:1:4 yaml-tag"),
        ("a: !secret x", "x.yaml:1:4 yaml-tag"),
        ("a: !!set {x}", "x.yaml:1:4 yaml-tag"),
        ("[" * 100_000, "x.yaml:1:51 yaml-depth"),
        ("- " * 100_000, "x.yaml:1:101 yaml-depth"),
        ("a: &a [*a]", "x.yaml:1:8 yaml-alias"),
    ],
)
def test_what_cannot_be_read_is_one_problem_with_its_place(text: str, expected: str) -> None:
    """Broken YAML, tags, depth and endless aliases are refused where they begin."""
    document = read(text)
    assert not document.readable
    assert document.value is None
    assert [line[: len(expected)] for line in lines(document)] == [expected]
    assert document.problems[0].severity is Severity.ERROR


def test_the_cure_stands_beside_the_syntax_error() -> None:
    """The usual mistakes are answered with what mends them."""
    assert read("\ta: b").problems[0].hint == "indent with spaces, not tabs"
    assert "quote" in read("a: {{ trigger.x }}").problems[0].hint
    assert "quote" in read("a: @x").problems[0].hint


def test_an_alias_bomb_is_refused_without_being_built() -> None:
    """Aliases of aliases of aliases are measured, not expanded."""
    text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
    text += "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    assert [problem.code for problem in read(text).problems] == ["yaml-alias"]


def test_a_merge_bomb_is_refused_without_being_built() -> None:
    """Merge keys are measured like aliases."""
    text = "a0: &a0 {x: 1}\n"
    text += "".join(f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 30))
    assert [problem.code for problem in read(text).problems] == ["yaml-alias"]


def test_aliases_of_a_long_text_count_for_its_length() -> None:
    """A text of 500 KB that is repeated ten thousand times is a bomb too."""
    text = f"a: &a {'x' * 500_000}\nb: [{','.join(['*a'] * 10_000)}]"
    assert [problem.code for problem in read(text).problems] == ["yaml-alias"]


def test_honest_aliases_and_merges_work() -> None:
    """A shared block is what aliases are for; own keys win over merged ones, and each copy is its own."""
    document = read("base: &base {a: 1, b: 2}\nx: {<<: *base, b: 3}\ny: [*base, *base]\n")
    assert document.problems == ()
    assert document.value["x"] == {"a": 1, "b": 3}
    document.value["y"][0]["a"] = 9
    assert document.value["y"][1] == {"a": 1, "b": 2}


def test_a_file_of_very_many_values_is_refused() -> None:
    """Places are kept for every value, so their number is bounded."""
    assert [p.code for p in read("[" + "1," * (MAX_NODES + 1) + "]").problems] == ["file-too-large"]


def test_a_key_that_stands_twice_is_a_warning_and_the_last_one_wins() -> None:
    """StackStorm loads such a file; the author cannot have meant it."""
    document = read("a: 1\nb: 2\na: 3\n")
    assert document.value == {"a": 3, "b": 2}
    assert lines(document) == ["x.yaml:3:1 duplicate-key a: the key 'a' stands twice; the last one wins"]
    assert document.problems[0].severity is Severity.WARNING


@pytest.mark.parametrize(("word", "value"), [("yes", True), ("No", False), ("on", True), ("OFF", False)])
def test_the_words_of_yaml_1_1_are_booleans_with_a_warning(word: str, value: bool) -> None:
    """Bare yes, no, on and off are read as StackStorm reads them, and said so."""
    document = read(f"enabled: {word}")
    assert document.value == {"enabled": value}
    assert [problem.code for problem in document.problems] == ["bare-boolean"]
    assert read(f'enabled: "{word}"').problems == ()


def test_plain_booleans_are_not_warned_of() -> None:
    """true and false mean the same everywhere."""
    assert read("a: true\nb: False").problems == ()


def test_dates_and_odd_keys_become_the_text_that_json_has_for_them() -> None:
    """What JSON has not is taken as text, with a warning that says how to write it."""
    document = read("at: 2026-01-02\n2: x\nyes: y\n~: z\n")
    assert document.value == {"at": "2026-01-02", "2": "x", "true": "y", "null": "z"}
    assert [problem.code for problem in document.problems] == [
        "bare-date",
        "key-not-text",
        "bare-boolean",
        "key-not-text",
        "key-not-text",
    ]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "---\n...\n"])
def test_an_empty_file_is_readable_and_none(text: str) -> None:
    """Nothing in a file is no error of reading; the dialect says what it lacks."""
    document = read(text)
    assert document.readable
    assert document.value is None


def test_bytes_that_are_not_utf_8_are_told_with_their_place() -> None:
    """Line and column of the first wrong byte are given."""
    assert lines(read_bytes("ä: 1\nö: ".encode() + b"\xff", "x.yaml")) == [
        "x.yaml:2:4 file-unreadable not valid UTF-8 (save the file as UTF-8)"
    ]


def test_a_byte_order_mark_is_not_content() -> None:
    """Windows editors write one."""
    assert read_bytes(b"\xef\xbb\xbfname: x", "x.yaml").value == {"name": "x"}


def test_json_keeps_jsons_meaning_and_has_places() -> None:
    """`1e5` is a number in JSON and text in YAML; both formats say where a key stands."""
    document = read_bytes(b'{"a": 1e5,\n "yes": "2026-01-02",\n "a": 2}', "x.json", is_json=True)
    assert document.value == {"a": 2, "yes": "2026-01-02"}
    assert lines(document) == ["x.json:3:2 duplicate-key a: the key 'a' stands twice; the last one wins"]
    assert read_bytes(b'{"n": 1e5}', "x.json", is_json=True).value == {"n": 100000.0}


def test_json_that_yaml_cannot_read_is_good_json() -> None:
    """A surrogate pair is JSON; only its places are not known."""
    document = read_bytes(b'{"name": "\\ud83d\\ude00"}', "x.json", is_json=True)
    assert document.value == {"name": "\N{GRINNING FACE}"}
    assert document.problems == ()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"a": ', "x.json:1:7 yaml-syntax"),
        (b'{"a": 1,}', "x.json:1:9 yaml-syntax"),
        (b'{"a": NaN}', "x.json yaml-syntax"),
        (b"a: 1", "x.json:1:1 yaml-syntax"),
        (b"[" * 10_000 + b"]" * 10_000, "x.json yaml-depth"),
        (b"[" * 60 + b"]" * 60, "x.json yaml-depth"),
        (b"", "x.json:1:1 yaml-syntax"),
    ],
)
def test_bad_json_is_refused(raw: bytes, expected: str) -> None:
    """A `.json` file has to be JSON, and no deeper than YAML may be."""
    found = lines(read_bytes(raw, "x.json", is_json=True))
    assert [line[: len(expected)] for line in found] == [expected]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """One byte more than the limit is too much."""
    path = tmp_path / "x.yaml"
    path.write_bytes(b"a" * 101)
    assert [problem.code for problem in read_file(path, max_bytes=100).problems] == ["file-too-large"]
    assert read_file(path, max_bytes=101).readable


def test_a_file_that_cannot_be_opened_is_a_problem(tmp_path: Path) -> None:
    """A directory, or a file that is gone, gives a problem with the file's name."""
    (tmp_path / "dir.yaml").mkdir()
    for name in ("dir.yaml", "gone.yaml"):
        document = read_file(tmp_path / name, shown=name)
        assert [(p.code, p.location.file) for p in document.problems] == [("file-unreadable", name)]
