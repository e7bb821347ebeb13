"""What people are told of the content: when the server starts, and when files have changed."""

import logging

import msgspec

from stormlet.flow.ruleset import Compiled
from stormlet.model.problem import Severity
from stormlet.model.rule import LoadedRule
from stormlet.model.snapshot import Snapshot

log = logging.getLogger("stormlet")
MISSING_SECRET = "missing-secret"  # noqa: S105 - a problem's code


class Greeting(msgspec.Struct, frozen=True, kw_only=True):
    """What a person who starts the server is told. `api_key` and `admin_password` are None unless made just now."""

    url: str
    home: str
    rules: int
    """Those that are switched on."""
    examples: int
    """Rules of packs that come with the engine, and are switched off."""
    actions: int
    guarded: int
    """URLs that a source guards now."""
    webhook: str
    """A URL that an enabled rule listens to and an API key opens; empty where there is none."""
    directories: tuple[str, ...]
    errors: int
    warnings: int
    missing_secrets: int
    """Secrets of sources that are not there. `stormlet check` cannot know: they lie where the server runs."""
    api_key: str | None = None
    admin_password: str | None = None


def greeting_of(
    compiled: Compiled,
    *,
    url: str,
    home: str,
    guarded: int,
    directories: tuple[str, ...],
    credentials: tuple[str | None, str | None],
) -> Greeting:
    """Return the greeting. `credentials` are the API key and the password that were made just now, in clear."""
    content = compiled.snapshot
    severities = [problem.severity for problem in content.problems if problem.code != MISSING_SECRET]
    return Greeting(
        url=url,
        home=home,
        rules=sum(loaded.rule is not None and loaded.rule.enabled for loaded in content.rules.values()),
        examples=sum(_is_example(loaded, content) for loaded in content.rules.values()),
        actions=len(content.actions),
        guarded=guarded,
        webhook=_webhook_to_try(compiled),
        directories=directories,
        errors=severities.count(Severity.ERROR),
        warnings=severities.count(Severity.WARNING),
        missing_secrets=len(content.problems) - len(severities),
        api_key=credentials[0],
        admin_password=credentials[1],
    )


def _webhook_to_try(content: Compiled) -> str:
    """Return a webhook of an enabled rule that no source guards, so that it takes an API key."""
    enabled = {compiled.trigger for compiled in content.rules.values() if compiled.rule.enabled}
    hooks = [
        url
        for url, triggers in content.hooks.items()
        if url not in content.guards and url not in content.closed and any(each.ref in enabled for each in triggers)
    ]
    return "sample" if "sample" in hooks else min(hooks, default="")


def _is_example(loaded: LoadedRule, content: Snapshot) -> bool:
    """Tell whether a rule came with the engine, to be looked at and switched on."""
    rule = loaded.rule
    return rule is not None and not rule.enabled and rule.pack in content.packs and content.packs[rule.pack].bundled


def log_reload(compiled: Compiled, files: int, took_ms: float, level: int) -> None:
    """Say that content was loaded again, and what is wrong with it."""
    content = compiled.snapshot
    errors = [problem for problem in content.problems if problem.severity is Severity.ERROR]
    log.log(level, "content loaded again in %.0f ms (%d paths changed): %d rules", took_ms, files, len(content.rules))
    for problem in content.problems:
        if problem.code == MISSING_SECRET:
            log.warning("%s", problem)
    for problem in errors[:20]:
        log.error("%s", problem)
    if len(errors) > 20:
        log.error("and %d more problems: `stormlet check` lists them", len(errors) - 20)
