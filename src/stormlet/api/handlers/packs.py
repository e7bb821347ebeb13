"""/packs and /problems: what is loaded, and what is wrong with it."""

from stormlet.api.call import Call, Reply, json_reply
from stormlet.api.listing import list_reply, named
from stormlet.foundation.errors import NotFoundError
from stormlet.st2compat.api_names.content import pack_json, problem_json


async def list_all(call: Call) -> Reply:
    """List packs."""
    packs = [pack_json(pack) for pack in call.services.ruleset.current.snapshot.packs.values()]
    return list_reply(call, named(call.query, packs, "id", "name", "ref"), order=("ref",))


async def get(call: Call) -> Reply:
    """Show one pack, by ref or id."""
    wanted = call.parts["ref_or_id"]
    packs = call.services.ruleset.current.snapshot.packs
    found = packs.get(wanted) or next((pack for pack in packs.values() if pack.id == wanted), None)
    if found is None:
        raise NotFoundError(f'Resource with a reference or id "{wanted}" not found')
    return json_reply(pack_json(found))


async def list_problems(call: Call) -> Reply:
    """List all findings about content, in the order of files and lines."""
    problems = [problem_json(problem) for problem in call.services.ruleset.current.snapshot.problems]
    shown = named(call.query, problems, "code", "severity", "file")
    return json_reply(shown, headers={"X-Total-Count": str(len(shown))})
