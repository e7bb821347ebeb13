"""The engine that signs and verifies from a `Descriptor`.

Order matters here: the headers are read, then every secret is tried over the same bytes, and only what was found
genuine is judged by its age. No comparison stops early, and without a usable secret the same work is done with a key
that matches nothing, so that the time of an answer tells nobody how a hook is configured.
"""

import base64
import hmac
from binascii import b2a_base64
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from stormlet.foundation.errors import InvalidInputError
from stormlet.signatures.descriptor import (
    Algorithm,
    Descriptor,
    Encoding,
    HeaderNames,
    Legacy,
    Part,
    parse_template,
)
from stormlet.signatures.request import Folded, SignedRequest, cut_url, fold, one_ascii_value, present, text_bytes
from stormlet.signatures.reserialise import javascript_form
from stormlet.signatures.scheme import About, Options
from stormlet.signatures.secret import MISSING_KEY, Secret, active, key_bytes
from stormlet.signatures.timestamps import Window, judge, read_timestamp, write_timestamp
from stormlet.signatures.verification import Reason, Refusal, Verification, accepted

_MAX_SIGNATURES: Final = 32
_BODY_ALONE: Final = (Part(name="body"),)
_DIGEST_BYTES: Final = {Algorithm.SHA1: 20, Algorithm.SHA256: 32, Algorithm.SHA384: 48, Algorithm.SHA512: 64}


class Signed(msgspec.Struct, frozen=True):
    """What the headers of one request say, before any key was tried."""

    candidates: list[bytes]
    algorithm: Algorithm
    moment: float | None
    names: HeaderNames
    stamp: str
    id: str


class HmacScheme:
    """A scheme that is a descriptor. Building one parses its template; verifying parses nothing of the descriptor."""

    def __init__(self, about: About, descriptor: Descriptor) -> None:
        self.about = about
        self.descriptor = descriptor
        self._parts = parse_template(descriptor.signed)
        self._parts_with_time = parse_template(descriptor.signed_with_time) if descriptor.signed_with_time else None
        self._body_alone = self._parts == _BODY_ALONE
        self._delivery_headers = tuple(place.header.lower() for place in about.delivery_id if place.header)

    def verify(
        self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options
    ) -> Verification:
        headers = fold(request.headers)
        signed = self.read(headers, options)
        matched, usable = self._match(request, headers, secrets, signed, options)
        if not usable:
            raise _no_key(secrets)
        if matched is None:
            raise self._mismatch(signed)
        if signed.moment is not None:
            judge(signed.moment, now, self.window(options), secret=matched)
        return accepted(secret=matched, timestamp=signed.moment, delivery_id=signed.id or self._delivery_id(headers))

    def _delivery_id(self, headers: Folded) -> str:
        for name in self._delivery_headers:
            if found := headers.get(name, [""])[0]:
                return found
        return ""

    def read(self, headers: Folded, options: Options) -> Signed:
        """Return what the headers say.

        Raises:
            Refusal: one is missing, doubled or garbled.
        """
        names, legacy = self._choose(headers, options)
        text = one_ascii_value(headers, names.signature)
        entries, stamp = self._entries(text, legacy.prefix if legacy else self.descriptor.prefix, bool(legacy))
        if names.timestamp:
            stamp = one_ascii_value(headers, names.timestamp)
        moment = read_timestamp(stamp, self.descriptor.time_form) if self._signs_time(names) else None
        message_id = one_ascii_value(headers, names.id) if names.id else ""
        if "." in message_id and "{id}." in self.descriptor.signed:
            # With a dot in it, parts of the body could be passed off as the timestamp: a.1.2 is (a, 1, 2) and (a.1, 2).
            raise Refusal(Reason.MALFORMED_ID, "the message id holds a dot", subject=names.id)
        algorithm = legacy.algorithm if legacy else self.descriptor.algorithm
        return Signed([self._plain(entry) for entry in entries], algorithm, moment, names, stamp, message_id)

    def message(self, request: SignedRequest, headers: Folded, signed: Signed, body: bytes) -> bytes:
        """Return the bytes that the sender should have signed."""
        parts = self._parts_with_time if self._parts_with_time and signed.names.timestamp else self._parts
        if parts is self._parts and self._body_alone:
            return body
        return b"".join([self._bytes_of(part, request, headers, signed, body) for part in parts])

    def expected(self, key: bytes, message: bytes, algorithm: Algorithm) -> bytes:
        """Return the digest as the sender writes it, without its prefix."""
        return encode(hmac.digest(key, message, algorithm.value), self.descriptor.encoding)

    def window(self, options: Options) -> Window:
        """Return the tolerance of one endpoint."""
        if options.tolerance is None:
            return self.descriptor.window
        return Window(seconds=options.tolerance, exclusive=self.descriptor.window.exclusive)

    def sign(self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options) -> SignedRequest:
        descriptor = self.descriptor
        names = self._spellings(options)[0]
        stamp = write_timestamp(now, descriptor.time_form) if self._signs_time(names) else ""
        message_id = self._message_id(request, names, options)
        carried = [(names.timestamp, stamp)] if names.timestamp else []
        carried += [(names.id, message_id)] if names.id else []
        request = request.with_headers(*carried)
        signed = Signed([], descriptor.algorithm, None, names, stamp, message_id)
        message = self.message(request, fold(request.headers), signed, request.body)
        keys = [key_bytes(secret, descriptor.key, descriptor.key_prefix) for _, secret in active(secrets)]
        usable = [key for key in keys if key is not None]
        if not usable or len(usable) < len(keys):
            raise InvalidInputError(f"{self.about.name} cannot sign with this secret", hint=self.about.configure)
        if not descriptor.separator:
            usable = usable[:1]
        entries = [descriptor.prefix + self.expected(key, message, descriptor.algorithm).decode() for key in usable]
        if descriptor.time_prefix:
            entries.insert(0, descriptor.time_prefix + stamp)
        added = [(names.signature, descriptor.separator.join(entries))]
        if descriptor.legacy and options.legacy and descriptor.legacy.header != names.signature:
            weak = self.expected(usable[0], message, descriptor.legacy.algorithm).decode()
            added.append((descriptor.legacy.header, descriptor.legacy.prefix + weak))
        return request.with_headers(*carried, *added)

    def _spellings(self, options: Options) -> tuple[HeaderNames, ...]:
        if not options.header and not options.timestamp_header:
            return self.descriptor.headers
        spellings = self.descriptor.headers[:1] if options.header else self.descriptor.headers
        return tuple(
            HeaderNames(
                signature=options.header or names.signature,
                timestamp=options.timestamp_header or names.timestamp,
                id=names.id,
            )
            for names in spellings
        )

    def _choose(self, headers: Folded, options: Options) -> tuple[HeaderNames, Legacy | None]:
        """Return the spelling to use, and the legacy rule where it applies instead of the strong one."""
        spellings = self._spellings(options)
        chosen = spellings[0]
        if len(spellings) > 1:
            chosen = next((names for names in spellings if _is_complete(headers, names)), chosen)
        legacy = self.descriptor.legacy
        if legacy is None or not options.legacy:
            return chosen, None
        if legacy.header == chosen.signature:
            return chosen, legacy if self._is_legacy_length(headers, legacy) else None
        if chosen.signature.lower() not in headers and present(headers, legacy.header):
            return HeaderNames(signature=legacy.header, timestamp=chosen.timestamp, id=chosen.id), legacy
        return chosen, None

    def _is_legacy_length(self, headers: Folded, legacy: Legacy) -> bool:
        values = headers.get(legacy.header.lower(), ())
        return len(values) == 1 and len(values[0]) == len(legacy.prefix) + 2 * _DIGEST_BYTES[legacy.algorithm]

    def _entries(self, text: str, prefix: str, legacy: bool) -> tuple[list[str], str]:
        """Return the digests with their prefix cut off, and the list's timestamp if it holds one."""
        descriptor = self.descriptor
        if not descriptor.separator or legacy:
            return [self._without_prefix(text, prefix)], ""
        entries = text.split(descriptor.separator)
        if descriptor.strip_entries:
            entries = [entry.strip(" \t") for entry in entries]
        found = [entry[len(prefix) :] for entry in entries if entry.startswith(prefix)]
        if not found:
            raise Refusal(Reason.UNKNOWN_VERSION, f"none of the signatures starts with `{prefix}`", subject=prefix)
        if len(found) > _MAX_SIGNATURES:
            raise Refusal(Reason.TOO_MANY_SIGNATURES, f"{len(found)} signatures in one header")
        if not descriptor.time_prefix:
            return found, ""
        stamps = [entry for entry in entries if entry.startswith(descriptor.time_prefix)]
        if len(stamps) != 1:
            raise Refusal(Reason.MALFORMED_TIMESTAMP, f"{len(stamps)} entries start with `{descriptor.time_prefix}`")
        return found, stamps[0][len(descriptor.time_prefix) :]

    def _without_prefix(self, text: str, prefix: str) -> str:
        head = text[: len(prefix)]
        if head == prefix or (self.descriptor.prefix_any_case and head.lower() == prefix.lower()):
            return text[len(prefix) :]
        if self.descriptor.prefix_optional:
            return text
        raise Refusal(Reason.MALFORMED_SIGNATURE, f"the signature does not start with `{prefix}`", subject=prefix)

    def _plain(self, entry: str) -> bytes:
        # Hex in upper case is taken, mixed case is not: a changed bit must never leave a signature right.
        if self.descriptor.encoding is Encoding.HEX and entry.upper() == entry:
            entry = entry.lower()
        return entry.encode()

    def _match(
        self, request: SignedRequest, headers: Folded, secrets: Sequence[Secret], signed: Signed, options: Options
    ) -> tuple[int | None, bool]:
        """Return the index of the first secret that matches, and whether any secret could be used at all."""
        keys = self._keys(secrets)
        message = self.message(request, headers, signed, request.body)
        matched = self._try(keys, message, signed)
        if matched is None and self.descriptor.reserialised and options.reserialised:
            rewritten = javascript_form(request.body)
            if rewritten is not None:
                matched = self._try(keys, self.message(request, headers, signed, rewritten), signed)
        if keys[0][0] < 0:
            return None, False
        return matched, True

    def _keys(self, secrets: Sequence[Secret]) -> list[tuple[int, bytes]]:
        keys = []
        for index, secret in enumerate(secrets):
            if secret.enabled:
                key = key_bytes(secret, self.descriptor.key, self.descriptor.key_prefix)
                if key is not None:
                    keys.append((index, key))
        return keys or [(-1, MISSING_KEY)]

    def _try(self, keys: list[tuple[int, bytes]], message: bytes, signed: Signed) -> int | None:
        matched: int | None = None
        for index, key in keys:
            expected = self.expected(key, message, signed.algorithm)
            for candidate in signed.candidates:
                if hmac.compare_digest(candidate, expected) and matched is None:
                    matched = index
        return matched

    def _mismatch(self, signed: Signed) -> Refusal:
        length = len(encode(bytes(_DIGEST_BYTES[signed.algorithm]), self.descriptor.encoding))
        name = signed.names.signature
        if all(len(candidate) != length for candidate in signed.candidates):
            words = f"the signature in {name} is not the {self.descriptor.encoding} form of a {signed.algorithm} digest"
            return Refusal(Reason.MALFORMED_SIGNATURE, words, subject=name, timestamp=signed.moment)
        return Refusal(Reason.MISMATCH, f"the signature in {name} is wrong", subject=name, timestamp=signed.moment)

    def _signs_time(self, names: HeaderNames) -> bool:
        return bool(names.timestamp or self.descriptor.time_prefix)

    def _message_id(self, request: SignedRequest, names: HeaderNames, options: Options) -> str:
        if not names.id:
            return ""
        found = options.message_id or "".join(fold(request.headers).get(names.id.lower(), ()))
        if not found or "." in found or not found.isascii():
            raise InvalidInputError(f"{self.about.name} needs a message id", hint="ASCII, without a dot")
        return found

    def _bytes_of(self, part: Part, request: SignedRequest, headers: Folded, signed: Signed, body: bytes) -> bytes:
        name = part.name
        if not name:
            return part.literal
        if name == "body":
            return body
        if name == "timestamp":
            return text_bytes(signed.stamp)
        if name == "id":
            return text_bytes(signed.id)
        if name == "header":
            return text_bytes(one_ascii_value(headers, part.argument))
        if name == "path":
            return text_bytes(cut_url(request.url).path)
        return text_bytes(request.url if name == "url" else request.method)


def _is_complete(headers: Folded, names: HeaderNames) -> bool:
    return (
        present(headers, names.signature)
        and (not names.timestamp or present(headers, names.timestamp))
        and (not names.id or present(headers, names.id))
    )


def encode(digest: bytes, encoding: Encoding) -> bytes:
    """Return the digest as ASCII text in that encoding."""
    if encoding is Encoding.HEX:
        return digest.hex().encode()
    if encoding is Encoding.BASE64:
        return b2a_base64(digest, newline=False)
    return base64.urlsafe_b64encode(digest).rstrip(b"=")


def _no_key(secrets: Sequence[Secret]) -> Refusal:
    if any(secret.enabled and secret.value for secret in secrets):
        return Refusal(Reason.BAD_SECRET, "no configured secret has the form that this scheme needs")
    return Refusal(Reason.NO_SECRET, "no active secret is configured")
