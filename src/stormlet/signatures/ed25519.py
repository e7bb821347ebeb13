"""Signatures by key pair: Discord, and version 1a of Standard Webhooks.

The receiver holds a public key only, so a stolen configuration cannot forge. A public key is never used as an HMAC key:
the schemes here know no HMAC.
"""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from stormlet.foundation.errors import InvalidInputError
from stormlet.signatures.descriptor import HeaderNames
from stormlet.signatures.places import in_body, in_header
from stormlet.signatures.request import SignedRequest, fold, one_ascii_value
from stormlet.signatures.scheme import About, Example, Options
from stormlet.signatures.secret import Secret, active, decode_base64, decode_hex
from stormlet.signatures.timestamps import TimeForm, Window, judge, read_timestamp, write_timestamp
from stormlet.signatures.verification import Reason, Refusal, Verification, accepted

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_MAX_SIGNATURES: Final = 8
"""Each costs a hundred microseconds, and a stranger writes the header."""
_SIGNATURE_BYTES: Final = 64


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """How one of the schemes differs from the other."""

    headers: HeaderNames
    hexadecimal: bool
    """Whether keys and signatures are hex; otherwise they are base64."""
    prefix: str = ""
    """Before each signature, in a list separated by spaces; empty: there is one, bare."""
    public_prefix: str = ""
    private_prefix: str = ""


class Ed25519Scheme:
    """An Ed25519 signature over [id.]time[.]body."""

    def __init__(self, about: About, layout: Layout) -> None:
        self.about = about
        self.layout = layout

    def verify(
        self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options
    ) -> Verification:
        headers = fold(request.headers)
        names = self.layout.headers
        candidates = self._signatures(one_ascii_value(headers, names.signature))
        stamp = one_ascii_value(headers, names.timestamp)
        moment = read_timestamp(stamp, TimeForm.UNIX)
        message_id = one_ascii_value(headers, names.id) if names.id else ""
        if "." in message_id:
            raise Refusal(Reason.MALFORMED_ID, "the message id holds a dot", subject=names.id)
        message = self._message(message_id, stamp, request.body)
        keys = [(index, key) for index, secret in active(secrets) if (key := self._public_key(secret))]
        if not keys:
            empty = not active(secrets)
            words = "no public key is configured" if empty else "no configured public key is 32 bytes in this form"
            raise Refusal(Reason.NO_SECRET if empty else Reason.BAD_SECRET, words)
        matched = next((index for index, key in keys if any(_genuine(key, c, message) for c in candidates)), None)
        if matched is None:
            raise Refusal(Reason.MISMATCH, "the signature is wrong", subject=names.signature, timestamp=moment)
        window = Window() if options.tolerance is None else Window(seconds=options.tolerance)
        judge(moment, now, window, secret=matched)
        return accepted(secret=matched, timestamp=moment, delivery_id=message_id)

    def sign(self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options) -> SignedRequest:
        names = self.layout.headers
        stamp = write_timestamp(now, TimeForm.UNIX)
        carried = [(names.timestamp, stamp)]
        message_id = ""
        if names.id:
            message_id = options.message_id or "".join(fold(request.headers).get(names.id.lower(), ()))
            if not message_id or "." in message_id or not message_id.isascii():
                raise InvalidInputError(f"{self.about.name} needs a message id", hint="ASCII, without a dot")
            carried.append((names.id, message_id))
        message = self._message(message_id, stamp, request.body)
        entries = [self.layout.prefix + self._written(self._signed(secret, message)) for _, secret in active(secrets)]
        if not entries:
            raise InvalidInputError(f"{self.about.name} needs a private key to sign")
        text = " ".join(entries) if self.layout.prefix else entries[0]
        return request.with_headers(*carried, (names.signature, text))

    def _message(self, message_id: str, stamp: str, body: bytes) -> bytes:
        head = f"{message_id}.{stamp}." if self.layout.headers.id else stamp
        return head.encode() + body

    def _signatures(self, text: str) -> list[bytes]:
        prefix = self.layout.prefix
        entries = [entry[len(prefix) :] for entry in text.split(" ") if entry.startswith(prefix)] if prefix else [text]
        if not entries:
            raise Refusal(Reason.UNKNOWN_VERSION, f"none of the signatures starts with `{prefix}`", subject=prefix)
        if len(entries) > _MAX_SIGNATURES:
            raise Refusal(Reason.TOO_MANY_SIGNATURES, f"{len(entries)} signatures in one header")
        found = [signature for entry in entries if (signature := self._read(entry)) is not None]
        if not found:
            raise Refusal(Reason.MALFORMED_SIGNATURE, "the signature is not 64 bytes in this form")
        return found

    def _read(self, entry: str) -> bytes | None:
        """Return the signature; None unless it is written in its one canonical form."""
        signature = decode_hex(entry) if self.layout.hexadecimal else decode_base64(entry)
        if signature is None or len(signature) != _SIGNATURE_BYTES:
            return None
        if self.layout.hexadecimal and entry.upper() == entry:
            entry = entry.lower()
        return signature if self._written(signature) == entry else None

    def _written(self, signature: bytes) -> str:
        return signature.hex() if self.layout.hexadecimal else base64.b64encode(signature).decode()

    def _public_key(self, secret: Secret) -> "Ed25519PublicKey | None":
        text = secret.value.strip().removeprefix(self.layout.public_prefix)
        return public_key(decode_hex(text) if self.layout.hexadecimal else decode_base64(text))

    def _signed(self, secret: Secret, message: bytes) -> bytes:
        text = secret.value.strip().removeprefix(self.layout.private_prefix)
        seed = decode_hex(text) if self.layout.hexadecimal else decode_base64(text)
        return sign_with_seed(seed, message)


def public_key(raw: bytes | None) -> "Ed25519PublicKey | None":
    """Return the key of 32 raw bytes; None if they are not one."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if raw is None:
        return None
    try:
        return Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        return None


def sign_with_seed(seed: bytes | None, message: bytes) -> bytes:
    """Return the signature by a seed of 32 bytes, or a pair of 64 (seed and public key, as some libraries keep it).

    Raises:
        InvalidInputError: it is neither.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if seed is None or len(seed) not in (32, 64):
        raise InvalidInputError("the private key is not an Ed25519 seed", hint="32 or 64 bytes, hex or base64")
    return Ed25519PrivateKey.from_private_bytes(seed[:32]).sign(message)


def _genuine(key: "Ed25519PublicKey", signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


_REQUEST = SignedRequest(
    url="https://hooks.example.org/api/v1/webhooks/demo",
    headers=(("Content-Type", "application/json"), ("webhook-id", "msg_2KWPBgLlAfx")),
    body=b'{"type": 1}',
)
# The key pair of RFC 8032, section 7.1, test 1: published, so that nobody takes it for a secret.
_SEED: Final = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
_PUBLIC: Final = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

DISCORD: Final = Ed25519Scheme(
    About(
        name="discord",
        title="Discord (interactions and webhook events)",
        headers=("X-Signature-Ed25519", "X-Signature-Timestamp"),
        time="300 s",
        signs="Ed25519 in hex over time and body, one after the other",
        configure="The application's public key, in hex. It is not secret.",
        proves="That time and body come from Discord, at most 300 s ago or ahead.",
        unproved="That it is the first delivery within those 300 s; interactions have an `id`, webhook events have none.",
        delivery_id=(in_body("id"),),
        delivery_id_signed=True,
        event_type=(in_body("event.type"), in_body("type")),
        handshake='PING is answered (`type` 1: `{"type":1}`, `type` 0: 204) and not dispatched. Discord also sends wrong '
        "signatures on purpose, and removes an endpoint that does not answer them with 401.",
        example=Example(request=_REQUEST, secret=Secret(value=_PUBLIC), signing_secret=Secret(value=_SEED)),
    ),
    Layout(
        headers=HeaderNames(signature="X-Signature-Ed25519", timestamp="X-Signature-Timestamp"),
        hexadecimal=True,
    ),
)

STANDARD_WEBHOOKS_ED25519: Final = Ed25519Scheme(
    About(
        name="standard-webhooks-ed25519",
        title="Standard Webhooks (v1a, asymmetric)",
        headers=("webhook-signature", "webhook-timestamp", "webhook-id"),
        time="300 s",
        signs="Ed25519 in base64 over `id.time.body`, after `v1a,`; several, separated by spaces. `v1` never counts",
        configure="The sender's public key: `whpk_` and base64. It is not secret.",
        proves="That id, time and body come from the holder of the private key, at most 300 s ago or ahead.",
        delivery_id=(in_header("webhook-id"),),
        delivery_id_signed=True,
        event_type=(in_body("type"),),
        example=Example(
            request=_REQUEST,
            secret=Secret(value="whpk_" + base64.b64encode(bytes.fromhex(_PUBLIC)).decode()),
            signing_secret=Secret(value="whsk_" + base64.b64encode(bytes.fromhex(_SEED)).decode()),
        ),
    ),
    Layout(
        headers=HeaderNames(signature="webhook-signature", timestamp="webhook-timestamp", id="webhook-id"),
        hexadecimal=False,
        prefix="v1a,",
        public_prefix="whpk_",
        private_prefix="whsk_",
    ),
)
