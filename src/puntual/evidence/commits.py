"""
Records of the commit log: numbered, chained by digest, and never overwritten once they stand.

A record is the commit of one change of what is published. Whoever stores them gives number N
to one writer only (`failures.md` 2 and 10: Delta's put-if-absent); here is what they are made
of, how they follow each other, and which change may follow at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from puntual.errors import EvidenceError, PermanentError
from puntual.evidence import canonical, shape
from puntual.evidence.digest import sha256
from puntual.evidence.manifest import named_values, read_named
from puntual.model.manifest import Digest

SCHEMA = "puntual/commit/1"
SNAPSHOT = "puntual/commits-snapshot/1"

_FILE = frozenset({"commit", "sha256"})
_COMMIT = frozenset({"schema", "number", "previous", "epoch", "lease", "pointers"})
_STATE = frozenset({"schema", "number", "digest", "pointers", "leases"})
_POINTER = frozenset({"name", "manifest", "epoch"})
_GRANT = frozenset({"name", "epoch"})
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """
    One change of the state.

    Attributes:
        number: 1, 2, 3 … without gaps.
        previous: Digest of the record before; "" for the first.
        epoch: Of the lease under which it was made, or which it grants.
        lease: Name of the lease that is granted; "" where pointers are switched.
        pointers: Name → manifest, of what is switched.
    """

    number: int
    previous: Digest
    epoch: int
    lease: str = ""
    pointers: Mapping[str, Digest]


@dataclass(slots=True, kw_only=True)
class Published:
    """
    What the commits up to one say together.

    Attributes:
        number: Of the last commit; 0 where there is none.
        digest: Of its record; "" where there is none.
        pointers: Name → (manifest, epoch of the commit that switched it).
        leases: Name → the last epoch that was granted.
    """

    number: int = 0
    digest: Digest = ""
    pointers: dict[str, tuple[Digest, int]] = field(default_factory=dict)
    leases: dict[str, int] = field(default_factory=dict)

    def follow(self, commit: Commit, digest: Digest) -> None:
        """Apply the commit that follows, whose chain was checked."""
        if commit.lease:
            self.leases[commit.lease] = commit.epoch
        for name, manifest in commit.pointers.items():
            self.pointers[name] = (manifest, commit.epoch)
        self.number, self.digest = commit.number, digest

    def next(
        self, *, epoch: int, lease: str = "", pointers: Mapping[str, Digest] | None = None
    ) -> Commit:
        """Return the commit of a change that is to follow."""
        return Commit(
            number=self.number + 1,
            previous=self.digest,
            epoch=epoch,
            lease=lease,
            pointers=pointers or {},
        )


class Answer(Enum):
    """What becomes of a switch that is asked for."""

    COMMIT = "commit"
    DONE = "done already"
    LOST = "somebody else published first"


def encode(commit: Commit) -> tuple[bytes, Digest]:
    """Return the bytes of a record, and its digest."""
    value = {
        "schema": SCHEMA,
        "number": str(commit.number),
        "previous": commit.previous,
        "epoch": str(commit.epoch),
        "lease": commit.lease,
        "pointers": named_values(commit.pointers, "$.pointers"),
    }
    digest = sha256(canonical.encode(value))
    return canonical.encode({"commit": value, "sha256": digest}), digest


def decode(number: int, data: bytes, *, where: str) -> tuple[Commit, Digest]:
    """
    Return the commit of a record, and its digest.

    Args:
        number: The one under which it lies.
        data: The record.
        where: The record's place, for people.

    Raises:
        EvidenceError: V1003 it is no such record, or was altered.
    """
    try:
        found = shape.record(canonical.decode(data), _FILE, "$")
        digest = shape.digest(found["sha256"], "$.sha256")
        seen = sha256(canonical.encode(found["commit"]))
        commit = _commit(found["commit"])
    except EvidenceError as exc:
        raise broken(number, where, "a commit record", exc.observed) from exc
    if seen != digest:
        raise broken(number, where, f"sha256 {digest}", f"sha256 {seen}")
    if commit.number != number:
        raise broken(number, where, f"commit {number}", f"commit {commit.number}")
    return commit, digest


def follows(commit: Commit, digest: Digest, *, where: str) -> None:
    """
    See that a commit follows the record with a digest; "" for the first.

    Raises:
        EvidenceError: V1003 it follows another history.
    """
    if commit.previous != digest:
        expected = f"the record after {digest or 'none'}"
        raise broken(commit.number, where, expected, commit.previous)


def broken(number: int, where: str, expected: str, observed: str) -> EvidenceError:
    """Return the error of a record that is not what was recorded."""
    return EvidenceError(
        "V1003",
        f"commit {number} is not what was recorded",
        where=where,
        expected=expected,
        observed=observed,
        next_step="Restore the folder of commits from a copy, together with the state file "
        "of the same moment. Nothing may be published on another history.",
    )


def checked(changes: Mapping[str, Digest], seen: Mapping[str, Digest | None]) -> None:
    """
    See that a switch was asked for as the port wants it.

    Raises:
        ValueError: The keys of `seen` are not those of `changes`, or a manifest is no digest.
    """
    if changes.keys() != seen.keys():
        raise ValueError("every pointer that is switched must have been read")
    if not all(_DIGEST.fullmatch(digest) for digest in changes.values()):
        raise ValueError("a pointer points at a SHA-256 of 64 hex digits")


def answer(
    stored: Mapping[str, tuple[Digest, int]],
    changes: Mapping[str, Digest],
    seen: Mapping[str, Digest | None],
    epoch: int,
) -> Answer:
    """
    Say what becomes of a switch, given what is published now.

    Args:
        stored: Name → (manifest, epoch), at least of the names that are switched.
        changes: Name → new manifest.
        seen: Name → manifest it pointed at when it was read.
        epoch: Of the lease held.

    Raises:
        PermanentError: T2001 a name was written under a higher epoch.
    """
    for name in changes:
        if name in stored and stored[name][1] > epoch:
            raise _fenced(name, stored[name][1], epoch)
    now = {name: stored[name][0] if name in stored else None for name in changes}
    if now != dict(changes) and now != dict(seen):
        return Answer.LOST
    if all(stored.get(name) == (digest, epoch) for name, digest in changes.items()):
        return Answer.DONE
    return Answer.COMMIT


def encode_snapshot(state: Published) -> bytes:
    """Return what the commits up to one say, so that a reader need not read them all."""
    value = {
        "schema": SNAPSHOT,
        "number": str(state.number),
        "digest": state.digest,
        "pointers": [
            {"name": name, "manifest": manifest, "epoch": str(epoch)}
            for name, (manifest, epoch) in sorted(state.pointers.items())
        ],
        "leases": [{"name": n, "epoch": str(e)} for n, e in sorted(state.leases.items())],
    }
    return canonical.encode(value)


def decode_snapshot(data: bytes) -> Published:
    """
    Return the state of a snapshot; whether its last commit is in the log is for the caller.

    Raises:
        EvidenceError: V2001, V2003 it is no snapshot.
    """
    found = shape.record(canonical.decode(data), _STATE, "$")
    if found["schema"] != SNAPSHOT:
        shape.refuse("$.schema", SNAPSHOT, "another format")
    return Published(
        number=shape.count(found["number"], "$.number"),
        digest=shape.digest(found["digest"], "$.digest"),
        pointers=dict(shape.items(found["pointers"], _pointer, "$.pointers")),
        leases=dict(shape.items(found["leases"], _granted, "$.leases")),
    )


def _pointer(value: object, where: str) -> tuple[str, tuple[Digest, int]]:
    found = shape.record(value, _POINTER, where)
    manifest = shape.digest(found["manifest"], f"{where}.manifest")
    return shape.text(found["name"], where), (manifest, shape.count(found["epoch"], where))


def _granted(value: object, where: str) -> tuple[str, int]:
    found = shape.record(value, _GRANT, where)
    return shape.text(found["name"], where), shape.count(found["epoch"], where)


def _commit(value: object) -> Commit:
    found = shape.record(value, _COMMIT, "$.commit")
    if found["schema"] != SCHEMA:
        shape.refuse("$.commit.schema", SCHEMA, "another format")
    previous = shape.text(found["previous"], "$.commit.previous")
    return Commit(
        number=shape.count(found["number"], "$.commit.number"),
        previous=shape.digest(previous, "$.commit.previous") if previous else "",
        epoch=shape.count(found["epoch"], "$.commit.epoch"),
        lease=shape.text(found["lease"], "$.commit.lease"),
        pointers=read_named(found["pointers"], "$.commit.pointers"),
    )


def _fenced(name: str, stored: int, epoch: int) -> PermanentError:
    return PermanentError(
        "T2001",
        f"this run has lost its lease; {name} was written by a later one",
        where=name,
        expected=f"epoch {stored} or higher",
        observed=f"epoch {epoch}",
        next_step="Nothing was changed. Let the later run end; `puntual status` shows it.",
    )
