"""The only place that builds and joins objects: settings → store → content → stages → services → HTTP.

`Engine` is one engine in one process; `run` is what `stormlet serve` does with it.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from stormlet.api.server import HttpServer
from stormlet.api.services import Services
from stormlet.content.reader import ContentReader
from stormlet.content.watcher import watch
from stormlet.flow.addressing import build_addressing
from stormlet.flow.authentication import Authenticator
from stormlet.flow.delivery.assembly import DeliveryParts, build_delivery
from stormlet.flow.delivery.attempt import ActionRequest
from stormlet.flow.delivery.endpoints import secret_opener
from stormlet.flow.enforcement.enforce import Enforcer
from stormlet.flow.enforcement.pack_config import KeyReaders, render_config
from stormlet.flow.enforcement.request import Requester
from stormlet.flow.execution import RUNNER_TYPES, Worker
from stormlet.flow.greeting import Greeting, greeting_of, log_reload
from stormlet.flow.guarding import build_gate
from stormlet.flow.housekeeping import Housekeeping
from stormlet.flow.operations import Operations
from stormlet.flow.pipeline import Pipeline
from stormlet.flow.rehearsal import Rehearsal
from stormlet.flow.ruleset import Ruleset
from stormlet.flow.verification.certificates import Fetch, fetch_from_sns
from stormlet.flow.verification.secrets import SecretReader
from stormlet.foundation.clock import Clock, SystemClock
from stormlet.foundation.errors import OverloadedError, StoreError
from stormlet.foundation.home import Home, leave_for_the_command_line
from stormlet.foundation.open_files import allow_open_files
from stormlet.foundation.secrets import SecretBox
from stormlet.foundation.settings import Bootstrap, Settings, environment
from stormlet.foundation.supervisor import Service, Supervisor, loop_factory, stop_services
from stormlet.foundation.telemetry import Metrics, set_up_logging
from stormlet.foundation.templates import TemplateLimits, Templates
from stormlet.st2compat.dialect import Dialect
from stormlet.store.datastore import Datastore
from stormlet.store.sqlite.backend import SqliteStore

log = logging.getLogger("stormlet")
ADMIN = "st2admin"
IDLE_SECONDS = 5.0
RETRY_SECONDS = 1.0
OTHER_FILES = 1000
"""Files besides connections: the database, pipes of actions, connections to receivers."""


Printer = Callable[[Greeting], None]
"""Shows the greeting."""


class Engine:
    """One engine. `start` returns when it serves; `stop` drains and closes."""

    def __init__(
        self,
        settings: Settings,
        bootstrap: Bootstrap | None = None,
        clock: Clock | None = None,
        *,
        variables: Mapping[str, str] | None = None,
        fetch: Fetch = fetch_from_sns,
    ) -> None:
        """Remember what to build of. `variables` are where sources find their secrets (the environment unless said
        otherwise), `fetch` how SNS's certificates and confirmations are had."""
        self.settings = settings
        self._variables = dict(environment()) if variables is None else variables  # a copy: os.environ is slow to ask
        self._fetch = fetch
        self.bootstrap = bootstrap or Bootstrap()
        self.clock = clock or SystemClock()
        self.supervisor = Supervisor()
        self.metrics = Metrics()
        self.home = Home(settings.home)
        self._loops: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    async def start(self) -> Greeting:
        """Bring everything up.

        Raises:
            SettingsError: the home directory or the port cannot be used.
            StoreError: the database cannot be used.
        """
        self.home.prepare()
        self.home.acquire()
        try:
            return await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> Greeting:
        self._build_store()
        await self.store.open()
        await self.datastore.load()
        self._build_flow()
        await self.delivery.book.load()
        self.ruleset.on_change(self.delivery.content_changed)
        await self.ruleset.reload()
        await self.authenticator.load()
        self._allow_connections()
        await self.server.start()
        api_key, password = await self._credentials()
        await self.delivery.dispatcher.start()
        await self.delivery.confirmation.start()
        await self.worker.start()
        self.pipeline.pending.set()
        self._spawn_loops()
        leave_for_the_command_line(self.home, self.server.url, api_key)
        return self._greeting(api_key, password)

    def _allow_connections(self) -> None:
        wanted = self.settings.server.max_connections + OTHER_FILES
        if (limit := allow_open_files(wanted)) < wanted:
            log.warning(
                "server.max_connections is %d, but only %d files may be open: raise the hard limit (`ulimit -Hn`)",
                self.settings.server.max_connections,
                limit,
            )

    def _build_store(self) -> None:
        settings = self.settings
        path = Path(settings.store.path) if settings.store.path else self.home.database
        self.box = SecretBox(self.home.data_key())
        self.store = SqliteStore(path, self.clock, settings.store, settings.limits.queue, self.box)
        self.datastore = Datastore(self.store, self.clock, self.box)
        self.source_secrets = SecretReader(
            self._variables, self.datastore.find_system, self.datastore.decrypt, self.box
        )

        self.housekeeping = Housekeeping(
            store=self.store,
            datastore=self.datastore,
            clock=self.clock,
            settings=self.settings,
            metrics=self.metrics,
        )

    def _build_flow(self) -> None:
        settings, store, clock = self.settings, self.store, self.clock
        limits = TemplateLimits(
            output_bytes=settings.templates.output_bytes,
            seconds=settings.templates.seconds,
            regex_seconds=settings.templates.regex_seconds,
        )
        keys = KeyReaders(self.datastore.read_system, self.datastore.read_user, self.datastore.decrypt)
        templates = Templates(limits, decrypt=keys.decrypt, monotonic=clock.monotonic)
        dialect = Dialect()
        self.reader = ContentReader(settings.content, self.home, RUNNER_TYPES, clock, dialect)
        self.ruleset = Ruleset(
            store=store,
            clock=clock,
            reader=self.reader,
            dialect=dialect,
            templates=templates,
            runner_types=dict(RUNNER_TYPES),
            metrics=self.metrics,
            box=self.box,
            source_problems=self.source_secrets.problems,
        )
        self.authenticator = Authenticator(store, clock, settings.auth)
        requester = Requester(templates, keys)

        def config_of(pack: str, user: str) -> dict[str, object]:
            return render_config(self.ruleset.current.snapshot.configs.get(pack, {}), user, keys, templates)

        self.delivery = self._build_delivery()
        self.worker = Worker(
            store=store,
            clock=clock,
            supervisor=self.supervisor,
            settings=settings.execution,
            metrics=self.metrics,
            action_of=lambda ref: self.ruleset.current.action(ref),  # noqa: PLW0108 - "current" is another after each reload
            config_of=config_of,
            issue_token=self.authenticator.issue_temporary_token,
            revoke_token=self.authenticator.revoke_temporary_token,
            api_url=lambda: self.server.url,
            herald=self.delivery.publisher,
            told=self.delivery.dispatcher.wake,
        )
        self.pipeline = Pipeline(
            store=store,
            ruleset=self.ruleset,
            enforcer=Enforcer(requester, settings.execution.user),
            clock=clock,
            metrics=self.metrics,
            read_system_key=self.datastore.read_system,
            wake_workers=self.worker.wake,
            publisher=self.delivery.publisher,
            wake_dispatcher=self.delivery.dispatcher.wake,
            limits=settings.limits,
        )
        self._build_server(requester)

    def _build_delivery(self) -> DeliveryParts:
        return build_delivery(
            store=self.store,
            clock=self.clock,
            supervisor=self.supervisor,
            settings=self.settings.delivery,
            metrics=self.metrics,
            data_key=self.home.data_key(),
            content=lambda: self.ruleset.current,
            base_url=lambda: self.settings.server.public_url or self.server.url,
            read_system_key=self.datastore.read_system,
            open_secret=secret_opener(self.source_secrets.value),
            run_action=self._run_for_endpoint,
        )

    async def _run_for_endpoint(self, request: ActionRequest) -> str:
        execution = await self.operations.request_execution(
            request.action,
            dict(request.parameters),
            user=self.settings.execution.user,
            context=request.context,
            trace_tag=request.trace_tag,
            names=request.names,
        )
        return execution.id

    def _build_server(self, requester: Requester) -> None:
        settings, store, clock = self.settings, self.store, self.clock
        self.operations = Operations(
            store=store,
            ruleset=self.ruleset,
            pipeline=self.pipeline,
            requester=requester,
            clock=clock,
            cancel_running=self.worker.cancel,
        )
        self.reception, self.guarding = build_gate(
            store=store,
            ruleset=self.ruleset,
            pipeline=self.pipeline,
            secrets=self.source_secrets,
            box=self.box,
            fetch=self._fetch,
            clock=clock,
            settings=settings,
            metrics=self.metrics,
        )
        rehearsal = Rehearsal(store=store, ruleset=self.ruleset, pipeline=self.pipeline)
        addressing = build_addressing(
            store, self.ruleset, self.delivery, secret_opener(self.source_secrets.value), settings.delivery, clock
        )
        self.server = HttpServer(
            Services(
                settings=settings,
                store=store,
                clock=clock,
                metrics=self.metrics,
                ruleset=self.ruleset,
                pipeline=self.pipeline,
                operations=self.operations,
                rehearsal=rehearsal,
                reception=self.reception,
                guarding=self.guarding,
                addressing=addressing,
                wake_dispatcher=self.delivery.dispatcher.wake,
                authenticator=self.authenticator,
                datastore=self.datastore,
            )
        )

    async def _credentials(self) -> tuple[str | None, str | None]:
        """Set the credentials that automation gave, or make some at the first start. Returns what was made, in clear."""
        made_key = made_password = None
        if self.bootstrap.api_key:
            await self.authenticator.ensure_api_key(ADMIN, self.bootstrap.api_key)
        elif not self.authenticator.has_api_keys:
            _, made_key = await self.authenticator.create_api_key(ADMIN, {"made_by": "first start"})
        if self.bootstrap.admin_password:
            await self.authenticator.set_password(ADMIN, self.bootstrap.admin_password)
        elif await self.store.user(ADMIN) is None:
            made_password = await self.authenticator.generate_password(ADMIN)
        return made_key, made_password

    def _greeting(self, api_key: str | None, password: str | None) -> Greeting:
        content, own = self.ruleset.current.snapshot, self.settings.content
        guarded = len({source.url for source in content.sources.values() if self.guarding.is_active(source.ref)})
        return greeting_of(
            self.ruleset.current,
            url=self.server.url,
            home=str(self.home.path),
            guarded=guarded,
            directories=(*own.rules, *own.sources, *own.packs),
            credentials=(api_key, password),
        )

    def _spawn_loops(self) -> None:
        spawn = self.supervisor.spawn
        self._loops = [
            spawn("decider", self._decide()),
            spawn("purger", self._purge()),
            spawn("gauges", self._measure()),
        ]
        if self.settings.content.watch:
            self._loops.append(spawn("watcher", self._watch()))

    async def _decide(self) -> None:
        """Decide whatever waits, for ever; woken by each event, and every few seconds in case a wake-up was lost."""
        pending = self.pipeline.pending
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(pending.wait(), IDLE_SECONDS)
            pending.clear()
            await self._patiently("deciding", self._decide_all)

    async def _decide_all(self) -> None:
        while await self.pipeline.decide_pending():
            if self._stopping.is_set():
                return

    async def _purge(self) -> None:
        while True:
            await self.clock.sleep(self.settings.store.purge_interval)
            await self._patiently("purging", self.housekeeping.purge)

    async def _measure(self) -> None:
        while True:
            await self._patiently("measuring", self.housekeeping.measure)
            await self.clock.sleep(IDLE_SECONDS)

    async def _watch(self) -> None:
        first = True
        async for changed in watch(self.reader.watched_paths(), self._stopping, poll=self.settings.content.poll):
            started = self.clock.monotonic()
            compiled = await self.ruleset.reload()
            took = (self.clock.monotonic() - started) * 1000
            # The first is only to be sure that nothing changed between reading the files and watching them.
            log_reload(compiled, len(changed), took, logging.DEBUG if first else logging.INFO)
            first = False

    async def _patiently(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work`; where the database cannot take it now, say so and come back: nothing is lost, it waits on disk."""
        try:
            await work()
        except (StoreError, OverloadedError) as error:
            log.warning("%s waits: %s", what, error)
            await self.clock.sleep(RETRY_SECONDS)
            self.pipeline.pending.set()

    async def stop(self) -> None:
        """Drain: take nothing new, let what runs end within the grace time, put the rest back, close. May be called twice."""
        self._stopping.set()
        if (pipeline := getattr(self, "pipeline", None)) is not None:
            pipeline.halt()
        grace = self.settings.server.shutdown_grace
        parts: list[Service | None] = [getattr(self, "server", None), getattr(self, "worker", None)]
        if (delivery := getattr(self, "delivery", None)) is not None:
            # Last, so that what the others still caused is sent or kept.
            parts += [delivery.confirmation, delivery.dispatcher]
        services = [part for part in parts if part is not None]
        await stop_services(services, grace)
        await self.supervisor.close()
        if (store := getattr(self, "store", None)) is not None:
            await store.close()
        self.home.release()


async def _serve(engine: Engine, printer: Printer) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    greeting = await engine.start()
    printer(greeting)
    waiting = {
        loop.create_task(stop.wait(), name="signal"),
        loop.create_task(engine.supervisor.failed.wait(), name="failure"),
    }
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    log.info("stopping: no new events; what runs has %.0f s", engine.settings.server.shutdown_grace)
    await engine.stop()
    return 1 if engine.supervisor.failed.is_set() else 0


def run(settings: Settings, bootstrap: Bootstrap, printer: Printer) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code: 0 after a drain, 1 where a vital task died.

    Raises:
        SettingsError: the home directory or the port cannot be used.
        StoreError: the database cannot be used.
    """
    set_up_logging(settings.logging.level, settings.logging.format)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_serve(Engine(settings, bootstrap), printer))
