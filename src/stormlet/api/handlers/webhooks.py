"""/webhooks: the door that events come in through. What is answered 2xx was a handshake, or is on disk before that."""

from functools import cached_property

from stormlet.api.call import JSON, Call, Reply, json_reply
from stormlet.api.errors import NOT_FOUND, HttpError
from stormlet.flow.verification.answers import Answer
from stormlet.flow.verification.requests import Sender
from stormlet.foundation.errors import OverloadedError, RateLimitedError, StoreError, StormletError
from stormlet.foundation.headers import Pairs, decoded
from stormlet.st2compat.api_names.content import trigger_json


class _Visit:
    """One request as flow/reception.py sees it."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._sender: Sender | None = None
        self.hook = call.parts["hook"]
        self.method = call.method
        self.target = call.incoming.target
        self.remote = call.incoming.remote

    @cached_property
    def headers(self) -> Pairs:
        return decoded(self._call.incoming.raw_headers)

    async def body(self, limit: int | None = None) -> bytes:
        return await self._call.incoming.body(limit)

    async def identify(self) -> Sender:
        if self._sender is None:
            identity = await self._call.identify()
            self._sender = Sender(identity.user, self._call.credential)
        return self._sender


async def receive(call: Call) -> Reply:
    """Take an event: whoever guards the URL says what it must bring."""
    events = call.services.metrics.events
    try:
        answer = await call.services.reception.receive(_Visit(call))
    except RateLimitedError:
        events.labels("refused").inc()
        raise
    except (OverloadedError, StoreError):
        events.labels("overloaded").inc()
        raise
    except (StormletError, HttpError):
        events.labels("refused").inc()
        raise
    events.labels(answer.outcome).inc()
    return _reply(answer)


async def receive_put(call: Call) -> Reply:
    """Take an event by PUT, which only a source can want."""
    return await receive(call)


async def receive_patch(call: Call) -> Reply:
    """Take an event by PATCH, which only a source can want."""
    return await receive(call)


async def consent(call: Call) -> Reply:
    """Answer CloudEvents' question whether events may be sent; anybody else who sends OPTIONS gets what browsers want."""
    answer = call.services.reception.consent(_Visit(call))
    return _reply(answer) if answer is not None else Reply()


def _reply(answer: Answer) -> Reply:
    headers = dict(answer.headers)
    return Reply(answer.body, answer.status, headers.get("Content-Type", JSON), headers)


async def list_all(call: Call) -> Reply:
    """List the triggers of all hooks. `include_attributes` is ignored: st2's client asks for less than it then shows."""
    hooks = call.services.ruleset.current.hooks
    return json_reply([trigger_json(trigger) for url in sorted(hooks) for trigger in hooks[url]])


async def get(call: Call) -> Reply:
    """Show the first trigger of a hook."""
    found = call.services.ruleset.current.hooks.get(call.parts["url"])
    if not found:
        raise HttpError(404, NOT_FOUND)
    return json_reply(trigger_json(found[0]))
