"""Secrets that are made have the form that their scheme takes."""

import msgspec
import pytest

from stormlet.signatures.new_secret import BYTES, new_secret
from stormlet.signatures.reference import EXAMPLE_NOW
from stormlet.signatures.registry import SCHEMES, scheme_named, sign, verify
from stormlet.signatures.scheme import Options, Scheme

RANDOM = bytes(range(BYTES))


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.about.name)
def test_a_new_secret_signs_and_verifies(scheme: Scheme) -> None:
    """Each scheme with a shared secret takes what is made for it; the others make none."""
    example = scheme.about.example
    made = new_secret(scheme, example.options if example else Options(), RANDOM)
    if made is None:
        assert scheme.about.name in {
            "standard-webhooks-ed25519",
            "discord",
            "twilio",
            "aws-sns",
            "rfc9421",
            "cloudevents",
        }
        return
    assert example is not None
    secret = msgspec.structs.replace(example.secret, value=made)
    signed = sign(scheme, example.request, [secret], EXAMPLE_NOW, example.options)
    assert verify(scheme, signed, [secret], EXAMPLE_NOW, example.options).ok
    assert made not in (example.secret.value, "")


def test_forms() -> None:
    """Standard Webhooks wants base64 behind `whsec_`; most take any text."""
    assert new_secret(scheme_named("github"), Options(), RANDOM) == RANDOM.hex()
    made = new_secret(scheme_named("standard-webhooks"), Options(), RANDOM)
    assert made == "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def test_too_few_bytes_are_refused() -> None:
    """Nobody gets a short secret by mistake."""
    with pytest.raises(ValueError, match="16 random bytes"):
        new_secret(scheme_named("github"), Options(), b"short")
