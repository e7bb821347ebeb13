"""Who is told of what: types, scopes, filters, order keys; and every maker makes what the catalogue says."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from stormlet.flow.delivery import messages
from stormlet.flow.delivery.endpoints import CompiledEndpoint, EndpointTable
from stormlet.flow.delivery.loop_guard import HEADER, LoopGuard
from stormlet.flow.delivery.messages import Surroundings
from stormlet.flow.delivery.publishing import Publisher
from stormlet.flow.ruleset.endpoints import compile_endpoints
from stormlet.foundation.errors import InvalidInputError
from stormlet.foundation.identifiers import new_id
from stormlet.foundation.schema_validation import compile_schema
from stormlet.foundation.templates import Templates
from stormlet.model.action import Action
from stormlet.model.arrival import Rejection
from stormlet.model.endpoint import Endpoint, EndpointSecret, Scope
from stormlet.model.enforcement import Enforcement, EnforcementStatus
from stormlet.model.event import Event, EventKind
from stormlet.model.execution import Execution, ExecutionStatus, Outcome
from stormlet.model.message import Message
from stormlet.model.message_catalogue import MESSAGE_TYPES
from stormlet.model.publication import check_published
from stormlet.model.rule import ActionCall, Criterion, Rule, TriggerSpec
from stormlet.model.snapshot import Snapshot
from stormlet.model.trigger import TriggerInstance

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
GUARD = LoopGuard(bytes(32))
INSTANCE = TriggerInstance(
    id=new_id(NOW), trigger="web.hook", trigger_type="web.hook", occurrence_time=NOW, trace_tag="tag"
)
RULE = Rule(
    id="r1",
    pack="web",
    name="deploy",
    trigger=TriggerSpec(type="web.hook"),
    action=ActionCall(ref="core.local"),
    tags=({"name": "team", "value": "web"}, {"name": "loud"}),
)
EXECUTION = Execution(
    id=new_id(NOW),
    action="core.local",
    runner_type="local-shell-cmd",
    status=ExecutionStatus.REQUESTED,
    requested_at=NOW,
    started_at=NOW,
    rule=RULE.ref,
    context={"user": "stanley", "chain": ["endpoint:a.b"]},
    parameters={"cmd": "t0psecret"},
    trace_tag="tag",
)


class Content:
    """Endpoints that a test gives, and one rule."""

    def __init__(self, *endpoints: Endpoint) -> None:
        compiled = compile_endpoints(
            Snapshot(loaded_at=NOW, endpoints={each.ref: each for each in endpoints}), Templates(), None
        )
        assert not compiled.problems, compiled.problems
        self.endpoints: EndpointTable = compiled.table

    def rule(self, ref_or_id: str) -> Rule | None:
        return RULE if ref_or_id == RULE.ref else None

    def action(self, ref_or_id: str) -> Action | None:
        return None


def everybody(compiled: CompiledEndpoint) -> bool:
    return True


def publisher(*endpoints: Endpoint, may_wait: Any = everybody) -> Publisher:
    content = Content(*endpoints)
    return Publisher(content=lambda: content, may_wait=may_wait, guard=GUARD, base_url=lambda: "https://here/")


def endpoint(name: str = "all", **fields: Any) -> Endpoint:
    secrets = (EndpointSecret(name="1", reference="env:HOOK"),)
    return Endpoint(id=name, pack="tests", name=name, url="https://example.org/", secrets=secrets, **fields)


def message(**fields: Any) -> Message:
    given = {"id": "m1", "type": "deploy.finished", "time": NOW, "subject": "execution:1", "pack": "web", **fields}
    return Message(**given)


def told(some: tuple[Any, ...]) -> list[str]:
    return [planned.message.type for planned in some]


def test_nobody_listens_nothing_is_planned() -> None:
    """Without an endpoint no cause makes any plan."""
    silent = publisher()
    outcome = Outcome(execution_id=EXECUTION.id, token=1, status=ExecutionStatus.FAILED, result={}, ended_at=NOW)
    assert silent.received([INSTANCE]) == ()
    assert silent.execution(EXECUTION, NOW) == ()
    assert silent.concluded(EXECUTION, outcome) == ()
    assert not silent.hears("rule.matched")


@pytest.mark.parametrize(
    ("fields", "wants"),
    [
        ({}, True),
        ({"types": ("deploy.*",)}, True),
        ({"types": ("execution.*", "*.finished")}, True),
        ({"types": ("execution.*",)}, False),
        ({"scope": Scope(packs=("web",))}, True),
        ({"scope": Scope(packs=("db",))}, False),
        ({"scope": Scope(tags=("team:web",))}, True),
        ({"scope": Scope(tags=("team:db",))}, False),
        ({"scope": Scope(packs=("web",), tags=("team:db",))}, False),
        ({"enabled": False}, False),
        ({"filter": (Criterion(key="trigger.data.site", type="equals", pattern="4.2"),)}, True),
        ({"filter": (Criterion(key="trigger.data.site", type="equals", pattern="4.3"),)}, False),
        ({"filter": (Criterion(key="trigger.pack", type="regex", pattern="^w"),)}, True),
        ({"filter": (Criterion(key="trigger.data.none", type="exists"),)}, False),
    ],
)
def test_who_wants_a_message(fields: dict[str, Any], wants: bool) -> None:
    """Types by glob, scope by pack and tags, the filter in the rules' language."""
    found = publisher(endpoint(**fields)).plan(message(tags=("team:web",), data={"site": "4.2"}))
    assert bool(found) is wants


def test_a_broken_filter_takes_only_its_endpoint_away() -> None:
    """An endpoint whose filter cannot be compiled is broken, told at its place, and the others go on."""
    wrong = endpoint("wrong", filter=(Criterion(key="trigger.x", type="regex", pattern="("),))
    snapshot = Snapshot(loaded_at=NOW, endpoints={each.ref: each for each in (wrong, endpoint())})
    compiled = compile_endpoints(snapshot, Templates(), None)
    assert list(compiled.table.endpoints) == ["tests.all"]
    assert list(compiled.table.broken) == ["tests.wrong"]
    assert compiled.problems[0].path == "filter.trigger.x.pattern"


def test_unchanged_endpoints_are_not_compiled_again() -> None:
    """A reload takes over what has not changed."""
    snapshot = Snapshot(loaded_at=NOW, endpoints={"tests.all": endpoint()})
    first = compile_endpoints(snapshot, Templates(), None).table
    assert compile_endpoints(snapshot, Templates(), first).table.endpoints["tests.all"] is first.endpoints["tests.all"]


def test_order_keys_and_link() -> None:
    """The key of ordered endpoints is taken from the message; one that has none keeps no order; a person finds a link."""
    some = publisher(
        endpoint("plain"), endpoint("ordered", order_key="subject"), endpoint("absent", order_key="data.none")
    )
    (planned,) = some.plan(message())
    assert planned.endpoints == ("tests.plain", "tests.ordered", "tests.absent")
    assert planned.order_keys == {"tests.ordered": "execution:1"}
    assert planned.message.url == "https://here/api/v1/executions/1"


def test_who_may_not_wait_is_not_told() -> None:
    """Nothing is planned for an endpoint that was never verified or is switched off."""
    assert publisher(endpoint(), may_wait=lambda compiled: False).plan(message()) == ()


def test_a_decision_tells_of_rules_and_executions() -> None:
    """One decision: a match, a failure, a request; with the rule's pack, tags, and what led to it."""
    matched = Enforcement(
        id=new_id(NOW),
        rule=RULE.ref,
        rule_id="r1",
        trigger_instance_id=INSTANCE.id,
        enforced_at=NOW,
        status=EnforcementStatus.SUCCEEDED,
        execution_id=EXECUTION.id,
    )
    failed = msgspec.structs.replace(matched, execution_id=None, failure_reason="no such action")
    planned = publisher(endpoint()).decided(INSTANCE, [matched, failed], [EXECUTION], ("endpoint:a.b",))
    assert told(planned) == ["rule.matched", "rule.failed", "execution.requested"]
    assert {each.message.pack for each in planned} == {"web"}
    assert {each.message.tags for each in planned} == {("team:web", "loud")}
    assert {each.message.chain for each in planned} == {("endpoint:a.b",)}
    assert {each.message.caused_by for each in planned} == {RULE.ref}


def test_chain_of_a_request_is_believed_only_if_it_is_ours() -> None:
    """The header that we wrote is read; a forged one is no chain."""
    some = publisher(endpoint())

    def event(value: str) -> Event:
        return Event(id="e", kind=EventKind.CUSTOM, url="hook", received_at=NOW, body=b"{}", headers=((HEADER, value),))

    (genuine,) = some.received([INSTANCE], event(GUARD.written(["endpoint:tests.all"])))
    (forged,) = some.received([INSTANCE], event(GUARD.written(["endpoint:tests.all"])[:-4] + "AAAA"))
    assert genuine.message.chain == ("endpoint:tests.all",)
    assert forged.message.chain == ()


@pytest.mark.parametrize("status", [each for each in ExecutionStatus if f"execution.{each.value}" in MESSAGE_TYPES])
def test_executions_fit_the_catalogue(status: ExecutionStatus) -> None:
    """What is said of an execution fits the schema of its type, and holds no parameter."""
    changed = msgspec.structs.replace(EXECUTION, status=status, result={"stderr": "t0psecret", "return_code": 3})
    made = messages.execution_changed(changed, NOW, Surroundings(pack="web"))
    assert compile_schema(dict(MESSAGE_TYPES[made.type].schema)).errors(made.data) == []
    assert b"t0psecret" not in msgspec.json.encode(made)


def test_the_others_fit_the_catalogue() -> None:
    """Every other maker makes what its type's schema says."""
    around = Surroundings(pack="web")
    rejection = Rejection(
        id="j",
        source="web.hook",
        url="hook",
        received_at=NOW,
        reason="mismatch",
        detail="",
        remote="::1",
        size=1,
        sealed=b"",
    )
    made = [
        messages.trigger_received(INSTANCE, around, "hook", "web.hook"),
        messages.source_rejected(rejection, "web"),
        messages.source_verified("web.hook", "web", "hook", NOW, secret="1"),
        messages.endpoint_disabled("web.chat", "web", "410", NOW, None, 3),
        messages.endpoint_verification("web.chat", "web", "created", NOW),
        messages.pack_registered("web", "1.0", None, 0, NOW),
    ]
    for each in made:
        assert compile_schema(dict(MESSAGE_TYPES[each.type].schema)).errors(each.data) == [], each.type
        assert each.subject.partition(":")[0] == MESSAGE_TYPES[each.type].subject


def test_publishing_is_planned_with_its_outcome() -> None:
    """core.publish tells its message where it succeeded, and nothing where it failed."""
    some = publisher(endpoint(types=("deploy.*",)))
    execution = msgspec.structs.replace(EXECUTION, runner_type="publish")
    result = {"type": "deploy.finished", "data": {"site": "4.2"}, "scope": {"pack": "other", "tags": ["x"]}}
    outcome = Outcome(execution_id="e", token=1, status=ExecutionStatus.SUCCEEDED, result=result, ended_at=NOW)
    (planned,) = some.concluded(execution, outcome)
    assert (planned.message.type, planned.message.data) == ("deploy.finished", {"site": "4.2"})
    assert (planned.message.pack, planned.message.tags) == ("other", ("team:web", "loud", "x"))
    assert some.concluded(execution, msgspec.structs.replace(outcome, status=ExecutionStatus.FAILED)) == ()


@pytest.mark.parametrize(
    ("kind", "data", "scope"),
    [
        ("execution.failed", {}, {}),
        ("", {}, {}),
        (None, {}, {}),
        ("a..b", {}, {}),
        ("a b", {}, {}),
        ("a.b", [], {}),
        ("a.b", {"x": "y" * 70_000}, {}),
        ("a.b", {}, {"packs": ["x"]}),
        ("a.b", {}, {"tags": "x"}),
        ("a.b", {}, {"tags": [1]}),
    ],
)
def test_what_cannot_be_published(kind: Any, data: Any, scope: Any) -> None:
    """The engine's own types, malformed ones, data that is too large, and scopes that mean nothing."""
    with pytest.raises(InvalidInputError):
        check_published(kind, data, scope)


def test_errors_are_short_and_without_credentials() -> None:
    """An error says its first thousand letters, and no credential."""
    assert messages.error_of({"error": "x" * 5000}) == "x" * 1000
    assert "t0psecret" not in messages.error_of({"error": "refused: api_key=t0psecret"})
    assert messages.error_of({"return_code": 2, "stderr": "no"}) == "exit code 2"
