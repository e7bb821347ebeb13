"""Why an HTTP request failed, in words: whoever reads a result knows URLs and hosts, and not the classes of our HTTP client.

Imports aiohttp, so it is imported when something has failed.
"""

import os
import ssl
from collections.abc import Callable
from typing import Any

import aiohttp

_LONGEST = 300


def sentence(error: Exception, url: str) -> str:
    """Return what went wrong with a request to `url`."""
    for kind, words in _SENTENCES:
        if isinstance(error, kind):
            return words(error, url)
    return f"the request failed: {_detail(error)}"


def _detail(error: BaseException | None) -> str:
    """Return the system's own words (`Connection refused`), or else the error's, without a class's name where it has any."""
    if error is None:
        return "the reason is not known"
    text = str(error) or type(error).__name__
    if isinstance(error, ssl.SSLError):
        text = (error.reason or text).replace("_", " ").lower()
    elif isinstance(error, OSError):
        # asyncio writes its own text over the system's; resolvers count below zero, and have words of their own.
        text = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or text
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _shown(url: Any) -> str:
    text = str(url)
    return f'"{text}"' if len(text) <= _LONGEST else f'"{text[:_LONGEST]}…"'


def _leading(error: Any, url: str) -> str:
    """Name the URL that is wrong: the one that was asked for, or the one that a redirect leads to."""
    if isinstance(error, aiohttp.RedirectClientError):
        return f"a redirect leads to {_shown(getattr(error, 'url', error))}, which"
    return _shown(url)


def _place(error: Any) -> str:
    return f"{error.host}:{error.port}"


_SENTENCES: tuple[tuple[type[Exception], Callable[[Any, str], str]], ...] = (
    (
        aiohttp.NonHttpUrlClientError,
        lambda error, url: f"{_leading(error, url)} is not a URL that begins with http:// or https://",
    ),
    (aiohttp.InvalidURL, lambda error, url: f"{_leading(error, url)} is not a URL"),
    (
        aiohttp.ClientConnectorDNSError,
        lambda error, url: f'the host "{error.host}" cannot be found: {_detail(error.os_error)}',
    ),
    (
        aiohttp.ClientConnectorCertificateError,
        lambda error, url: f"the certificate of {_place(error)} is not trusted: {_detail(error.certificate_error)}",
    ),
    (
        aiohttp.ClientSSLError,
        lambda error, url: f"no TLS connection with {_place(error)} could be made: {_detail(error.os_error)}",
    ),
    (
        aiohttp.ClientProxyConnectionError,
        lambda error, url: f"the proxy {_place(error)} cannot be reached: {_detail(error.os_error)}",
    ),
    (
        aiohttp.ClientConnectorError,
        lambda error, url: f"{_place(error)} cannot be reached: {_detail(error.os_error)}",
    ),
    (aiohttp.ServerDisconnectedError, lambda error, url: "the server closed the connection without an answer"),
    (aiohttp.ClientPayloadError, lambda error, url: "the answer was cut short, or is not what its headers say"),
    (aiohttp.TooManyRedirects, lambda error, url: f"{len(error.history)} redirects, one after the other, and no end"),
    (aiohttp.ClientHttpProxyError, lambda error, url: f"the proxy refused with status {error.status}"),
    (aiohttp.ClientResponseError, lambda error, url: "the answer is not HTTP"),
    (OSError, lambda error, url: f"the connection broke: {_detail(error)}"),
    (ValueError, lambda error, url: f"the request cannot be sent like this: {_detail(error)}"),
)
