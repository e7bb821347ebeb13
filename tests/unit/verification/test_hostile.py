"""Whatever is sent to a guarded webhook, the answer is a refusal, and never a 500."""

import gzip
import random
import zlib
from typing import Any

import pytest

from stormlet.foundation.settings import Limits
from stormlet.signatures.registry import SCHEMES
from stormlet.signatures.scheme import Scheme

from .conftest import Door, Serve

SECRET = "correct horse battery staple"
VARIABLES = {"S": SECRET}
GITHUB = {"url": "in", "scheme": "github", "secret": "env:S"}
NASTY = [
    "",
    " ",
    "nan",
    "1e400",
    "-1",
    "+1770801600",
    "１７７０８０１６００",
    "9" * 4000,
    "sha256=",
    "sha256=" + "é" * 64,
    "v0=" + "0" * 64,
    "t=1770801600,v1=" + "0" * 64,
    "v1," + "A" * 44,
    "v1a," + "A" * 88,
    "\xff\xfe",
    "Basic " + "=" * 50,
    "Bearer ",
    "HMAC ////",
    "(((((",
    'sig1=("@method" "@target-uri");keyid="x";created=nan',
    "sig1=:!!!:",
    "%00%c0%a0",
    "=?utf-8?B?////?=",
]
DESCRIBED = {"header": "X-Acme-Signature", "signed": "{timestamp}.{body}", "timestamp": {"header": "X-Acme-Time"}}


def names_of(scheme: Scheme) -> list[str]:
    descriptor = getattr(scheme, "descriptor", None)
    names = [*scheme.about.headers]
    for spelling in descriptor.headers if descriptor else ():
        names += [name for name in (spelling.signature, spelling.timestamp, spelling.id) if name]
    return names or [
        "X-Acme-Signature",
        "X-Acme-Time",
        "Signature",
        "Signature-Input",
        "Content-Digest",
        "Authorization",
    ]


def source_of(scheme: Scheme) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if scheme.about.name == "generic_hmac":
        more["signature"] = DESCRIBED
    if scheme.about.name == "aws-sns":
        return {"url": scheme.about.name, "scheme": scheme.about.name, "options": {"topics": ["*"]}}
    return {"url": scheme.about.name, "scheme": scheme.about.name, "secret": "env:S", **more}


async def test_fuzzed_headers_of_every_scheme(serve: Serve) -> None:
    """Nasty values, doubled, alone and together, with bodies that are no JSON: 401 (400, 403 or 413), never a 5xx."""
    door = await serve({f"s{number}": source_of(scheme) for number, scheme in enumerate(SCHEMES)}, variables=VARIABLES)
    chance = random.Random(7)
    bodies = [b"", b"{}", b"\xff\x00", b'{"Type": "Notification", "SigningCertURL": "x"}', b'{"value": [{}]}']
    for scheme in SCHEMES:
        names = names_of(scheme)
        for _ in range(15):
            chosen = [(name, chance.choice(NASTY)) for name in names for _ in range(chance.choice((0, 1, 1, 2)))]
            clean = [(name, value.replace("\xff\xfe", "\udcff\udcfe")) for name, value in chosen]
            answer = await door.send(scheme.about.name, chance.choice(bodies), clean)
            assert answer.status in {400, 401, 403, 413}, (scheme.about.name, chosen, answer.status, answer.body)
    assert await door.instances() == []


@pytest.mark.parametrize("flip", range(0, 64, 7))
async def test_a_flipped_bit(serve: Serve, flip: int) -> None:
    """Of the signature or of the body: refused."""
    door = await serve({"guarded": GITHUB}, {"listens": "in"}, variables=VARIABLES)
    request = door.sign("in", "github", SECRET, b'{"amount": 100}')
    name, value = next(pair for pair in request.headers if pair[0] == "X-Hub-Signature-256")
    position = 7 + flip
    spoilt = value[:position] + chr(ord(value[position]) ^ 1) + value[position + 1 :]
    assert (await door.send("in", request.body, [(name, spoilt)])).status in {400, 401}
    body = bytearray(request.body)
    body[flip % len(body)] ^= 1
    assert (await door.send("in", bytes(body), list(request.headers))).status == 401


async def compressed(door: Door, body: bytes, encoding: str) -> int:
    return (await door.signed("in", "github", SECRET, body, {"Content-Encoding": encoding})).status


async def test_compressed_bodies(serve: Serve) -> None:
    """The signature is over the compressed bytes; a bomb is refused after it, and nothing is unpacked before it."""
    door = await serve({"guarded": GITHUB}, {"listens": "in"}, variables=VARIABLES, limits=Limits(body_bytes=100_000))
    plain = b'{"a": [1, 2, 3]}'
    bomb = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
    assert await compressed(door, gzip.compress(plain), "gzip") == 202
    assert await compressed(door, zlib.compress(plain), "deflate") == 202
    assert await compressed(door, bomb, "gzip") == 413
    assert await compressed(door, plain, "gzip") == 400
    assert await compressed(door, plain, "br") == 415
    over_plain = door.sign("in", "github", SECRET, plain)
    sent = [*over_plain.headers, ("Content-Encoding", "gzip")]
    assert (await door.send("in", gzip.compress(plain), sent)).status == 401
    assert (await door.send("in", bomb, {"Content-Encoding": "gzip"})).status == 401
    (first, _) = await door.instances()
    assert first["payload"]["body"] == {"a": [1, 2, 3]}


async def test_no_header_chooses_the_scheme(serve: Serve) -> None:
    """A signature of another scheme, right in itself and with the same secret, is none here."""
    door = await serve({"guarded": {**GITHUB, "scheme": "spacelift"}}, {"listens": "in"}, variables=VARIABLES)
    for scheme in ("scalr", "github", "pulumi", "slack", "stripe"):
        assert (await door.signed("in", scheme, SECRET)).status == 401


async def test_a_strong_signature_is_not_replaced_by_a_weak_one(serve: Serve) -> None:
    """A right SHA-1 beside a wrong SHA-256 is refused, and alone as well."""
    import hashlib
    import hmac

    door = await serve({"guarded": {**GITHUB, "scheme": "spacelift"}}, {"listens": "in"}, variables=VARIABLES)
    weak = "sha1=" + hmac.new(SECRET.encode(), b"{}", hashlib.sha1).hexdigest()
    assert (await door.send("in", b"{}", {"X-Signature": weak})).status == 401
    assert (await door.send("in", b"{}", {"X-Signature": weak, "X-Signature-256": "sha256=" + "0" * 64})).status == 401
