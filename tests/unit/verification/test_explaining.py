"""Why a request was refused, told to the operator and to nobody else; and another try once it is mended."""

import asyncio
import json
from typing import Any

import pytest

from stormlet.flow.verification.rejections import LARGEST_BODY
from stormlet.foundation.errors import InvalidInputError, NotFoundError
from stormlet.foundation.settings import Limits
from stormlet.signatures.request import SignedRequest

from .conftest import KEY, Answer, Door, Serve

SECRET = "correct horse battery staple"
GITHUB = {"url": "in", "scheme": "github", "secret": "env:S"}
RULES = {"listens": "in"}
VARIABLES = {"S": SECRET}
REF = "default.guarded"


async def codes(door: Door) -> list[str]:
    diagnosis = await door.engine.guarding.explain(REF)
    assert SECRET not in repr(diagnosis)
    return [cause.code for cause in diagnosis.causes]


async def spoilt(door: Door, change: Any) -> Answer:
    """Send a signed request, changed on the way."""
    request: SignedRequest = change(door.sign("in", "github", SECRET, b'{"a": 1}'))
    return await door.send("in", request.body, list(request.headers))


def with_signature(request: SignedRequest, make: Any) -> SignedRequest:
    name = "X-Hub-Signature-256"
    value = dict(request.headers)[name]
    return request.with_headers((name, make(value)))


async def test_a_refusal_says_nothing(serve: Serve) -> None:
    """The same words whatever was wrong, and those of StackStorm for a credential that is not one."""
    door = await serve(
        {"guarded": GITHUB, "sleeping": {**GITHUB, "url": "two", "secret": "env:NOTHING"}}, RULES, variables=VARIABLES
    )
    answers = [
        await door.send("in"),
        await door.signed("in", "github", "wrong"),
        await door.send("in", headers={"X-Hub-Signature-256": "sha256=zz"}),
        await door.signed("two", "github", SECRET),
        await door.send("in", b"", headers=[("X-Hub-Signature-256", "a"), ("X-Hub-Signature-256", "b")]),
    ]
    assert {(answer.status, answer.body) for answer in answers} == {(401, answers[0].body)}
    assert answers[0].json["faultstring"] == "Unauthorized"
    assert answers[0].json.keys() == (await door.send("unknown", key="wrong")).json.keys()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda r: SignedRequest(body=r.body), "missing-header"),
        (lambda r: with_signature(r, lambda v: v.removeprefix("sha256=")), "prefix"),
        (lambda r: with_signature(r, lambda v: v[:-1]), "malformed-signature"),
        (lambda r: SignedRequest(headers=r.headers, body=b'{"a":1}'), "body-rewritten"),
        (lambda r: SignedRequest(headers=r.headers), "empty-body"),
    ],
)
async def test_what_was_likely_wrong(serve: Serve, change: Any, code: str) -> None:
    """A cause that helps, where a common mistake explains it."""
    door = await serve({"guarded": GITHUB}, RULES, variables=VARIABLES)
    assert (await spoilt(door, change)).status == 401
    found = await codes(door)
    assert any(code in each for each in found), found


async def test_another_sources_secret(serve: Serve) -> None:
    """The sender was given the secret of a neighbour; and a secret that is switched off is still recognised."""
    off = {"name": "old", "from": "env:OLD", "enabled": False}
    source = {"url": "in", "scheme": "github", "secrets": [{"name": "new", "from": "env:S"}, off]}
    other = {**GITHUB, "url": "two", "secret": "env:OTHER"}
    variables = {**VARIABLES, "OLD": "the old secret", "OTHER": "the neighbour's secret"}
    door = await serve({"guarded": source, "other": other}, RULES, variables=variables)
    await door.signed("in", "github", "the neighbour's secret")
    diagnosis = await door.engine.guarding.explain(REF)
    assert any("default.other" in cause.text for cause in diagnosis.causes)
    await door.signed("in", "github", "the old secret")
    assert "disabled-secret" in await codes(door)
    assert "the old secret" not in repr(await door.engine.guarding.secrets_of(REF))


async def test_a_clock_that_is_off(serve: Serve) -> None:
    """Judged by the moment at which it arrived, however much later somebody asks."""
    door = await serve({"guarded": {**GITHUB, "scheme": "slack"}}, RULES, variables=VARIABLES)
    await door.signed("in", "slack", SECRET, age=412)
    door.clock.pass_by(86400)
    diagnosis = await door.engine.guarding.explain(REF)
    assert any("412 s behind" in cause.text for cause in diagnosis.causes)


async def test_no_secret_configured(serve: Serve) -> None:
    """It says where one was looked for."""
    door = await serve({"guarded": GITHUB}, RULES)
    await door.signed("in", "github", SECRET)
    assert await codes(door) == ["no-secret"]
    (state,) = await door.engine.guarding.secrets_of(REF)
    assert (state.place, state.present, "S" in state.problem) == ("env:S", False, True)


async def test_a_mended_secret_is_tried_on_what_was_refused(serve: Serve) -> None:
    """Taken in like any other, once, and then no longer among the refused."""
    door = await serve({"guarded": {**GITHUB, "secret": "st2kv:s"}}, RULES)
    guarding = door.engine.guarding
    await door.signed("in", "github", SECRET, b'{"a": 1}', {"X-GitHub-Delivery": "d-1"})
    (kept,) = await guarding.rejections(REF)
    assert (await guarding.retry(kept.id)).outcome == "refused"
    await door.engine.datastore.put("s", SECRET)
    assert [cause.code for cause in (await guarding.explain(REF, kept.id)).causes] == ["genuine-now"]
    tried = await asyncio.gather(*(guarding.retry(kept.id) for _ in range(5)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in tried) == ["NotFoundError"] * 4 + ["Retried"]
    (instance,) = await door.instances()
    assert instance["payload"]["body"] == {"a": 1}
    assert instance["occurrence_time"] == "2026-02-11T09:20:00.000000Z"
    again = await door.signed("in", "github", SECRET, b'{"a": 1}', {"X-GitHub-Delivery": "d-1"})
    assert again.headers["x-event-id"] == instance["event_id"]
    assert len(await door.instances()) == 1


async def test_an_old_request_is_judged_by_its_own_time(serve: Serve) -> None:
    """A signature that was fresh when it came is good for a retry a week later."""
    door = await serve({"guarded": {**GITHUB, "scheme": "slack", "secret": "st2kv:s"}}, RULES)
    await door.signed("in", "slack", SECRET)
    await door.signed("in", "slack", SECRET, age=1000)
    door.clock.pass_by(7 * 86400)
    await door.engine.datastore.put("s", SECRET)
    newest, oldest = await door.engine.guarding.rejections(REF)
    assert (await door.engine.guarding.retry(newest.id)).reason == "too-old"
    assert (await door.engine.guarding.retry(oldest.id)).outcome == "accepted"


async def test_a_refused_handshake_can_be_answered_later(serve: Serve) -> None:
    """Nothing is dispatched of it then either."""
    door = await serve({"guarded": {**GITHUB, "secret": "st2kv:s"}}, RULES)
    await door.signed("in", "github", SECRET, b"{}", {"X-GitHub-Event": "ping"})
    await door.engine.datastore.put("s", SECRET)
    (kept,) = await door.engine.guarding.rejections(REF)
    assert (await door.engine.guarding.retry(kept.id)).outcome == "handshake"
    assert await door.instances() == []
    assert await door.engine.guarding.rejections(REF) == []


async def test_what_is_not_kept_whole(serve: Serve) -> None:
    """Of a large body only the headers are kept, of a refused address no body was read: explained, and not tried again."""
    limits = Limits(body_bytes=1_000_000)
    away = {**GITHUB, "url": "away", "allow_ips": ["192.0.2.1"]}
    door = await serve({"guarded": GITHUB, "away": away}, RULES, variables=VARIABLES, limits=limits)
    await door.signed("in", "github", "wrong", b" " * (LARGEST_BODY + 1))
    await door.signed("away", "github", SECRET)
    for ref, reason in ((REF, "mismatch"), ("default.away", "address-not-allowed")):
        diagnosis = await door.engine.guarding.explain(ref)
        assert (diagnosis.reason, diagnosis.retryable) == (reason, False)
        assert diagnosis.causes
        with pytest.raises(InvalidInputError):
            await door.engine.guarding.retry(diagnosis.rejection_id)


async def test_without_a_key_where_both_are_wanted(serve: Serve) -> None:
    """The reason is a word of its own."""
    door = await serve({"guarded": {**GITHUB, "auth": "both"}}, RULES, variables=VARIABLES)
    assert (await door.signed("in", "github", SECRET)).status == 401
    assert (await door.signed("in", "github", "wrong", key=KEY)).status == 401
    assert await codes(door) != ["no-api-key"]


async def test_what_does_not_exist(serve: Serve) -> None:
    """No such source, no such request, none refused yet."""
    door = await serve({"guarded": GITHUB, "other": {**GITHUB, "url": "b"}}, RULES, variables=VARIABLES)
    guarding = door.engine.guarding
    await door.send("in")
    (kept,) = await guarding.rejections(REF)
    for asked in (
        guarding.explain("no.such"),
        guarding.explain("default.other"),
        guarding.explain("default.other", kept.id),
        guarding.explain(REF, "0" * 24),
        guarding.retry("0" * 24),
        guarding.rejections("no.such"),
        guarding.secrets_of("no.such"),
    ):
        with pytest.raises(NotFoundError):
            await asked


async def test_what_is_kept_is_sealed(serve: Serve) -> None:
    """Neither the body nor a header of it is in the row."""
    door = await serve({"guarded": GITHUB}, RULES, variables=VARIABLES)
    await door.signed("in", "github", "wrong", b'{"CANARY": 1}', {"X-Custom": "CANARY"}, query="a=CANARY")
    (kept,) = await door.engine.guarding.rejections(REF)
    assert b"CANARY" not in kept.sealed
    assert "CANARY" not in repr(kept)
    assert json.dumps((await door.engine.guarding.explain(REF)).detail).count("CANARY") == 0
