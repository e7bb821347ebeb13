"""Near misses of an HMAC: what would have to be different for the signature to be right.

Each try changes one thing only, because a chain of guesses explains anything.
"""

import base64
import hmac
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from stormlet.signatures.descriptor import Algorithm, Descriptor, Encoding
from stormlet.signatures.hmac_scheme import HmacScheme, Signed, encode
from stormlet.signatures.request import Folded, SignedRequest, fold, one_ascii_value
from stormlet.signatures.reserialise import rewritten_forms
from stormlet.signatures.scheme import Options
from stormlet.signatures.secret import KeyForm, Secret, decode_base64, key_bytes
from stormlet.signatures.verification import Refusal

_MAX_BODY: Final = 1_048_576
"""Larger bodies are not tried in other forms."""


def near_misses(
    scheme: HmacScheme, request: SignedRequest, secrets: Sequence[Secret], options: Options
) -> Iterator[tuple[str, str]]:
    """Yield (code, words) for each single change that makes the signature right."""
    headers = fold(request.headers)
    bare, signed = _read_leniently(scheme, headers, options)
    if signed is None:
        return
    descriptor = scheme.descriptor
    keys = [key for s in secrets if (key := key_bytes(s, descriptor.key, descriptor.key_prefix)) is not None]
    message = scheme.message(request, headers, signed, request.body)
    if bare:
        yield from _prefixes(scheme, keys, message, bare)
    candidates = [candidate.decode() for candidate in signed.candidates] or [bare]
    yield from _encodings(descriptor, keys, message, candidates)
    yield from _algorithms(scheme, keys, message, signed)
    yield from _key_forms(scheme, secrets, message, signed)
    if len(request.body) <= _MAX_BODY:
        for words, body in rewritten_forms(request.body):
            if _fits(scheme, keys, scheme.message(request, headers, signed, body), signed):
                yield "body-rewritten", f"the body was changed on the way: {words}; the raw bytes must reach us"
                return


def _read_leniently(scheme: HmacScheme, headers: Folded, options: Options) -> tuple[str, Signed | None]:
    """Return the header's text if its prefix is wrong, and what else the headers say; None if they say too little."""
    try:
        return "", scheme.read(headers, options)
    except Refusal:
        pass
    relaxed = HmacScheme(scheme.about, msgspec.structs.replace(scheme.descriptor, prefix="", separator=""))
    try:
        signed = relaxed.read(headers, options)
        return one_ascii_value(headers, signed.names.signature), signed
    except Refusal:
        return "", None


def _fits(scheme: HmacScheme, keys: Sequence[bytes], message: bytes, signed: Signed) -> bool:
    expected = [scheme.expected(key, message, signed.algorithm) for key in keys]
    return any(hmac.compare_digest(candidate, each) for each in expected for candidate in signed.candidates)


def _prefixes(scheme: HmacScheme, keys: Sequence[bytes], message: bytes, text: str) -> Iterator[tuple[str, str]]:
    prefix = scheme.descriptor.prefix
    for key in keys:
        expected = scheme.expected(key, message, scheme.descriptor.algorithm).decode()
        if text.lower() == expected.lower():
            yield "prefix-missing", f"the digest is right, but the prefix `{prefix}` before it is missing"
        elif text.lower().endswith(expected.lower()):
            wrong = text[: -len(expected)]
            yield "prefix-wrong", f"the digest is right, but `{wrong[:20]}` stands before it instead of `{prefix}`"


def _encodings(
    descriptor: Descriptor, keys: Sequence[bytes], message: bytes, candidates: Sequence[str]
) -> Iterator[tuple[str, str]]:
    for key in keys:
        digest = hmac.digest(key, message, descriptor.algorithm.value)
        for encoding in Encoding:
            written = encode(digest, encoding).decode()
            if encoding is not descriptor.encoding and written in candidates:
                words = f"it matches as {encoding}, but this scheme expects {descriptor.encoding}"
                yield "encoding", words
        if base64.b64encode(digest.hex().encode()).decode() in candidates:
            yield "encoding", "it matches as base64 of the hex digest; one of the two encodings is too much"
        if descriptor.encoding is Encoding.HEX and any(c.lower() == digest.hex() for c in candidates):
            yield "encoding", "it matches but for upper and lower case mixed in the hex digits"


def _algorithms(scheme: HmacScheme, keys: Sequence[bytes], message: bytes, signed: Signed) -> Iterator[tuple[str, str]]:
    for algorithm in Algorithm:
        if algorithm is not signed.algorithm and _fits(
            scheme, keys, message, msgspec.structs.replace(signed, algorithm=algorithm)
        ):
            yield "algorithm", f"it matches with {algorithm}, but this scheme signs with {signed.algorithm}"


def _key_forms(
    scheme: HmacScheme, secrets: Sequence[Secret], message: bytes, signed: Signed
) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the text of a secret: white space, or a prefix or encoding that was taken otherwise."""
    for number, secret in enumerate(secrets, start=1):
        which = f"secret {number} of {len(secrets)}"
        for words, key in _other_keys(secret, scheme.descriptor):
            if key and _fits(scheme, [key], message, signed):
                yield "secret-form", f"it matches {which} {words}"


def _other_keys(secret: Secret, descriptor: Descriptor) -> Iterator[tuple[str, bytes]]:
    text = secret.value.encode("utf-8", "surrogatepass")
    stripped = text.strip()
    if stripped != text:
        yield "without the white space around it: configure it without", stripped
    yield "with a line end behind it: the sender's side has one too much", stripped + b"\n"
    if descriptor.key is KeyForm.TEXT:
        yield "base64-decoded, but this scheme takes it as text", decode_base64(secret.value) or b""
        bare = secret.value.strip().removeprefix("whsec_")
        if bare != secret.value.strip():
            yield "base64-decoded without its prefix, as Standard Webhooks does", decode_base64(bare) or b""
            yield "without its prefix, which belongs to it in this scheme", bare.encode()
    else:
        yield f"as text, but this scheme decodes it from {descriptor.key}", stripped
