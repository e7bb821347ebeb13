"""Whatever stands in content files, reading them gives problems and never an exception."""

from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormlet.content.directories import ContentDirectories, bundled_packs
from stormlet.content.linking import link
from stormlet.content.loader import load
from stormlet.flow.execution import RUNNER_TYPES
from stormlet.flow.ruleset.compiled import build
from stormlet.foundation.templates import Templates
from stormlet.model.problem import Severity
from stormlet.st2compat.dialect import Dialect

DIALECT = Dialect()
TEMPLATES = Templates()
RULE: dict[str, Any] = {
    "name": "r",
    "pack": "web",
    "enabled": True,
    "type": {"ref": "standard", "parameters": {}},
    "trigger": {"type": "core.st2.webhook", "parameters": {"url": "x"}},
    "criteria": {
        "trigger.body.a": {"type": "equals", "pattern": "{{ st2kv.system.x }}"},
        "trigger.body.b": {
            "type": "search",
            "condition": "any",
            "pattern": {"item.a": {"type": "regex", "pattern": "a+"}},
        },
    },
    "action": {"ref": "web.get", "parameters": {"id": "{{ trigger.body.id }}", "cmd": "x"}},
    "tags": [{"name": "a", "value": 1}],
}
ACTION: dict[str, Any] = {
    "name": "get",
    "runner_type": "local-shell-cmd",
    "entry_point": "get.py",
    "parameters": {
        "id": {"type": "string", "position": 0, "required": True},
        "cmd": {"default": "x {{id}}", "immutable": True},
    },
    "output_schema": {"x": {"type": "string"}},
    "notify": {"on-complete": {"message": "m", "routes": ["a"]}},
    "on_interruption": "retry",
}
TRIGGER: dict[str, Any] = {
    "name": "hook",
    "payload_schema": {"type": "object", "properties": {"a": {"type": "string", "required": True, "pattern": "^a"}}},
    "parameters_schema": {"type": "object", "properties": {"b": {"type": "array", "items": {"type": "integer"}}}},
}
PACK: dict[str, Any] = {"name": "web", "description": "x", "version": "1.0.0", "author": "a", "keywords": ["k"]}
CONFIG: dict[str, Any] = {
    "host": {"type": "string", "default": "h", "required": True},
    "o": {"type": "object", "properties": {}},
}
SOURCE: dict[str, Any] = {
    "url": "web",
    "scheme": "generic_hmac",
    "enabled": "auto",
    "signature": {"header": "X-S", "signed": "{timestamp}.{body}", "timestamp": {"header": "X-T", "tolerance": 5}},
    "options": {"legacy": True},
    "secrets": ["env:A", {"name": "b", "from": "file:/b", "kind": "basic", "username": "u", "enabled": True}],
    "auth": "both",
    "tolerance": "5m",
    "replay": {"id": ["header:X-Id", "$.a[0]['b']"], "horizon": 60},
    "ordering": {"key": "$.k", "version": "$.v"},
    "reply": {"status": 200, "body": {}, "headers": {"X-A": "a"}},
    "methods": ["POST"],
    "content_types": "text/plain",
    "max_body": "1MB",
    "rate": {"per_second": 1, "burst": 2},
    "allow_ips": ["10.0.0.0/8"],
    "trusted_proxies": "127.0.0.0/8",
    "cloudevents": False,
    "triggers": {"event": ["$.type"], "types": {"a*": "web.hook"}},
    "forward": {"url": "https://a.example", "headers": {"A": "b"}, "body": {"x": "{{ trigger.body }}"}},
}

wild = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=True),
        st.text(max_size=8),
        st.sampled_from(
            ["{{", "{% x", "[", "(a+)+$", "core.st2.webhook", "my.thing", "search", "all", "#/x", "string", ""]
        ),
        st.dates(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.text(max_size=5), st.integers()), inner, max_size=3)
    ),
    max_leaves=6,
)


def parts(value: Any) -> list[tuple[Any, Any]]:
    """Return (container, key) of every part of a document."""
    pairs = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [(value, key) for key, _ in pairs] + [part for _, inner in pairs for part in parts(inner)]


@st.composite
def broken(draw: st.DrawFn, good: dict[str, Any]) -> Any:
    """Return a good document with up to three of its parts replaced, removed or renamed."""
    document = deepcopy(good)
    for _ in range(draw(st.integers(0, 3))):
        places = parts(document)
        if not places:
            break
        container, key = draw(st.sampled_from(places))
        what = draw(st.sampled_from(["replace", "remove", "rename"]))
        if what == "replace" or isinstance(container, list):
            container[key] = draw(wild)
        else:
            value = container.pop(key)
            if what == "rename":
                container[draw(st.text(max_size=6))] = value
    return document


@given(
    rule=broken(RULE),
    action=broken(ACTION),
    trigger=broken(TRIGGER),
    pack=broken(PACK),
    schema=broken(CONFIG),
    config=wild,
    source=broken(SOURCE),
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_loading_linking_and_compiling_never_raise(
    rule: Any, action: Any, trigger: Any, pack: Any, schema: Any, config: Any, source: Any
) -> None:
    """A rule is ready without errors, or listed as broken with the reason; so is a source."""
    with TemporaryDirectory() as name:
        root = Path(name)
        files = {
            "packs/web/pack.yaml": pack,
            "packs/web/actions/get.yaml": action,
            "packs/web/rules/r.yaml": rule,
            "packs/web/triggers/hook.yaml": trigger,
            "packs/web/sensors/s.yaml": {"class_name": "S", "entry_point": "s.py", "trigger_types": [trigger]},
            "packs/web/sources/web.yaml": source,
            "packs/web/config.schema.yaml": schema,
            "configs/web.yaml": config,
        }
        for path, value in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(yaml.safe_dump(value, sort_keys=False))
        directories = ContentDirectories(
            packs=(root / "packs",), configs=root / "configs", bundled=bundled_packs() / "core"
        )
        snapshot = link(load(directories, DIALECT, datetime.now(UTC)), RUNNER_TYPES)
        built = build(snapshot, TEMPLATES, RUNNER_TYPES, None).snapshot
        own = [loaded for loaded in built.rules.values() if loaded.metadata_file.startswith(name)]
        assert len(own) == 1
        errors = [p for p in own[0].problems if p.severity is Severity.ERROR]
        assert (own[0].state == "ready") == (not errors), own[0].problems
        usable = [found for found in snapshot.sources.values() if found.metadata_file.startswith(name)]
        refused = [found for found in snapshot.broken_sources.values() if found.metadata_file.startswith(name)]
        assert len(usable) + len(refused) == 1
        assert all(any(p.severity is Severity.ERROR for p in found.problems) for found in refused)
