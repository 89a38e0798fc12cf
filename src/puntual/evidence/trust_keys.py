"""Public keys: whether bytes are a signature, by Ed25519 (RFC 8032) or ECDSA P-256 (FIPS 186)."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key


def verifies(public: bytes, data: bytes, signature: bytes) -> bool:
    """
    Say whether a signature is one of some bytes by a key; a key of another kind makes none.

    Args:
        public: SubjectPublicKeyInfo, DER: Ed25519, or ECDSA on P-256 with SHA-256.
        data: The bytes.
        signature: Of Ed25519 64 bytes; of ECDSA in DER.
    """
    try:
        key = load_der_public_key(public)
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, data)
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
