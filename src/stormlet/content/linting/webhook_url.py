"""A webhook URL that cannot be reached as it is written."""

from collections.abc import Iterator

from stormlet.content.linting.context import Context, in_rule
from stormlet.model.problem import Problem
from stormlet.model.rule import Rule

_WEBHOOK = "core.st2.webhook"
_PATH = "trigger.parameters.url"
_OWN_PREFIXES = ("api/v1/webhooks/", "v1/webhooks/", "webhooks/")


def check(rule: Rule, _context: Context) -> Iterator[Problem]:
    """Yield a warning where `url` is empty, holds a host or the API's own path, or is the generic webhook's."""
    url = rule.trigger.parameters.get("url")
    if rule.trigger.type != _WEBHOOK or not isinstance(url, str):
        return
    bare = "/".join(part for part in url.split("/") if part)
    if not bare:
        yield in_rule(rule, "webhook-url", "an empty URL cannot be posted to", _PATH, hint="write a path: github/push")
    elif "://" in url:
        hint = f"write only the path, such as {bare.rpartition('/')[2]}"
        yield in_rule(rule, "webhook-url", f"{url!r} is not a path below /api/v1/webhooks/", _PATH, hint=hint)
    elif bare == "st2":
        text = "the URL st2 is the generic webhook's; posts to it never reach this rule"
        yield in_rule(rule, "webhook-url", text, _PATH, hint="choose another URL")
    elif prefix := next((each for each in _OWN_PREFIXES if bare.startswith(each)), ""):
        text = f"the URL is taken as a path below /api/v1/webhooks/, so {prefix} stands in it twice"
        yield in_rule(rule, "webhook-url", text, _PATH, hint=f"write {bare.removeprefix(prefix)}")
