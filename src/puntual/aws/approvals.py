"""Port `Approvals` on S3: one object for each, named by the digest of its own bytes."""

from __future__ import annotations

from puntual.aws.bucket import Bucket
from puntual.errors import EvidenceError
from puntual.evidence import canonical
from puntual.evidence.digest import sha256
from puntual.evidence.facts import from_json, to_json
from puntual.model.approval import Approval
from puntual.model.manifest import Digest

SUFFIX = ".json"


class S3Approvals:
    """Approvals as objects that are written once: `<digest>.json`, in canonical JSON."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def given(self, digest: Digest) -> tuple[Approval, ...]:
        """
        Return the approvals of these bytes, oldest first.

        Raises:
            EvidenceError: P3045 a record was altered; V2001, V2003 it is none of ours.
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        return tuple(a for a in self.every() if a.digest == digest)

    def every(self) -> tuple[Approval, ...]:
        """Return every approval, oldest first; see `given`."""
        names = [f.name for f in self._bucket.listed("") if f.name.endswith(SUFFIX)]
        found = [
            _approval(name, read.data)
            for name, read in zip(names, self._bucket.read_many(names), strict=True)
            if read is not None
        ]
        return tuple(sorted(found, key=lambda a: (a.at, a.person, a.role)))

    def add(self, approval: Approval) -> Digest:
        """
        Keep an approval durably; the same one is kept once.

        Raises:
            EvidenceError: P3045 its place holds other bytes.
            TransientError: T5001 it may have been kept; T5002, T5003.
            PermanentError: T5004-T5008.
        """
        data = canonical.encode(to_json(approval))
        name = sha256(data)
        if not self._bucket.create(f"{name}{SUFFIX}", data):
            raise _altered(f"{name}{SUFFIX}", "other bytes")
        return name


def _approval(name: str, data: bytes) -> Approval:
    found = sha256(data)
    if f"{found}{SUFFIX}" != name:
        raise _altered(name, f"sha256 {found}")
    return from_json(Approval, canonical.decode(data))


def _altered(name: str, observed: str) -> EvidenceError:
    return EvidenceError(
        "P3045",
        "a kept approval is not what was signed",
        where=name,
        expected=f"sha256 {name.removesuffix(SUFFIX)}",
        observed=observed,
        next_step="Find out who changed it, remove it, and have it signed again.",
    )
