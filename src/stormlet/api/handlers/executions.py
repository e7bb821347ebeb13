"""/executions: what runs and what ran."""

from typing import Any

import msgspec

from stormlet.api.call import Call, Reply, encode, json_reply
from stormlet.api.listing import attribute_filter, page_reply, store_page
from stormlet.foundation.clock import from_iso
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.model.execution import Execution, ExecutionStatus, OutputKind
from stormlet.model.secret_texts import mask_texts, secret_values
from stormlet.st2compat.api_names.happenings import execution_json
from stormlet.store.interface import ExecutionFilter

KNOWN = frozenset(
    {
        "id", "status", "start_timestamp", "end_timestamp", "elapsed_seconds", "parameters", "context", "result",
        "result_size", "action", "runner", "liveaction", "trigger", "trigger_type", "trigger_instance", "rule", "parent",
        "children", "log", "web_url", "delay",
    }
)  # fmt: skip
FILTERS = (
    "id", "action", "status", "rule", "runner", "user", "parent", "trigger", "trigger_type", "trigger_instance",
    "liveaction", "timestamp", "timestamp_gt", "timestamp_lt", "sort_asc", "sort_desc",
)  # fmt: skip


async def list_all(call: Call) -> Reply:
    """List executions, the newest first."""
    page = store_page(call.query, "start_timestamp", 100)
    ascending = call.query.boolean("sort_asc")
    if ascending is None:
        ascending = call.query.text("timestamp_gt") is not None and not call.query.boolean("sort_desc")
    page = msgspec.structs.replace(page, ascending=page.ascending or ascending)
    wanted = _filter(call)
    if wanted is None:
        return page_reply(call, [], 0, page.limit, KNOWN)
    found, total = await call.services.store.list_executions(wanted, page)
    include = call.query.texts("include_attributes")
    if include and not {"result", "result_size"} & {name.split(".")[0] for name in include}:
        found = [msgspec.structs.replace(execution, result=None) for execution in found]  # may be megabytes each
    things = [shown_execution(call, execution) for execution in found]
    return page_reply(call, things, total, page.limit, KNOWN)


def _filter(call: Call) -> ExecutionFilter | None:
    """Return what is wanted; None where nothing can fit."""
    query = call.query
    status = query.text("status")
    if status is not None and status not in set(ExecutionStatus):
        return None
    ids = (*query.texts("id"), *query.texts("liveaction"))
    after, before = query.moment("timestamp_gt"), query.moment("timestamp_lt")
    if (span := query.text("timestamp")) is not None:
        first, _, last = span.partition("..")
        try:
            after, before = from_iso(first), from_iso(last)
        except ValueError:
            hint = "two moments with .. between them"
            raise InvalidInputError('Parameter "timestamp" is not a range', hint=hint) from None
    # Of the trigger only its instance is kept with an execution; whoever asks for others gets none.
    if query.text("trigger") or query.text("trigger_type"):
        return None
    return ExecutionFilter(
        action=query.text("action"),
        status=ExecutionStatus(status) if status else None,
        rule=query.text("rule"),
        runner_type=query.text("runner"),
        trigger_instance_id=query.text("trigger_instance"),
        user=query.text("user"),
        parent=query.text("parent"),
        ids=ids or None,
        after=after,
        before=before,
    )


async def get(call: Call) -> Reply:
    """Show one execution, or the `last`."""
    execution = await find_execution(call)
    shown = shown_execution(call, execution)
    largest = call.query.integer("max_result_size")
    if largest is not None and shown.get("result_size", 0) > largest:
        del shown["result"]
    return json_reply(attribute_filter(call.query, KNOWN)(shown))


async def get_attribute(call: Call) -> Reply:
    """Show one attribute of an execution."""
    name = call.parts["attribute"]
    if name not in KNOWN:
        raise InvalidInputError(f"Invalid attribute: {name}", hint=f"one of {', '.join(sorted(KNOWN))}")
    return json_reply(shown_execution(call, await find_execution(call)).get(name))


async def get_children(call: Call) -> Reply:
    """List the executions that this one started; only workflows do."""
    execution = await find_execution(call)
    found, _ = await call.services.store.list_executions(
        ExecutionFilter(parent=execution.id), store_page(call.query, "start_timestamp", 100)
    )
    return json_reply([shown_execution(call, child) for child in reversed(found)])


async def get_output(call: Call) -> Reply:
    """Show what an execution has printed so far."""
    kind = call.query.text("output_type") or "all"
    if kind != "all" and kind not in set(OutputKind):
        raise InvalidInputError(f'Parameter "output_type" is not one of all, {", ".join(OutputKind)}')
    execution = await find_execution(call)
    chunks = await call.services.store.output(execution.id, None if kind == "all" else OutputKind(kind))
    # A secret may be cut in two by where one piece ends: join first.
    text = mask_texts("".join(chunk.data for chunk in chunks), secret_values(execution))
    return Reply(text.encode(errors="replace"), content_type="text/plain; charset=utf-8")


async def get_result(call: Call) -> Reply:
    """Show an execution's result alone, also to be saved as a file."""
    execution = await find_execution(call)
    query = call.query
    content = encode(mask_texts(execution.result if execution.result is not None else {}, secret_values(execution)))
    if query.boolean("pretty_format"):
        content = msgspec.json.format(content, indent=2)
    headers, name, kind = {}, f"execution_{execution.id}_result.json", "text/json"
    if query.boolean("compress"):
        import gzip

        content, name, kind = gzip.compress(content), f"{name}.gz", "application/x-gzip"
        headers["Content-Encoding"] = "gzip"
    if query.boolean("download"):
        headers["Content-Disposition"] = f"attachment; filename={name}"
    return Reply(content, content_type=kind, headers=headers)


async def get_filters(call: Call) -> Reply:
    """List values that executions can be filtered by: those that content has now."""
    content = call.services.ruleset.current
    users = {key.user for key in call.services.authenticator.api_keys()} | {call.services.settings.execution.user}
    values: dict[str, list[str]] = {
        "action": sorted(content.snapshot.actions),
        "status": sorted(ExecutionStatus),
        "rule": sorted(content.snapshot.rules),
        "runner": sorted(content.runner_types),
        "trigger": sorted(content.triggers),
        "trigger_type": sorted(content.snapshot.trigger_types),
        "user": sorted(users),
    }
    wanted = call.query.texts("types")
    unknown = [name for name in wanted if name not in values]
    if unknown:
        raise InvalidInputError(f"Invalid filter type: {unknown[0]}", hint=f"one of {', '.join(values)}")
    return json_reply({name: found for name, found in values.items() if not wanted or name in wanted})


async def find_execution(call: Call) -> Execution:
    """Return the execution that the path names, or the `last` one. Raises NotFoundError."""
    wanted = call.parts["execution_id"]
    store = call.services.store
    found = await store.last_execution() if wanted == "last" else await store.execution(wanted)
    if found is None:
        text = "No executions found in the database" if wanted == "last" else f'Execution with id "{wanted}" not found.'
        raise NotFoundError(text)
    return found


def shown_execution(call: Call, execution: Execution, *, show_secrets: bool | None = None) -> dict[str, Any]:
    """Return an execution as JSON, with secrets masked unless the request may see them."""
    runner = call.services.ruleset.current.runner_types.get(execution.runner_type)
    size = len(encode(execution.result)) if execution.result is not None else 0
    shown = call.show_secrets if show_secrets is None else show_secrets
    return execution_json(execution, runner, result_bytes=size, show_secrets=shown)
