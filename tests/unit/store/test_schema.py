"""The schema says what the model says, and every query finds its rows by an index."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import pytest

from stormlet.model.enforcement import EnforcementStatus
from stormlet.model.execution import COMPLETED, TRANSITIONS, ExecutionStatus, OutputKind
from stormlet.model.trigger import TriggerInstanceStatus
from stormlet.store.queries import Queries
from stormlet.store.sqlite.opening import Database

LARGE = {"events", "trigger_instances", "trigger_payloads", "enforcements", "executions", "execution_requests",
         "execution_results", "execution_output"}  # fmt: skip
NARROW = {"executions"}
RARELY_ASKED = {"runner_type", "user"}
"""Filters that are not worth an index of their own: they cost a scan of the narrow table when a total is counted."""
BODIES = ("events", "trigger_payloads", "execution_requests", "execution_results")


@pytest.fixture
def connection(open_it: Callable[[], Database]) -> Iterator[sqlite3.Connection]:
    database = open_it()
    yield database.connection
    database.close(clean=True)


def check_words(connection: sqlite3.Connection, table: str, column: str) -> set[str]:
    sql: str = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    found = re.search(rf"{column} IN \(([^)]*)\)", sql)
    assert found is not None
    return set(re.findall(r"'(\w+)'", found[1]))


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ("executions", "status", ExecutionStatus),
        ("trigger_instances", "status", TriggerInstanceStatus),
        ("enforcements", "status", EnforcementStatus),
        ("execution_output", "kind", OutputKind),
    ],
)
def test_checks_restate_the_words_of_the_model(
    connection: sqlite3.Connection, table: str, column: str, words: type[ExecutionStatus]
) -> None:
    """Neither more nor less."""
    assert check_words(connection, table, column) == {word.value for word in words}


def test_the_table_of_transitions_restates_the_model(connection: sqlite3.Connection) -> None:
    """Neither more nor less."""
    stored = {tuple(row) for row in connection.execute("SELECT from_status, to_status FROM execution_transitions")}
    assert stored == {(before.value, after.value) for before, all_ in TRANSITIONS.items() for after in all_}


def insert(connection: sqlite3.Connection, status: ExecutionStatus) -> None:
    held = status is ExecutionStatus.RUNNING
    connection.execute(
        "INSERT OR REPLACE INTO executions (number, id, action, runner_type, status, requested_at, requested_by, "
        "delay_until, ended_at, idempotent, cancel_requested, trace_tag, worker, lease_until, log) "
        "VALUES (1, 'x', 'a', 'r', ?, 1, '', ?, ?, 0, 0, '', ?, ?, '')",
        (
            status,
            1 if status is ExecutionStatus.DELAYED else None,
            1 if status in COMPLETED else None,
            "w" if held else None,
            1 if held else None,
        ),
    )


@pytest.mark.parametrize("before", sorted(ExecutionStatus))
def test_the_database_itself_refuses_other_transitions(connection: sqlite3.Connection, before: ExecutionStatus) -> None:
    """Whoever writes to it, with whatever SQL."""
    for after in ExecutionStatus:
        insert(connection, before)
        change = "UPDATE executions SET status = ?, ended_at = ?, worker = ?, lease_until = ?, delay_until = 1"
        running = after is ExecutionStatus.RUNNING
        values = (after, 1 if after in COMPLETED else None, "w" if running else None, 1 if running else None)
        if after is before or after in TRANSITIONS[before]:
            connection.execute(change, values)
        else:
            with pytest.raises(sqlite3.IntegrityError, match="does not change its status"):
                connection.execute(change, values)


@pytest.mark.parametrize(
    "breach",
    [
        "UPDATE executions SET status = 'running'",
        "UPDATE executions SET status = 'canceled'",
        "UPDATE executions SET ended_at = 5",
        "UPDATE executions SET lease_until = 5",
        "UPDATE executions SET status = 'sleeping'",
        "UPDATE executions SET token = -1",
    ],
)
def test_a_half_made_change_is_refused(connection: sqlite3.Connection, breach: str) -> None:
    """What runs has a lease, what has ended has an end, and nothing else has."""
    insert(connection, ExecutionStatus.REQUESTED)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(breach)


def test_a_decided_instance_keeps_its_status(connection: sqlite3.Connection) -> None:
    """Even against plain SQL."""
    connection.execute(
        "INSERT INTO trigger_instances (id, trigger_ref, trigger_type, occurrence_time, status, trace_tag, "
        "failure_reason) VALUES ('x', 't', 't', 1, 'processed', '', '')"
    )
    with pytest.raises(sqlite3.IntegrityError, match="keeps its status"):
        connection.execute("UPDATE trigger_instances SET status = 'pending'")


def plan(connection: sqlite3.Connection, sql: str) -> list[str]:
    parameters = dict.fromkeys(re.findall(r":(\w+)", sql), "[]")
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]


def test_every_query_is_valid_and_scans_no_large_table(connection: sqlite3.Connection, queries: Queries) -> None:
    """A scan over an index is fine: it reads no more than it must."""
    for name in sorted(queries.names):
        words = sorted(queries.words(name) - {"ascending", "descending"})
        order = {"descending"} & queries.words(name)
        for given in [set(), *({word} for word in words), *(set(pair) for pair in combinations(words, 2))]:
            steps = plan(connection, queries.text(name, given | order))
            for step in steps:
                scanned = re.fullmatch(r"SCAN (\w+)(?: AS \w+)?", step)
                allowed = NARROW if given & RARELY_ASKED else set()
                assert scanned is None or scanned[1] not in LARGE - allowed, (name, given, steps)


INDEXED = {
    "list_trigger_instances": {"trigger", "trigger_type", "status", "after", "before"},
    "list_enforcements": {"rule", "rule_id", "status", "after", "before"},
    "list_executions": {"action", "status", "rule", "parent", "without_parent", "after", "before"},
}


@pytest.mark.parametrize("listing", sorted(INDEXED))
def test_a_page_is_read_off_an_index_in_its_order(
    connection: sqlite3.Connection, queries: Queries, listing: str
) -> None:
    """The first page of a million rows costs what the first page of a hundred costs: nothing is sorted for it."""
    for word in INDEXED[listing]:
        text = queries.text(listing, {word, "descending"})
        inner = re.search(r"SELECT \* FROM.*?LIMIT", text, re.DOTALL)
        assert inner is not None
        steps = plan(connection, f"{inner[0]} :limit")
        assert len(steps) == 1, (word, steps)
        assert "USING INDEX" in steps[0], (word, steps)


def test_what_waits_is_counted_from_indexes_alone(connection: sqlite3.Connection, queries: Queries) -> None:
    """100,000 pending instances are counted without reading one of them."""
    steps = plan(connection, queries.text("totals"))
    assert sum("COVERING INDEX" in step for step in steps) == 4, steps


@pytest.mark.parametrize("count", ["count_trigger_instances", "count_enforcements", "count_executions", "totals"])
def test_totals_read_no_bodies(connection: sqlite3.Connection, queries: Queries, count: str) -> None:
    """They never touch the tables that hold them."""
    for given in [set(), *({word} for word in queries.words(count))]:
        assert not any(table in queries.text(count, given) for table in BODIES)
        assert not any(f" {table}" in step for step in plan(connection, queries.text(count, given)) for table in BODIES)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("pending_instances", "trigger_instances_undecided"),
        ("claimable_executions", "executions_to_claim"),
        ("claimable_executions", "executions_delayed"),
        ("expired_executions", "executions_leased"),
        ("release_leases", "executions_leased"),
        ("purgeable_executions", "executions_by_end"),
        ("purgeable_instances", "trigger_instances_by_status"),
    ],
)
def test_what_waits_is_found_by_a_partial_index(
    connection: sqlite3.Connection, queries: Queries, query: str, index: str
) -> None:
    """So a long history costs nothing."""
    assert any(index in step for step in plan(connection, queries.text(query)))


def test_the_schema_is_private_to_its_owner(connection: sqlite3.Connection, path: Path) -> None:
    """The file, its log and its index: 0600."""
    connection.execute("INSERT INTO facts VALUES ('a', 'b')")
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("stormlet.db", "stormlet.db-wal", "stormlet.db-shm", "stormlet.db.lock"), 0o600)
