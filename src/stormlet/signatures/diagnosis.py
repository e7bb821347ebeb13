"""Why a request was refused, in words an operator can act on.

Runs after the fact, behind the API key, over a request that was kept: it tries what usually goes wrong (another secret,
another encoding, a body that was rewritten on the way) and says what would have fitted. It never says the signature
that would have been right, and nothing that it finds makes a request genuine.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from stormlet.signatures.diagnosis_hmac import near_misses
from stormlet.signatures.hmac_scheme import HmacScheme
from stormlet.signatures.registry import SCHEMES, verify
from stormlet.signatures.request import SignedRequest, fold
from stormlet.signatures.scheme import Options, Scheme
from stormlet.signatures.secret import Secret
from stormlet.signatures.twilio import TwilioScheme
from stormlet.signatures.verification import Reason, Verification

_NOT_RIGHT = (Reason.MISMATCH, Reason.MALFORMED_SIGNATURE, Reason.UNKNOWN_VERSION)
_NO_TOLERANCE = 10.0 * 366 * 86400
"""Seconds: far enough that only the signature is judged."""


class Confidence(StrEnum):
    """How sure a cause is."""

    CERTAIN = "certain"
    """With this changed, the request would have been genuine; or the request says it itself."""
    LIKELY = "likely"


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One likely cause. `code` is stable; `text` says what was found and what to do."""

    code: str
    text: str
    confidence: Confidence = Confidence.CERTAIN


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """Another source, whose secrets the sender may have used by mistake."""

    source: str
    scheme: Scheme
    secrets: tuple[Secret, ...]
    options: Options = Options()


def diagnose(
    scheme: Scheme,
    request: SignedRequest,
    secrets: Sequence[Secret],
    now: datetime,
    options: Options | None = None,
    others: Sequence[Candidate] = (),
) -> list[Cause]:
    """Return likely causes, the surest first; empty for a request that is genuine.

    `now` is the moment at which the request arrived. `secrets` may hold disabled ones: that a request fits one of those
    is a finding.
    """
    chosen = options or Options()
    verification = verify(scheme, request, secrets, now, chosen)
    if verification.ok:
        return []
    causes = list(_causes(scheme, request, secrets, now, chosen, others, verification))
    unique = list({cause.code + cause.text: cause for cause in causes}.values())
    if not unique:
        text = f"{verification.detail}; no common mistake explains it: is it the right secret?"
        unique = [Cause(code=str(verification.reason), text=text, confidence=Confidence.LIKELY)]
    return sorted(unique, key=lambda cause: cause.confidence is not Confidence.CERTAIN)


def _causes(
    scheme: Scheme,
    request: SignedRequest,
    secrets: Sequence[Secret],
    now: datetime,
    options: Options,
    others: Sequence[Candidate],
    verification: Verification,
) -> Iterator[Cause]:
    yield from _stated(scheme, request, secrets, now, verification)
    if verification.reason in (*_NOT_RIGHT, Reason.NO_SECRET):
        yield from _disabled_secrets(scheme, request, secrets, now, options)
        yield from _other_sources(scheme, request, now, options, others)
    if isinstance(scheme, HmacScheme) and verification.reason in _NOT_RIGHT:
        for code, text in near_misses(scheme, request, secrets, options):
            yield Cause(code=code, text=text)
    if isinstance(scheme, TwilioScheme):
        yield from _other_urls(scheme, request, secrets, now, options)
    if verification.reason is Reason.MISMATCH and not request.body:
        text = "the body is empty: something on the way may have dropped it, or read it before us"
        yield Cause(code="empty-body", text=text, confidence=Confidence.LIKELY)
    if verification.reason in (Reason.MISMATCH, Reason.MISSING_HEADER):
        yield from _other_schemes(scheme, request, secrets, now)


def _stated(
    scheme: Scheme, request: SignedRequest, secrets: Sequence[Secret], now: datetime, verification: Verification
) -> Iterator[Cause]:
    """Yield what the verdict says by itself."""
    reason, name = verification.reason, verification.subject
    if reason is Reason.NO_SECRET:
        yield Cause(code="no-secret", text=f"no secret is configured for this source: {scheme.about.configure}")
    elif reason is Reason.BAD_SECRET:
        yield Cause(code="bad-secret", text=f"{verification.detail}: {scheme.about.configure}")
    elif reason in (Reason.TOO_OLD, Reason.IN_FUTURE) and verification.timestamp is not None:
        seconds = now.timestamp() - verification.timestamp
        which = f" (it matches secret {(verification.secret or 0) + 1} of {len(secrets)})" if secrets else ""
        words = "behind ours, or the delivery was late" if seconds > 0 else "ahead of ours"
        text = f"the signature is right{which}, but the sender's clock is {abs(seconds):.0f} s {words}"
        yield Cause(code="clock", text=text)
    elif reason is Reason.MISSING_HEADER:
        empty = name.lower() in fold(request.headers)
        what = "empty" if empty else "missing"
        text = f"the header {name} is {what}: does the sender have a secret, and does a proxy pass the header on?"
        yield Cause(code="missing-header", text=text)
    elif reason is not Reason.MISMATCH:
        sure = Confidence.LIKELY if reason in _NOT_RIGHT else Confidence.CERTAIN
        yield Cause(code=str(reason), text=verification.detail, confidence=sure)


def _disabled_secrets(
    scheme: Scheme, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options
) -> Iterator[Cause]:
    enabled = [msgspec.structs.replace(secret, enabled=True, expires_at=None) for secret in secrets]
    found = _signature_only(scheme, request, enabled, now, options)
    if found.secret is not None and not secrets[found.secret].enabled:
        text = f"it matches secret {found.secret + 1} of {len(secrets)}, which is disabled"
        yield Cause(code="disabled-secret", text=text)


def _other_sources(
    scheme: Scheme, request: SignedRequest, now: datetime, options: Options, others: Sequence[Candidate]
) -> Iterator[Cause]:
    for other in others:
        if _signature_only(scheme, request, other.secrets, now, options).secret is not None:
            yield Cause(code="other-source-secret", text=f"it matches the secret of the source {other.source}")
        elif _signature_only(other.scheme, request, other.secrets, now, other.options).ok:
            name = other.scheme.about.name
            text = f"it is right for the source {other.source} ({name}): is it the wrong URL?"
            yield Cause(code="other-source", text=text)


def _other_schemes(scheme: Scheme, request: SignedRequest, secrets: Sequence[Secret], now: datetime) -> Iterator[Cause]:
    options = Options(legacy=True)
    if _signature_only(scheme, request, secrets, now, options).ok:
        text = "it has the sender's older signature only (option `legacy`): better make the sender use the newer one"
        yield Cause(code="legacy-signature", text=text)
    for other in SCHEMES:
        named = isinstance(other, HmacScheme) and other is not scheme
        if named and _signature_only(other, request, secrets, now, Options()).ok:
            yield Cause(code="other-scheme", text=f"this secret fits the scheme {other.about.name}: is `scheme` right?")


def _other_urls(
    scheme: Scheme, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options
) -> Iterator[Cause]:
    scheme_name, mark, rest = request.url.partition("://")
    if not mark:
        return
    swapped = "https" if scheme_name == "http" else "http"
    base, _, query = rest.partition("?")
    joint = f"?{query}" if query else ""
    forwarded = fold(request.headers).get("x-forwarded-host", [""])[0]
    tail = rest.partition("/")[2]
    for words, url in (
        (f"the URL was called as {swapped}", f"{swapped}://{rest}"),
        ("the URL was called with or without its last slash", f"{scheme_name}://{base.rstrip('/')}{joint}"),
        ("the URL was called with or without its last slash", f"{scheme_name}://{base.rstrip('/')}/{joint}"),
        ("the URL was called without its query", f"{scheme_name}://{base}"),
        (f"the URL was called on the host {forwarded}", f"https://{forwarded}/{tail}"),
    ):
        moved = msgspec.structs.replace(request, url=url)
        if url != request.url and _signature_only(scheme, moved, secrets, now, options).secret is not None:
            yield Cause(code="url", text=f"{words}; a proxy in front must pass on scheme and host")


def _signature_only(
    scheme: Scheme, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options
) -> Verification:
    """Return the verdict without regard to the time."""
    return verify(scheme, request, secrets, now, msgspec.structs.replace(options, tolerance=_NO_TOLERANCE))
