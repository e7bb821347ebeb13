"""/actions, /runnertypes: what can be run."""

import asyncio
from pathlib import Path
from typing import Any

from stormlet.api.call import Call, Reply, json_reply
from stormlet.api.documents import read_document
from stormlet.api.handlers.switching import put_document, switch_from_document
from stormlet.api.listing import list_reply, named
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.foundation.regular_files import open_regular
from stormlet.model.action import Action, RunnerType
from stormlet.model.trigger import Origin
from stormlet.st2compat.api_names.content import (
    action_json,
    action_view_json,
    merged_parameters,
    runner_type_json,
    without_computed,
)

_TYPES = {".yaml": "application/x-yaml", ".yml": "application/x-yaml", ".py": "application/x-python"}
KNOWN = frozenset(
    {
        "id", "uid", "ref", "name", "pack", "description", "enabled", "runner_type", "entry_point", "parameters",
        "output_schema", "tags", "notify", "metadata_file",
    }
)  # fmt: skip
KNOWN_OF_RUNNERS = frozenset(
    {
        "id", "uid", "name", "description", "enabled", "runner_package", "runner_module", "runner_parameters",
        "query_module", "output_key", "output_schema",
    }
)  # fmt: skip
MAX_ENTRY_POINT = 1024 * 1024


async def list_all(call: Call) -> Reply:
    """List actions."""
    return _listed(call, [action_json(action) for action in _all(call)])


async def list_views(call: Call) -> Reply:
    """List actions with their runners' parameters among their own."""
    return _listed(call, [action_view_json(action, _runner(call, action)) for action in _all(call)])


def _all(call: Call) -> list[Action]:
    return list(call.services.ruleset.current.snapshot.actions.values())


def _listed(call: Call, things: list[dict[str, Any]]) -> Reply:
    things = named(call.query, things, "id", "name", "pack")
    if tags := call.query.texts("tags"):
        things = [thing for thing in things if any(tag.get("name") in tags for tag in thing["tags"])]
    return list_reply(call, things, default_limit=None, known=KNOWN)


async def get(call: Call) -> Reply:
    """Show one action."""
    return json_reply(action_json(_find(call)))


async def get_view(call: Call) -> Reply:
    """Show one action with its runner's parameters among its own."""
    action = _find(call)
    return json_reply(action_view_json(action, _runner(call, action)))


async def get_parameters(call: Call) -> Reply:
    """Show what can be given to an action."""
    action = _find(call)
    return json_reply({"parameters": merged_parameters(action, _runner(call, action))})


async def get_entry_point(call: Call) -> Reply:
    """Show the file that an action runs."""
    action = _find(call)
    if not action.entry_point or not action.pack_directory:
        raise NotFoundError(f'Action "{action.ref}" has no entry point.')
    home = (Path(action.pack_directory) / "actions").resolve()
    content = await asyncio.to_thread(_read_inside, home, action.entry_point)
    if content is None:
        raise NotFoundError(f'The entry point of action "{action.ref}" cannot be read.')
    return Reply(content, content_type=_TYPES.get(Path(action.entry_point).suffix, "text/plain"))


def _read_inside(home: Path, name: str) -> bytes | None:
    """Return the start of a file, unless its name or a link leads out of `home`."""
    path = (home / name).resolve()
    if not path.is_relative_to(home):
        return None
    try:
        with open_regular(path) as file:
            return file.read(MAX_ENTRY_POINT)
    except (OSError, ValueError):
        return None


async def create(call: Call) -> Reply:
    """Make an action. Files do not come with it: they belong into a pack's directory."""
    document = without_computed(await read_document(call))
    if document.pop("data_files", None):
        raise InvalidInputError("data_files cannot be written here.", hint="put them into the pack's directory")
    made = await call.services.ruleset.put("action", document, create=True, user=call.user)
    assert isinstance(made, Action)
    return json_reply(action_json(made), 201)


async def update(call: Call) -> Reply:
    """Replace an action; of one that comes from a file, only `enabled` may change."""
    document = await read_document(call)
    document.pop("data_files", None)
    action = _find(call)
    if action.origin is Origin.FILE:
        shown = [action_json(action)]
        await switch_from_document(call, "action", action.ref, document, shown, action.metadata_file)
    else:
        await put_document(call, "action", action.ref, without_computed(document))
    changed = call.services.ruleset.find("action", action.id)
    assert isinstance(changed, Action)
    return json_reply(action_json(changed))


async def delete(call: Call) -> Reply:
    """Delete an action that was made here. What st2's client sends with it (`remove_files`) has nothing to remove."""
    await call.services.ruleset.delete("action", _find(call).ref)
    return Reply(status=204)


async def list_runners(call: Call) -> Reply:
    """List runner types."""
    runners = [runner_type_json(runner) for runner in call.services.ruleset.current.runner_types.values()]
    return list_reply(call, named(call.query, runners, "id", "name"), order=("name",), known=KNOWN_OF_RUNNERS)


async def get_runner(call: Call) -> Reply:
    """Show one runner type, by name or id."""
    wanted = call.parts["name_or_id"]
    for runner in call.services.ruleset.current.runner_types.values():
        shown = runner_type_json(runner)
        if wanted in (shown["name"], shown["id"]):
            return json_reply(shown)
    raise NotFoundError(f'Resource with a name or id "{wanted}" not found')


def _runner(call: Call, action: Action) -> RunnerType | None:
    return call.services.ruleset.current.runner_types.get(action.runner_type)


def _find(call: Call) -> Action:
    wanted = call.parts["ref_or_id"]
    found = call.services.ruleset.current.action(wanted)
    if found is None:
        raise NotFoundError(f'Resource with a reference or id "{wanted}" not found')
    return found
