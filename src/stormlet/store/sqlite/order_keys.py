"""Whose turn it is among the deliveries of one order key: the oldest that has not ended.

The others are planned without a moment, so they are in no index that a claim reads, and a million that wait behind one failing
delivery cost nothing. The database holds by a unique index that only one has its turn.
"""

from stormlet.store.rows import Row
from stormlet.store.sqlite.transaction import Transaction


def settle_order(transaction: Transaction, row: Row, now: int) -> None:
    """Give the turn to whom it belongs after a change of `row` (its endpoint and order key); `now` in microseconds."""
    if row["order_key"] is None:
        return
    key = {"endpoint": row["endpoint"], "order_key": row["order_key"]}
    turn = transaction.row("turn_in_order", key)
    if turn is not None and turn["status"] == "delivering":
        return
    first = transaction.row("first_in_order", key)
    if first is None or (turn is not None and turn["number"] == first["number"]):
        return
    if turn is not None:
        transaction.change("wait_in_order", {"number": turn["number"]})
    transaction.change("take_turn_in_order", {"number": first["number"], "now": now})
