"""Once at the door: copies get the first one's answer and make no second event; what is overtaken is not dispatched."""

import asyncio
import json
from typing import Any

import pytest

from .conftest import Serve

SECRET = "correct horse battery staple"
GITHUB = {"url": "in", "scheme": "github", "secret": "env:S"}
RULES = {"listens": "in"}
VARIABLES = {"S": SECRET}


def deliver(number: int) -> dict[str, str]:
    return {"X-GitHub-Delivery": f"72d3162e-{number}"}


async def test_fifty_copies_at_once(serve: Serve) -> None:
    """One event, fifty equal answers."""
    door = await serve({"guarded": GITHUB}, RULES, variables=VARIABLES)
    answers = await asyncio.gather(*(door.signed("in", "github", SECRET, b'{"a":1}', deliver(1)) for _ in range(50)))
    assert {(answer.status, answer.body) for answer in answers} == {(202, b'{"a":1}')}
    assert len({(answer.headers["x-event-id"], answer.headers["location"]) for answer in answers}) == 1
    (instance,) = await door.instances()
    assert answers[0].headers["location"].endswith(instance["id"])


async def test_copies_over_a_restart(serve: Serve) -> None:
    """The same home, another engine: still one event, and the same answer."""
    door = await serve({"guarded": GITHUB}, RULES, variables=VARIABLES)
    first = await door.signed("in", "github", SECRET, b"{}", deliver(1))
    await door.engine.stop()
    door = await serve({"guarded": GITHUB}, RULES, variables=VARIABLES)
    answers = await asyncio.gather(*(door.signed("in", "github", SECRET, b"{}", deliver(1)) for _ in range(20)))
    assert {answer.headers["x-event-id"] for answer in answers} == {first.headers["x-event-id"]}
    assert len(await door.instances()) == 1


async def test_the_horizon(serve: Serve) -> None:
    """After it an id counts anew."""
    replay = {"id": "header:X-GitHub-Delivery", "horizon": "1h"}
    door = await serve({"guarded": {**GITHUB, "replay": replay}}, RULES, variables=VARIABLES)
    for wait, count in ((0, 1), (3599, 1), (2, 2), (0, 2)):
        door.clock.pass_by(wait)
        assert (await door.signed("in", "github", SECRET, b"{}", deliver(1))).status == 202
        assert len(await door.instances()) == count


async def test_ids_of_ones_own(serve: Serve) -> None:
    """Several places are joined so that nothing is confused; where one is missing, every copy counts."""
    replay = {"id": ["$.run.id", "$['event-name']", "header:X-Part"]}
    door = await serve({"guarded": {**GITHUB, "replay": replay}}, RULES, variables=VARIABLES)
    same = [
        ({"run": {"id": "a"}, "event-name": "b"}, "c"),
        ({"run": {"id": "a"}, "event-name": "b"}, "c"),
        ({"run": {"id": "ab"}, "event-name": ""}, "c"),
        ({"run": {"id": "ab"}, "event-name": ""}, "c"),
        ({"run": {"id": 1}, "event-name": "b"}, "c"),
        ({"run": {"id": 1}, "event-name": "b"}, "c"),
        ({"run": {"id": {}}, "event-name": "b"}, "c"),
        ({"run": {"id": 'a","b'}, "event-name": "b"}, "c"),
    ]
    for document, part in same:
        answer = await door.signed("in", "github", SECRET, json.dumps(document).encode(), {"X-Part": part})
        assert answer.status == 202
    assert len(await door.instances()) == 6


async def test_equal_bodies_are_two_events(serve: Serve) -> None:
    """A body's hash is never an id: reminders that are alike are both meant."""
    door = await serve({"guarded": {**GITHUB, "scheme": "alertmanager"}}, RULES, variables=VARIABLES)
    for _ in range(2):
        assert (await door.signed("in", "alertmanager", SECRET, b'{"status": "firing"}')).status == 202
    assert len(await door.instances()) == 2


async def test_an_id_of_any_size(serve: Serve) -> None:
    """A long one is told apart by its hash; the key in the database stays small."""
    door = await serve({"guarded": {**GITHUB, "replay": "$.id"}}, RULES, variables=VARIABLES)
    for end in "aab":
        body = json.dumps({"id": "x" * 100_000 + end}).encode()
        assert (await door.signed("in", "github", SECRET, body)).status == 202
    assert len(await door.instances()) == 2


async def test_two_sources_know_different_copies(serve: Serve) -> None:
    """An id belongs to its source."""
    door = await serve({"a": GITHUB, "b": {**GITHUB, "url": "b"}}, {**RULES, "b": "b"}, variables=VARIABLES)
    for hook in ("in", "b", "in", "b"):
        await door.signed(hook, "github", SECRET, b"{}", deliver(1))
    assert len(await door.instances()) == 2


async def test_what_is_refused_takes_no_id(serve: Serve) -> None:
    """A forged copy that comes first must not keep the real one out."""
    door = await serve({"guarded": GITHUB}, RULES, variables=VARIABLES)
    assert (await door.signed("in", "github", "forged", b"{}", deliver(1))).status == 401
    assert (await door.signed("in", "github", SECRET, b"{", deliver(1))).status == 400
    assert (await door.signed("in", "github", SECRET, b"{}", deliver(1))).status == 202
    assert len(await door.instances()) == 1


ORDERED = {**GITHUB, "scheme": "spacelift", "ordering": {"key": "$.run.id", "version": "$.stateVersion"}}


async def test_what_is_overtaken_is_stale(serve: Serve) -> None:
    """Recorded, answered like the others, and not dispatched; other keys and events without a version are not held up."""
    door = await serve({"guarded": ORDERED}, RULES, variables=VARIABLES)

    async def state(run: str, version: Any) -> int:
        body = json.dumps({"run": {"id": run}, "stateVersion": version}).encode()
        return (await door.signed("in", "spacelift", SECRET, body)).status

    sent = [
        ("r", 3),
        ("r", 2),
        ("r", 3),
        ("r", 10),
        ("r", 9),
        ("s", 1),
        ("r", None),
        ("r", True),
        ("r", 1e300),
        ("r", 11),
    ]
    assert {await state(run, version) for run, version in sent} == {202}
    statuses = [one["status"] for one in await door.instances()]
    assert len(statuses) == len(sent)

    async def decided() -> bool:
        return all(one["status"] == "processed" for one in await door.instances())

    await door.until(decided)
    enforced = (await door.api("GET", "/api/v1/ruleenforcements?limit=-1")).json
    assert len(enforced) == 6  # 3, 10, s, the two without a version, and 1e300
    metrics = (await door.api("GET", "/metrics")).body.decode()
    assert 'stormlet_source_requests_total{outcome="stale",source="default.guarded"} 4.0' in metrics


@pytest.mark.parametrize("version", ["1e999", "-1e999", "[]", '""', "1" * 400])
async def test_strange_versions(serve: Serve, version: str) -> None:
    """Never a 500."""
    door = await serve({"guarded": ORDERED}, RULES, variables=VARIABLES)
    body = b'{"run": {"id": "r"}, "stateVersion": ' + version.encode() + b"}"
    for _ in range(2):
        assert (await door.signed("in", "spacelift", SECRET, body)).status in (202, 400)


async def test_a_secrets_use_is_noted(serve: Serve) -> None:
    """Which one and when, at most once a minute; one that is rotated out is seen to rest."""
    source = {**GITHUB, "secrets": [{"name": "new", "from": "env:NEW"}, {"name": "old", "from": "env:OLD"}]}
    del source["secret"]
    door = await serve({"guarded": source}, RULES, variables={"NEW": "the new secret", "OLD": "the old secret"})
    started = door.clock.moment
    for secret in ("the old secret", "the new secret"):
        assert (await door.signed("in", "github", secret)).status == 202
    door.clock.pass_by(30)
    await door.signed("in", "github", "the new secret")
    states = {state.name: state for state in await door.engine.guarding.secrets_of("default.guarded")}
    assert {state.last_used for state in states.values()} == {started}
    door.clock.pass_by(31)
    await door.signed("in", "github", "the new secret")
    states = {state.name: state for state in await door.engine.guarding.secrets_of("default.guarded")}
    assert (states["old"].last_used, states["new"].last_used) == (started, door.clock.moment)
