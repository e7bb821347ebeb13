"""The parts that send, joined: what the engine starts and stops, and what others plan through."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from stormlet.flow.delivery.attempt import OpenSecret, RunAction, Sender
from stormlet.flow.delivery.confirmation import Confirmation
from stormlet.flow.delivery.dispatcher import Dispatcher, egress_policy
from stormlet.flow.delivery.endpoints import EndpointBook, EndpointTable, ReadKey
from stormlet.flow.delivery.loop_guard import LoopGuard
from stormlet.flow.delivery.packs import PackWatch
from stormlet.flow.delivery.publishing import Content, Plans, Publisher
from stormlet.foundation.clock import Clock
from stormlet.foundation.egress import EgressClient
from stormlet.foundation.settings import Delivery as DeliverySettings
from stormlet.foundation.supervisor import Supervisor
from stormlet.foundation.telemetry import Metrics
from stormlet.model.snapshot import Snapshot
from stormlet.store.delivery_interface import DeliveryStore


class ChangedContent(Content, Protocol):
    """Content that has just been loaded."""

    @property
    def snapshot(self) -> Snapshot: ...


class DeliveryParts(NamedTuple):
    """Everything that delivers. `book` is loaded before anything starts; the dispatcher is started before the confirmation."""

    book: EndpointBook
    publisher: Publisher
    dispatcher: Dispatcher
    confirmation: Confirmation
    packs: PackWatch

    def content_changed(self, content: ChangedContent) -> None:
        """Look at endpoints and packs anew."""
        self.packs.look(content.snapshot.packs, content.snapshot.problems)
        self.confirmation.wake()
        self.dispatcher.wake()


def build_delivery(
    *,
    store: DeliveryStore,
    clock: Clock,
    supervisor: Supervisor,
    settings: DeliverySettings,
    metrics: Metrics,
    data_key: bytes,
    content: Callable[[], Content],
    base_url: Callable[[], str],
    read_system_key: ReadKey,
    open_secret: OpenSecret,
    run_action: RunAction,
) -> DeliveryParts:
    """Return the parts; nothing starts. The arguments are those of the classes that they go to."""
    book = EndpointBook(store)
    guard = LoopGuard(data_key, settings.chain_depth)
    publisher = Publisher(
        content=content, may_wait=book.may_wait, guard=guard, base_url=base_url, read_system_key=read_system_key
    )
    client = EgressClient(egress_policy(settings))
    sender = Sender(
        client=client,
        clock=clock,
        guard=guard,
        open_secret=open_secret,
        run_action=run_action,
        timeout=settings.timeout,
    )

    def table() -> EndpointTable:
        return content().endpoints

    dispatcher = Dispatcher(
        store=store,
        clock=clock,
        supervisor=supervisor,
        settings=settings,
        metrics=metrics,
        table=table,
        book=book,
        client=client,
        sender=sender,
        publisher=publisher,
    )
    confirmation = Confirmation(
        clock=clock, supervisor=supervisor, table=table, book=book, sender=sender, opened=dispatcher.wake
    )

    async def tell(planned: Plans) -> None:
        await store.plan(planned)
        dispatcher.wake()

    def tell_soon(planned: Plans) -> None:
        supervisor.spawn("packs", tell(planned), vital=False)

    packs = PackWatch(publisher, clock, tell_soon)
    return DeliveryParts(book, publisher, dispatcher, confirmation, packs)
