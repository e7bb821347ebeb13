"""What the house demands of every file, beyond what ruff and import-linter hold."""

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "stormlet"
FILES = [path for path in sorted(SOURCE.rglob("*.py")) if "shims" not in path.parts]
LONGEST_FUNCTION = 80
LONGEST_FILE = 400


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_file_fits_its_room(path: Path) -> None:
    """A file has one subject: at most 400 lines, no function over 80."""
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_FILE, "split it, or say at its top why it is longer"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} at line {node.lineno} has {length} lines"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_file_says_what_it_is(path: Path) -> None:
    """Each module that has content has a docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree), "a module docstring is missing"


def test_no_room_is_called_common() -> None:
    """Names say what a thing is for."""
    bad = re.compile(r"(^|_)(util|utils|common|helper|helpers|misc)(_|$)")
    assert not [
        path for path in FILES if any(bad.search(part.removesuffix(".py")) for part in path.relative_to(SOURCE).parts)
    ]


def test_tests_do_not_sleep() -> None:
    """Tests wait on signals or poll with a deadline."""
    tests = SOURCE.parents[1] / "tests"
    calls = re.compile(r"\b(time|asyncio)\.sleep\(")
    guilty = [
        f"{path.relative_to(tests)}:{number}"
        for path in tests.rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if calls.search(line) and path.name != "test_budgets.py"
    ]
    assert not guilty
