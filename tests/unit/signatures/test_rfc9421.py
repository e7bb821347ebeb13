"""HTTP message signatures: coverage, keys, digests, times."""

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from stormlet.signatures.registry import scheme_named, sign, verify
from stormlet.signatures.request import SignedRequest, fold
from stormlet.signatures.rfc9421 import signature_base
from stormlet.signatures.scheme import Options
from stormlet.signatures.secret import Secret
from stormlet.signatures.structured_fields import InnerList, read_dictionary
from stormlet.signatures.verification import Reason, Refusal

NOW = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
SCHEME = scheme_named("rfc9421")
KEY = Secret(value=base64.b64encode(b"k" * 32).decode(), name="key-1", algorithm="hmac-sha256")
REQUEST = SignedRequest(
    url="https://Example.com:443/a%20b?x=1&y=%C3%A9%20z&x2=",
    headers=(("Content-Type", "application/json"), ("X-Many", " a "), ("X-Many", "b")),
    body=b'{"a": 1}',
)


def base_of(identifiers: str) -> str:
    covered = read_dictionary(f"s=({identifiers});created=1")["s"]
    assert isinstance(covered, InnerList)
    return signature_base(REQUEST, fold(REQUEST.headers), covered).decode()


@pytest.mark.parametrize(
    ("identifier", "line"),
    [
        ('"@method"', '"@method": POST'),
        ('"@target-uri"', '"@target-uri": https://Example.com:443/a%20b?x=1&y=%C3%A9%20z&x2='),
        ('"@authority"', '"@authority": example.com'),
        ('"@scheme"', '"@scheme": https'),
        ('"@path"', '"@path": /a%20b'),
        ('"@query"', '"@query": ?x=1&y=%C3%A9%20z&x2='),
        ('"@request-target"', '"@request-target": /a%20b?x=1&y=%C3%A9%20z&x2='),
        ('"@query-param";name="y"', '"@query-param";name="y": %C3%A9%20z'),
        ('"@query-param";name="x2"', '"@query-param";name="x2": '),
        ('"x-many"', '"x-many": a, b'),
    ],
)
def test_each_component_has_its_line(identifier: str, line: str) -> None:
    """The signature base names each component as RFC 9421, section 2, says."""
    assert base_of(identifier) == f'{line}\n"@signature-params": ({identifier});created=1'


@pytest.mark.parametrize(
    "identifiers",
    [
        '"@status"',
        '"@method" "@method"',
        '"X-Many"',
        '"x-missing"',
        '"@query-param"',
        '"@query-param";name="none"',
        '"x-many";sf',
        '"@method";req',
        "method",
        "1",
    ],
)
def test_a_component_that_a_request_has_not_is_refused(identifiers: str) -> None:
    """Responses' parts, doubled ones, unknown parameters and missing headers never make a base."""
    with pytest.raises(Refusal):
        base_of(identifiers)


def test_signing_and_verifying_agree() -> None:
    """What `sign` makes is genuine; the time and the key's index are in the verdict."""
    verdict = verify(SCHEME, sign(SCHEME, REQUEST, [KEY], NOW), [KEY], NOW)
    assert (verdict.ok, verdict.secret, verdict.timestamp) == (True, 0, NOW.timestamp())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"method": "PUT"}, Reason.MISMATCH),
        ({"url": "https://Example.com:443/other"}, Reason.MISMATCH),
        ({"body": b'{"a": 2}'}, Reason.WRONG_BODY_HASH),
    ],
)
def test_what_is_covered_cannot_be_changed(changes: dict[str, Any], reason: Reason) -> None:
    """Method, URL and, through its digest, the body."""
    signed = sign(SCHEME, REQUEST, [KEY], NOW)
    assert verify(SCHEME, msgspec.structs.replace(signed, **changes), [KEY], NOW).reason is reason


def test_the_policy_says_what_must_be_covered() -> None:
    """A signature over less than the policy wants is refused, however right it is."""
    less = sign(SCHEME, REQUEST, [KEY], NOW, Options(required_components=("@method",)))
    assert verify(SCHEME, less, [KEY], NOW).reason is Reason.NOT_COVERED
    assert verify(SCHEME, less, [KEY], NOW, Options(required_components=("@method",))).ok


def test_the_key_decides_the_algorithm() -> None:
    """Another `alg` than the key's, an unknown key id, and a key without an algorithm are refused."""
    signed = sign(SCHEME, REQUEST, [KEY], NOW)
    for secret, reason in (
        (msgspec.structs.replace(KEY, name="key-2"), Reason.UNKNOWN_KEY),
        (msgspec.structs.replace(KEY, algorithm="ed25519"), Reason.UNKNOWN_VERSION),
        (msgspec.structs.replace(KEY, algorithm="none"), Reason.BAD_SECRET),
        (msgspec.structs.replace(KEY, value="%"), Reason.BAD_SECRET),
    ):
        assert verify(SCHEME, signed, [secret], NOW).reason is reason


def test_several_labels_are_a_rotation() -> None:
    """One label that is right in every respect is enough, whatever the others are."""
    signed = sign(SCHEME, REQUEST, [KEY], NOW)
    inputs, given = (dict(signed.headers)[name] for name in ("Signature-Input", "Signature"))
    for label in ('old=("@method");created=1;keyid="gone"', "old=()", "old"):
        both = signed.with_headers(("Signature-Input", f"{label}, {inputs}"), ("Signature", f"old=:AAAA:, {given}"))
        assert verify(SCHEME, both, [KEY], NOW).ok
    wrong = signed.with_headers(("Signature", "sig1=:AAAA:, old=:AAAA:"))
    assert verify(SCHEME, wrong, [KEY], NOW).reason is Reason.MISMATCH


def resigned(change: Callable[[str], str]) -> SignedRequest:
    """Return the request, genuinely signed over other parameters."""
    import hmac

    signed = sign(SCHEME, REQUEST, [KEY], NOW)
    text = change(dict(signed.headers)["Signature-Input"])
    covered = read_dictionary(text)["sig1"]
    assert isinstance(covered, InnerList)
    mac = hmac.digest(b"k" * 32, signature_base(signed, fold(signed.headers), covered), hashlib.sha256)
    return signed.with_headers(("Signature-Input", text), ("Signature", f"sig1=:{base64.b64encode(mac).decode()}:"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text + ";expires=1770801600", Reason.OK),
        (lambda text: text + ";expires=1770801599", Reason.EXPIRED),
        (lambda text: text + ';expires="soon"', Reason.MALFORMED_TIMESTAMP),
        (lambda text: text.replace(";created=1770801600", ""), Reason.MALFORMED_TIMESTAMP),
        (lambda text: text.replace("=1770801600", "=1770801299"), Reason.TOO_OLD),
        (lambda text: text.replace("=1770801600", "=1770801901"), Reason.IN_FUTURE),
        (lambda text: text.replace("=1770801600", "=1770801300"), Reason.OK),
        (lambda text: text + ';nonce="n";tag="t"', Reason.OK),
        (lambda text: text.replace("(", "(  "), Reason.OK),
    ],
)
def test_the_times_of_a_genuine_signature_are_judged(change: Callable[[str], str], reason: Reason) -> None:
    """`created` is demanded and must be near; `expires` must not have passed."""
    assert verify(SCHEME, resigned(change), [KEY], NOW).reason is reason


@pytest.mark.parametrize(
    ("digest", "reason"),
    [
        ("md5=:AAAA:", Reason.WRONG_BODY_HASH),
        ("sha-256=1", Reason.WRONG_BODY_HASH),
        ("sha-256=:AAAA:", Reason.WRONG_BODY_HASH),
        ("md5=:AAAA:, sha-512=:" + base64.b64encode(hashlib.sha512(REQUEST.body).digest()).decode() + ":", Reason.OK),
    ],
)
def test_a_digest_that_we_know_must_be_right(digest: str, reason: Reason) -> None:
    """Weak digests prove nothing, and one that is known must be there and right."""
    import hmac

    signed = sign(SCHEME, REQUEST, [KEY], NOW).with_headers(("Content-Digest", digest))
    covered = read_dictionary(dict(signed.headers)["Signature-Input"])["sig1"]
    assert isinstance(covered, InnerList)
    mac = hmac.digest(b"k" * 32, signature_base(signed, fold(signed.headers), covered), hashlib.sha256)
    given = signed.with_headers(("Signature", f"sig1=:{base64.b64encode(mac).decode()}:"))
    assert verify(SCHEME, given, [KEY], NOW).reason is reason


def test_every_public_key_algorithm_works() -> None:
    """RSA, both curves and Ed25519, with keys in PEM; the wrong kind of key is a bad secret."""
    keys: dict[str, Any] = {
        "rsa-pss-sha512": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ecdsa-p256-sha256": ec.generate_private_key(ec.SECP256R1()),
        "ecdsa-p384-sha384": ec.generate_private_key(ec.SECP384R1()),
    }
    keys["rsa-v1_5-sha256"] = keys["rsa-pss-sha512"]
    for algorithm, key in keys.items():
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        private = Secret(value=pem, name="k", algorithm=algorithm)
        signed = sign(SCHEME, REQUEST, [private], NOW)
        assert verify(SCHEME, signed, [Secret(value=public, name="k", algorithm=algorithm)], NOW).ok
        other = ed25519.Ed25519PrivateKey.generate().public_key()
        wrong = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        verdict = verify(SCHEME, signed, [Secret(value=wrong, name="k", algorithm=algorithm)], NOW)
        assert verdict.reason is Reason.BAD_SECRET


def test_an_ed25519_key_may_be_raw_or_pem() -> None:
    """Both spellings of a public key verify the same signature."""
    key = ed25519.Ed25519PrivateKey.generate()
    seed = base64.b64encode(key.private_bytes_raw()).decode()
    raw = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    signed = sign(SCHEME, REQUEST, [Secret(value=seed, name="k", algorithm="ed25519")], NOW)
    for public in (raw, pem):
        secret = Secret(value=public, name="k", algorithm="ed25519")
        assert verify(SCHEME, signed, [secret], NOW).ok
        assert not verify(SCHEME, signed, [secret], NOW + timedelta(seconds=301)).ok
