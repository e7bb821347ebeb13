"""A full run with every kind of secret and credential; afterwards none of them is found anywhere but where it was put."""

import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import zstandard

from .conftest import KEY, Server

HMAC = "CANARY-hmac-secret-0123456789"
TOKEN = "CANARY-gitlab-token/with+signs"
QUERY = "CANARY-query-token-abcdefgh"
BASIC = "CANARY-basic-password-abcdef"
STATE = "CANARY-client-state-abcdefgh"
FILE = "CANARY-file-secret-abcdefghi"
DATASTORE = "CANARY-datastore-secret-abcd"
SEALED = "CANARY-sealed-secret-abcdefg"
SECRETS = (HMAC, TOKEN, QUERY, BASIC, STATE, FILE, DATASTORE, SEALED)
SOURCES = {
    "signed": "scheme: github\nsecret: env:HMAC\ntriggers: {types: {'*': my.event}}",
    "token": "scheme: gitlab-token\nsecret: env:TOKEN",
    "query": "scheme: dockerhub\nsecret: env:QUERY",
    "basic": "scheme: alertmanager\nsecrets: [{from: 'env:BASIC', kind: basic, username: me}]",
    "graph": "scheme: msgraph\nsecret: env:STATE",
    "file": "scheme: pulumi\nsecret: file:SECRET_FILE",
    "datastore": "scheme: pulumi\nsecret: st2kv:hook",
    "both": "scheme: pulumi\nsecret: env:HMAC\nauth: both",
}
RULE = """
name: {name}
enabled: true
trigger: {{type: core.st2.webhook, parameters: {{url: {name}}}}}
action: {{ref: core.echo, parameters: {{message: "{{{{ trigger | to_json_string }}}}"}}}}
"""


def forms(secret: str) -> set[bytes]:
    """Return how a secret may be written."""
    texts = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], secret.replace("/", "\\/")}
    coded = {base64.b64encode(secret.encode()).decode(), base64.b64encode(f"me:{secret}".encode()).decode()}
    return {text.encode() for text in texts | coded | {secret.encode().hex()}}


def unpacked(raw: bytes) -> bytes:
    """Return bytes with every zstd frame in them unpacked as well."""
    found, position = [raw], 0
    while (position := raw.find(b"\x28\xb5\x2f\xfd", position)) >= 0:
        with contextlib.suppress(zstandard.ZstdError):
            found.append(zstandard.ZstdDecompressor().decompressobj().decompress(raw[position:]))
        position += 4
    return b"\n".join(found)


def sha256(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_no_secret_is_found(
    tmp_path: Path, rules_directory: Path, write_rule: Callable[..., Path], make_server: Callable[..., Server]
) -> None:
    """Genuine and refused requests of all kinds; then the database, its log, the server's log and every listing are read."""
    (tmp_path / "secret").write_text(FILE + "\n", encoding="utf-8")
    sources = tmp_path / "sources"
    sources.mkdir()
    for name, text in SOURCES.items():
        text = text.replace("SECRET_FILE", str(tmp_path / "secret"))
        (sources / f"{name}.yaml").write_text(f"url: {name}\n{text}\n", encoding="utf-8")
        write_rule(name, RULE.format(name=name))
    environment = {"HMAC": HMAC, "TOKEN": TOKEN, "QUERY": QUERY, "BASIC": BASIC, "STATE": STATE}
    environment |= {"STORMLET_CONTENT__SOURCES": str(sources), "STORMLET_LOGGING__LEVEL": "DEBUG"}
    server = make_server(rules=rules_directory, environment=environment)
    answers = [
        server.request("PUT", "/api/v1/keys/hook", {"name": "hook", "value": DATASTORE, "secret": True}).body,
        made_source(server),
        *everything_sent(server),
    ]
    server.wait_until(lambda: settled(server), what="the end of all executions")
    shown = [server.get(path).body for path in listings(server)]
    whole = b"\n".join([*answers, *shown, server.log.encode()])
    for path in server.home.rglob("*"):
        if path.is_file() and path.name != "cli.json":  # the command line's own credential, for this user alone
            whole += unpacked(path.read_bytes())
    assert server.terminate() == 0
    for path in server.home.rglob("*"):
        if path.is_file() and path.name != "cli.json":
            whole += unpacked(path.read_bytes())
    whole += server.log.encode()
    for secret in (*SECRETS, KEY):
        for form in forms(secret):
            at = whole.find(form)
            assert at < 0, (secret, whole[max(at - 200, 0) : at + 100])
    assert b"CANARY" not in whole


def made_source(server: Server) -> bytes:
    """Make a source through the API, its secret written once."""
    document = {"name": "sealed", "url": "sealed", "scheme": "pulumi", "secrets": [{"name": "1", "value": SEALED}]}
    answer = server.post("/api/v1/sources", document)
    assert answer.status == 201, answer.body
    return answer.body


def everything_sent(server: Server) -> list[bytes]:
    """Send genuine and forged requests to each source; returns all answers."""
    body = b'{"a": 1}'
    graph = json.dumps({"value": [{"id": "1", "clientState": STATE}]}).encode()
    basic = "Basic " + base64.b64encode(f"me:{BASIC}".encode()).decode()
    genuine = [
        ("signed", body, {"X-Hub-Signature-256": f"sha256={sha256(HMAC, body)}", "X-GitHub-Event": "x"}, ""),
        ("token", body, {"X-Gitlab-Token": TOKEN, "X-Original-Uri": f"/x?token={quote(TOKEN, safe='')}"}, ""),
        ("query", body, {"X-Original-Uri": f"/x?token={QUERY}"}, f"?token={QUERY}"),
        ("basic", body, {"Authorization": basic}, ""),
        ("graph", graph, {}, ""),
        ("file", body, {"Pulumi-Webhook-Signature": sha256(FILE, body)}, ""),
        ("datastore", body, {"Pulumi-Webhook-Signature": sha256(DATASTORE, body)}, ""),
        ("sealed", body, {"Pulumi-Webhook-Signature": sha256(SEALED, body)}, ""),
        ("both", body, {"Pulumi-Webhook-Signature": sha256(HMAC, body)}, f"?st2-api-key={KEY}"),
    ]
    answers = []
    for hook, content, headers, query in genuine:
        answer = server.post(f"/api/v1/webhooks/{hook}{query}", content, headers=headers, key=None)
        # No rule listens at `sealed`: it is refused after it was found genuine.
        assert answer.status == (404 if hook == "sealed" else 202), (hook, answer.status, answer.body)
        answers.append(answer.body)
        # Genuine but for the body or the credential; kept, and so sealed.
        for spoilt in ({**headers, "X-Extra": "1"}, dict.fromkeys(headers, "wrong")):
            other = server.post(f"/api/v1/webhooks/{hook}", b'{"b": 2}', headers=spoilt, key=None)
            answers.append(other.body)
    return answers


def listings(server: Server) -> list[str]:
    """Return the URLs of everything that can be read about what happened."""
    found = [
        "triggerinstances",
        "executions",
        "ruleenforcements",
        "ruleenforcements/views",
        "rules",
        "sources",
        "problems",
    ]
    paths = [f"/api/v1/{name}?limit=-1" for name in found] + ["/metrics", "/openapi.json", "/api/v1/keys?scope=all"]
    paths += [f"/api/v1/triggerinstances/{one['id']}" for one in server.get("/api/v1/triggerinstances?limit=-1").json]
    for one in server.get("/api/v1/executions?limit=-1").json:
        paths += [f"/api/v1/executions/{one['id']}", f"/api/v1/executions/{one['id']}/output"]
    for source in server.get("/api/v1/sources").json:
        ref = source["ref"]
        paths += [f"/api/v1/sources/{ref}", f"/api/v1/sources/{ref}/secrets", f"/api/v1/sources/{ref}/rejections"]
    return paths


def settled(server: Server) -> bool:
    executions = server.get("/api/v1/executions?limit=-1").json
    return len(executions) >= 8 and all(one["status"] == "succeeded" for one in executions)
