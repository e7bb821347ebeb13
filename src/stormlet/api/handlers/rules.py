"""/rules, /ruletypes: rules as StackStorm's clients know them."""

from typing import Any

from stormlet.api.call import Call, Reply, json_reply
from stormlet.api.documents import read_document
from stormlet.api.handlers.switching import put_document, switch_from_document
from stormlet.api.listing import list_reply, named
from stormlet.flow.ruleset import Compiled, trigger_of
from stormlet.foundation.errors import NotFoundError
from stormlet.model.rule import LoadedRule, Rule, RuleType
from stormlet.model.trigger import Origin
from stormlet.st2compat.api_names.content import (
    merged_parameters,
    rule_json,
    rule_type_json,
    rule_view_json,
    unmasked,
    without_computed,
)

KNOWN = frozenset(
    {
        "id", "uid", "ref", "name", "pack", "description", "enabled", "type", "trigger", "criteria", "action", "tags",
        "context", "metadata_file", "state", "problems",
    }
)  # fmt: skip


async def list_all(call: Call) -> Reply:
    """List rules, also those that are broken."""
    return _listed(call, _shown(call))


async def list_views(call: Call) -> Reply:
    """List rules with the descriptions of their actions and trigger types."""
    return _listed(call, [_view(call, shown) for shown in _shown(call)])


def _shown(call: Call) -> list[dict[str, Any]]:
    content = call.services.ruleset.current
    return [_rule_json(call, content, loaded) for loaded in content.snapshot.rules.values()]


def _listed(call: Call, things: list[dict[str, Any]]) -> Reply:
    things = named(call.query, things, "id", "name", "pack")
    if action := call.query.text("action"):
        things = [rule for rule in things if rule.get("action", {}).get("ref") == action]
    if trigger := call.query.text("trigger"):
        # StackStorm compares with the trigger's own ref, which for a webhook nobody knows; its type helps more.
        things = [rule for rule in things if trigger in (rule.get("trigger", {}).get(key) for key in ("ref", "type"))]
    if (enabled := call.query.boolean("enabled")) is not None:
        things = [rule for rule in things if rule["enabled"] is enabled]
    return list_reply(call, things, default_limit=None, known=KNOWN)


async def get(call: Call) -> Reply:
    """Show one rule."""
    return json_reply(_rule_json(call, call.services.ruleset.current, _find(call)))


async def get_view(call: Call) -> Reply:
    """Show one rule with the descriptions of its action and trigger type."""
    return json_reply(_view(call, _rule_json(call, call.services.ruleset.current, _find(call))))


async def create(call: Call) -> Reply:
    """Make a rule. Its webhook, if it has one, is there when this answers."""
    document = without_computed(await read_document(call))
    made = await call.services.ruleset.put("rule", document, create=True, user=call.user)
    return json_reply(_current_json(call, made.id), 201)


async def update(call: Call) -> Reply:
    """Replace a rule; of one that comes from a file, only `enabled` may change."""
    document = await read_document(call)
    loaded = _find(call)
    content = call.services.ruleset.current
    if loaded.rule is None or loaded.rule.origin is Origin.FILE:
        shown = [_rule_json(call, content, loaded), _rule_json(call, content, loaded, show_secrets=True)]
        await switch_from_document(call, "rule", loaded.ref, document, shown, loaded.metadata_file)
    else:
        known = rule_json(loaded, show_trigger(content, loaded.rule))
        await put_document(call, "rule", loaded.ref, unmasked(without_computed(document), known))
    return json_reply(_current_json(call, loaded.rule.id if loaded.rule else loaded.ref))


async def delete(call: Call) -> Reply:
    """Delete a rule that was made here."""
    await call.services.ruleset.delete("rule", _find(call).ref)
    return Reply(status=204)


async def list_types(_call: Call) -> Reply:
    """List the two kinds of rules."""
    return json_reply([rule_type_json(kind) for kind in RuleType])


async def get_type(call: Call) -> Reply:
    """Show one kind of rules, by name or id."""
    wanted = call.parts["name_or_id"]
    for kind in map(rule_type_json, RuleType):
        if wanted in (kind["name"], kind["id"]):
            return json_reply(kind)
    raise NotFoundError(f'Resource with a name or id "{wanted}" not found')


def show_trigger(content: Compiled, rule: Rule) -> str:
    """Return the ref of a rule's trigger."""
    return trigger_of(rule.trigger.type, rule.trigger.parameters, content.snapshot.trigger_types).ref


def _rule_json(
    call: Call, content: Compiled, loaded: LoadedRule, *, show_secrets: bool | None = None
) -> dict[str, Any]:
    rule = loaded.rule
    if rule is None:
        return rule_json(loaded)
    shown = call.show_secrets if show_secrets is None else show_secrets
    secret = set() if shown else _secret_names(content, rule)
    return rule_json(loaded, show_trigger(content, rule), secret)


def _secret_names(content: Compiled, rule: Rule) -> set[str]:
    action = content.action(rule.action.ref)
    if action is None:
        return set()
    parameters = merged_parameters(action, content.runner_types.get(action.runner_type))
    return {name for name, schema in parameters.items() if schema.get("secret")}


def _view(call: Call, shown: dict[str, Any]) -> dict[str, Any]:
    content = call.services.ruleset.current
    action = content.action(shown.get("action", {}).get("ref", ""))
    return rule_view_json(shown, action, content.snapshot.trigger_types.get(shown.get("trigger", {}).get("type", "")))


def _find(call: Call) -> LoadedRule:
    wanted = call.parts["ref_or_id"]
    rules = call.services.ruleset.current.snapshot.rules
    found = rules.get(wanted) or next(
        (known for known in rules.values() if known.rule and known.rule.id == wanted), None
    )
    if found is None:
        raise NotFoundError(f'Resource with a reference or id "{wanted}" not found')
    return found


def _current_json(call: Call, ref_or_id: str) -> dict[str, Any]:
    content = call.services.ruleset.current
    rules = content.snapshot.rules.values()
    loaded = next(known for known in rules if ref_or_id in (known.ref, known.rule.id if known.rule else ""))
    return _rule_json(call, content, loaded)
