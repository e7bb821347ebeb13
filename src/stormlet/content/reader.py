"""The content directories of one engine, as the ruleset asks for them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stormlet.content.cache import FileCache
from stormlet.content.dialect import Dialect
from stormlet.content.directories import ContentDirectories, bundled_packs
from stormlet.content.endpoint_documents import EndpointReader
from stormlet.content.linking import link
from stormlet.content.linting.trigger_parameters import trigger_parameter_problems
from stormlet.content.loader import load
from stormlet.content.source_documents import SourceReader
from stormlet.foundation.clock import Clock
from stormlet.foundation.home import Home
from stormlet.foundation.settings import Content
from stormlet.model.action import RunnerType
from stormlet.model.endpoint import Endpoint
from stormlet.model.problem import Problem
from stormlet.model.rule import Rule
from stormlet.model.snapshot import Snapshot
from stormlet.model.source import Source
from stormlet.model.trigger import TriggerType


class ContentReader:
    """Reads the directories that the settings name, together with the packs that come with the engine.

    Its functions block; call them in a thread, one at a time.
    """

    def __init__(
        self,
        settings: Content,
        home: Home,
        runner_types: Mapping[str, RunnerType],
        clock: Clock,
        dialect: Dialect,
    ) -> None:
        self.directories = ContentDirectories(
            packs=tuple(map(Path, settings.packs)),
            rules=tuple(map(Path, settings.rules)),
            sources=tuple(map(Path, settings.sources)),
            home_sources=home.sources,
            endpoints=tuple(map(Path, settings.endpoints)),
            configs=Path(settings.configs) if settings.configs else home.configs,
            bundled=bundled_packs(),
            max_file_bytes=settings.max_file_bytes,
        )
        self._runner_types = runner_types
        self._clock = clock
        self._dialect = dialect
        self._cache = FileCache()
        self._sources = SourceReader()
        self._endpoints = EndpointReader()

    def read(self) -> Snapshot:
        """Read all files; those that have not changed since the last time come from memory."""
        return load(self.directories, self._dialect, self._clock.now(), self._cache, self._sources, self._endpoints)

    def source_from_document(self, document: Any) -> tuple[Source | None, list[Problem]]:
        """Read a source that was made through the API; None where it has errors."""
        return self._sources.source_from_document(document)

    def endpoint_from_document(self, document: Any) -> tuple[Endpoint | None, list[Problem]]:
        """Read an endpoint that was made through the API; None where it has errors."""
        return self._endpoints.endpoint_from_document(document)

    def link(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with everything that only the whole of content shows (`content.linking`)."""
        return link(snapshot, self._runner_types)

    def trigger_parameter_problems(self, rule: Rule, types: Mapping[str, TriggerType]) -> list[Problem]:
        """Return how a rule's trigger parameters break the trigger type's schema."""
        return list(trigger_parameter_problems(rule, types))

    def watched_paths(self) -> tuple[Path, ...]:
        """Return the directories to watch; they need not exist."""
        return self.directories.watched()
