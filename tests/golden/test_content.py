"""Each file in `content/` is a small world of content and the exact problems that it must give.

A file holds a sentence, files after lines `-- path --`, and after `-- expected --` one line per problem as `stormlet check`
prints it. To write what is found now into the files (and then read the difference): STORMLET_GOLDEN=write pytest …
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stormlet.content.directories import ContentDirectories, bundled_packs
from stormlet.content.linking import link
from stormlet.content.loader import load
from stormlet.flow.execution import RUNNER_TYPES
from stormlet.flow.ruleset.compiled import build
from stormlet.foundation.templates import Templates
from stormlet.model.problem import Problem, Severity
from stormlet.model.problem_codes import CODES
from stormlet.st2compat.dialect import Dialect

FILES = sorted((Path(__file__).parent / "content").glob("*.txt"))
EXPECTED = "expected"
# These need what a text file cannot hold: bytes, sizes, links, missing directories, an environment. tests/unit has them.
ELSEWHERE = {"file-unreadable", "file-too-large", "symlink-outside", "missing-directory", "missing-secret"}


def sections(text: str) -> Iterator[tuple[str, str]]:
    """Yield (name, content) of each part; the name of the first sentence is empty."""
    name, lines = "", []
    for line in text.splitlines(keepends=True):
        if line.startswith("-- ") and line.rstrip().endswith(" --"):
            yield name, "".join(lines)
            name, lines = line.strip().removeprefix("-- ").removesuffix(" --"), []
        else:
            lines.append(line)
    yield name, "".join(lines)


def problems_of(root: Path) -> list[Problem]:
    """Return all problems with the content below `root`, as the engine and `stormlet check` find them."""
    directories = ContentDirectories(
        packs=tuple(path for path in (root / "packs", root / "more") if path.is_dir()),
        rules=(root / "rules",) if (root / "rules").is_dir() else (),
        configs=root / "configs",
        bundled=bundled_packs() / "core",
    )
    snapshot = link(load(directories, Dialect(), datetime.now(UTC)), RUNNER_TYPES)
    built = build(snapshot, Templates(), RUNNER_TYPES, None).snapshot
    return [problem for problem in built.problems if problem.location.file.startswith(str(root))]


def shown(problem: Problem, root: Path) -> str:
    """Return `error file:line:column code path: text (hint)`, with paths from the root."""
    mark = "" if problem.severity is Severity.ERROR else "warning "
    return f"{mark}{str(problem).replace(f'{root}/', '')}\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_content_gives_exactly_these_problems(path: Path, tmp_path: Path) -> None:
    """Place, code, sentence and cure of every problem are what the file says."""
    text = path.read_text()
    for name, content in sections(text):
        if name not in {"", EXPECTED}:
            target = tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
    found = "".join(shown(problem, tmp_path) for problem in problems_of(tmp_path))
    before, _, expected = text.partition(f"-- {EXPECTED} --\n")
    if os.environ.get("STORMLET_GOLDEN") == "write":
        path.write_text(f"{before}-- {EXPECTED} --\n{found}")
        return
    assert found == expected


def test_every_problem_code_has_an_example() -> None:
    """A code that no example shows is one that nobody has seen happen."""
    expected = "".join(path.read_text().partition(f"-- {EXPECTED} --\n")[2] for path in FILES)
    told = {word for line in expected.splitlines() for word in line.split()[:3] if word in CODES}
    assert set(CODES) - told == ELSEWHERE


def test_every_code_that_is_told_is_one_that_is_explained() -> None:
    """`stormlet explain CODE` knows them all."""
    expected = "".join(path.read_text().partition(f"-- {EXPECTED} --\n")[2] for path in FILES)
    codes = {line.removeprefix("warning ").split()[1] for line in expected.splitlines()}
    assert codes <= set(CODES)
