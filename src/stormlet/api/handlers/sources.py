"""/sources, /schemes: how webhook URLs are guarded, and why a request was refused. Ours; StackStorm has nothing like it."""

from collections.abc import Iterator
from typing import Any

from stormlet.api.call import Call, Reply, json_reply
from stormlet.api.documents import read_document
from stormlet.api.listing import list_reply, named, paging
from stormlet.api.source_json import (
    COMPUTED,
    broken_json,
    changed,
    diagnosis_json,
    rejection_json,
    retried_json,
    scheme_json,
    source_json,
)
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.model.source import BrokenSource, Source
from stormlet.model.trigger import Origin
from stormlet.signatures.registry import SCHEMES

LAST = "last"


async def list_all(call: Call) -> Reply:
    """List sources, also those that are asleep or broken."""
    shown = named(call.query, list(_all_json(call)), "id", "name", "pack", "url", "scheme")
    return list_reply(call, shown, default_limit=None)


async def get(call: Call) -> Reply:
    """Show one source."""
    return json_reply(_json(call, find_source(call)))


async def create(call: Call) -> Reply:
    """Make a source. It guards its URL when this answers."""
    document = _without_computed(await read_document(call))
    made = await call.services.ruleset.put("source", document, create=True, user=call.user)
    return json_reply(_shown_again(call, made.ref), 201)


async def update(call: Call) -> Reply:
    """Replace a source that was made here; of one that comes from a file, only `enabled` may change."""
    document = await read_document(call)
    found = find_source(call)
    if isinstance(found, Source) and found.origin is Origin.API:
        changed_source = await call.services.ruleset.put(
            "source", _without_computed(document), create=False, user=call.user, ref=found.ref
        )
        return json_reply(_shown_again(call, changed_source.ref))
    if isinstance(found, BrokenSource) and not found.metadata_file and set(document) != {"enabled"}:
        raise InvalidInputError(f'source "{found.ref}" cannot be read any more', hint="delete it, and make it anew")
    await _switch(call, found, document)
    return json_reply(_shown_again(call, found.ref))


async def delete(call: Call) -> Reply:
    """Delete a source that was made here; from then on its URL is what rules make of it."""
    await call.services.ruleset.delete("source", find_source(call).ref)
    return Reply(status=204)


async def list_rejections(call: Call) -> Reply:
    """List a source's refused requests, the newest first; a few of each source are kept."""
    limit, _ = paging(call.query, 20)
    found = await call.services.guarding.rejections(find_source(call).ref, limit or 1000)
    return json_reply([rejection_json(rejection) for rejection in found], headers={"X-Total-Count": str(len(found))})


async def explain(call: Call) -> Reply:
    """Tell why a request was likely refused: one by its id, or the `last`."""
    wanted = call.parts["rejection_id"]
    diagnosis = await call.services.guarding.explain(find_source(call).ref, None if wanted == LAST else wanted)
    return json_reply(diagnosis_json(diagnosis))


async def retry(call: Call) -> Reply:
    """Judge a refused request again, with the secrets of now; one that is genuine becomes an event like any other."""
    source, wanted = find_source(call), call.parts["rejection_id"]
    if wanted == LAST:
        wanted = (await call.services.guarding.explain(source.ref)).rejection_id
    elif wanted not in {rejection.id for rejection in await call.services.guarding.rejections(source.ref, 1000)}:
        raise NotFoundError(f'source {source.ref} has no refused request "{wanted}"')
    return json_reply(retried_json(await call.services.guarding.retry(wanted)))


async def list_schemes(call: Call) -> Reply:
    """List the signature schemes: what each signs, proves and does not prove."""
    return list_reply(call, [scheme_json(scheme) for scheme in SCHEMES], default_limit=None, order=("name",))


def find_source(call: Call) -> Source | BrokenSource:
    """Return the source that the path names by ref or id. Raises NotFoundError."""
    wanted = call.parts["ref_or_id"]
    content = call.services.ruleset.current.snapshot
    found: Source | BrokenSource | None = content.sources.get(wanted) or content.broken_sources.get(wanted)
    if found is None:
        found = next((source for source in content.sources.values() if source.id == wanted), None)
    if found is None:
        broken = content.broken_sources.values()
        found = next((source for source in broken if broken_json(source)["id"] == wanted), None)
    if found is None:
        raise NotFoundError(
            f'Resource with a reference or id "{wanted}" not found', hint="`stormlet source list` shows all"
        )
    return found


def _all_json(call: Call) -> Iterator[dict[str, Any]]:
    content = call.services.ruleset.current.snapshot
    for source in content.sources.values():
        yield _json(call, source)
    for ref, broken in content.broken_sources.items():
        if ref not in content.sources:
            yield broken_json(broken)


def _json(call: Call, found: Source | BrokenSource) -> dict[str, Any]:
    if isinstance(found, BrokenSource):
        return broken_json(found)
    broken = call.services.ruleset.current.snapshot.broken_sources.get(found.ref)
    guarding = call.services.guarding
    active, secretless = guarding.is_active(found.ref), guarding.lacks_secrets(found)
    return source_json(found, active=active, secretless=secretless, broken=broken)


def _shown_again(call: Call, ref: str) -> dict[str, Any]:
    content = call.services.ruleset.current.snapshot
    return _json(call, content.sources.get(ref) or content.broken_sources[ref])


async def _switch(call: Call, found: Source | BrokenSource, document: dict[str, Any]) -> None:
    """Take the switch out of a document that was sent back; all else in it has to be what was shown."""
    different = changed(document, _json(call, found))
    if different:
        names = ", ".join(sorted(different))
        raise InvalidInputError(
            f'source "{found.ref}" comes from a file: {names} cannot be changed here, only enabled',
            hint=f"edit {found.metadata_file}",
        )
    enabled = document.get("enabled")
    if isinstance(enabled, bool):
        await call.services.ruleset.set_enabled("source", found.ref, enabled)
    elif enabled not in (None, "auto"):
        raise InvalidInputError(f"enabled: {str(enabled)[:100]} is neither true nor false")


def _without_computed(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in COMPUTED}
