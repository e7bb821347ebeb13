"""The packs for webhook senders agree with themselves: sources, samples, trigger types, schemas and rules.

`tests/golden/packs/samples.json` says of every sample with which headers it comes, and to which triggers it must lead.
"""

import json
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from jsonpath_ng import parse

from stormlet.content.directories import ContentDirectories
from stormlet.content.linking import link
from stormlet.content.loader import load
from stormlet.flow.execution import RUNNER_TYPES
from stormlet.flow.matching import CompiledRule, MatchContext, compile_rule, match
from stormlet.flow.triggering import title_case
from stormlet.foundation.schema_validation import compile_schema
from stormlet.foundation.templates import Templates
from stormlet.model.snapshot import Snapshot
from stormlet.signatures.handshakes import answer_signed
from stormlet.signatures.registry import scheme_named, sign, verify
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.scheme import Options
from stormlet.signatures.secret import Secret
from stormlet.st2compat.dialect import Dialect

REPOSITORY = Path(__file__).resolve().parents[3]
PACKS = REPOSITORY / "packs"
NOW = datetime(2026, 3, 4, 8, 0, tzinfo=UTC)
SENDERS = sorted(path.parent.name for path in PACKS.glob("*/sources") if path.is_dir())
SAMPLES = json.loads((REPOSITORY / "tests/golden/packs/samples.json").read_text(encoding="utf-8"))
EVENTS = [sample for sample in SAMPLES if sample["triggers"]]
KEYS = {
    "gitlab-signing": "whsec_c3Rvcm1sZXQgc3Rvcm1sZXQgc3Rvcm1sZXQgIQ==",
    "standard-webhooks": "whsec_c3Rvcm1sZXQgc3Rvcm1sZXQgc3Rvcm1sZXQgIQ==",
}


@cache
def snapshot() -> Snapshot:
    """Return everything in packs/, linked."""
    return link(load(ContentDirectories(packs=(PACKS,)), Dialect(), NOW), RUNNER_TYPES)


@cache
def source(pack: str, name: str) -> dict[str, Any]:
    """Return a source as its file has it."""
    document: dict[str, Any] = yaml.safe_load((PACKS / pack / "sources" / f"{name}.yaml").read_text(encoding="utf-8"))
    return document


def sample_id(sample: dict[str, Any]) -> str:
    return f"{sample['pack']}-{sample['sample'].removesuffix('.json')}"


def raw_body(sample: dict[str, Any]) -> bytes:
    return (PACKS / sample["pack"] / "samples" / sample["sample"]).read_bytes()


def values_at(places: str | list[str], sample: dict[str, Any]) -> list[Any]:
    """Return what stands at each place of the sample: `header:NAME`, or a JSONPath into the body; None: nothing."""
    body = json.loads(raw_body(sample))
    headers = {name.lower(): value for name, value in sample["headers"].items()}
    found: list[Any] = []
    for place in [places] if isinstance(places, str) else places:
        if place.startswith("header:"):
            found.append(headers.get(place.removeprefix("header:").lower()))
        else:
            found.append(next((each.value for each in parse(place).find(body)), None))
    return found


def triggers_of(sample: dict[str, Any]) -> list[str]:
    """Return the triggers that the source's mapping leads the sample to."""
    mapping = source(sample["pack"], sample["source"])["triggers"]
    event = ".".join("" if value is None else str(value) for value in values_at(mapping["event"], sample))
    return [ref for pattern, ref in mapping["types"].items() if fnmatchcase(event, pattern)]


def payload_of(sample: dict[str, Any]) -> dict[str, Any]:
    headers = title_case([("Content-Type", "application/json"), *sample["headers"].items()])
    lower = {name.lower(): value for name, value in headers.items()}
    return {"headers": headers, "headers_lower": lower, "body": json.loads(raw_body(sample))}


def test_packs_are_beyond_reproach() -> None:
    """No file of the packs has a problem, a warning included."""
    assert [str(problem) for problem in snapshot().problems] == []
    assert {"scalr", "pulumi", "hcp", "spacelift", "github", "gitlab", "slack", "stripe"} <= set(SENDERS)


@pytest.mark.parametrize("pack", SENDERS)
def test_a_pack_changes_nothing_by_itself(pack: str) -> None:
    """Its sources sleep until a variable of their own is set, and its rules are switched off."""
    for path in sorted((PACKS / pack / "sources").glob("*.yaml")):
        document = source(pack, path.stem)
        given = document.get("secrets") or [document["secret"]]
        assert document["name"] == path.stem
        assert document["enabled"] == "auto"
        assert all((each if isinstance(each, str) else each["from"]).startswith("env:") for each in given)
    rules = [loaded.rule for loaded in snapshot().rules.values() if loaded.ref.startswith(f"{pack}.")]
    assert rules
    assert not any(rule is None or rule.enabled for rule in rules)


def test_urls_and_variables_are_used_once() -> None:
    """No two sources guard one URL or wait for one variable, so that setting one never wakes two."""
    documents = [source(pack, path.stem) for pack in SENDERS for path in (PACKS / pack / "sources").glob("*.yaml")]
    urls = [document["url"] for document in documents]
    secrets = [str(document.get("secrets") or document["secret"]) for document in documents]
    assert len(set(urls)) == len(urls)
    assert len(set(secrets)) == len(secrets)


def test_every_sample_is_accounted_for() -> None:
    """The list of samples and the files are the same."""
    listed = {(sample["pack"], sample["sample"]) for sample in SAMPLES}
    there = {(path.parent.parent.name, path.name) for path in PACKS.glob("*/samples/*.json")}
    assert listed == there


@pytest.mark.parametrize("pack", SENDERS)
def test_mappings_lead_to_triggers_that_exist(pack: str) -> None:
    """Each ref in a source's mapping is a trigger type of its pack, and each trigger type of the pack is led to."""
    declared = {ref for ref in snapshot().trigger_types if ref.startswith(f"{pack}.")}
    led_to: set[str] = set()
    for path in (PACKS / pack / "sources").glob("*.yaml"):
        led_to |= set(source(pack, path.stem)["triggers"]["types"].values())
    assert led_to == declared


@pytest.mark.parametrize("sample", EVENTS, ids=sample_id)
def test_a_sample_leads_to_its_triggers_and_fits_their_schemas(sample: dict[str, Any]) -> None:
    """The mapping gives the triggers that are expected and no other, and each takes the payload."""
    assert sorted(set(triggers_of(sample))) == sorted(sample["triggers"])
    for ref in sample["triggers"]:
        schema = snapshot().trigger_types[ref].payload_schema
        assert schema is not None
        assert compile_schema(schema).errors(payload_of(sample)) == []


@pytest.mark.parametrize("sample", EVENTS, ids=sample_id)
def test_a_delivery_is_known_by_what_the_source_names(sample: dict[str, Any]) -> None:
    """The places of `replay` hold what is expected; a sample without them has no id, and is not taken for a copy."""
    replay = source(sample["pack"], sample["source"]).get("replay", {})
    found = values_at(replay.get("id", []), sample)
    assert sample["delivery_id"] == ([] if None in found else found)


@pytest.mark.parametrize("sample", SAMPLES, ids=sample_id)
def test_a_signed_sample_is_genuine_and_handshakes_are_answered(sample: dict[str, Any]) -> None:
    """The source's scheme signs and verifies it; verification payloads and pings get their reply and are no events."""
    scheme = scheme_named(source(sample["pack"], sample["source"])["scheme"])
    secrets = (Secret(value=KEYS.get(scheme.about.name, "correct horse battery staple")),)
    headers = (("Content-Type", "application/json"), *sample["headers"].items())
    options = Options(message_id="" if "webhook-id" in sample["headers"] else "msg_1")
    url = f"https://rules.example/api/v1/webhooks/{source(sample['pack'], sample['source'])['url']}"
    request = sign(scheme, SignedRequest(url=url, headers=headers, body=raw_body(sample)), secrets, NOW, options)
    verification = verify(scheme, request, secrets, NOW)
    assert verification.ok, verification
    forged = msgspec.structs.replace(request, headers=headers)
    assert not verify(scheme, forged, secrets, NOW).ok
    reply = answer_signed(scheme, request, verification, secrets)
    assert (reply is not None) == bool(sample.get("handshake"))


@cache
def rules_by_ref() -> dict[str, CompiledRule]:
    made: dict[str, CompiledRule] = {}
    for ref, loaded in snapshot().rules.items():
        assert loaded.rule is not None
        compiled, problems = compile_rule(msgspec.structs.replace(loaded.rule, enabled=True), Templates())
        assert compiled is not None, problems
        made[ref] = compiled
    return made


@pytest.mark.parametrize("ref", sorted(rules_by_ref()))
def test_an_example_rule_fires_on_a_sample(ref: str) -> None:
    """Each rule matches one of its pack's samples at least, and its command line can be rendered of it."""
    rule = rules_by_ref()[ref]
    context = MatchContext(now=NOW, read_system_key=lambda name: None)
    command = Templates().compile(rule.rule.action.parameters["cmd"])
    fired = 0
    for sample in EVENTS:
        payload = payload_of(sample)
        if rule.trigger in sample["triggers"] and match([rule], payload, "0" * 24, context)[0].matched:
            fired += 1
            assert command.render({"trigger": payload}).startswith("echo ")
    assert fired, f"{ref} matches none of the samples"


@pytest.mark.parametrize(
    ("pack", "kept_apart"),
    [
        ("pulumi", ("update_failed", "preview_failed", "destroy_failed", "refresh_failed")),
        ("spacelift", ("run_finished", "run_failed", "internal_error")),
        ("hcp", ("terraform_run_errored", "terraform_drifted", "packer_event")),
    ],
)
def test_neighbours_are_told_apart(pack: str, kept_apart: tuple[str, ...]) -> None:
    """No sample leads to two triggers that exclude each other."""
    for sample in EVENTS:
        if sample["pack"] == pack:
            assert len({f"{pack}.{name}" for name in kept_apart} & set(triggers_of(sample))) <= 1
