"""The algorithms of HTTP message signatures, over keys as they are configured.

`cryptography` is imported where it is used: it takes longer to load than the command line's help may.
"""

import hashlib
import hmac
from typing import Any, Final

from stormlet.foundation.errors import InvalidInputError
from stormlet.signatures.ed25519 import public_key, sign_with_seed
from stormlet.signatures.secret import Secret, decode_base64
from stormlet.signatures.verification import Reason, Refusal

ALGORITHMS: Final = (
    "hmac-sha256",
    "ed25519",
    "rsa-pss-sha512",
    "rsa-v1_5-sha256",
    "ecdsa-p256-sha256",
    "ecdsa-p384-sha384",
)
_CURVES: Final = {"ecdsa-p256-sha256": ("secp256r1", 32), "ecdsa-p384-sha384": ("secp384r1", 48)}


def verify_bytes(secret: Secret, signature: bytes, message: bytes) -> bool:
    """Tell whether the signature is right under the key's own algorithm.

    Raises:
        Refusal: the key is not one for that algorithm.
    """
    from cryptography.exceptions import InvalidSignature

    if secret.algorithm == "hmac-sha256":
        key = decode_base64(secret.value)
        if not key:
            raise Refusal(Reason.BAD_SECRET, "the HMAC key is not base64")
        return hmac.compare_digest(hmac.digest(key, message, hashlib.sha256), signature)
    try:
        if secret.algorithm == "ed25519" and "-----BEGIN" not in secret.value:
            raw = public_key(decode_base64(secret.value))
            if raw is None:
                raise Refusal(Reason.BAD_SECRET, "the Ed25519 key is not 32 bytes in base64")
            raw.verify(signature, message)
        else:
            _verify_with_pem(secret, signature, message)
    except InvalidSignature:
        return False
    return True


def _verify_with_pem(secret: Secret, signature: bytes, message: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(secret.value.encode())
    except ValueError as error:
        raise Refusal(Reason.BAD_SECRET, "the public key is not PEM") from error
    if secret.algorithm == "ed25519" and isinstance(key, Ed25519PublicKey):
        key.verify(signature, message)
    elif secret.algorithm in _CURVES and isinstance(key, EllipticCurvePublicKey):
        curve, size = _CURVES[secret.algorithm]
        if key.curve.name != curve:
            raise Refusal(Reason.BAD_SECRET, f"the key is not on the curve {curve}")
        if len(signature) != 2 * size:
            raise InvalidSignature
        pair = (int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big"))
        key.verify(encode_dss_signature(*pair), message, ECDSA(_hash(secret.algorithm)))
    elif secret.algorithm.startswith("rsa-") and isinstance(key, RSAPublicKey):
        key.verify(signature, message, _padding(secret.algorithm), _hash(secret.algorithm))
    else:
        raise Refusal(Reason.BAD_SECRET, f"the key is not one for {secret.algorithm}")


def sign_bytes(secret: Secret, message: bytes) -> bytes:
    """Return the signature by a shared key, an Ed25519 seed in base64, or a private key in PEM.

    Raises:
        InvalidInputError: the key is not one for its algorithm.
    """
    if secret.algorithm == "hmac-sha256":
        key = decode_base64(secret.value)
        if not key:
            raise InvalidInputError("the HMAC key is not base64")
        return hmac.digest(key, message, hashlib.sha256)
    if secret.algorithm == "ed25519":
        return sign_with_seed(decode_base64(secret.value), message)
    return _sign_with_pem(secret, message)


def _sign_with_pem(secret: Secret, message: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(secret.value.encode(), None)
    except (ValueError, TypeError) as error:
        raise InvalidInputError("the private key is not PEM without a password") from error
    if secret.algorithm in _CURVES and isinstance(key, EllipticCurvePrivateKey):
        size = _CURVES[secret.algorithm][1]
        pair = decode_dss_signature(key.sign(message, ECDSA(_hash(secret.algorithm))))
        return b"".join(number.to_bytes(size, "big") for number in pair)
    if secret.algorithm.startswith("rsa-") and isinstance(key, RSAPrivateKey):
        return key.sign(message, _padding(secret.algorithm), _hash(secret.algorithm))
    raise InvalidInputError(f"the key is not one for the algorithm {secret.algorithm!r}")


def _hash(algorithm: str) -> Any:
    from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

    return {"512": SHA512, "384": SHA384}.get(algorithm[-3:], SHA256)()


def _padding(algorithm: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15

    return PSS(mgf=MGF1(_hash(algorithm)), salt_length=64) if "pss" in algorithm else PKCS1v15()
