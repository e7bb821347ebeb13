"""What came of verifying one request: the verdict, and the word for each way to be refused.

The words and details are for the operator, behind the API key. A sender is told nothing of them: an answer that says
which check failed is an oracle. No detail ever holds a secret or the signature that would have been right.
"""

from datetime import UTC, datetime
from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Why a request was refused; stable, for programs."""

    OK = "ok"
    """It was not: the request is genuine."""
    NO_SECRET = "no-secret"  # noqa: S105 - a word, not a password
    """No active secret is configured. A source that wants a signature then takes nothing."""
    BAD_SECRET = "bad-secret"  # noqa: S105 - a word, not a password
    """No configured secret has the form that the scheme needs, such as base64."""
    MISSING_HEADER = "missing-header"
    """A header that the scheme needs is missing or empty."""
    MISSING_CREDENTIAL = "missing-credential"
    """Neither a header nor the URL holds the credential."""
    DUPLICATE_HEADER = "duplicate-header"
    """A header or parameter that must be single stands there more than once."""
    NON_ASCII_HEADER = "non-ascii-header"
    """A header that takes part in the signature holds something other than ASCII."""
    MALFORMED_SIGNATURE = "malformed-signature"
    """The signature has the wrong prefix, encoding or length."""
    UNKNOWN_VERSION = "unknown-version"
    """None of the signatures is of a version or algorithm that is accepted."""
    TOO_MANY_SIGNATURES = "too-many-signatures"
    """More signatures in one header than any rotation needs."""
    MALFORMED_TIMESTAMP = "malformed-timestamp"
    """The timestamp is not one: not digits, not a date."""
    MALFORMED_ID = "malformed-id"
    """The message id holds a character that would make the signed text ambiguous."""
    MALFORMED_BODY = "malformed-body"
    """The body is not what the scheme verifies, such as JSON with certain keys."""
    MISMATCH = "mismatch"
    """The signature or credential is well-formed and wrong."""
    TOO_OLD = "too-old"
    """Genuine, but made longer ago than the tolerance allows."""
    IN_FUTURE = "in-future"
    """Genuine, but made further in the future than the tolerance allows."""
    EXPIRED = "expired"
    """The signature or the credential has run out."""
    DISABLED = "disabled"
    """The credential exists, and is switched off."""
    WRONG_BODY_HASH = "wrong-body-hash"
    """The signed hash of the body is not that of the body received."""
    UNTRUSTED_URL = "untrusted-url"
    """A URL in the message points somewhere that the provider's own never would."""
    UNKNOWN_CERTIFICATE = "unknown-certificate"
    """The certificate at the message's URL was not handed in, or is not one."""
    UNKNOWN_KEY = "unknown-key"
    """The signature names a key that is not configured."""
    NOT_ALLOWED = "not-allowed"
    """Genuine, but from a topic that is not on the allow list."""
    NOT_COVERED = "not-covered"
    """The signature leaves out a part of the request that the policy wants signed."""
    NOT_CONFIGURED = "not-configured"
    """The scheme needs an option that was not given."""
    INTERNAL = "internal"
    """A bug in the scheme. It refuses, and should be reported."""


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one request."""

    ok: bool
    reason: Reason
    detail: str = ""
    """One sentence for the operator. Holds neither secrets nor right signatures."""
    secret: int | None = None
    """Index of the secret that matched, in the order handed in; also set when only the time was wrong."""
    timestamp: float | None = None
    """When the sender signed, in Unix seconds; None where the scheme signs no time."""
    delivery_id: str = ""
    """The sender's id of this delivery where a header holds it; `places.read` finds those in bodies."""
    subject: str = ""
    """The header, parameter or key that the reason is about."""


class Refusal(Exception):  # noqa: N818 - not an error: it is the ordinary way to say no inside this room
    """Raised inside schemes and turned into a `Verification` at the room's door. Never crosses it."""

    def __init__(
        self,
        reason: Reason,
        detail: str = "",
        *,
        subject: str = "",
        secret: int | None = None,
        timestamp: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.subject = subject
        self.secret = secret
        self.timestamp = timestamp

    def verification(self) -> Verification:
        """Return the verdict that this refusal is."""
        return Verification(
            ok=False,
            reason=self.reason,
            detail=self.detail,
            secret=self.secret,
            timestamp=self.timestamp,
            subject=self.subject,
        )


def accepted(*, secret: int | None = None, timestamp: float | None = None, delivery_id: str = "") -> Verification:
    """Return the verdict on a genuine request."""
    return Verification(ok=True, reason=Reason.OK, secret=secret, timestamp=timestamp, delivery_id=delivery_id)


def as_moment(seconds: float) -> datetime | None:
    """Return Unix seconds as an aware UTC moment; None where no calendar has that day."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
