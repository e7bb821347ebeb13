"""Certificates of Amazon SNS: fetched from SNS's own hosts only, kept, and never so many that a stranger can make us busy.

Whoever posts names the URL. So it is judged by its text before (signatures/aws_sns.py) and by its address while it is fetched
(foundation/egress.py); each URL is fetched once at a time, a failure is remembered for a while, and so is everything.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from stormlet.flow.verification.buckets import Bucket
from stormlet.foundation.clock import Clock
from stormlet.foundation.egress import Answer, EgressClient, EgressPolicy
from stormlet.foundation.errors import ForbiddenError, StormletError
from stormlet.model.source import Rate
from stormlet.signatures.aws_sns import certificate_url, is_sns_url, read_message
from stormlet.signatures.scheme import Options
from stormlet.signatures.verification import Refusal

log = logging.getLogger(__name__)

Fetch = Callable[[str], Awaitable[Answer]]
"""GETs a URL through the guard for outgoing requests; raises StormletError where it may not or cannot."""

_POLICY: Final = EgressPolicy(seconds=8.0)
_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"
_KEEP: Final = 32
_FAILED_SECONDS: Final = 30.0
_FETCHES: Final = Rate(per_second=0.1, burst=10)


async def fetch_from_sns(url: str) -> Answer:
    """GET a URL of SNS, and of nobody else; never from an address that is not public.

    Raises:
        ForbiddenError: it is no URL of SNS, or leads to such an address.
        TooLargeError, OverloadedError: as foundation/egress.py says.
    """
    if not is_sns_url(url):
        raise ForbiddenError(f"{url} is no URL of SNS")
    async with EgressClient(_POLICY) as client:
        return await client.request("GET", url)


class Certificates:
    """Finds the certificate that a message names."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._known: dict[str, str] = {}
        self._failed: dict[str, float] = {}
        self._under_way: dict[str, asyncio.Lock] = {}
        self._bucket = Bucket(_FETCHES, clock)

    async def options_for(self, body: bytes, options: Options) -> Options:
        """Return the options with the certificate that this body names; as they are where it cannot be had."""
        try:
            url = certificate_url(read_message(body))
        except Refusal:
            return options  # the scheme says what is wrong with it
        if url in options.certificates:
            return options
        pem = self._known.get(url) or await self._fetched(url)
        if pem is None:
            return options
        return msgspec.structs.replace(options, certificates={**options.certificates, url: pem})

    def known_options(self, options: Options) -> Options:
        """Return the options with all certificates that are known; nothing is fetched."""
        return msgspec.structs.replace(options, certificates={**self._known, **options.certificates})

    async def _fetched(self, url: str) -> str | None:
        lock = self._under_way.setdefault(url, asyncio.Lock())
        try:
            async with lock:
                if url in self._known:
                    return self._known[url]
                if self._failed.get(url, 0.0) > self._clock.monotonic() or not self._bucket.take():
                    return None
                return await self._get(url)
        finally:
            if not lock.locked():
                self._under_way.pop(url, None)

    async def _get(self, url: str) -> str | None:
        try:
            answer = await self._fetch(url)
        except StormletError as error:
            self._fail(url, str(error))
            return None
        if answer.status != 200 or not answer.body.isascii() or _BEGIN not in answer.body:
            self._fail(url, f"it answered {answer.status}, and no certificate")
            return None
        if len(self._known) >= _KEEP:
            self._known.pop(next(iter(self._known)))
        pem = self._known[url] = answer.body.decode("ascii")
        return pem

    def _fail(self, url: str, why: str) -> None:
        log.warning("the certificate %s cannot be had: %s", url, why)
        if len(self._failed) >= _KEEP:
            self._failed.clear()
        self._failed[url] = self._clock.monotonic() + _FAILED_SECONDS
