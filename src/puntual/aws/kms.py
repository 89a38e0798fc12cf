"""
Port `Signer` on KMS: a private key never leaves it; the trust file lies in the evidence bucket.

Statements are signed by ECDSA on P-256 (`aws.md` M2): the SHA-256 is taken here and KMS signs
it. A key of Ed25519 signs the bytes themselves, up to 4,096 of them (M1). Every signature is
verified before it is given away.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from puntual.aws.bucket import Bucket
from puntual.aws.faults import KEY, translated
from puntual.errors import EvidenceError, PermanentError
from puntual.evidence import trust
from puntual.evidence.trust import Role, Trust, TrustedKey
from puntual.evidence.trust_keys import verifies
from puntual.ports.signer import Made

RAW_BYTES = 4096
"""What KMS signs without a digest at most."""

TRUST = "keys/trust."
"""What the name of a trust file begins with, in the evidence below the project's name."""

_TRUST = re.compile(r"keys/trust\.([1-9][0-9]*)\.json")
_KEYID = re.compile(r"[0-9a-f]{64}")
_P256, _EDWARDS = "ECC_NIST_P256", "ECC_NIST_EDWARDS25519"


class KmsSigner:
    """Signs with the KMS keys of a deployment that the trust file names."""

    def __init__(self, client: Any, bucket: Bucket, keys: Mapping[str, Sequence[str]]) -> None:
        """
        Keep the ways to KMS and S3; nothing is asked yet.

        Args:
            client: Of `kms`.
            bucket: The evidence, below the project's name: trust files and approvals lie in its
                folder `keys`.
            keys: Role → ARNs or aliases of the keys that are deployed for it.
        """
        self._client = client
        self._bucket = bucket
        self._keys = keys

    def sign(self, role: str, data: bytes, *, position: int) -> tuple[Made, ...]:
        """
        Sign bytes with every key that is held and counts in a role for a position.

        An ECDSA signature is another one each time.

        Raises:
            PermanentError: V5001 there is no such key; T5004 the permission `kms:Sign` is
                missing; T5005 a key is disabled or to be deleted; T5007, T5008.
            EvidenceError: V5006 what KMS gave does not verify.
            TransientError: T5001, T5002.
        """
        wanted = self._current[0].of(Role(role), position)
        held = [(key, *self._held[key.public]) for key in wanted if key.public in self._held]
        if not held:
            raise _no_key(role, f"{len(wanted)} keys count, none of them is of this deployment")
        return tuple(self._sign(key, arn, spec, data) for key, arn, spec in held)

    def sign_as(self, key: TrustedKey, data: bytes) -> Made:
        """
        Sign bytes with one key, whether it counts or not: both sign that one replaces another.

        Raises:
            PermanentError: V5001 it is not deployed; T5004, T5005, T5007, T5008.
            EvidenceError: V5006 what KMS gave does not verify.
            TransientError: T5001, T5002.
        """
        if key.public not in self._held:
            raise _no_key(key.role, f"{key.name} is no key of this deployment")
        return self._sign(key, *self._held[key.public], data)

    def trust(self) -> bytes:
        """
        Return the trust file in force, signed by its root.

        Raises:
            EvidenceError: V2001, V2002 it was altered.
            PermanentError: V5001 there is none; T5004-T5008.
            TransientError: T5001, T5002, T5003.
        """
        return self._current[1]

    def trust_version(self) -> int:
        """Return its version; see `trust`."""
        return self._current[0].version

    def approvals(self, statement: str) -> Mapping[str, bytes]:
        """
        Return the signatures of people over a statement, by keyid.

        Raises:
            PermanentError: T5004-T5008.
            TransientError: T5001, T5002, T5003.
        """
        folder = f"keys/approvals/{statement}/"
        names = [one.name for one in self._bucket.listed(folder)]
        named = [name for name in names if _KEYID.fullmatch(name.removeprefix(folder))]
        found = self._bucket.read_many(named)
        return {
            name.removeprefix(folder): one.data
            for name, one in zip(named, found, strict=True)
            if one is not None
        }

    def keep_approval(self, statement: str, keyid: str, signature: bytes) -> None:
        """
        Keep the signature of a person over a statement, which was made elsewhere.

        Raises:
            EvidenceError: V5006 another signature of this key is kept.
            PermanentError: T5004-T5008.
            TransientError: T5001, T5002, T5003.
        """
        name = f"keys/approvals/{statement}/{keyid}"
        if not self._bucket.create(name, signature):
            raise EvidenceError(
                "V5006",
                "another signature of this key over the statement is kept",
                where=self._bucket.where(name),
                expected="no signature, or this one: Ed25519 makes the same one each time",
                observed="another one",
                next_step="Find out who wrote it; compare it with the key's public half.",
            )

    @property
    def has_trust(self) -> bool:
        """
        Whether there is a trust file.

        Raises:
            PermanentError: T5004-T5008.
            TransientError: T5001, T5002.
        """
        return self._bucket.first(TRUST) is not None

    def place(self, data: bytes) -> int:
        """
        Put the next trust file into force, and return its version; it was signed elsewhere.

        Raises:
            EvidenceError: V2001, V2002 it is no trust file, or was altered.
            PermanentError: V5001 another file has this version; T5004-T5008.
            TransientError: T5001, T5002, T5003.
        """
        version = trust.opened(data, verifies).version
        if not self._bucket.create(f"keys/trust.{version}.json", data):
            raise _no_key("any role", f"another trust file of version {version} is in force")
        self.__dict__.pop("_current", None)
        return version

    def publics(self, role: Role) -> tuple[bytes, ...]:
        """
        Return the public halves of the keys of a role, the oldest first, for a trust file to name.

        Raises:
            PermanentError: T5004, T5005, T5007, T5008; V5001 a key of another kind.
            TransientError: T5001, T5002.
        """
        deployed = self._keys.get(role, ())
        return tuple(public for public, (key, _) in self._held.items() if key in deployed)

    @cached_property
    def _current(self) -> tuple[Trust, bytes]:
        listed = self._bucket.listed(TRUST)
        versions = [int(m[1]) for one in listed if (m := _TRUST.fullmatch(one.name))]
        found = self._bucket.read(f"keys/trust.{max(versions)}.json") if versions else None
        if found is None:
            raise _no_key("any role", f"no trust file in {self._bucket.where('keys')}")
        return trust.opened(found.data, verifies), found.data

    @cached_property
    def _held(self) -> dict[bytes, tuple[str, str]]:
        """Public key → how KMS names it, and its kind."""
        found: dict[bytes, tuple[str, str]] = {}
        for key in (key for role in sorted(self._keys) for key in self._keys[role]):
            with self._translated(key):
                told = self._client.get_public_key(KeyId=key)
            spec = str(told.get("KeySpec", ""))
            if spec not in (_P256, _EDWARDS) or told.get("KeyUsage") != "SIGN_VERIFY":
                raise _no_key("any role", f"a key of KMS for {told.get('KeyUsage')}, {spec}")
            found[bytes(told["PublicKey"])] = (key, spec)
        return found

    def _sign(self, key: TrustedKey, arn: str, spec: str, data: bytes) -> Made:
        if spec == _P256:
            asked = (hashlib.sha256(data).digest(), "DIGEST", "ECDSA_SHA_256")
        elif len(data) <= RAW_BYTES:
            asked = (data, "RAW", "ED25519_SHA_512")
        else:
            raise _no_key(key.name, f"{len(data)} bytes; KMS signs {RAW_BYTES} by Ed25519")
        message, kind, algorithm = asked
        with self._translated(arn):
            told = self._client.sign(
                KeyId=arn, Message=message, MessageType=kind, SigningAlgorithm=algorithm
            )
        signature = bytes(told["Signature"])
        if not verifies(key.public, data, signature):
            raise EvidenceError(
                "V5006",
                f"what KMS gave as a signature of {key.name} does not verify",
                where=f"key {key.name}",
                expected="a signature by its public key",
                observed=f"{len(signature)} bytes that are none",
                next_step="Nothing was published. Compare the key's public half with the trust "
                "file; do not go on with a service that signs wrongly.",
            )
        return Made(name=key.name, public=key.public, signature=signature)

    def _translated(self, key: str) -> Any:
        return translated(f"KMS key {key}", service="kms", also={"NotFoundException": KEY})


def _no_key(role: str, observed: str) -> PermanentError:
    return PermanentError(
        "V5001",
        f"there is no key to sign as {role}",
        expected=f"a key of KMS for {role} that counts now",
        observed=observed,
        next_step="`puntual key list` shows which count; deploy the key, or put it into the "
        "trust file with the root key.",
    )
