"""`stormlet check`: everything that is wrong with some files or directories, at once, without running anything."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from stormlet.content.dialect import Dialect
from stormlet.content.linking import link
from stormlet.content.loader import load, ordered
from stormlet.content.sources import CONTENT_DIRECTORIES, PACK_FILE, ContentSources
from stormlet.model.action import RunnerType
from stormlet.model.problem import Location, Problem, Severity
from stormlet.model.rule import Rule

_PACK_FILES = frozenset({PACK_FILE, "config.schema.yaml"})


def check_paths(
    paths: Sequence[Path],
    *,
    context: ContentSources,
    dialect: Dialect,
    runner_types: Mapping[str, RunnerType],
    compile_rule: Callable[[Rule], Iterable[Problem]],
    now: datetime,
    strict: bool = False,
) -> list[Problem]:
    """Return what is wrong with `paths`, by file and line.

    Args:
        paths: rule files, any file of a pack, packs, directories that hold packs, directories of rules, and projects (a
            directory with `rules/` and `packs/` in it).
        context: content that is loaded as well, so that references can be judged; nothing is told about it.
        dialect: gives documents their meaning.
        runner_types: the runners that exist.
        compile_rule: says what is wrong with operators, patterns, paths and templates of one rule.
        now: the wall clock's time in UTC.
        strict: warnings become errors.
    """
    asked = _Asked()
    for path in paths:
        asked.add(path)
    sources = msgspec.structs.replace(
        context, packs=(*asked.packs, *context.packs), rules=(*asked.rules, *context.rules)
    )
    snapshot = link(load(sources, dialect, now), runner_types)
    found = [*asked.problems, *(problem for problem in snapshot.problems if asked.covers(problem.location))]
    for loaded in snapshot.rules.values():
        if loaded.rule is not None and asked.covers(Location(file=loaded.metadata_file)):
            found += compile_rule(loaded.rule)
    if strict:
        found = [msgspec.structs.replace(problem, severity=Severity.ERROR) for problem in found]
    return list(ordered(found))


class _Asked:
    """Sorts what a person named into packs and rules."""

    def __init__(self) -> None:
        self.packs: list[Path] = []
        self.rules: list[Path] = []
        self.problems: list[Problem] = []
        self._shown: list[str] = []

    def add(self, path: Path) -> None:
        """Take one path."""
        if not path.exists():
            text = "there is no such file or directory"
            self.problems.append(Problem(code="file-unreadable", text=text, location=Location(file=str(path))))
            return
        self._shown.append(str(path))
        if (pack := _pack_around(path)) is not None:
            self.packs.append(pack)
        elif path.is_dir() and _holds_packs(path):
            self.packs.append(path)
        elif path.is_dir() and ((path / "rules").is_dir() or (path / "packs").is_dir()):
            self.rules += [path / "rules"] if (path / "rules").is_dir() else []
            self.packs += [path / "packs"] if (path / "packs").is_dir() else []
        else:
            self.rules.append(path)

    def covers(self, location: Location) -> bool:
        """Tell whether a problem there was asked for."""
        return any(
            location.file == shown or shown == "." or location.file.startswith(shown.rstrip("/") + "/")
            for shown in self._shown
        )


def _pack_around(path: Path) -> Path | None:
    """Return the pack that the path is, or is a part of; None where it is neither."""
    if path.is_dir():
        candidates = [path, *([path.parent] if path.name in CONTENT_DIRECTORIES else [])]
    elif path.name in _PACK_FILES:
        candidates = [path.parent]
    else:
        candidates = [path.parent.parent] if path.parent.name in CONTENT_DIRECTORIES else []
    return next((each for each in candidates if (each / PACK_FILE).is_file()), None)


def _holds_packs(path: Path) -> bool:
    return any((inner / PACK_FILE).is_file() for inner in path.iterdir() if inner.is_dir())
