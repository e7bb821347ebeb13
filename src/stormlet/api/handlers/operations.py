"""What operators and machines ask of a server: is it alive, is it ready, how is it doing, what does it speak."""

from prometheus_client.exposition import choose_encoder

from stormlet import __version__
from stormlet.api.call import Call, Reply, json_reply
from stormlet.api.errors import HttpError
from stormlet.foundation.errors import LockedError, OverloadedError, StoreError

RETRY_SECONDS = 5


async def version(_call: Call) -> Reply:
    """Show the version."""
    return json_reply({"version": __version__, "docs_url": ""})


async def live(_call: Call) -> Reply:
    """Tell that the process turns. It says nothing of the database: a restart would not mend that."""
    return Reply(b"ok\n", content_type="text/plain; charset=utf-8")


async def ready(call: Call) -> Reply:
    """Tell whether an event would be taken now: the database takes writes, and content is loaded."""
    checks = {"store": await _store(call), "content": "ok" if call.services.ruleset.loaded else "not loaded yet"}
    good = all(state == "ok" for state in checks.values())
    if call.query.boolean("verbose"):
        status = "ok" if good else "not ready"
        headers = {} if good else {"Retry-After": str(RETRY_SECONDS)}
        return json_reply({"status": status, "checks": checks}, 200 if good else 503, headers)
    if not good:
        reason = "; ".join(f"{name}: {state}" for name, state in checks.items() if state != "ok")
        raise HttpError(503, reason, {"Retry-After": str(RETRY_SECONDS)})
    return Reply(b"ok\n", content_type="text/plain; charset=utf-8")


async def _store(call: Call) -> str:
    try:
        services = call.services
        await services.readiness.check(services.clock, services.store.check)
    except OverloadedError as error:
        return "the disk is full" if error.disk_full else "overloaded"
    except LockedError:
        return "the database is locked by another process"
    except StoreError:
        return "the database cannot be written"
    return "ok"


async def metrics(call: Call) -> Reply:
    """Show metrics, in the form that the scraper asks for."""
    encode, content_type = choose_encoder(call.headers.get("Accept", ""))
    return Reply(encode(call.services.metrics.registry), content_type=content_type)
