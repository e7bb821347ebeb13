"""What came of verifying one request: the verdict, and the word for each way to be refused.

The words and details are for the operator, behind the API key. A sender is told nothing of them: an answer that says
which check failed is an oracle. No detail ever holds a secret or the signature that would have been right.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import msgspec


class Reason(StrEnum):
    """Why a request was refused; stable, for programs."""

    OK = "ok"
    NO_SECRET = "no-secret"  # noqa: S105 - a word, not a password
    BAD_SECRET = "bad-secret"  # noqa: S105 - a word, not a password
    MISSING_HEADER = "missing-header"
    MISSING_CREDENTIAL = "missing-credential"
    DUPLICATE_HEADER = "duplicate-header"
    NON_ASCII_HEADER = "non-ascii-header"
    MALFORMED_SIGNATURE = "malformed-signature"
    UNKNOWN_VERSION = "unknown-version"
    TOO_MANY_SIGNATURES = "too-many-signatures"
    MALFORMED_TIMESTAMP = "malformed-timestamp"
    MALFORMED_ID = "malformed-id"
    MALFORMED_BODY = "malformed-body"
    MISMATCH = "mismatch"
    TOO_OLD = "too-old"
    IN_FUTURE = "in-future"
    EXPIRED = "expired"
    DISABLED = "disabled"
    WRONG_BODY_HASH = "wrong-body-hash"
    UNTRUSTED_URL = "untrusted-url"
    UNKNOWN_CERTIFICATE = "unknown-certificate"
    UNKNOWN_KEY = "unknown-key"
    NOT_ALLOWED = "not-allowed"
    NOT_COVERED = "not-covered"
    NOT_CONFIGURED = "not-configured"
    INTERNAL = "internal"


MEANINGS: Final[Mapping[Reason, str]] = {
    Reason.OK: "It was not refused: the request is genuine.",
    Reason.NO_SECRET: "No active secret is configured.",
    Reason.BAD_SECRET: "No configured secret has the form that the scheme needs, such as base64.",
    Reason.MISSING_HEADER: "A header that the scheme needs is missing or empty.",
    Reason.MISSING_CREDENTIAL: "Neither a header nor the URL holds the credential.",
    Reason.DUPLICATE_HEADER: "A header or parameter that must be single stands there more than once.",
    Reason.NON_ASCII_HEADER: "A header that takes part in the signature is not ASCII.",
    Reason.MALFORMED_SIGNATURE: "The signature has the wrong prefix, encoding or length.",
    Reason.UNKNOWN_VERSION: "None of the signatures is of a version or algorithm that is accepted.",
    Reason.TOO_MANY_SIGNATURES: "One header holds more signatures than any rotation needs.",
    Reason.MALFORMED_TIMESTAMP: "The timestamp is not one.",
    Reason.MALFORMED_ID: "The message id holds a dot, which would make the signed text ambiguous.",
    Reason.MALFORMED_BODY: "The body is not what the scheme verifies.",
    Reason.MISMATCH: "The signature or credential is well-formed and wrong.",
    Reason.TOO_OLD: "Genuine, but made longer ago than the tolerance allows.",
    Reason.IN_FUTURE: "Genuine, but made further ahead than the tolerance allows.",
    Reason.EXPIRED: "The signature or credential has run out.",
    Reason.DISABLED: "The credential exists, and is switched off.",
    Reason.WRONG_BODY_HASH: "The signed hash of the body is not that of the body received.",
    Reason.UNTRUSTED_URL: "A URL in the message is not one of the provider's own.",
    Reason.UNKNOWN_CERTIFICATE: "The certificate was not fetched, or is not one.",
    Reason.UNKNOWN_KEY: "The signature names a key that is not configured.",
    Reason.NOT_ALLOWED: "Genuine, but from a topic that is not on the allow list.",
    Reason.NOT_COVERED: "The signature leaves out a part that the policy wants signed.",
    Reason.NOT_CONFIGURED: "The scheme needs an option that was not given.",
    Reason.INTERNAL: "A bug in the scheme; please report it.",
}
"""What each reason means, in a sentence. docs/reference/schemes.md prints it."""


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
