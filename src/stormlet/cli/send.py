"""`stormlet send`: post an event as a sender would, and tell what came of it."""

import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import click

from stormlet.cli.client import API, Answer, Client, part
from stormlet.cli.documents import read_bytes, read_json
from stormlet.cli.failures import AUTH, FAILED, NOT_FOUND, OK, UNSUCCESSFUL, CommandError
from stormlet.cli.options import Command, with_client, with_screen
from stormlet.cli.render import Screen, block
from stormlet.cli.text import one_line, visible
from stormlet.cli.waiting import wait_for_execution, wait_until
from stormlet.cli.webhook import WEBHOOK, normalised, url_of

_PREFIXES = (f"{API}/webhooks/", "/v1/webhooks/")
LONGEST_ANSWER = 500
OK_STATUS = 200


@click.command(cls=Command)
@click.argument("target", metavar="URL|TRIGGER")
@click.option("-d", "--data", default="{}", metavar="JSON", help="The event: text, @FILE, or - for standard input.")
@click.option("-H", "--header", "headers", multiple=True, metavar="'K: V'", help="A header; may be repeated.")
@click.option("--trace-tag", help="A word to find everything that follows by.")
@click.option("--sign", "scheme", metavar="SCHEME", help="Sign as this sender does; no API key is sent along.")
@click.option("-s", "--secret", metavar="SECRET", help="To sign with: env:NAME, file:PATH or the text itself.")
@click.option(
    "--describe", metavar="FILE", help="For generic_hmac: the source, or YAML that says how the sender signs."
)
@click.option("--username", default="", help="For basic credentials.")
@click.option("-X", "--method", default="POST", show_default=True, help="For sources that take PUT or PATCH.")
@click.option("--as", "kind", type=click.Choice(["hook", "trigger"]), help="What TARGET is, where it could be both.")
@click.option(
    "-w", "--wait", is_flag=True, help="Wait for what comes of it: 1 where no rule matched, 6 where an action failed."
)
@click.option("--timeout", type=float, default=60.0, show_default=True, metavar="SECONDS", help="How long to wait.")
@with_screen
@with_client
def command(client: Client, screen: Screen, target: str, wait: bool, timeout: float, **options: Any) -> int:
    """Send an event to a webhook or a trigger.

    TARGET is a webhook's URL (`github/push`, or all of it, from http: or from /api/v1/webhooks/ on) or a trigger type
    (`mypack.mytrigger`), which goes through the generic webhook.

    \b
      stormlet send sample -d '{"key1": "value1"}' --wait
      stormlet send github/push -d @push.json -H 'X-GitHub-Event: push'
      stormlet send mypack.mytrigger -d '{"attribute1": "value1"}'
      stormlet send github -d @push.json --sign github --secret env:GITHUB_WEBHOOK_SECRET -H 'X-GitHub-Event: push'
    """
    target = hook_of(target, client.connection.url)
    headers = _headers(options["headers"])
    if tag := options["trace_tag"]:
        headers["St2-Trace-Tag"] = tag
    if (options["secret"] or options["describe"] or options["username"]) and not options["scheme"]:
        raise click.UsageError("--secret signs nothing without --sign SCHEME; `stormlet signature list` lists them")
    kind = "hook" if options["scheme"] else options["kind"] or _kind_of(client, target)
    if kind == "trigger":
        document = {"trigger": target, "payload": read_json(options["data"], "-d")}
        answer = client.request("POST", f"{WEBHOOK.path}/st2", document=document, headers=headers)
    else:
        answer = _send_to_hook(client, target, headers, options)
    instance = _instance_of(answer)
    if not wait or not instance:
        _accepted(screen, answer, instance)
        if wait and "x-event-id" in answer.headers:
            print("no trigger is for it, so nothing follows", file=sys.stderr)
            return FAILED
        return OK
    return _wait_and_tell(client, screen, answer, instance, timeout)


def _send_to_hook(client: Client, target: str, headers: dict[str, str], options: dict[str, Any]) -> Answer:
    headers = {"Content-Type": "application/json", **headers}
    if any(name.lower() == "content-type" for name in list(headers)[1:]):
        del headers["Content-Type"]
    path = f"{WEBHOOK.path}/" + "/".join(part(name) for name in normalised(target).split("/"))
    method, body = options["method"].upper(), read_bytes(options["data"])
    if not options["scheme"]:
        return client.request(method, path, body=body, headers=headers)
    from stormlet.cli.signing import signed_request

    base = f"{client.connection.url}{API}"
    signed = signed_request(
        options["scheme"],
        [options["secret"]] if options["secret"] else [],
        url=base + path,
        headers=headers,
        body=body,
        method=method,
        description=options["describe"],
        username=options["username"],
    )
    # A credential in the URL is what some senders sign with, so the URL may have grown a query.
    answer = client.try_request(
        method, signed.url.removeprefix(base), body=signed.body, headers=dict(signed.headers), anonymous=True
    )
    if answer.status in (401, 403):
        raise CommandError(
            f"the server answered {answer.status}: the request is not believed",
            hint=f"`stormlet source explain {normalised(target)} --last` says what is likely wrong",
            exit_code=AUTH,
            code="refused",
        )
    return client.checked(answer)


def hook_of(target: str, server: str) -> str:
    """Return the part of a URL below `/api/v1/webhooks/`, whether it is written with its server, its path, or alone.

    Raises:
        click.BadParameter: a URL of another server, one that is not a webhook's, or one with a query.
    """
    path = target
    if "://" in target:
        asked, ours = urlsplit(target), urlsplit(server)
        if _place(asked) != _place(ours):
            raise click.BadParameter(f"`{target}` is not on {server}; name its server with --url")
        if asked.query:
            raise click.BadParameter(f"`{target}` has a query, which is not sent along; send a header with -H")
        path = unquote(asked.path.removeprefix(ours.path))
    for prefix in _PREFIXES:
        if path.startswith(prefix) and path != prefix:
            return path.removeprefix(prefix)
    if "://" in target:
        raise click.BadParameter(f"`{target}` is no webhook's URL; it looks like {server}{API}/webhooks/sample")
    return target


def _place(url: SplitResult) -> tuple[str, str | None, int | None]:
    host = "127.0.0.1" if url.hostname in ("localhost", "::1") else url.hostname
    try:
        return url.scheme, host, url.port or {"http": 80, "https": 443}.get(url.scheme)
    except ValueError:  # a port that is none
        return url.scheme, host, None


def _headers(given: Sequence[str]) -> dict[str, str]:
    headers = {}
    for text in given:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise click.BadParameter(f"`{text}` is not a header; it looks like 'X-GitHub-Event: push'")
        headers[name.strip()] = value.strip()
    return headers


def _kind_of(client: Client, target: str) -> str:
    """Find out what the target is: a hook that is registered, else a trigger type that is known."""
    hooks = {url_of(hook) for hook in client.list(WEBHOOK.path).items} | _guarded(client)
    if normalised(target) in hooks or normalised(target) == "st2":
        return "hook"
    if "." in target and client.try_request("GET", f"/triggertypes/{part(target)}").status == 200:
        return "trigger"
    from difflib import get_close_matches

    close = get_close_matches(normalised(target), hooks, 1)
    hint = (
        f"did you mean `{close[0]}`?"
        if close
        else "`stormlet webhook list` and `stormlet trigger list` show what there is"
    )
    raise CommandError(
        f"no webhook and no trigger type is called `{target}`", hint=hint, exit_code=NOT_FOUND, code="not_found"
    )


def _guarded(client: Client) -> set[str]:
    """Return the URLs that sources guard; a StackStorm has none."""
    answer = client.try_request("GET", "/sources")
    if answer.status != OK_STATUS:
        return set()
    found = answer.document()
    return {str(source.get("url")) for source in found if source.get("active")} if isinstance(found, list) else set()


def _instance_of(answer: Answer) -> str:
    """Return the trigger instance's id, which the answer's Location ends with; a StackStorm does not tell it."""
    return answer.headers.get("location", "").rpartition("/")[2]


def _accepted(screen: Screen, answer: Answer, instance: str) -> None:
    if screen.output == "name":
        screen.line(instance)
    elif not screen.for_people:
        screen.data({"status": answer.status, "trigger_instance": instance})
    elif instance:
        screen.line(f"{answer.status} accepted: {instance}")
    else:
        # A handshake was answered, or it is a StackStorm, which does not tell the id.
        shown = answer.body[:LONGEST_ANSWER].decode("utf-8", "replace")
        screen.line(one_line(f"{answer.status} answered: {shown}" if shown else f"{answer.status} answered"))


def _wait_and_tell(client: Client, screen: Screen, answer: Answer, instance: str, timeout: float) -> int:
    if screen.for_people:
        _accepted(screen, answer, instance)

    def decided() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(f"/triggerinstances/{part(instance)}")
        return found if found.get("status") in ("processed", "processing_failed") else None

    event = wait_until(decided, timeout, "deciding the event")
    enforcements = client.list("/ruleenforcements", {"trigger_instance": instance}).items
    code = OK if enforcements else FAILED
    told = []
    for enforcement in enforcements:
        execution = None
        if execution_id := enforcement.get("execution_id"):
            execution = wait_for_execution(client, str(execution_id), timeout)
        if screen.for_people:
            _tell(screen, enforcement, execution)
        told.append({"enforcement": enforcement, "execution": execution})
        if execution is None or execution.get("status") != "succeeded":
            code = UNSUCCESSFUL
    if not screen.for_people:
        screen.data({"trigger_instance": event, "followed": told})
    elif not enforcements:
        print("no rule matched; `stormlet why last` tells why", file=sys.stderr)
    return code


def _tell(screen: Screen, enforcement: dict[str, Any], execution: dict[str, Any] | None) -> None:
    rule = screen.paint(visible(str((enforcement.get("rule") or {}).get("ref"))), "bold")
    if execution is None:
        screen.line(f"{rule} {screen.paint_status('failed')}: {visible(str(enforcement.get('failure_reason')))}")
        return
    screen.line(f"{rule} matched")
    action = (execution.get("action") or {}).get("ref")
    screen.line(f"  {action} {screen.paint_status(str(execution['status']))}  {execution['id']}")
    result = execution.get("result")
    shown = result.get("stdout") or result.get("stderr") or result if isinstance(result, dict) else result
    for line in block(shown) if shown else []:
        screen.line(f"    {line}")
