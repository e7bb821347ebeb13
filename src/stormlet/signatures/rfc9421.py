"""HTTP Message Signatures (RFC 9421) with Content-Digest (RFC 9530).

The message says what it covers, so the policy here must say what it has to cover; and it names an algorithm, which is
believed only if the configured key says the same. Several labels are a rotation: one that is right in every respect is
enough. Components that only make sense for responses or trailers are refused.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import quote

from stormlet.foundation.errors import InvalidInputError
from stormlet.signatures.places import in_body
from stormlet.signatures.public_keys import ALGORITHMS, sign_bytes, verify_bytes
from stormlet.signatures.request import Folded, SignedRequest, cut_url, fold, one_ascii_value, query_values
from stormlet.signatures.scheme import About, Example, Options
from stormlet.signatures.secret import Secret, active
from stormlet.signatures.structured_fields import (
    FieldError,
    InnerList,
    Item,
    read_dictionary,
    write_bytes,
    write_inner_list,
    write_item,
)
from stormlet.signatures.timestamps import Window, judge
from stormlet.signatures.verification import Reason, Refusal, Verification, accepted

_DIGESTS: Final = {"sha-256": "sha256", "sha-512": "sha512"}
_DEFAULT_PORTS: Final = {"https": ":443", "http": ":80"}
_MAX_LABELS: Final = 8
_LABEL: Final = "sig"


class Rfc9421Scheme:
    """A signature over chosen parts of the request, by a key that its keyid names."""

    def __init__(self, about: About) -> None:
        self.about = about

    def verify(
        self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options
    ) -> Verification:
        if not active(secrets):
            raise Refusal(Reason.NO_SECRET, "no key is configured")
        headers = fold(request.headers)
        inputs, signatures = _dictionary(headers, "Signature-Input"), _dictionary(headers, "Signature")
        labels = [label for label in inputs if label in signatures][:_MAX_LABELS]
        refusal = Refusal(Reason.MALFORMED_SIGNATURE, "no label stands in both Signature-Input and Signature")
        for label in labels:
            try:
                return _verify_one(request, headers, inputs[label], signatures[label], secrets, now, options)
            except Refusal as reason:
                refusal = reason
        raise refusal

    def sign(self, request: SignedRequest, secrets: Sequence[Secret], now: datetime, options: Options) -> SignedRequest:
        usable = [secret for _, secret in active(secrets)]
        if not usable:
            raise InvalidInputError("rfc9421 needs a key to sign")
        digest = hashlib.sha256(request.body).digest()
        request = request.with_headers(("Content-Digest", f"sha-256={write_bytes(digest)}"))
        components = tuple(Item(name, {}) for name in options.required_components)
        created = int(now.timestamp())
        inputs, signatures = [], []
        # One label for each key: while a key is rotated, either is enough for the receiver.
        for number, secret in enumerate(usable[:_MAX_LABELS], 1):
            covered = InnerList(components, {"created": created, "keyid": secret.name, "alg": secret.algorithm})
            try:
                base = signature_base(request, fold(request.headers), covered)
            except Refusal as refusal:
                raise InvalidInputError(f"the request cannot be signed: {refusal.detail}") from refusal
            inputs.append(f"{_LABEL}{number}={write_inner_list(covered)}")
            signatures.append(f"{_LABEL}{number}={write_bytes(sign_bytes(secret, base))}")
        return request.with_headers(("Signature-Input", ", ".join(inputs)), ("Signature", ", ".join(signatures)))


def _verify_one(
    request: SignedRequest,
    headers: Folded,
    covered: Item | InnerList,
    given: Item | InnerList,
    secrets: Sequence[Secret],
    now: datetime,
    options: Options,
) -> Verification:
    """Return the verdict of one label that is right in every respect.

    Raises:
        Refusal: it is not.
    """
    if not isinstance(covered, InnerList) or not isinstance(given, Item) or not isinstance(given.value, bytes):
        raise Refusal(Reason.MALFORMED_SIGNATURE, "Signature-Input is not a list, or Signature not bytes")
    index, secret = _key(covered, secrets)
    names = [item.value for item in covered.items if not item.parameters]
    missing = [name for name in options.required_components if name not in names]
    if missing:
        raise Refusal(Reason.NOT_COVERED, f"the signature does not cover {', '.join(missing)}", subject=missing[0])
    base = signature_base(request, headers, covered)
    if not verify_bytes(secret, given.value, base):
        raise Refusal(Reason.MISMATCH, "the signature is wrong", subject="Signature")
    if "content-digest" in names:
        _check_digest(headers, request.body, index)
    created = _time(covered, "created")
    expires = _time(covered, "expires")
    if expires is not None and now.timestamp() > expires:
        raise Refusal(Reason.EXPIRED, "the signature has expired", subject="expires", secret=index, timestamp=created)
    if created is None:
        raise Refusal(Reason.MALFORMED_TIMESTAMP, "the signature says no `created`", subject="created", secret=index)
    judge(created, now, Window() if options.tolerance is None else Window(seconds=options.tolerance), secret=index)
    return accepted(secret=index, timestamp=created)


def _key(covered: InnerList, secrets: Sequence[Secret]) -> tuple[int, Secret]:
    key_id = covered.parameters.get("keyid")
    index = next((i for i, s in active(secrets) if isinstance(key_id, str) and s.name == key_id), None)
    if index is None:
        raise Refusal(Reason.UNKNOWN_KEY, "the signature names no key that is configured", subject="keyid")
    secret = secrets[index]
    if secret.algorithm not in ALGORITHMS:
        raise Refusal(Reason.BAD_SECRET, f"the key's algorithm is none of {', '.join(ALGORITHMS)}", secret=index)
    named = covered.parameters.get("alg")
    if named is not None and named != secret.algorithm:
        words = "the signature names another algorithm than its key is for"
        raise Refusal(Reason.UNKNOWN_VERSION, words, subject="alg")
    return index, secret


def signature_base(request: SignedRequest, headers: Folded, covered: InnerList) -> bytes:
    """Return the bytes that are signed: a line for each component, and one for the parameters (RFC 9421, 2.5).

    Raises:
        Refusal: a component is missing, doubled, or not one that a request has.
    """
    lines: list[str] = []
    seen: set[str] = set()
    for item in covered.items:
        identifier = write_item(item)
        if not isinstance(item.value, str) or identifier in seen:
            raise Refusal(Reason.MALFORMED_SIGNATURE, "a component is doubled, or not text", subject=identifier)
        seen.add(identifier)
        lines.append(f"{identifier}: {_component(request, headers, item, item.value)}\n")
    text = "".join(lines) + f'"@signature-params": {write_inner_list(covered)}'
    return text.encode("utf-8", "surrogatepass")


def _component(request: SignedRequest, headers: Folded, item: Item, name: str) -> str:
    if name == "@query-param":
        return _query_parameter(request.url, item)
    if item.parameters:
        words = f"the component {write_item(item)} has parameters that are not supported"
        raise Refusal(Reason.NOT_COVERED, words, subject=name)
    if name.startswith("@"):
        return _derived(request, name)
    values = headers.get(name, ()) if name == name.lower() else ()
    if not values:
        raise Refusal(
            Reason.MISSING_HEADER, f"the signature covers the header {name[:60]}, which is missing", subject=name
        )
    text = ", ".join(" ".join(value.split("\n")).strip(" \t") for value in values)
    if not text.isascii():
        raise Refusal(Reason.NON_ASCII_HEADER, f"the header {name} is not ASCII", subject=name)
    return text


def _derived(request: SignedRequest, name: str) -> str:
    url = cut_url(request.url)
    if name == "@method":
        return request.method
    if name == "@target-uri":
        return request.url.partition("#")[0]
    if name == "@authority":
        authority = url.authority.rpartition("@")[2].lower()
        return authority.removesuffix(_DEFAULT_PORTS.get(url.scheme.lower(), ":"))
    if name == "@scheme":
        return url.scheme.lower()
    path = url.path or "/"
    if name == "@path":
        return path
    if name == "@query":
        return "?" + (url.query or "")
    if name == "@request-target":
        return path if url.query is None else f"{path}?{url.query}"
    raise Refusal(Reason.NOT_COVERED, f"the component {name[:60]} is not one that a request has", subject=name)


def _query_parameter(url: str, item: Item) -> str:
    name = item.parameters.get("name")
    if not isinstance(name, str) or len(item.parameters) != 1:
        raise Refusal(Reason.MALFORMED_SIGNATURE, "@query-param needs a name, and nothing else", subject="@query-param")
    from urllib.parse import unquote

    values = query_values(url, unquote(name))
    if len(values) != 1:
        words = f"the parameter {name[:60]} stands there {len(values)} times"
        raise Refusal(Reason.MISSING_HEADER, words, subject="@query-param")
    return quote(values[0], safe="-._~")


def _check_digest(headers: Folded, body: bytes, index: int) -> None:
    """Return if every digest that we know is that of the body, and there is one.

    Raises:
        Refusal: otherwise; the signature alone says nothing about the body.
    """
    digests = _dictionary(headers, "Content-Digest")
    known = {name: item for name, item in digests.items() if name in _DIGESTS}
    for name, item in known.items():
        wanted = hashlib.new(_DIGESTS[name], body).digest()
        if (
            not isinstance(item, Item)
            or not isinstance(item.value, bytes)
            or not hmac.compare_digest(item.value, wanted)
        ):
            words = "the signed Content-Digest is not that of the body"
            raise Refusal(Reason.WRONG_BODY_HASH, words, subject="Content-Digest", secret=index)
    if not known:
        words = "Content-Digest has neither sha-256 nor sha-512"
        raise Refusal(Reason.WRONG_BODY_HASH, words, subject="Content-Digest", secret=index)


def _dictionary(headers: Folded, name: str) -> dict[str, Item | InnerList]:
    try:
        return read_dictionary(one_ascii_value(headers, name))
    except FieldError as error:
        raise Refusal(Reason.MALFORMED_SIGNATURE, f"the header {name} cannot be read: {error}", subject=name) from error


def _time(covered: InnerList, name: str) -> float | None:
    value = covered.parameters.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Refusal(Reason.MALFORMED_TIMESTAMP, f"`{name}` is not a whole number", subject=name)
    return float(value)


RFC9421: Final = Rfc9421Scheme(
    About(
        name="rfc9421",
        title="HTTP Message Signatures (RFC 9421)",
        aliases=("http-message-signatures",),
        headers=("Signature-Input", "Signature", "Content-Digest"),
        time="300 s",
        signs="HMAC-SHA256, Ed25519, RSA or ECDSA over the parts of the request that `Signature-Input` lists; "
        "`@method`, `@target-uri` and `content-digest` must be among them unless `required_components` says otherwise",
        configure="One per key id (`name`): `algorithm`, and the key in base64 or PEM. The algorithm is never the message's.",
        proves="That the covered parts, and by `content-digest` the body, come from the holder of the key, "
        "at most 300 s ago or ahead and before `expires`.",
        unproved="Whatever is not covered; and that it is the first delivery.",
        event_type=(in_body("type"),),
        example=Example(
            request=SignedRequest(
                url="https://hooks.example.org/api/v1/webhooks/demo",
                headers=(("Content-Type", "application/json"),),
                body=b'{"type":"contact.created"}',
            ),
            secret=Secret(
                value="5VoW3wUUSiooPk6YquOUaetAxltyG+Fw8uHfCaH17vQ=", name="demo-key", algorithm="hmac-sha256"
            ),
        ),
    )
)
