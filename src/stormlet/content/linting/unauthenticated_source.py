"""A source that asks nobody for anything."""

from collections.abc import Iterator

from stormlet.content.linting.context import Context, in_source
from stormlet.model.problem import Problem
from stormlet.model.source import Source, SourceAuth


def check(source: Source, _context: Context) -> Iterator[Problem]:
    """Yield a warning where anybody may post, as long as it is not switched off."""
    if source.auth is SourceAuth.NONE and source.enabled is not False:
        text = f"anybody who reaches {source.url} may post, and rules believe what is posted"
        hint = "name a `scheme` and a `secret`, or at least `allow_ips`"
        if not source.allow_ips:
            yield in_source(source, "unauthenticated-source", text, "auth", hint=hint)
        else:
            text = f"whoever posts to {source.url} from an address in `allow_ips` is believed"
            yield in_source(source, "unauthenticated-source", text, "auth", hint="name a `scheme` and a `secret`")
