"""The sources that ship with the engine, awake: each sample of their packs goes through the gate to its triggers, once."""

import json
from pathlib import Path
from typing import Any

import yaml

from stormlet.signatures.scheme import Options
from stormlet.signatures.secret import Secret

from .conftest import Door, Serve

REPOSITORY = Path(__file__).resolve().parents[3]
PACKS = REPOSITORY / "packs"
SAMPLES: list[dict[str, Any]] = json.loads((REPOSITORY / "tests/golden/packs/samples.json").read_text(encoding="utf-8"))
BASE64 = "whsec_c3Rvcm1sZXQgc3Rvcm1sZXQgc3Rvcm1sZXQgIQ=="
TEXT = "correct horse battery staple"
NEED_BASE64 = {"gitlab-signing", "standard-webhooks"}


def source_of(sample: dict[str, Any]) -> dict[str, Any]:
    path = PACKS / sample["pack"] / "sources" / f"{sample['source']}.yaml"
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def variables() -> dict[str, str]:
    """Return a secret for each variable that a shipped source waits for."""
    found = {}
    for path in PACKS.glob("*/sources/*.yaml"):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for given in document.get("secrets") or [document["secret"]]:
            place = given if isinstance(given, str) else given["from"]
            found[place.removeprefix("env:")] = BASE64 if document["scheme"] in NEED_BASE64 else TEXT
    return found


async def triggers_of(door: Door, event: str) -> list[str]:
    instances = (await door.api("GET", "/api/v1/triggerinstances?limit=-1")).json
    found = [(await door.api("GET", f"/api/v1/triggerinstances/{one['id']}")).json for one in instances]
    return sorted(one["trigger_type"] for one in found if one["event_id"] == event)


async def test_each_sample_leads_to_its_triggers(serve: Serve) -> None:
    """Signed it is taken, a copy with a delivery id makes nothing more, unsigned it is refused, a handshake is no event."""
    door = await serve({}, variables=variables())
    for number, sample in enumerate(SAMPLES):
        source = source_of(sample)
        body = (PACKS / sample["pack"] / "samples" / sample["sample"]).read_bytes()
        secret = Secret(value=BASE64 if source["scheme"] in NEED_BASE64 else TEXT)
        options = Options(message_id="" if "webhook-id" in sample["headers"] else f"msg_{number}")
        hook, scheme = source["url"], source["scheme"]
        named = source.get("replay", {}).get("id", "")  # samples may share an id; here each is a delivery of its own
        headers = {
            name: f"{value}-{number}" if named == f"header:{name}" else value
            for name, value in sample["headers"].items()
        }
        answer = await door.signed(hook, scheme, secret, body, headers, options=options)
        assert answer.status // 100 == 2, (sample["sample"], answer.status, answer.body)
        copy = await door.signed(hook, scheme, secret, body, headers, options=options)
        assert (await door.send(hook, body, headers)).status == 401
        if sample.get("handshake"):
            assert "x-event-id" not in answer.headers
            continue
        assert await triggers_of(door, answer.headers["x-event-id"]) == sorted(set(sample["triggers"])), sample[
            "sample"
        ]
        if sample["delivery_id"]:
            assert copy.headers["x-event-id"] == answer.headers["x-event-id"], sample["sample"]
