"""/ruleenforcements: which rules matched, and what came of it."""

from typing import Any

from stormlet.api.call import Call, Reply, json_reply
from stormlet.api.handlers.executions import shown_execution
from stormlet.api.listing import page_reply, store_page
from stormlet.flow.pipeline import payload_of_stored
from stormlet.foundation.errors import NotFoundError
from stormlet.model.enforcement import Enforcement
from stormlet.st2compat.api_names.happenings import enforcement_json, trigger_instance_json
from stormlet.store.interface import EnforcementFilter

KNOWN = frozenset(
    {"id", "uid", "rule", "trigger_instance_id", "execution_id", "failure_reason", "enforced_at", "status"}
)


async def list_all(call: Call) -> Reply:
    """List enforcements, the newest first."""
    return await _listed(call, with_parts=False)


async def list_views(call: Call) -> Reply:
    """List enforcements with their trigger instances and executions."""
    return await _listed(call, with_parts=True)


async def get(call: Call) -> Reply:
    """Show one enforcement."""
    return json_reply(enforcement_json(await _find(call)))


async def get_view(call: Call) -> Reply:
    """Show one enforcement with its trigger instance and execution."""
    return json_reply(await _with_parts(call, await _find(call)))


async def _listed(call: Call, *, with_parts: bool) -> Reply:
    query = call.query
    page = store_page(query, "enforced_at", 50)
    wanted = EnforcementFilter(
        rule=query.text("rule_ref"),
        rule_id=query.text("rule_id"),
        trigger_instance_id=query.text("trigger_instance"),
        execution_id=query.text("execution"),
        after=query.moment("enforced_at_gt"),
        before=query.moment("enforced_at_lt"),
    )
    found, total = await call.services.store.list_enforcements(wanted, page)
    if with_parts:
        things = [await _with_parts(call, enforcement) for enforcement in found]
        return page_reply(call, things, total, page.limit, KNOWN | {"trigger_instance", "execution"})
    return page_reply(call, [enforcement_json(enforcement) for enforcement in found], total, page.limit, KNOWN)


async def _with_parts(call: Call, enforcement: Enforcement) -> dict[str, Any]:
    store = call.services.store
    shown: dict[str, Any] = {**enforcement_json(enforcement), "trigger_instance": {}, "execution": {}}
    stored = await store.trigger_instance(enforcement.trigger_instance_id)
    if stored is not None:
        shown["trigger_instance"] = trigger_instance_json(stored.instance, payload_of_stored(stored))
    execution = await store.execution(enforcement.execution_id) if enforcement.execution_id else None
    if execution is not None:
        shown["execution"] = shown_execution(call, execution, show_secrets=False)
    return shown


async def _find(call: Call) -> Enforcement:
    wanted = call.parts["enforcement_id"]
    found = await call.services.store.enforcement(wanted)
    if found is None:
        raise NotFoundError(f'Unable to identify resource with id "{wanted}".')
    return found
