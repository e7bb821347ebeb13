"""What `stormlet doctor` finds by asking the server: is it there, is it ours, is it well, does it let us in, does it keep up?"""

import json
import re
from collections.abc import Iterator
from typing import Any

from stormlet.cli.client import Answer, Client
from stormlet.cli.failures import CommandError
from stormlet.cli.findings import Finding, Health
from stormlet.cli.moments import span_text

PENDING_SECONDS = 60.0
"""An event that waits longer than this to be decided is a sign that the engine is stuck."""
_SAMPLE = re.compile(r"^(stormlet_\w+)(?:\{([^}]*)\})? (\S+)$", re.MULTILINE)


def check_server(client: Client) -> Iterator[Finding]:
    """Look at the server that the command line would talk to."""
    url = client.connection.url
    try:
        alive = client.try_request("GET", "//livez")
    except CommandError as error:
        if error.text.startswith("nothing listens"):
            yield Finding(Health.NOTE, "server", error.text, "`stormlet serve` starts it")
        else:
            yield Finding(Health.PROBLEM, "server", error.text, error.hint)
        return
    if alive.status != 200:
        cure = "stop it, or choose another port with --port"
        yield Finding(Health.PROBLEM, "server", f"something else answers at {url}", cure)
        return
    try:
        yield from _readiness(client.try_request("GET", "//readyz", query={"verbose": 1}), url)
        yield from _credential(client)
        yield from _backlog(client.try_request("GET", "//metrics"))
    except CommandError as error:
        yield Finding(Health.PROBLEM, "server", error.text, error.hint)


def _readiness(answer: Answer, url: str) -> Iterator[Finding]:
    if answer.status == 200:
        yield Finding(Health.OK, "server", f"{url} is ready")
        return
    reasons = _document(answer).get("checks") or {"": answer.body.decode(errors="replace")[:200]}
    text = "; ".join(f"{name}: {state}" for name, state in reasons.items() if state not in ("ok", True))
    yield Finding(Health.PROBLEM, "server", f"{url} is not ready: {text}", "the server's log says more")


def _credential(client: Client) -> Iterator[Finding]:
    answer = client.try_request("GET", "/user")
    source = client.connection.credential_source
    if answer.status == 200:
        user = _document(answer).get("username")
        yield Finding(Health.OK, "credential", f"from {source}: {user}" if source else f"none is needed: {user}")
    elif source:
        cure = "make a new one (`stormlet apikey create`), or mend the variable"
        yield Finding(Health.PROBLEM, "credential", f"the one from {source} is not valid", cure)
    else:
        yield Finding(
            Health.WARNING, "credential", "none was found", "set STORMLET_API_KEY, or name the home with --home"
        )


def _backlog(answer: Answer) -> Iterator[Finding]:
    """Read the gauges. Where /metrics wants a credential that we lack, there is nothing to say."""
    from datetime import timedelta

    if answer.status != 200:
        return
    values: dict[str, float] = {}
    for name, _labels, value in _SAMPLE.findall(answer.body.decode(errors="replace")):
        values[name] = values.get(name, 0.0) + float(value)
    pending, waiting = (int(values.get(f"stormlet_{name}", 0)) for name in ("pending_instances", "waiting_executions"))
    oldest = values.get("stormlet_oldest_pending_seconds", 0.0)
    text = f"{pending} events wait to be decided, {waiting} executions for a worker"
    if oldest > PENDING_SECONDS:
        age = span_text(timedelta(seconds=oldest))
        cure = "the server's log says what holds it up; a restart loses nothing"
        yield Finding(Health.PROBLEM, "backlog", f"{text}; the oldest for {age}", cure)
    else:
        yield Finding(Health.OK, "backlog", text)


def _document(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
