"""A new secret in the form that a scheme takes, for a sender that lets one choose it.

The randomness is handed in. Where the sender makes the secret (a key pair, a certificate), there is nothing to make here.
"""

import base64
from typing import Final

from stormlet.signatures.credentials import CredentialScheme
from stormlet.signatures.descriptor import Descriptor
from stormlet.signatures.generic_hmac import GenericScheme
from stormlet.signatures.hmac_scheme import HmacScheme
from stormlet.signatures.microsoft_graph import MSGRAPH
from stormlet.signatures.scheme import Options, Scheme
from stormlet.signatures.secret import KeyForm

BYTES: Final = 32
"""Random bytes in a secret: as many as the strongest usual hash has."""


def new_secret(scheme: Scheme, options: Options, random: bytes) -> str | None:
    """Return a secret made of random bytes (at least 16), or None where it is the sender who makes it.

    Raises:
        ValueError: the bytes are too few.
    """
    if len(random) < 16:
        raise ValueError("a secret needs 16 random bytes at least")
    if isinstance(scheme, CredentialScheme) or scheme is MSGRAPH:
        return random.hex()
    descriptor = _descriptor_of(scheme, options)
    if descriptor is None:
        return None
    if descriptor.key is KeyForm.BASE64:
        return descriptor.key_prefix + base64.b64encode(random).decode()
    return (descriptor.key_prefix if descriptor.key is KeyForm.HEX else "") + random.hex()


def _descriptor_of(scheme: Scheme, options: Options) -> Descriptor | None:
    if isinstance(scheme, HmacScheme):
        return scheme.descriptor
    return options.descriptor if isinstance(scheme, GenericScheme) else None
