"""Middleware mode: a source's `forward` is a rule like any other, that nobody had to write.

So forwarding is decided, recorded, retried and explained as everything else is, and can be switched off like a rule. The rule
listens to its own source only (the trigger's parameter `source`), because several sources may share a URL.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stormlet.foundation.identifiers import derived_id
from stormlet.foundation.templates import is_template
from stormlet.model.rule import ActionCall, LoadedRule, Rule, RuleState, TriggerSpec
from stormlet.model.snapshot import Snapshot
from stormlet.model.source import Forward, Source

ACTION: Final = "core.http"
WEBHOOK: Final = "core.st2.webhook"
_WHOLE_BODY: Final = "{{ trigger.body | to_json_string }}"


def with_forwarding(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with the rules that its sources imply. A rule that somebody wrote under the same ref stays."""
    made = [_rule(source, source.forward) for source in snapshot.sources.values() if source.forward is not None]
    implied = {rule.ref: _loaded(rule) for rule in made}
    return msgspec.structs.replace(snapshot, rules={**implied, **snapshot.rules}) if implied else snapshot


def _rule(source: Source, forward: Forward) -> Rule:
    name = f"{source.name}.forward"
    return Rule(
        id=derived_id(f"rule:{source.pack}:{name}"),
        pack=source.pack,
        name=name,
        description=f"Forwards what source {source.ref} takes in (its `forward`).",
        enabled=source.enabled is not False,
        trigger=TriggerSpec(type=WEBHOOK, parameters={"url": source.url, "source": source.ref}),
        action=ActionCall(ref=ACTION, parameters=_parameters(forward)),
        metadata_file=source.metadata_file or f"sources/{source.ref}",
        locations={"": source.location, "trigger": source.location, "action": source.location},
    )


def _loaded(rule: Rule) -> LoadedRule:
    return LoadedRule(ref=rule.ref, state=RuleState.READY, rule=rule, metadata_file=rule.metadata_file)


def _parameters(forward: Forward) -> dict[str, Any]:
    headers = dict(forward.headers)
    if not isinstance(forward.body, str) and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    return {"url": forward.url, "method": forward.method, "headers": headers, "body": _body(forward.body)}


def _body(body: Any) -> str:
    """Return one template that renders to what is sent."""
    if body is None:
        return _WHOLE_BODY
    return body if isinstance(body, str) else _json(body)


def _json(value: Any) -> str:
    """Return a template that renders to JSON, whatever its templates print: each prints the inside of a JSON text."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_json(str(key))}: {_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_json, value)) + "]"
    if is_template(value):
        return f'"{{% filter json_escape %}}{value}{{% endfilter %}}"'
    text = msgspec.json.encode(value).decode()
    return f"{{% raw %}}{text}{{% endraw %}}" if "{" in text or "#" in text else text
