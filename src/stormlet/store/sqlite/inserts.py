"""Inserts that more than one durable step makes: instances follow from events and from outcomes, executions from decisions and
from requests, messages from everything."""

from collections.abc import Sequence

from stormlet.model.delivery import Planned
from stormlet.model.execution import Execution
from stormlet.model.secret_texts import secret_values
from stormlet.model.trigger import TriggerInstance
from stormlet.store.delivery_rows import delivery_row, message_row
from stormlet.store.encoding import Codec
from stormlet.store.rows import execution_request, execution_row, instance_row, request_label
from stormlet.store.sqlite.transaction import Transaction


def insert_instances(transaction: Transaction, instances: Sequence[TriggerInstance], codec: Codec) -> None:
    """Insert instances, with the payload of those that no request stands behind."""
    transaction.change_each("insert_trigger_instance", [instance_row(instance) for instance in instances])
    for instance in instances:
        if instance.event_id is None and instance.payload is not None:
            payload = codec.pack(instance.payload)
            transaction.change("insert_trigger_payload", {"id": instance.id, "payload": payload})


def insert_executions(transaction: Transaction, executions: Sequence[Execution], codec: Codec) -> None:
    """Insert executions; a rule whose action cannot be run has one that is completed from the start, with its result."""
    transaction.change_each("insert_execution", [execution_row(execution) for execution in executions])
    for execution in executions:
        request = execution_request(execution)
        # All of it: parameters may hold a secret in a form that nobody can find again.
        secret = bool(secret_values(execution))
        packed = codec.seal(request, request_label(execution.id)) if secret else codec.pack(request)
        transaction.change("insert_execution_request", {"id": execution.id, "request": packed})
        if execution.result is not None:
            insert_result(transaction, execution.id, execution.result, codec)


def insert_result(transaction: Transaction, execution_id: str, result: object, codec: Codec) -> None:
    """Insert what an execution came to."""
    transaction.change("insert_execution_result", {"id": execution_id, "result": codec.pack(result)})


def insert_planned(transaction: Transaction, planned: Sequence[Planned], codec: Codec) -> None:
    """Insert messages with a delivery to each of their endpoints; one that is there already changes nothing."""
    for one in planned:
        if not one.endpoints or transaction.row("message_exists", {"id": one.message.id}) is not None:
            continue
        transaction.change("take_ordinal", {"subject": one.message.subject})
        transaction.change("insert_message", message_row(one.message, codec))
        rows = [delivery_row(one, endpoint) for endpoint in dict.fromkeys(one.endpoints)]
        transaction.change_each("insert_delivery", rows)
