"""Content directories that tests write into."""

import textwrap
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stormlet.content.cache import FileCache
from stormlet.content.directories import ContentDirectories, bundled_packs
from stormlet.content.loader import load
from stormlet.model.snapshot import Snapshot
from stormlet.st2compat.dialect import Dialect

# Files of the last second are never trusted to be unchanged; a load "an hour from now" sees settled files.
LATER = datetime.now(UTC) + timedelta(hours=1)

Writer = Callable[[Mapping[str, str]], Path]
Loader = Callable[..., Snapshot]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Write files, given as path → text, below the test's directory."""

    def write(files: Mapping[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return tmp_path

    return write


@pytest.fixture
def load_all(tmp_path: Path) -> Loader:
    """Load `packs`, `rules` and `configs` of the test's directory, together with the engine's own core pack."""
    dialect = Dialect()

    def load_all(cache: FileCache | None = None, now: datetime = LATER, **changes: Any) -> Snapshot:
        directories: dict[str, Any] = {
            "packs": (tmp_path / "packs",) if (tmp_path / "packs").is_dir() else (),
            "rules": (tmp_path / "rules",) if (tmp_path / "rules").is_dir() else (),
            "configs": tmp_path / "configs",
            "bundled": bundled_packs() / "core",
        }
        return load(ContentDirectories(**{**directories, **changes}), dialect, now, cache)

    return load_all
