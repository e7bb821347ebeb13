"""Sources over HTTP: made, shown without their secrets, changed, switched, rotated; refusals explained and tried again."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from .conftest import Served

SECRET = "first-secret-CANARY"
OTHER = "other-secret-CANARY"
SOURCE: dict[str, Any] = {
    "name": "made",
    "url": "made",
    "scheme": "github",
    "description": "of a test",
    "secrets": [{"name": "first", "value": SECRET}],
    "replay": {"id": "header:X-GitHub-Delivery", "horizon": "1h"},
    "triggers": {"event": "header:X-GitHub-Event", "types": {"push": "mypack.typed"}},
}
BODY = {"n": 1}


def signed(secret: str, body: bytes, **headers: str) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Event": "push", **headers}


async def post(served: Served, secret: str, url: str = "made", **headers: str) -> int:
    """Post an event as its sender does, and return the status."""
    body = json.dumps(BODY).encode()
    answer = await served.post(f"/api/v1/webhooks/{url}", body, headers=signed(secret, body, **headers), key=None)
    return answer.status


async def make(served: Served, **more: Any) -> dict[str, Any]:
    answer = await served.post("/api/v1/sources", {**SOURCE, **more})
    assert answer.status == 201, answer.json
    made: dict[str, Any] = answer.json
    return made


async def test_a_source_is_made_shown_changed_and_deleted(served: Served) -> None:
    """It guards its URL when the answer leaves; deleted, the URL is what it was."""
    made = await make(served)
    assert (made["ref"], made["state"], made["active"], made["origin"]) == ("default.made", "ready", True, "api")
    assert made["replay"] == {"id": ["header:X-GitHub-Delivery"], "horizon": 3600.0}
    assert await post(served, SECRET) == 202
    assert await post(served, OTHER) == 401
    for name in ("default.made", made["id"]):
        assert (await served.get(f"/api/v1/sources/{name}")).json == made
    again = await served.post("/api/v1/sources", SOURCE)
    assert (again.status, again.json["conflict-id"]) == (409, made["id"])
    changed = await served.put(f"/api/v1/sources/{made['id']}", {**made, "url": "moved"})
    assert (changed.status, changed.json["url"], changed.json["id"]) == (200, "moved", made["id"])
    assert await post(served, SECRET, "moved") == 202
    assert await post(served, SECRET) == 401
    assert (await served.delete("/api/v1/sources/default.made")).status == 204
    assert await post(served, SECRET, "moved") == 401
    gone = await served.get("/api/v1/sources/default.made")
    assert gone.status == 404


async def test_secrets_are_written_once_and_shown_never(served: Served, tmp_path: Path) -> None:
    """Neither in an answer nor in the database; sent back as it was shown, a secret is kept, under a new name too."""
    made = await make(served)
    assert made["secrets"] == [{"name": "first", "from": "sealed"}]
    renamed = await served.put(f"/api/v1/sources/{made['id']}", {**made, "name": "renamed"})
    assert renamed.json["ref"] == "default.renamed", renamed.json
    assert await post(served, SECRET) == 202
    for path in ("", "/default.renamed", "/default.renamed/secrets", "/default.renamed/rejections"):
        assert b"CANARY" not in (await served.get(f"/api/v1/sources{path}")).body
    for file in Path(served.engine.home.path).rglob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"scheme": "githib"}, "there is no signature scheme 'githib' (did you mean 'github'?)"),
        ({"url": "https://a.example/x"}, "is not a path below /api/v1/webhooks/"),
        ({"surprise": 1}, "('surprise' was unexpected)"),
        ({"name": None}, "'name' is a required property"),
        ({"secrets": [{"name": "a", "value": ""}]}, "a secret is a text that is not empty"),
        ({"secrets": [{"name": "a", "value": 5}]}, "a secret is a text that is not empty"),
        ({"secrets": [{"name": "a", "value": "x" * 70000}]}, "65536 bytes at most"),
        ({"secrets": [{"name": "a", "value": "x", "from": "env:A"}]}, "cannot both be there"),
        ({"secrets": ["sealed:00FF"]}, "a sealed secret belongs to what it was written for"),
        ({"secrets": [{"name": "a", "from": "sealed"}]}, "there is no sealed secret of that name to keep"),
        ({"secrets": [{"name": "a", "from": "CANARY"}]}, "this is not where a secret is"),
        ({"secrets": "CANARY"}, "this is not a list"),
        ({"replay": {"id": "event_id"}}, "replay.id: 'event_id' is no place in a request"),
        ({"options": {"lagacy": True}}, "there is no option `lagacy`"),
        ({"allow_ips": ["everybody"]}, "is no address or network"),
        ({"pack": "core"}, "system level packs"),
    ],
)
async def test_sources_that_cannot_be(served: Served, change: dict[str, Any], reason: str) -> None:
    """400 with the place and the cure; nothing is made, and the URL asks for an API key as before."""
    answer = await served.post("/api/v1/sources", {**SOURCE, **change})
    assert answer.status == 400, answer.json
    assert reason in answer.json["faultstring"]
    assert b"CANARY" not in answer.body
    assert [source for source in (await served.get("/api/v1/sources")).json if source["origin"] == "api"] == []


async def test_a_source_from_a_file_can_only_be_switched(served: Served, content: Path) -> None:
    """Off, its URL asks for an API key; on again, its file's `auto` counts."""
    (content / "packs/mypack/sources").mkdir()
    (content / "packs/mypack/sources/in.yaml").write_text("url: in\nscheme: github\nsecret: env:NOT_SET\n")
    await served.engine.ruleset.reload()
    shown = (await served.get("/api/v1/sources/mypack.in")).json
    assert (shown["active"], shown["secretless"], shown["origin"]) == (True, True, "file")
    assert (await served.post("/api/v1/webhooks/in", {})).status == 401
    off = await served.put(f"/api/v1/sources/{shown['id']}", {**shown, "enabled": False})
    assert (off.status, off.json["enabled"], off.json["active"]) == (200, False, False)
    assert (await served.post("/api/v1/webhooks/in", {})).status == 202
    refused = await served.put(f"/api/v1/sources/{shown['id']}", {**shown, "url": "other"})
    assert refused.status == 400
    assert "url cannot be changed here, only enabled" in refused.json["faultstring"]
    assert (await served.delete("/api/v1/sources/mypack.in")).status == 400
    rotated = await served.post("/api/v1/sources/mypack.in/rotate", {})
    assert rotated.status == 400
    assert 'secrets: ["env:NEW_SECRET", "env:NOT_SET"]' in rotated.json["faultstring"]
    github = (await served.get("/api/v1/sources/github.github")).json
    assert github["enabled"] == "auto"
    for enabled, expected in ((False, False), (True, "auto")):
        answer = await served.put("/api/v1/sources/github.github", {**github, "enabled": enabled})
        assert answer.json.get("enabled") == expected, answer.json
    assert (await served.put("/api/v1/sources/github.github", {"enabled": "perhaps"})).status == 400


async def test_a_broken_source_keeps_its_url_closed(served: Served, content: Path) -> None:
    """A typo is never an open door: a source that worked goes on guarding, one that never did refuses everybody."""
    directory = content / "packs/mypack/sources"
    directory.mkdir()
    (directory / "worked.yaml").write_text("url: in\nscheme: github\nsecret: env:NOT_SET\n")
    (directory / "never.yaml").write_text("url: a/b\nscheme: githib\nsecret: env:NOT_SET\n")
    await served.engine.ruleset.reload()
    (directory / "worked.yaml").write_text("url: in\nscheme: [github\nsecret: env:NOT_SET\n")
    await served.engine.ruleset.reload()
    shown = {source["ref"]: source for source in (await served.get("/api/v1/sources?pack=mypack")).json}
    assert (shown["mypack.worked"]["state"], shown["mypack.worked"]["active"]) == ("stale", True)
    assert (shown["mypack.never"]["state"], shown["mypack.never"]["url"]) == ("broken", "a/b")
    assert shown["mypack.never"]["problems"][0]["code"] == "unknown-scheme"
    assert (await served.post("/api/v1/webhooks/in", {})).status == 401
    assert (await served.post("/api/v1/webhooks/a/b", {})).status >= 400
    off = await served.put("/api/v1/sources/mypack.never", {"enabled": False})
    assert (off.status, off.json["enabled"]) == (200, False)
    assert (await served.post("/api/v1/webhooks/a/b", {})).status == 202


async def test_a_document_that_cannot_be_read_any_more_is_refused_and_deleted(served: Served) -> None:
    """Made here by an older version, say: its URL stays closed until it is deleted."""
    made = await make(served, url="in")
    (stored,) = await served.engine.store.content_documents()
    spoilt = msgspec.structs.replace(stored, document={**stored.document, "replay": 5})
    await served.engine.store.put_content(spoilt, create=False)
    await served.engine.ruleset.reload()
    assert await post(served, SECRET, "in") == 202, "its last good version guards"
    served.engine.ruleset._current = None
    await served.engine.ruleset.reload()
    shown = (await served.get("/api/v1/sources/default.made")).json
    assert (shown["state"], shown["url"], shown["problems"][0]["path"]) == ("broken", "in", "replay")
    assert (await served.post("/api/v1/webhooks/in", {})).status >= 400
    changed = await served.put("/api/v1/sources/default.made", {**made, "description": "x"})
    assert (changed.status, "delete it, and make it anew" in changed.json["faultstring"]) == (400, True)
    assert (await served.delete("/api/v1/sources/default.made")).status == 204
    assert (await served.post("/api/v1/webhooks/in", {})).status == 202


async def test_refusals_are_listed_explained_and_tried_again(served: Served) -> None:
    """With the right secret in place, a request that was refused becomes an event; its sender was told nothing."""
    made = await make(served)
    assert await post(served, OTHER) == 401
    await make(served, name="other", url="elsewhere", secrets=[{"value": OTHER}])
    path = f"/api/v1/sources/{made['ref']}/rejections"
    (refused,) = (await served.get(path)).json
    assert (refused["reason"], refused["source"], refused["url"]) == ("mismatch", "default.made", "made")
    told = (await served.get(f"{path}/last")).json
    assert told["id"] == refused["id"]
    assert any("the secret of the source default.other" in cause["text"] for cause in told["causes"])
    assert told == (await served.get(f"{path}/{refused['id']}")).json
    again = await served.post(f"{path}/last/retry", {})
    assert (again.status, again.json["outcome"]) == (200, "refused")
    added = await served.post(f"/api/v1/sources/{made['ref']}/rotate", {"value": OTHER})
    assert added.status == 200, added.json
    before = await served.count_instances()
    taken = await served.post(f"{path}/{refused['id']}/retry", {})
    assert taken.json["outcome"] == "accepted", taken.json
    assert await served.count_instances() == before + 1
    assert (await served.get(path)).json == []
    for wanted in ("last", refused["id"], "nope"):
        assert (await served.get(f"{path}/{wanted}")).status == 404
        assert (await served.post(f"{path}/{wanted}/retry", {})).status == 404


async def test_a_refusal_belongs_to_its_source(served: Served) -> None:
    """What one source refused is not found under another."""
    await make(served)
    await make(served, name="other", url="elsewhere")
    assert await post(served, OTHER) == 401
    (refused,) = (await served.get("/api/v1/sources/default.made/rejections")).json
    for method, path in (("GET", ""), ("POST", "/retry")):
        answer = await served.request(method, f"/api/v1/sources/default.other/rejections/{refused['id']}{path}")
        assert answer.status == 404


async def test_a_secret_is_rotated_without_losing_a_request(served: Served) -> None:
    """The new one is shown once, the old one stays until it is taken out; each tells when it was used last."""
    made = await make(served)
    assert await post(served, SECRET) == 202
    rotated = (await served.post(f"/api/v1/sources/{made['id']}/rotate", {})).json
    assert (rotated["name"], len(rotated["value"])) == ("2", 64)
    first = {secret["name"]: secret for secret in rotated["secrets"]}["first"]
    assert (first["present"], first["from"]) == (True, "sealed")
    assert first["last_used"] is not None
    assert await post(served, SECRET) == 202
    assert await post(served, rotated["value"]) == 202

    async def both_used() -> bool:
        used = (await served.get("/api/v1/sources/default.made/secrets")).json
        return all(secret["last_used"] for secret in used)

    await served.until(both_used)
    assert rotated["value"].encode() not in (await served.get("/api/v1/sources/default.made/secrets")).body
    assert (await served.delete("/api/v1/sources/default.made/secrets/first")).status == 204
    assert await post(served, SECRET) == 401
    assert await post(served, rotated["value"]) == 202
    only = await served.delete("/api/v1/sources/default.made/secrets/2")
    assert (only.status, "the only secret" in only.json["faultstring"]) == (400, True)
    assert (await served.delete("/api/v1/sources/default.made/secrets/nope")).status == 404


async def test_what_cannot_be_rotated(served: Served) -> None:
    """A key pair is the sender's to make; a name is used once; there is an end to it."""
    await make(served, name="pair", url="pair", scheme="discord", secrets=[{"value": "00" * 32}], replay=None)
    answer = await served.post("/api/v1/sources/default.pair/rotate", {})
    assert answer.status == 400
    assert "the secret comes from the sender" in answer.json["faultstring"]
    await make(served)
    for document, reason in (
        ({"name": "first"}, "two secrets are called first"),
        ({"surprise": 1}, "unexpected"),
        ({"value": 5}, "a secret is a text"),
        ({"from": "CANARY"}, "this is not where a secret is"),
        ({"from": "sealed:00FF"}, "a sealed secret belongs to"),
    ):
        answer = await served.post("/api/v1/sources/default.made/rotate", document)
        assert (answer.status, reason in answer.json["faultstring"]) == (400, True), answer.json
    for _ in range(9):
        assert (await served.post("/api/v1/sources/default.made/rotate", {})).status == 200
    full = await served.post("/api/v1/sources/default.made/rotate", {})
    assert (full.status, "has 10 secrets" in full.json["faultstring"]) == (400, True)


async def test_concurrent_rotations_lose_nothing(served: Served) -> None:
    """Each secret that was given out proves requests."""
    import asyncio

    await make(served)
    answers = await asyncio.gather(*(served.post("/api/v1/sources/default.made/rotate", {}) for _ in range(5)))
    made = [answer.json.get("value") for answer in answers if answer.status == 200]
    assert len(made) >= 1
    for secret in made:
        assert await post(served, secret) == 202


async def test_schemes_say_what_they_prove(served: Served) -> None:
    """Each with its name, what is signed, what to configure, and what is left unproved."""
    answer = await served.get("/api/v1/schemes")
    schemes = {scheme["name"]: scheme for scheme in answer.json}
    assert len(schemes) >= 31
    assert schemes["github"]["headers"] == ["X-Hub-Signature-256"]
    assert (schemes["slack"]["signed_time"], schemes["github"]["signed_time"]) == ("300 s", "none")
    assert all(scheme["proves"] and scheme["configure"] for scheme in schemes.values())


async def test_strangers_learn_nothing(served: Served) -> None:
    """Without an API key none of it is answered."""
    made = await make(served)
    for method, path in (
        ("GET", "sources"),
        ("POST", "sources"),
        ("GET", f"sources/{made['id']}"),
        ("PUT", f"sources/{made['id']}"),
        ("DELETE", f"sources/{made['id']}"),
        ("GET", f"sources/{made['id']}/rejections"),
        ("GET", f"sources/{made['id']}/rejections/last"),
        ("POST", f"sources/{made['id']}/rejections/last/retry"),
        ("GET", f"sources/{made['id']}/secrets"),
        ("DELETE", f"sources/{made['id']}/secrets/first"),
        ("POST", f"sources/{made['id']}/rotate"),
        ("GET", "schemes"),
    ):
        assert (await served.request(method, f"/api/v1/{path}", key=None)).status == 401
