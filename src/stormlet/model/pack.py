"""A pack: a directory of content with a `pack.yaml`."""

from typing import Any

import msgspec


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """What `pack.yaml` says, and where the pack lies."""

    id: str
    ref: str
    name: str
    directory: str
    description: str = ""
    version: str = "0.0.0"
    author: str = ""
    email: str = ""
    keywords: tuple[str, ...] = ()
    contributors: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    stackstorm_version: str = ""
    python_versions: tuple[str, ...] = ()
    system: dict[str, Any] = {}
    files: tuple[str, ...] = ()
    bundled: bool = False
    """Whether it comes with the engine: its rules are examples, and its sources sleep until their secrets are there."""
