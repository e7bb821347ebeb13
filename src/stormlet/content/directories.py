"""Where content lies: which directories are packs, and which of their files are read, in which order.

It lists; it opens nothing but directories. The order is the same on every machine, because "the first one wins" needs one.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

import stormlet
from stormlet.content.yaml_reader import DEFAULT_MAX_BYTES
from stormlet.model.problem import Location, Problem, Severity

PACK_FILE = "pack.yaml"
CONTENT_DIRECTORIES = ("actions", "aliases", "endpoints", "policies", "rules", "sensors", "sources", "triggers")
# Its trigger types are part of the engine: no other pack may take its place.
_ALWAYS_BUNDLED = "core"
_YAML = frozenset({".yaml", ".yml"})
_DOCUMENTS = frozenset({".yaml", ".yml", ".json"})


class ContentDirectories(msgspec.Struct, frozen=True, kw_only=True):
    """Directories of content.

    `packs`: each holds packs, or is one. `rules`, `sources` and `endpoints`: files that belong to no pack. `home_sources`:
    sources too, where it exists. `configs`: `<pack>.yaml` files. `bundled`: the packs that come with the engine.
    """

    packs: tuple[Path, ...] = ()
    rules: tuple[Path, ...] = ()
    sources: tuple[Path, ...] = ()
    home_sources: Path | None = None
    endpoints: tuple[Path, ...] = ()
    configs: Path | None = None
    bundled: Path | None = None
    max_file_bytes: int = DEFAULT_MAX_BYTES

    def watched(self) -> tuple[Path, ...]:
        """Return the directories whose changes matter."""
        single = (self.home_sources, self.configs, self.bundled)
        return (
            *self.packs,
            *self.rules,
            *self.sources,
            *self.endpoints,
            *(path for path in single if path is not None),
        )


def bundled_packs() -> Path:
    """Return the directory of the packs that come with the engine: in the wheel, or at the top of a checkout."""
    installed = Path(stormlet.__file__).parent / "packs"
    return installed if installed.is_dir() else Path(stormlet.__file__).parents[2] / "packs"


def pack_directories(directories: ContentDirectories) -> tuple[list[Path], list[Problem]]:
    """Return every pack's directory, first those that win, each real directory once; and what is odd about them."""
    problems: list[Problem] = []
    bundled = list(_packs_in(directories.bundled, problems)) if directories.bundled else []
    found = [directory for directory in bundled if directory.name == _ALWAYS_BUNDLED]
    for given in directories.packs:
        if not is_directory(given):
            problems.append(_missing(given))
            continue
        found.extend(_packs_in(given, problems))
    found.extend(bundled)
    unique: dict[str, Path] = {}
    for directory in found:
        unique.setdefault(os.path.realpath(directory), directory)
    return list(unique.values()), problems


def rule_files(directories: ContentDirectories) -> tuple[list[Path], list[Problem]]:
    """Return the files of the rule directories, and those directories that do not exist."""
    return _loose_files(directories.rules, rules_in)


def source_files(directories: ContentDirectories) -> tuple[list[Path], list[Problem]]:
    """Return the files of the source directories, and those directories that do not exist; the home's need not."""
    home = directories.home_sources
    given = (*directories.sources, *((home,) if home is not None and home.is_dir() else ()))
    return _loose_files(given, sources_in)


def endpoint_files(directories: ContentDirectories) -> tuple[list[Path], list[Problem]]:
    """Return the files of the endpoint directories, and those directories that do not exist."""
    return _loose_files(directories.endpoints, endpoints_in)


def metadata_in(directory: Path) -> list[Path]:
    """Return the metadata files of one content directory: as in StackStorm only the top level, `.yaml` and `.yml`."""
    return _files_in(directory, _YAML)


def rules_in(directory: Path) -> list[Path]:
    """Return the rule files right in a directory, JSON too; a `NAME.test.yaml` is a rule's test and no rule."""
    return [path for path in _files_in(directory, _DOCUMENTS) if not path.stem.endswith(".test")]


def sources_in(directory: Path) -> list[Path]:
    """Return the source files right in a directory, JSON too."""
    return _files_in(directory, _DOCUMENTS)


def endpoints_in(directory: Path) -> list[Path]:
    """Return the endpoint files right in a directory, JSON too."""
    return _files_in(directory, _DOCUMENTS)


def is_directory(path: Path) -> bool:
    """Tell whether there is a directory of this name, as far as we may know."""
    try:
        return path.is_dir()
    except OSError:  # it lies in a directory that is not ours to look into
        return False


def is_inside(path: Path, directory: Path) -> bool:
    """Tell whether the file, with all links followed, still lies in the directory."""
    real, root = os.path.realpath(path), os.path.realpath(directory)
    return real.startswith(root.rstrip(os.sep) + os.sep)


def _loose_files(
    directories: Iterable[Path], list_files: Callable[[Path], list[Path]]
) -> tuple[list[Path], list[Problem]]:
    files: dict[str, Path] = {}
    problems = []
    for given in directories:
        if is_directory(given):
            for path in list_files(given):
                files.setdefault(os.path.realpath(path), path)
        elif given.exists():
            files.setdefault(os.path.realpath(given), given)
        else:
            problems.append(_missing(given))
    return list(files.values()), problems


def _packs_in(directory: Path, problems: list[Problem]) -> Iterator[Path]:
    if _has_pack_file(directory):
        yield directory
        return
    for inner in _sorted(directory):
        if inner.name.startswith(".") or not is_directory(inner):
            continue
        if _has_pack_file(inner):
            yield inner
        elif any(is_directory(inner / name) for name in CONTENT_DIRECTORIES):
            problems.append(
                Problem(
                    code="pack-without-metadata",
                    text=f"{inner.name} looks like a pack but has no {PACK_FILE}; it is not loaded",
                    severity=Severity.WARNING,
                    location=Location(file=str(inner)),
                    hint=f"add a {PACK_FILE} with name, description, version and author",
                )
            )


def _has_pack_file(directory: Path) -> bool:
    """Tell whether something is there of that name; what cannot be read of it, its reader says."""
    return os.path.lexists(directory / PACK_FILE)


def _files_in(directory: Path, suffixes: frozenset[str]) -> list[Path]:
    """Return what is called like a file of content, even what is none: its reader says so, where silence would mislead."""
    return [path for path in _sorted(directory) if path.suffix.lower() in suffixes and not path.name.startswith(".")]


def _sorted(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:  # gone in this moment, or not ours to read: then it holds nothing for us
        return []


def _missing(directory: Path) -> Problem:
    return Problem(
        code="missing-directory",
        text="the directory does not exist; it is loaded as soon as it does",
        severity=Severity.WARNING,
        location=Location(file=str(directory)),
    )
