"""Reads a request's body from aiohttp: refused before it is buffered where it is too large, and within a time limit."""

import asyncio
import functools
from collections.abc import Mapping

from aiohttp import web
from aiohttp.web_protocol import RequestPayloadError

from stormlet.api.errors import HttpError
from stormlet.api.routing import split_target
from stormlet.foundation.bodies import ENCODINGS, PLAIN
from stormlet.foundation.errors import InvalidInputError, TooLargeError
from stormlet.foundation.settings import Limits

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class IncomingRequest:
    """The side of a request that handlers see (api/call.py: Incoming)."""

    __slots__ = ("__dict__", "_limits", "_request", "expired")

    def __init__(self, request: web.BaseRequest, limits: Limits) -> None:
        self._request = request
        self._limits = limits
        self.expired = False
        """Whether the body did not come in time; then the connection is of no more use."""

    @property
    def headers(self) -> Mapping[str, str]:
        return self._request.headers

    @property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        return tuple(self._request.raw_headers)

    @functools.cached_property
    def remote(self) -> str:
        return self._request.remote or ""

    @property
    def target(self) -> str:
        raw = self._request.raw_path
        if raw.startswith("/"):
            return raw
        path, query = split_target(raw)
        return f"{path}?{query}" if query else path

    async def body(self, limit: int | None = None) -> bytes:
        """Read the body as it was sent; `limit` is how many bytes it may have, where that is not the setting's.

        Raises:
            TooLargeError: it says that it is larger than the limit, or turns out to be.
            HttpError: 408 it did not come in time; 415 its Content-Encoding is not understood.
            InvalidInputError: its chunks are malformed.
            ConnectionError: it was cut short, and nobody is there to be told.
        """
        limit = self._limits.body_bytes if limit is None else limit
        encodings = self._request.headers.getall("Content-Encoding", [])
        encoding = ",".join(encodings).strip().lower()
        if encoding not in PLAIN | ENCODINGS:
            text = f'Unsupported Content-Encoding: "{encoding[:100]}"'
            raise HttpError(415, text, {"Accept-Encoding": "gzip, deflate"})
        if (self._request.content_length or 0) > limit:
            raise _too_large(limit)
        content = self._request.content
        try:
            if content.is_eof():  # all of it is here already, as nearly always: no need to watch the time
                return _within(content.read_nowait(), limit)
            async with asyncio.timeout(self._limits.body_seconds):
                await self._say_continue()
                return await self._read(limit)
        except TimeoutError:
            self.expired = True
            text = f"The body did not arrive within {self._limits.body_seconds:g} seconds."
            raise HttpError(408, text) from None
        except RequestPayloadError:
            raise InvalidInputError("The request body is malformed.") from None

    async def _say_continue(self) -> None:
        """Ask for the body where the client waits to be asked (curl does, for large ones)."""
        if self._request.headers.get("Expect", "").lower() == "100-continue":
            writer = self._request.writer
            await writer.write(_CONTINUE)
            # Otherwise aiohttp takes the answer's first bytes as sent already.
            writer.output_size = 0

    async def _read(self, limit: int) -> bytes:
        content, whole = self._request.content, bytearray()
        while chunk := await content.readany():
            whole += chunk
            if len(whole) > limit:
                raise _too_large(limit)
        return bytes(whole)


def _within(chunk: bytes, limit: int) -> bytes:
    if len(chunk) > limit:
        raise _too_large(limit)
    return chunk


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(
        f"The request body is larger than {limit} bytes.", hint="limits.body_bytes says how large it may be"
    )
