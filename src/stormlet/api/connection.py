"""One connection, with the deadlines that aiohttp has not: a client that sends its headers byte by byte is closed.

What aiohttp does with malformed requests is changed as well: one short answer in our shape, and at most one line a second in
the log instead of a traceback for each, which a stranger could fill a disk with.
"""

import asyncio
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import (
    BadHttpMethod,
    BadStatusLine,
    ContentEncodingError,
    ContentLengthError,
    HttpProcessingError,
    InvalidHeader,
    InvalidURLError,
    LineTooLong,
    TransferEncodingError,
)

from stormlet.api.dispatch import Dispatcher
from stormlet.foundation.clock import Clock
from stormlet.foundation.settings import Settings
from stormlet.foundation.telemetry import Metrics

log = logging.getLogger(__name__)

MAX_LINE = 8190
MAX_HEADERS = 128
LINGER_SECONDS = 5.0
"""How long the rest of a refused body is read and thrown away, so that the client sees the answer and not a reset."""
WRITE_SECONDS = 60.0
"""How long a client may take to read an answer that does not fit into the socket's buffer."""
ALWAYS_FITS = 32 * 1024
"""Bytes of an answer that the buffers take without anybody waiting."""
WARN_SECONDS = 1.0


class ConnectionFloor:
    """What the connections of one server share."""

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics, dispatcher: Dispatcher) -> None:
        self.limit = settings.server.max_connections
        self.header_seconds = settings.limits.header_seconds
        self.idle_seconds = settings.limits.idle_seconds
        self.dispatcher = dispatcher
        self.empty = asyncio.Event()
        self.empty.set()
        self._clock = clock
        self._metrics = metrics
        self._open: set[Connection] = set()
        self._warned: dict[str, float] = {}

    @property
    def connections(self) -> list["Connection"]:
        return list(self._open)

    def admit(self, connection: "Connection") -> bool:
        """Count a new connection; False where there are too many."""
        if len(self._open) >= self.limit:
            self.warn("full", "more than %d connections: a new one is closed", self.limit)
            return False
        self._open.add(connection)
        self._metrics.http_connections.set(len(self._open))
        self.empty.clear()
        return True

    def leave(self, connection: "Connection") -> None:
        """Forget a connection that has ended."""
        self._open.discard(connection)
        self._metrics.http_connections.set(len(self._open))
        if not self._open:
            self.empty.set()

    def malformed(self, remote: str | None, text: str) -> None:
        """Count a request that is none; `text` must hold nothing of its bytes."""
        self._metrics.http_malformed.inc()
        self.warn("malformed", "malformed request from %s: %s", remote, text)

    def warn(self, subject: str, text: str, *values: object) -> None:
        """Log a warning, but about each subject at most once a second."""
        now = self._clock.monotonic()
        if now - self._warned.get(subject, -WARN_SECONDS) >= WARN_SECONDS:
            self._warned[subject] = now
            log.warning(text, *values)


class Connection(web.RequestHandler):
    """aiohttp's connection, guarded."""

    def __init__(self, server: web.Server, floor: ConnectionFloor, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=floor.idle_seconds,
            access_log=cast(Any, None),  # dispatch.py logs
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
            max_headers=MAX_HEADERS,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,  # nobody's bomb is decompressed before we know who sent it
        )
        self._floor = floor
        self._seen = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._admitted = False

    @property
    def idle(self) -> bool:
        """Whether it waits for a request."""
        return self._waiter is not None and not self._waiter.done()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._admitted = self._floor.admit(self)
        if not self._admitted:
            self._manager = None
            cast(asyncio.Transport, transport).abort()
            return
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._forget_deadline()
        if self._admitted:
            self._floor.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._admitted:
            return
        super().data_received(data)
        if self._request_count != self._seen:
            self._seen = self._request_count
            self._forget_deadline()
        elif self._deadline is None and not self._request_in_progress:
            self._expect_headers()

    def _expect_headers(self) -> None:
        self._deadline = self._loop.call_later(self._floor.header_seconds, self._give_up)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self.idle:
            self.force_close()

    def close_if_idle(self) -> None:
        """Close where no request is being answered and none is being received."""
        if self.idle:
            self.force_close()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer; a client that does not read it is given up."""
        if resp.status == HTTPStatus.REQUEST_TIMEOUT or request.headers.get("Expect"):
            # What did not come in time is not waited for a second time; who asks before sending sends no refused body.
            self._lingering_time = 0
        if isinstance(resp, web.Response) and isinstance(resp.body, bytes) and len(resp.body) < ALWAYS_FITS:
            return await super().finish_response(request, resp, start_time)
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            self.force_close()
            return resp, True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what aiohttp could not make a request of."""
        if isinstance(exc, ConnectionError):
            raise exc
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        if not isinstance(exc, HttpProcessingError):
            log.error("connection from %s failed", request.remote, exc_info=exc)
            return self._floor.dispatcher.malformed(500, "Internal Server Error")
        reason = _sentence(exc)
        self._floor.malformed(request.remote, reason)
        return self._floor.dispatcher.malformed(status, f"The request is malformed: {reason}")

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log what aiohttp logs, but not more than a line a second."""
        error = kw.get("exc_info")
        self._floor.warn("connection", "connection failed: %s", type(error).__name__ if error else args[:1])


_SENTENCES: Mapping[type[HttpProcessingError], str] = {
    LineTooLong: f"the request line or a header is longer than {MAX_LINE} bytes",
    InvalidHeader: "a header is not valid",
    BadHttpMethod: "the request line does not begin with an HTTP method",
    BadStatusLine: "the request line is not one of HTTP 1",
    InvalidURLError: "the URL is not valid",
    TransferEncodingError: "the chunks of the body are not valid",
    ContentLengthError: "the body is shorter than its Content-Length",
    ContentEncodingError: "the body's compression is not valid",
}
_TOLD = {
    "Received HTTPS traffic on an HTTP port": "HTTPS on a port that speaks HTTP",
    "Too many headers received": f"there are more than {MAX_HEADERS} headers",
    "Missing 'Host' header in request.": "the header `Host` is missing",
    "Data after `Connection: close`": "data comes after `Connection: close`",
    "Invalid header token": "a header's name is not valid",
    "Invalid header value char": "a header's value holds a character that it must not",
    "Unexpected whitespace after header value": "a header is folded over several lines",
}


def _sentence(error: HttpProcessingError) -> str:
    """Say what is wrong in a sentence of our own: aiohttp's shows the bytes, and a header's or URL's may be a credential."""
    begins = error.message.strip().partition("\n")[0].rstrip(":")
    if told := _TOLD.get(begins):
        return told
    return next((_SENTENCES[kind] for kind in type(error).__mro__ if kind in _SENTENCES), "it is not HTTP 1")
