"""Secrets that sign what is sent: made, judged, and rotated without a moment in which a receiver refuses.

While a secret is rotated the old one signs on beside the new one until it retires, so that a receiver may change over at any
time in between. Where they are kept, and sealed, is not known here: values come in opened and go out to `formats` only.
"""

import base64
import math
import secrets as random_source
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar

from stormlet.flow.delivery.formats.interface import SecretForm
from stormlet.foundation.errors import ConflictError, InvalidInputError
from stormlet.signatures.secret import Secret, decode_base64

PREFIX: Final = "whsec_"
PRIVATE_PREFIX: Final = "whsk_"
PUBLIC_PREFIX: Final = "whpk_"
SECRET_BYTES: Final = 32
FEWEST_BYTES: Final = 24
MOST_BYTES: Final = 64
FEWEST_CHARACTERS: Final = 16
FEWEST_BITS: Final = 40.0
"""By Shannon, over the text's own letters: `aaaaaaaaaaaaaaaa` has none, sixteen random hex digits have about 55."""
DEFAULT_OVERLAP: Final = timedelta(hours=24)
_MOST_AT_ONCE: Final = 4
"""More secrets in one header than any rotation needs."""
_ROUTING_KEY_LENGTH: Final = 32


class Retiring(Protocol):
    """What rotation reads of a kept secret (model.endpoint.EndpointSecret is one)."""

    @property
    def name(self) -> str: ...
    @property
    def created_at(self) -> datetime | None: ...
    @property
    def retires_at(self) -> datetime | None: ...


Kept = TypeVar("Kept", bound=Retiring)


def generate(token: Callable[[int], bytes] = random_source.token_bytes) -> str:
    """Return a fresh secret: `whsec_` and the base64 of 32 random bytes."""
    return PREFIX + base64.b64encode(token(SECRET_BYTES)).decode()


def generate_key_pair(token: Callable[[int], bytes] = random_source.token_bytes) -> tuple[str, str]:
    """Return a fresh Ed25519 key for `v1a`: the private `whsk_` text to sign with, the public `whpk_` text to publish."""
    private = PRIVATE_PREFIX + base64.b64encode(token(SECRET_BYTES)).decode()
    return private, public_key(private)


def public_key(private: str) -> str:
    """Return the public key of a `whsk_` text.

    Raises:
        InvalidInputError: it is not one.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    seed = _decoded(private, PRIVATE_PREFIX)
    if len(seed) not in (32, 64):
        raise InvalidInputError(
            "the key is not an Ed25519 key", hint="whsk_ and the base64 of 32 bytes, or let one be made"
        )
    raw = Ed25519PrivateKey.from_private_bytes(seed[:32]).public_key().public_bytes_raw()
    return PUBLIC_PREFIX + base64.b64encode(raw).decode()


def check(value: str, form: SecretForm) -> None:
    """Return if a secret that somebody chose is strong enough, and of the form that a format needs.

    Raises:
        InvalidInputError: it is not; the message says why and what to do, and never shows the secret.
    """
    if not value or value != value.strip() or not value.isprintable():
        raise InvalidInputError(
            "the secret is empty, or has blanks or control characters around or in it",
            hint="leave it out to have one made",
        )
    if value.startswith(PUBLIC_PREFIX):
        raise InvalidInputError("whpk_ is a public key, which everybody may know", hint="sign with its whsk_ key")
    if form is SecretForm.ROUTING_KEY:
        _check_routing_key(value)
    elif value.startswith(PRIVATE_PREFIX):
        public_key(value)
    elif value.startswith(PREFIX) or form in (SecretForm.STANDARD, SecretForm.BASE64):
        _check_bytes(_decoded(value, PREFIX))
    else:
        _check_text(value)


def signing(secrets: Sequence[tuple[Kept, str]], now: datetime) -> tuple[Secret, ...]:
    """Return what signs now, the newest first.

    Args:
        secrets: what an endpoint keeps of each secret, with its opened value.
        now: aware.

    Raises:
        InvalidInputError: there are secrets, and all have retired. Nothing may then be sent unsigned by mistake.
    """
    alive = [(kept, value) for kept, value in secrets if kept.retires_at is None or now < kept.retires_at]
    if secrets and not alive:
        raise InvalidInputError("every secret of the endpoint has retired", hint="rotate it: a new one is made")
    newest_first = sorted(alive, key=lambda each: _created(each[0]), reverse=True)
    return tuple(Secret(value=value, name=kept.name) for kept, value in newest_first)


def retire(
    secrets: Sequence[Kept],
    now: datetime,
    replace: Callable[[Kept, datetime], Kept],
    overlap: timedelta = DEFAULT_OVERLAP,
) -> tuple[Kept, ...]:
    """Return the secrets that stay beside a new one which is about to be added.

    Those that have no end get one, `overlap` from now; those that have retired already are left out.

    Args:
        secrets: all that the endpoint has.
        now: aware.
        replace: makes a secret with that `retires_at`.
        overlap: how long they sign on; zero: not at all.

    Raises:
        InvalidInputError: the overlap is negative.
        ConflictError: so many are still signing that one header would hold too many signatures.
    """
    if overlap < timedelta():
        raise InvalidInputError("the overlap of a rotation cannot be negative", hint="0 ends the old secret at once")
    end = now + overlap
    kept = [
        each if each.retires_at is not None and each.retires_at <= end else replace(each, end)
        for each in secrets
        if each.retires_at is None or now < each.retires_at
    ]
    kept = [each for each in kept if each.retires_at is not None and now < each.retires_at]
    if len(kept) >= _MOST_AT_ONCE:
        ends = min(each.retires_at for each in kept if each.retires_at is not None)
        raise ConflictError(
            f"{len(kept)} older secrets still sign",
            hint=f"rotate again after {_written(ends)}, or with an overlap of 0",
        )
    return tuple(kept)


def endings(secrets: Sequence[Retiring], now: datetime) -> tuple[str, ...]:
    """Return a sentence for each older secret: until when it still signs, or since when it does not."""
    sentences = []
    for each in secrets:
        if each.retires_at is not None:
            words = "signs until" if now < each.retires_at else "has not signed since"
            sentences.append(f"the secret `{each.name}` {words} {_written(each.retires_at)}")
    return tuple(sentences)


def _created(kept: Retiring) -> float:
    return kept.created_at.timestamp() if kept.created_at is not None else 0.0


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _decoded(value: str, prefix: str) -> bytes:
    raw = decode_base64(value.removeprefix(prefix))
    if raw is None:
        raise InvalidInputError(
            f"the secret is not base64{f' after {prefix}' if value.startswith(prefix) else ''}",
            hint="leave it out to have one made",
        )
    return raw


def _check_bytes(raw: bytes) -> None:
    if not FEWEST_BYTES <= len(raw) <= MOST_BYTES:
        raise InvalidInputError(
            f"the secret has {len(raw)} bytes; Standard Webhooks asks for {FEWEST_BYTES} to {MOST_BYTES}",
            hint="leave it out to have one of 32 made",
        )
    if len(set(raw)) < FEWEST_BYTES // 3:
        raise InvalidInputError("the secret repeats a few bytes; anybody could guess it", hint="have one made")


def _check_text(value: str) -> None:
    if len(value) < FEWEST_CHARACTERS:
        raise InvalidInputError(
            f"the secret has {len(value)} characters; at least {FEWEST_CHARACTERS} are needed",
            hint="leave it out to have one made",
        )
    counts = Counter(value)
    bits = -sum(count * math.log2(count / len(value)) for count in counts.values())
    if bits < FEWEST_BITS:
        raise InvalidInputError("the secret repeats a few characters; anybody could guess it", hint="have one made")


def _check_routing_key(value: str) -> None:
    if len(value) != _ROUTING_KEY_LENGTH or not (value.isascii() and value.isalnum()):
        raise InvalidInputError(
            f"a PagerDuty routing key is {_ROUTING_KEY_LENGTH} letters and digits",
            hint="copy the integration key of an Events API v2 integration",
        )
