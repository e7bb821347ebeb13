"""One URL only once per scope: a receiver that gets everything twice cannot tell that it was meant."""

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from stormlet.content.linting.context import Context, in_endpoint
from stormlet.model.endpoint import Endpoint, Scope
from stormlet.model.problem import Problem

_PORTS = {"https": 443, "http": 80}


def check(endpoint: Endpoint, context: Context) -> Iterator[Problem]:
    """Yield a warning for the later one; of endpoints that are made through the API the later one is refused."""
    earlier = []
    for other in context.snapshot.endpoints.values():
        if other is endpoint:
            break
        earlier.append(other)
    if (twin := same_destination(endpoint, earlier)) is not None:
        text = f"the endpoint {twin.ref} has this URL in the same scope"
        yield in_endpoint(endpoint, "same-url", text, "url", hint="join their types and filters, or limit one of them")


def same_destination(endpoint: Endpoint, others: Iterable[Endpoint]) -> Endpoint | None:
    """Return the first of the others that sends to the same URL within the same scope."""
    if not endpoint.url:
        return None
    wanted = (_plain(endpoint.url), _scope(endpoint.scope))
    return next((each for each in others if each.url and (_plain(each.url), _scope(each.scope)) == wanted), None)


def _plain(url: str) -> tuple[str, str, int | None, str, str]:
    """Return a URL without the differences that no receiver sees."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme), parts.path or "/", parts.query


def _scope(scope: Scope) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(scope.packs), frozenset(scope.tags)
