"""All content directories → one `Snapshot`, and all that is wrong with them.

It never raises for content, and one broken file never silences its neighbours: what cannot be used is listed with its
problems. Whether things fit together (does the rule's trigger exist?) is asked afterwards, by `linking`, because content
made through the API belongs to the answer.
"""

import contextlib
import os
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from stormlet.content.cache import FileCache
from stormlet.content.configs import join_config
from stormlet.content.dialect import Dialect, Provenance, file_provenance
from stormlet.content.directories import (
    PACK_FILE,
    ContentDirectories,
    endpoint_files,
    endpoints_in,
    is_directory,
    is_inside,
    metadata_in,
    pack_directories,
    rule_files,
    rules_in,
    source_files,
    sources_in,
)
from stormlet.content.endpoint_documents import EndpointReader
from stormlet.content.endpoint_loading import EndpointCollection, ReadEndpoint, read_endpoint
from stormlet.content.rule_loading import RuleCollection, duplicates, loaded_rule
from stormlet.content.shapes import has_errors
from stormlet.content.source_documents import SourceReader
from stormlet.content.source_loading import ReadSource, SourceCollection, read_source
from stormlet.content.yaml_reader import Document, read_file
from stormlet.model.action import Action
from stormlet.model.pack import Pack
from stormlet.model.problem import Location, Problem, Severity
from stormlet.model.rule import LoadedRule
from stormlet.model.snapshot import Snapshot
from stormlet.model.trigger import TriggerType

_CONFIG_SCHEMA = "config.schema.yaml"
T = TypeVar("T")


def load(
    directories: ContentDirectories,
    dialect: Dialect,
    now: datetime,
    cache: FileCache | None = None,
    source_reader: SourceReader | None = None,
    endpoint_reader: EndpointReader | None = None,
) -> Snapshot:
    """Read everything.

    Args:
        directories: where content lies.
        dialect: gives documents their meaning.
        now: the wall clock's time in UTC.
        cache: what an earlier load read; files that have not changed since are taken from it.
        source_reader: gives sources their meaning; one of its own where none is given.
        endpoint_reader: the same for endpoints.
    """
    cache = cache if cache is not None else FileCache()
    cache.begin()
    readers = (source_reader or SourceReader(), endpoint_reader or EndpointReader())
    work = _Load(directories, dialect, now, cache, *readers)
    packs, problems = pack_directories(directories)
    work.problems += problems
    for directory in packs:
        work.take_pack(directory)
    files, problems = rule_files(directories)
    work.problems += problems
    for path in files:
        work.take_rule(path, None, None)
    files, problems = source_files(directories)
    work.problems += problems
    for path in files:
        work.take_source(path, None, None)
    files, problems = endpoint_files(directories)
    work.problems += problems
    for path in files:
        work.take_endpoint(path, None, None)
    cache.end()
    return work.snapshot()


class _Load:
    """One load: what was found so far. A first thing of a name wins; a second one is a problem of both."""

    def __init__(
        self,
        directories: ContentDirectories,
        dialect: Dialect,
        now: datetime,
        cache: FileCache,
        source_reader: SourceReader,
        endpoint_reader: EndpointReader,
    ) -> None:
        self.problems: list[Problem] = []
        self._directories = directories
        self._dialect = dialect
        self._now = now
        self._cache = cache
        self._source_reader = source_reader
        self._endpoint_reader = endpoint_reader
        self._packs: dict[str, Pack] = {}
        self._trigger_types: dict[str, TriggerType] = {}
        self._actions: dict[str, Action] = {}
        self._broken_actions: list[Action] = []
        self._configs: dict[str, dict[str, Any]] = {}
        self._rules = RuleCollection()
        self._sources = SourceCollection()
        self._endpoints = EndpointCollection()

    def take_pack(self, directory: Path) -> None:
        """Read one pack's directory."""
        read, problems = self._read(directory / PACK_FILE, None, directory, self._dialect.pack_from_document)
        pack = read or self._nameless(directory)
        if (first := self._packs.get(pack.ref)) is not None:
            # Whoever has a pack of their own in the place of a bundled one has chosen that.
            if self._directories.bundled is None or not directory.is_relative_to(self._directories.bundled):
                self.problems.append(_shadowed(pack, first))
            return
        self.problems += problems
        files, bundled = _file_names(directory), self._is_bundled(directory)
        self._packs[pack.ref] = msgspec.structs.replace(pack, directory=str(directory), files=files, bundled=bundled)
        for path in self._contents(directory, "triggers", metadata_in):
            kind, problems = self._read(path, pack.ref, directory, self._dialect.trigger_type_from_document)
            self.problems += problems
            self._add_trigger_types([kind] if kind else [])
        for path in self._contents(directory, "sensors", metadata_in):
            kinds, problems = self._read(path, pack.ref, directory, self._dialect.sensor_trigger_types)
            self.problems += problems
            self._add_trigger_types(kinds or [])
        for path in self._contents(directory, "actions", metadata_in):
            # StackStorm skips this name; old packs keep something else in it.
            if path.stem != "config":
                self._take_action(path, pack.ref, directory)
        for path in self._contents(directory, "rules", rules_in):
            self.take_rule(path, pack.ref, directory)
        for path in self._contents(directory, "sources", sources_in):
            self.take_source(path, pack.ref, directory)
        for path in self._contents(directory, "endpoints", endpoints_in):
            self.take_endpoint(path, pack.ref, directory)
        self._take_config(pack.ref, directory)

    def take_rule(self, path: Path, pack: str | None, directory: Path | None) -> None:
        """Read one rule's file."""

        def make() -> LoadedRule:
            document = self._document(path)
            provenance = _provenance(document, pack, directory)
            rule, problems = _give_meaning(document, provenance, self._dialect.rule_from_document)
            return loaded_rule(rule, problems, document, pack, path)

        self._rules.take(self._cache.get(path, ("rule", pack), self._now, make))

    def take_source(self, path: Path, pack: str | None, directory: Path | None) -> None:
        """Read one source's file."""

        def make() -> ReadSource:
            document = self._document(path)
            return read_source(path, document, _provenance(document, pack, directory), self._source_reader)

        self._sources.take(self._cache.get(path, ("source", pack), self._now, make))

    def take_endpoint(self, path: Path, pack: str | None, directory: Path | None) -> None:
        """Read one endpoint's file."""

        def make() -> ReadEndpoint:
            document = self._document(path)
            return read_endpoint(document, _provenance(document, pack, directory), self._endpoint_reader)

        self._endpoints.take(self._cache.get(path, ("endpoint", pack), self._now, make))

    def snapshot(self) -> Snapshot:
        """Return what was found."""
        rules, problems = self._rules.joined()
        problems = [
            *self.problems,
            *problems,
            *(problem for rule in rules.values() for problem in rule.problems),
            *self._sources.problems,
            *self._endpoints.problems,
        ]
        return Snapshot(
            loaded_at=self._now,
            packs=self._packs,
            trigger_types=self._trigger_types,
            actions=self._actions,
            broken_actions=tuple(self._broken_actions),
            rules=rules,
            configs=self._configs,
            sources=self._sources.sources,
            broken_sources=self._sources.broken,
            endpoints=self._endpoints.endpoints,
            broken_endpoints=self._endpoints.broken,
            problems=ordered(problems),
        )

    def _read(
        self,
        path: Path,
        pack: str | None,
        directory: Path,
        mean: Callable[[Any, Provenance], tuple[T, list[Problem]]],
    ) -> tuple[T | None, list[Problem]]:
        def make() -> tuple[T | None, list[Problem]]:
            document = self._document(path)
            return _give_meaning(document, _provenance(document, pack, directory), mean)

        return self._cache.get(path, (mean.__name__, pack, str(directory)), self._now, make)

    def _document(self, path: Path) -> Document:
        return read_file(path, max_bytes=self._directories.max_file_bytes)

    def _contents(self, pack: Path, name: str, list_files: Callable[[Path], list[Path]]) -> list[Path]:
        """Return the files of one content directory that do not lead out of the pack."""
        directory = pack / name
        if not is_directory(directory):
            return []
        # Packs are written by strangers; a link must not make the engine read (and show) the machine's own files.
        if not is_inside(directory, pack):
            self.problems.append(_outside(directory))
            return []
        inside = []
        for path in list_files(directory):
            if path.is_symlink() and not is_inside(path, pack):
                self.problems.append(_outside(path))
            else:
                inside.append(path)
        return inside

    def _is_bundled(self, directory: Path) -> bool:
        """Tell whether the pack comes with the engine; a checkout's `packs` may be given by name as well."""
        return self._directories.bundled is not None and is_inside(directory, self._directories.bundled)

    def _nameless(self, directory: Path) -> Pack:
        """Return the pack of a directory whose `pack.yaml` cannot be read."""
        provenance = Provenance(file=str(directory / PACK_FILE), pack_directory=str(directory))
        return self._dialect.pack_from_document({}, provenance)[0]

    def _take_action(self, path: Path, pack: str, directory: Path) -> None:
        action, problems = self._read(path, pack, directory, self._dialect.action_from_document)
        self.problems += problems
        if action is None:
            return
        if has_errors(problems):
            self._broken_actions.append(action)
            return
        first = self._actions.setdefault(action.ref, action)
        if first is not action:
            self.problems += duplicates("action", action.ref, first.location, action.location)

    def _add_trigger_types(self, kinds: Iterable[TriggerType]) -> None:
        for kind in kinds:
            first = self._trigger_types.setdefault(kind.ref, kind)
            # Two sensors of a pack may dispatch the same trigger type, and both declare it.
            same = msgspec.structs.replace(kind, location=first.location, tags=first.tags)
            if first is not kind and first != same:
                found = duplicates("trigger type", kind.ref, first.location, kind.location)
                self.problems += (msgspec.structs.replace(each, severity=Severity.WARNING) for each in found)

    def _take_config(self, pack: str, directory: Path) -> None:
        schema_path = directory / _CONFIG_SCHEMA
        config_path = self._directories.configs / f"{pack}.yaml" if self._directories.configs else None
        schema, config = self._optional(schema_path), self._optional(config_path)
        values, problems = join_config(pack, schema, config, self._dialect)
        self.problems += problems
        if values is not None:
            self._configs[pack] = values

    def _optional(self, path: Path | None) -> Document | None:
        if path is None or not os.path.lexists(path):
            return None
        return self._cache.get(path, "document", self._now, lambda: self._document(path))


def ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems by file, line and column, each once."""
    unique = {(p.location, p.code, p.path, p.text): p for p in problems}
    return tuple(sorted(unique.values(), key=_place))


def _place(problem: Problem) -> tuple[str, int, int, str, str]:
    at = problem.location
    return (at.file, at.line, at.column, problem.code, problem.path)


def _provenance(document: Document, pack: str | None, directory: Path | None) -> Provenance:
    return file_provenance(document, pack, str(directory) if directory else "")


def _give_meaning(
    document: Document, provenance: Provenance, mean: Callable[[Any, Provenance], tuple[T, list[Problem]]]
) -> tuple[T | None, list[Problem]]:
    if not document.readable:
        return None, list(document.problems)
    made, problems = mean(document.value, provenance)
    return made, [*document.problems, *problems]


def _outside(path: Path) -> Problem:
    return Problem(
        code="symlink-outside",
        text="the link leads out of the pack's directory; it is not followed",
        location=Location(file=str(path)),
        hint="copy the file into the pack",
    )


def _shadowed(pack: Pack, first: Pack) -> Problem:
    return Problem(
        code="shadowed-pack",
        text=f"the pack {pack.ref} is loaded from {first.directory} already; this directory is not loaded",
        severity=Severity.WARNING,
        location=Location(file=str(Path(pack.directory) / PACK_FILE)),
    )


def _file_names(directory: Path) -> tuple[str, ...]:
    """Return the pack's top-level files and metadata, for `pack show`; not everything: a pack may hold a virtualenv."""
    with contextlib.suppress(OSError):
        return tuple(path.name for path in sorted(directory.iterdir()) if path.is_file())
    return ()  # gone in this moment, or not ours to read
