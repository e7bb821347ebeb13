"""A source, compiled: what cannot work is told at load."""

from typing import Any

import pytest

from stormlet.flow.verification.guard import by_url, compile_guard
from stormlet.model.problem import Severity
from stormlet.model.source import Ordering, Rate, Replay, Reply, SecretReference, Source, SourceAuth, TriggerMapping
from stormlet.model.trigger import Trigger

SECRET = (SecretReference(name="1", reference="env:S"),)


def source(**more: Any) -> Source:
    base: dict[str, Any] = {"id": "s", "pack": "p", "name": "n", "url": "u", "scheme": "github", "secrets": SECRET}
    return Source(**{**base, **more})


def trigger(ref: str) -> Trigger:
    pack, _, name = ref.partition(".")
    return Trigger(id=ref, pack=pack, name=name, type=ref)


@pytest.mark.parametrize(
    ("more", "code", "path"),
    [
        ({"scheme": "gihub"}, "unknown-scheme", "scheme"),
        ({"scheme": ""}, "missing-key", "scheme"),
        ({"scheme": "generic_hmac"}, "missing-key", "signature"),
        ({"scheme": "generic_hmac", "options": {"signature": {"header": 5}}}, "wrong-type", "options.signature.header"),
        ({"options": {"heder": "X"}}, "unknown-key", "options.heder"),
        ({"options": {"header": 5}}, "wrong-type", "options.header"),
        ({"options": {"legacy": "yes"}}, "wrong-type", "options.legacy"),
        ({"options": {"topics": [1]}}, "wrong-type", "options.topics"),
        ({"options": {"allowed_rate": 0}}, "wrong-type", "options.allowed_rate"),
        ({"options": {"certificates": []}}, "wrong-type", "options.certificates"),
        ({"options": {"public_url": "hooks.example"}}, "bad-value", "options.public_url"),
        ({"tolerance": -1.0}, "bad-value", "tolerance"),
        ({"tolerance": float("inf")}, "bad-value", "tolerance"),
        ({"replay": Replay(id=("body.id",))}, "bad-path", "replay.id"),
        ({"ordering": Ordering(key=("$.a",), version="$.a b")}, "bad-path", "ordering.version"),
        ({"triggers": TriggerMapping(event=("$[",))}, "bad-path", "triggers.event"),
        ({"reply": Reply(status=500)}, "bad-value", "reply"),
        ({"reply": Reply(headers={"X\r\nY": "1"})}, "bad-value", "reply"),
        ({"reply": Reply(headers={"X": "a\r\nb"})}, "bad-value", "reply"),
        ({"reply": Reply(headers={"Content-Length": "5"})}, "bad-value", "reply"),
        ({"reply": Reply(body=object())}, "bad-value", "reply"),
        ({"methods": ("GET",)}, "bad-value", "methods"),
        ({"rate": Rate(per_second=0)}, "bad-value", "rate"),
        ({"allow_ips": ("here",)}, "bad-value", "allow_ips"),
        ({"trusted_proxies": ("there",)}, "bad-value", "trusted_proxies"),
        ({"scheme": "aws-sns", "secrets": ()}, "missing-key", "options.topics"),
    ],
)
def test_what_cannot_work(more: dict[str, Any], code: str, path: str) -> None:
    """A problem with its place, and no guard."""
    guard, problems = compile_guard(source(**more), trigger)
    assert guard is None
    assert (code, path) in [(problem.code, problem.path) for problem in problems]


def test_an_open_webhook_is_a_warning() -> None:
    """It works, and is told."""
    guard, problems = compile_guard(source(scheme="", auth=SourceAuth.NONE), trigger)
    assert guard is not None
    assert [(problem.code, problem.severity) for problem in problems] == [("open-webhook", Severity.WARNING)]


def test_mapping() -> None:
    """Exact names, globs, everything; each trigger once, in the order of the mapping; case counts."""
    types = {"push": "a.push", "pu*": "a.pu", "[x]": "a.class", "*": "a.all", "p?sh": "a.push", "PUSH": "a.upper"}
    mapping = TriggerMapping(event=("$.kind",), types=types)
    guard, _ = compile_guard(source(triggers=mapping), trigger)
    assert guard is not None

    def led(kind: Any) -> list[str]:
        return [found.ref for found in guard.triggers_for((), {"kind": kind})]

    assert led("push") == ["a.push", "a.pu", "a.all"]
    assert led("x") == ["a.class", "a.all"]
    assert led(None) == ["a.all"]
    assert led("push\nx") == ["a.pu", "a.all"]


def test_the_schemes_own_event_type() -> None:
    """Where the source says no place, the scheme knows one."""
    guard, _ = compile_guard(source(triggers=TriggerMapping(types={"push": "a.push"})), trigger)
    assert guard is not None
    assert [found.ref for found in guard.triggers_for((("X-GitHub-Event", "push"),), {})] == ["a.push"]


@pytest.mark.parametrize(("scheme", "status"), [("github", 202), ("scalr", 200), ("teams", 200), ("discord", 204)])
def test_replies_that_senders_expect(scheme: str, status: int) -> None:
    """Unless the source says another."""
    guard, _ = compile_guard(source(scheme=scheme), trigger)
    assert guard is not None
    assert guard.reply.status == status
    own, _ = compile_guard(source(scheme=scheme, reply=Reply(status=201)), trigger)
    assert own is not None
    assert own.reply.status == 201


def test_who_lets_anybody_in_is_asked_last() -> None:
    """Of several sources on one URL."""
    made = {}
    for name, auth in (("open", SourceAuth.NONE), ("signed", SourceAuth.SIGNATURE), ("keyed", SourceAuth.KEY)):
        guard, _ = compile_guard(source(name=name, auth=auth), trigger)
        assert guard is not None
        made[name] = guard
    assert [guard.source.name for guard in by_url(made)["u"]] == ["signed", "keyed", "open"]
