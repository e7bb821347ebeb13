"""The HTTP side as a service: listens, and drains when it is to stop.

It stands on aiohttp's low-level server: of a web application's router, middlewares and redirects nothing is wanted here.
"""

import asyncio
import contextlib
import errno
import ipaddress
import logging
import socket
from collections.abc import Sequence

from aiohttp import web

from stormlet.api.connection import Connection, ConnectionFloor
from stormlet.api.dispatch import Dispatcher
from stormlet.api.routes import ROUTES
from stormlet.api.routing import Route, UrlTable
from stormlet.api.services import Services
from stormlet.foundation.errors import SettingsError

log = logging.getLogger(__name__)

BACKLOG = 1024
LAME_DUCK_SECONDS = 1.0
"""How long a stopping server still answers on connections that are open, so that none is reset with a request under way."""
CUT_OFF_SECONDS = 0.5


class HttpServer:
    """Serves the API on one address and port."""

    name = "http"

    def __init__(self, services: Services, routes: Sequence[Route] = ROUTES) -> None:
        self._services = services
        self._settings = services.settings.server
        self._dispatcher = Dispatcher(services, UrlTable(routes))
        self._listener: asyncio.Server | None = None
        self._protocol: web.Server | None = None
        self._floor: ConnectionFloor | None = None
        self.port = self._settings.port

    @property
    def url(self) -> str:
        """The URL under which this machine reaches the server, without a slash at its end."""
        host = self._settings.host
        if host in {"", "0.0.0.0", "::"}:  # noqa: S104 - listening everywhere means here as well
            host = "127.0.0.1" if host != "::" else "::1"
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def start(self) -> None:
        """Listen.

        Raises:
            SettingsError: the port is taken, the address is not ours, or it would let strangers in.
        """
        if self._listener is not None:
            return
        self._refuse_open_door()
        loop = asyncio.get_running_loop()
        services = self._services
        floor = self._floor = ConnectionFloor(services.settings, services.clock, services.metrics, self._dispatcher)
        protocol = self._protocol = web.Server(self._dispatcher)
        host, port = self._settings.host, self._settings.port
        try:
            self._listener = await loop.create_server(
                lambda: Connection(protocol, floor, loop), host or None, port, backlog=BACKLOG
            )
        except OSError as error:
            raise _cannot_listen(host, port, error) from None
        self.port = self._listener.sockets[0].getsockname()[1]

    def _refuse_open_door(self) -> None:
        if self._services.settings.auth.enable or _is_loopback(self._settings.host):
            return
        raise SettingsError(
            f"auth.enable is false, and server.host {self._settings.host!r} can be reached by others",
            hint="listen on 127.0.0.1, or leave authentication on",
        )

    async def stop(self, grace: float) -> None:
        """Take no new connections, answer what is asked on those that are open, and close them one by one."""
        listener, self._listener = self._listener, None
        if listener is None or self._floor is None or self._protocol is None:
            return
        self._dispatcher.draining = True
        listener.close()
        floor = self._floor
        await _wait(floor.empty, min(LAME_DUCK_SECONDS, grace))
        for connection in floor.connections:
            connection.close_if_idle()
        await _wait(floor.empty, max(grace - LAME_DUCK_SECONDS, 0))
        if not floor.empty.is_set():
            log.warning("%d connections are cut off: they did not end in time", len(floor.connections))
        await self._protocol.shutdown(CUT_OFF_SECONDS)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _cannot_listen(host: str, port: int, error: OSError) -> SettingsError:
    if error.errno == errno.EADDRINUSE:
        return SettingsError(f"port {port} on {host} is taken", hint="stop what uses it, or choose another with --port")
    if error.errno == errno.EACCES:
        return SettingsError(
            f"port {port} needs more rights than this user has", hint="choose one above 1023 with --port"
        )
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return SettingsError(f"{host} is not an address of this machine", hint="choose one with --host")
    return SettingsError(f"cannot listen on {host} port {port}: {error.strerror or error}")
