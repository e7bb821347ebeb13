"""All content at one moment: what the loader read, whole and immutable."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from stormlet.model.action import Action
from stormlet.model.endpoint import BrokenEndpoint, Endpoint
from stormlet.model.pack import Pack
from stormlet.model.problem import Problem
from stormlet.model.rule import LoadedRule
from stormlet.model.source import BrokenSource, Source
from stormlet.model.trigger import TriggerType


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Content by ref. `problems` are all findings, also those listed with a rule."""

    loaded_at: datetime
    packs: Mapping[str, Pack] = {}
    trigger_types: Mapping[str, TriggerType] = {}
    actions: Mapping[str, Action] = {}
    broken_actions: tuple[Action, ...] = ()
    """Those whose file has errors, as far as they can be read: to be judged, never to be run."""
    rules: Mapping[str, LoadedRule] = {}
    sources: Mapping[str, Source] = {}
    """Those that can be used: as they are written now, or in their last good version."""
    broken_sources: Mapping[str, BrokenSource] = {}
    """Those whose document has errors now. The URLs of those that are not among `sources` are refused."""
    endpoints: Mapping[str, Endpoint] = {}
    """Those that can be read; whether one can be sent to, compiling finds out."""
    broken_endpoints: Mapping[str, BrokenEndpoint] = {}
    """Those whose document has errors now."""
    configs: Mapping[str, dict[str, Any]] = {}
    problems: tuple[Problem, ...] = ()
