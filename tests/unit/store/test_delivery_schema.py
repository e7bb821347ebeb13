"""The schema of deliveries says what the model says, and every query about them finds its rows by an index."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from itertools import combinations

import pytest

from stormlet.model.delivery import ENDED, TRANSITIONS, DeliveryStatus
from stormlet.model.endpoint import EndpointState
from stormlet.store.queries import Queries
from stormlet.store.sqlite.opening import Database

LARGE = {"messages", "deliveries", "delivery_attempts", "message_ordinals"}
FILTERS = ("endpoint", "message_id", "type", "status", "after", "before")


@pytest.fixture
def connection(open_it: Callable[[], Database]) -> Iterator[sqlite3.Connection]:
    database = open_it()
    yield database.connection
    database.close(clean=True)


def test_the_check_restates_the_words_of_the_model(connection: sqlite3.Connection) -> None:
    """Neither more nor less."""
    sql: str = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'deliveries'").fetchone()[0]
    found = re.search(r"CHECK \(status IN \(([^)]*)\)", sql)
    assert found is not None
    assert set(re.findall(r"'(\w+)'", found[1])) == {status.value for status in DeliveryStatus}


def test_the_table_of_transitions_restates_the_model(connection: sqlite3.Connection) -> None:
    """Neither more nor less."""
    stored = {tuple(row) for row in connection.execute("SELECT from_status, to_status FROM delivery_transitions")}
    assert stored == {(before.value, after.value) for before, all_ in TRANSITIONS.items() for after in all_}


def test_states_of_endpoints_are_columns(connection: sqlite3.Connection) -> None:
    """Neither more nor less."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(endpoint_states)")}
    assert columns == set(EndpointState.__struct_fields__)


def values(status: DeliveryStatus) -> tuple[object, ...]:
    held = status is DeliveryStatus.DELIVERING
    return (
        status,
        1 if status in ENDED else None,
        "w" if held else None,
        1 if held else None,
        1 if status is DeliveryStatus.PLANNED else None,
    )


def insert(connection: sqlite3.Connection, status: DeliveryStatus, number: int = 1, key: str | None = None) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO messages (number, id, type, version, occurred_at, subject, ordinal, pack, caused_by, url, "
        "trace_tag, body) VALUES (1, 'm', 't', 1, 1, 's', 1, 'p', '', '', '', '')"
    )
    connection.execute(
        "INSERT OR REPLACE INTO deliveries (number, id, message_number, endpoint, type, order_key, created_at, status, "
        "ended_at, worker, lease_until, next_attempt_at) VALUES (?, ?, 1, 'e', 't', ?, 1, ?, ?, ?, ?, ?)",
        (number, f"d{number}", key, *values(status)),
    )


@pytest.mark.parametrize("before", sorted(DeliveryStatus))
def test_the_database_itself_refuses_other_transitions(connection: sqlite3.Connection, before: DeliveryStatus) -> None:
    """Whoever writes to it, with whatever SQL."""
    change = "UPDATE deliveries SET status = ?, ended_at = ?, worker = ?, lease_until = ?, next_attempt_at = ?"
    for after in DeliveryStatus:
        insert(connection, before)
        if after is before or after in TRANSITIONS[before]:
            connection.execute(change, values(after))
        else:
            with pytest.raises(sqlite3.IntegrityError, match="does not change its status"):
                connection.execute(change, values(after))


@pytest.mark.parametrize(
    "breach",
    [
        "UPDATE deliveries SET status = 'delivering'",
        "UPDATE deliveries SET status = 'canceled'",
        "UPDATE deliveries SET status = 'lost'",
        "UPDATE deliveries SET ended_at = 5",
        "UPDATE deliveries SET lease_until = 5",
        "UPDATE deliveries SET worker = 'w'",
        "UPDATE deliveries SET next_attempt_at = NULL",
        "UPDATE deliveries SET attempts_before_resend = 1",
        "DELETE FROM messages",
    ],
)
def test_a_half_made_change_is_refused(connection: sqlite3.Connection, breach: str) -> None:
    """What is attempted has a lease, what is planned a moment, what ended an end, and nothing else has."""
    insert(connection, DeliveryStatus.PLANNED)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(breach)


@pytest.mark.parametrize("first", [DeliveryStatus.PLANNED, DeliveryStatus.DELIVERING])
@pytest.mark.parametrize("second", [DeliveryStatus.PLANNED, DeliveryStatus.DELIVERING])
def test_two_of_an_order_key_cannot_both_have_their_turn(
    connection: sqlite3.Connection, first: DeliveryStatus, second: DeliveryStatus
) -> None:
    """The order does not rest on the code alone."""
    insert(connection, first, 1, "k")
    connection.execute("SAVEPOINT one")
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        connection.execute(
            "INSERT INTO deliveries (id, message_number, endpoint, type, order_key, created_at, status, ended_at, worker, "
            "lease_until, next_attempt_at) VALUES ('x', 1, 'e', 't', 'k', 1, ?, ?, ?, ?, ?)",
            values(second),
        )
    insert(connection, second, 3, "another")


def plan(connection: sqlite3.Connection, sql: str) -> list[str]:
    parameters = dict.fromkeys(re.findall(r":(\w+)", sql), "[]")
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]


def test_no_query_scans_a_large_table(connection: sqlite3.Connection, queries: Queries) -> None:
    """Whatever is asked for together; a scan over an index that holds no more than what is asked for is fine."""
    for name in sorted(queries.names):
        words = sorted(queries.words(name) - {"ascending", "descending"})
        order = {"descending"} & queries.words(name)
        for given in [set(), *({word} for word in words), *(set(pair) for pair in combinations(words, 2))]:
            for step in plan(connection, queries.text(name, given | order)):
                scanned = re.fullmatch(r"SCAN (\w+)(?: AS \w+)?", step)
                assert scanned is None or scanned[1] not in LARGE, (name, given, step)


@pytest.mark.parametrize("word", FILTERS)
def test_a_page_is_read_off_an_index_in_its_order(connection: sqlite3.Connection, queries: Queries, word: str) -> None:
    """The first page of a million costs what the first page of a hundred costs; only of one message all are sorted."""
    found = re.search(r"SELECT \* FROM.*?LIMIT", queries.text("list_deliveries", {word, "descending"}), re.DOTALL)
    assert found is not None
    steps = plan(connection, f"{found[0]} :limit")
    assert not any("SORT" in step.upper() or "TEMP B-TREE" in step for step in steps) or word == "message_id", steps
    assert any("USING INDEX" in step for step in steps), steps


@pytest.mark.parametrize("word", FILTERS)
def test_totals_and_walks_read_no_bodies(connection: sqlite3.Connection, queries: Queries, word: str) -> None:
    """Messages are looked at by their id only, attempts never; and a walk does not sort all for each few."""
    for name in ("count_deliveries", "walk_deliveries"):
        steps = plan(connection, queries.text(name, {word}))
        assert not any(re.search(r"\b(delivery_attempts|SCAN messages)\b", step) for step in steps), steps
        assert not any("TEMP B-TREE" in step for step in steps) or word == "message_id", (name, steps)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("due_endpoints", "deliveries_due"),
        ("claimable_deliveries", "deliveries_due"),
        ("next_delivery_at", "deliveries_due"),
        ("next_delivery_at", "deliveries_leased"),
        ("expired_deliveries", "deliveries_leased"),
        ("held_deliveries", "deliveries_leased"),
        ("first_in_order", "deliveries_in_order"),
        ("turn_in_order", "deliveries_whose_turn_it_is"),
        ("insert_delivery", "deliveries_in_order"),
        ("waiting_deliveries", "deliveries_waiting"),
        ("delivering_by_endpoint", "deliveries_leased"),
        ("purgeable_deliveries", "deliveries_by_end"),
    ],
)
def test_what_waits_is_found_by_a_partial_index(
    connection: sqlite3.Connection, queries: Queries, query: str, index: str
) -> None:
    """So a long history costs nothing, and nothing is sorted but what is under way."""
    steps = plan(connection, queries.text(query))
    assert any(index in step for step in steps), steps
    assert query == "delivering_by_endpoint" or not any("TEMP B-TREE" in step for step in steps), steps
