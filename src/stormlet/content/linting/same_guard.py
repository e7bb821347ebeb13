"""Two sources that guard one URL with the same secrets: a copy that somebody forgot to change."""

from collections.abc import Iterator

from stormlet.content.linting.context import Context, in_source
from stormlet.model.problem import Problem
from stormlet.model.source import Source


def check(source: Source, context: Context) -> Iterator[Problem]:
    """Yield a warning for the later one. Two with different secrets are two senders on one URL, and meant."""
    if source.enabled is False:
        return
    for other in context.snapshot.sources.values():
        if other is source:
            return
        if other.url == source.url and _proof(other) == _proof(source) and other.enabled is not False:
            text = f"{other.ref} guards {source.url} with the same secrets"
            hint = "delete one of them, or give this one the secret of its own sender"
            yield in_source(source, "same-guard", text, "url", hint=hint)
            return


def _proof(source: Source) -> tuple[str, str, frozenset[str]]:
    return source.scheme, source.auth.value, frozenset(secret.reference for secret in source.secrets)
