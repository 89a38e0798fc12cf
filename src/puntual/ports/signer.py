"""Keys: what is signed in a role, and whose signatures count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """
    A signature.

    Attributes:
        name: Whose key made it.
        public: That key: SubjectPublicKeyInfo, DER.
        signature: Of Ed25519 64 bytes; of ECDSA in DER.
    """

    name: str
    public: bytes
    signature: bytes


class Signer(Protocol):
    """Signs in roles; a private key never leaves it."""

    def sign(self, role: str, data: bytes, *, position: int) -> tuple[Made, ...]:
        """
        Sign bytes with every key that it holds and that counts in a role for a position.

        The same call gives the same bytes where the algorithm allows it (Ed25519 does).

        Raises:
            PermanentError: V5001 it holds no such key; V5002 a passphrase is missing or wrong.
        """

    def trust(self) -> bytes:
        """Return the trust file in force, signed by its root."""

    def trust_version(self) -> int:
        """Return its version."""

    def approvals(self, statement: str) -> Mapping[str, bytes]:
        """Return the signatures of people over a statement: keyid → signature of its envelope."""
