"""Messages: the catalogue, its examples, and which type makes sense where."""

import json

import jsonschema_rs
import pytest

from stormlet.model.delivery import ENDED, TRANSITIONS, DeliveryStatus, delivery_id
from stormlet.model.endpoint import Scope
from stormlet.model.message import RESERVED_PREFIXES, MessageType, ScopeKind, is_type_name, is_user_type
from stormlet.model.message_catalogue import MESSAGE_TYPES, message_type, senseless_types, wants_type


@pytest.mark.parametrize("one", MESSAGE_TYPES.values(), ids=lambda one: one.name)
def test_an_example_fits_its_schema(one: MessageType) -> None:
    """And the schema itself is one; small, so that it fits into any queue."""
    jsonschema_rs.meta.validate(one.schema)
    jsonschema_rs.validate(one.schema, one.example)
    assert len(json.dumps(one.example)) < 2000


@pytest.mark.parametrize("one", MESSAGE_TYPES.values(), ids=lambda one: one.name)
def test_the_engines_types_are_reserved(one: MessageType) -> None:
    """No action can publish what looks like the engine's word."""
    assert is_type_name(one.name)
    assert not is_user_type(one.name)
    assert one.name.partition(".")[0] in RESERVED_PREFIXES
    assert message_type(one.name) is one


@pytest.mark.parametrize("name", ["order.paid", "a", "A_1.b.c"])
def test_a_user_may_publish_types_of_his_own(name: str) -> None:
    """Version 1, any data."""
    assert is_user_type(name)
    assert message_type(name).version == 1


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "a..b", "a b", "ü", "a-b", "execution.won", "a" * 201, "a\n"])
def test_other_names_are_no_types_of_users(name: str) -> None:
    """As Standard Webhooks has it."""
    assert not is_user_type(name)


@pytest.mark.parametrize(
    ("globs", "kind", "senseless"),
    [
        (["*"], ScopeKind.TAGS, ()),
        (["trigger.received"], ScopeKind.TAGS, ("trigger.received",)),
        (["trigger.*", "execution.*"], ScopeKind.TAGS, ("trigger.*",)),
        (["pack.registered"], ScopeKind.PACKS, ("pack.registered",)),
        (["pack.registered"], ScopeKind.ALL, ()),
        (["endpoint.verification"], ScopeKind.ALL, ("endpoint.verification",)),
        (["order.*"], ScopeKind.TAGS, ()),
        ([], ScopeKind.TAGS, ()),
    ],
)
def test_types_that_make_no_sense_in_a_scope_are_named(
    globs: list[str], kind: ScopeKind, senseless: tuple[str, ...]
) -> None:
    """A glob that means at least one that does is fine."""
    assert senseless_types(globs, kind) == senseless


def test_no_globs_want_everything() -> None:
    """Any one that matches is enough."""
    assert wants_type([], "execution.failed")
    assert wants_type(["a.*", "execution.*"], "execution.failed")
    assert not wants_type(["a.*"], "execution.failed")


def test_a_scope_covers_its_packs_and_tags() -> None:
    """Both, where both are given."""
    scope = Scope(packs=("p",), tags=("x", "y"))
    assert scope.kind is ScopeKind.TAGS
    assert scope.covers("p", ("y", "z"))
    assert not scope.covers("p", ())
    assert not scope.covers("q", ("x",))
    assert Scope().covers("anything", ())
    assert (Scope().kind, Scope(packs=("p",)).kind) == (ScopeKind.ALL, ScopeKind.PACKS)


def test_every_status_of_a_delivery_has_its_transitions() -> None:
    """What has ended can only be planned again."""
    assert set(TRANSITIONS) == set(DeliveryStatus)
    assert all(TRANSITIONS[status] == {DeliveryStatus.PLANNED} for status in ENDED)


def test_the_id_of_a_delivery_is_that_of_message_and_endpoint() -> None:
    """The same every time, sorting by the message's time, and with the form of an id."""
    one = delivery_id("66a0f7c1c0ffee0000000001", "p.one")
    assert one == delivery_id("66a0f7c1c0ffee0000000001", "p.one") != delivery_id("66a0f7c1c0ffee0000000001", "p.two")
    assert one.startswith("66a0f7c1")
    assert len(one) == 24
