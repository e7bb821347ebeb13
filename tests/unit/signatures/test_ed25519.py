"""Signatures by key pair."""

import base64
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from stormlet.foundation.errors import InvalidInputError
from stormlet.signatures.registry import scheme_named, sign, verify
from stormlet.signatures.request import SignedRequest
from stormlet.signatures.scheme import Options
from stormlet.signatures.secret import Secret
from stormlet.signatures.verification import Reason

NOW = datetime(2026, 2, 11, 9, 20, tzinfo=UTC)
SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
DISCORD = scheme_named("discord")
STANDARD = scheme_named("standard-webhooks-ed25519")
REQUEST = SignedRequest(body=b'{"type": 1}')


def whpk(hexadecimal: str, prefix: str = "whpk_") -> Secret:
    return Secret(value=prefix + base64.b64encode(bytes.fromhex(hexadecimal)).decode())


def test_discord_verifies_with_the_public_key_only() -> None:
    """The private key signs, the public one verifies, the index says which of several."""
    signed = sign(DISCORD, REQUEST, [Secret(value=SEED)], NOW)
    other = Secret(value="00" * 31 + "01")
    assert verify(DISCORD, signed, [other, Secret(value=PUBLIC.upper())], NOW).secret == 1
    changed = msgspec.structs.replace(signed, body=b'{"type": 2}')
    assert verify(DISCORD, changed, [Secret(value=PUBLIC)], NOW).reason is Reason.MISMATCH


def test_discord_signatures_grow_old() -> None:
    """Discord states no tolerance; 300 s either way are ours."""
    for seconds, reason in ((300, Reason.OK), (301, Reason.TOO_OLD), (-301, Reason.IN_FUTURE)):
        signed = sign(DISCORD, REQUEST, [Secret(value=SEED)], NOW - timedelta(seconds=seconds))
        assert verify(DISCORD, signed, [Secret(value=PUBLIC)], NOW).reason is reason
        assert verify(DISCORD, signed, [Secret(value=PUBLIC)], NOW, Options(tolerance=3600)).ok


@pytest.mark.parametrize("text", ["", "zz", "é", "00" * 63, "00" * 65, "00" * 64, " " + "00" * 63])
def test_a_garbled_signature_is_a_refusal(text: str) -> None:
    """Wrong lengths, wrong digits and the zero signature never raise."""
    signed = sign(DISCORD, REQUEST, [Secret(value=SEED)], NOW).with_headers(("X-Signature-Ed25519", text))
    assert not verify(DISCORD, signed, [Secret(value=PUBLIC)], NOW).ok


@pytest.mark.parametrize("value", ["", "zz", PUBLIC[:-2], "é", "whpk_" + PUBLIC])
def test_a_bad_public_key_is_a_refusal(value: str) -> None:
    """A key of another length or alphabet refuses; it does not raise."""
    signed = sign(DISCORD, REQUEST, [Secret(value=SEED)], NOW)
    assert verify(DISCORD, signed, [Secret(value=value)], NOW).reason in (Reason.BAD_SECRET, Reason.NO_SECRET)


def test_mixed_case_hex_is_refused() -> None:
    """All upper case is a spelling, a changed letter is a changed signature."""
    signed = sign(DISCORD, REQUEST, [Secret(value=SEED)], NOW)
    text = dict(signed.headers)["X-Signature-Ed25519"]
    letter = next(char for char in text if char.isalpha())
    mixed = signed.with_headers(("X-Signature-Ed25519", text.replace(letter, letter.upper(), 1)))
    assert verify(DISCORD, signed.with_headers(("X-Signature-Ed25519", text.upper())), [Secret(value=PUBLIC)], NOW).ok
    assert not verify(DISCORD, mixed, [Secret(value=PUBLIC)], NOW).ok


def test_standard_webhooks_v1a_takes_seed_and_pair_and_skips_other_versions() -> None:
    """Private keys of 32 and of 64 bytes sign alike; entries of v1 are passed over."""
    options = Options(message_id="msg_1")
    for key in (whpk(SEED, "whsk_"), whpk(SEED + PUBLIC, "whsk_"), whpk(SEED, "")):
        signed = sign(STANDARD, REQUEST, [key], NOW, options)
        text = "v1,AAAA v1a,AAAA " + dict(signed.headers)["webhook-signature"]
        verdict = verify(STANDARD, signed.with_headers(("webhook-signature", text)), [whpk(PUBLIC)], NOW)
        assert (verdict.ok, verdict.delivery_id) == (True, "msg_1")


def test_a_public_key_is_never_an_hmac_key() -> None:
    """A v1 signature keyed with the public key is not even looked at."""
    scheme = scheme_named("standard-webhooks")
    forged = sign(scheme, REQUEST, [whpk(PUBLIC, "")], NOW, Options(message_id="msg_1"))
    assert verify(STANDARD, forged, [whpk(PUBLIC)], NOW).reason is Reason.UNKNOWN_VERSION


def test_signing_needs_a_private_key() -> None:
    """Without one, or with something else, the message says so."""
    for secrets in ([], [Secret(value="zz")]):
        with pytest.raises(InvalidInputError):
            sign(DISCORD, REQUEST, secrets, NOW)


def test_a_header_of_many_signatures_is_refused() -> None:
    """Each costs a hundred microseconds; a stranger's list is not worked through."""
    signed = sign(STANDARD, REQUEST, [whpk(SEED, "whsk_")], NOW, Options(message_id="msg_1"))
    many = signed.with_headers(("webhook-signature", " ".join(["v1a,AAAA"] * 50)))
    assert verify(STANDARD, many, [whpk(PUBLIC)], NOW).reason is Reason.TOO_MANY_SIGNATURES
