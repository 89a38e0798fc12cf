"""
The commit log: every change of what is published, as numbered records that are never overwritten.

A record is the commit; the state file beside it is its index and can be made from it again.
Number N is taken by one writer only, because its name is given without taking the place of
another (`failures.md` 2 and 10: Delta's put-if-absent). Each record holds the digest of the one
before, so that one which is missing, altered or of another history is seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from puntual.errors import EvidenceError
from puntual.evidence import canonical, shape
from puntual.evidence.digest import sha256
from puntual.evidence.manifest import named_values, read_named
from puntual.failpoints import failpoint
from puntual.local.disk import (
    read_regular,
    sync_folder,
    translated,
)
from puntual.local.whole import place, sweep
from puntual.model.manifest import Digest

SCHEMA = "puntual/commit/1"

_FILE = frozenset({"commit", "sha256"})
_COMMIT = frozenset({"schema", "number", "previous", "epoch", "lease", "pointers"})
_MODE = 0o640


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


class CommitLog:
    """A folder of `<number>.json`; temporary names lie in its `.tmp`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._temp = folder / ".tmp"

    def after(self, number: int, digest: Digest) -> Iterator[tuple[Commit, Digest]]:
        """
        Yield the commits after one, oldest first, each with its digest.

        Args:
            number: The last that is known; 0 for all.
            digest: Its digest; "" for 0.

        Raises:
            EvidenceError: V1003 a record is missing, altered, or follows another history.
            PermanentError: T1002, T1003.
        """
        first = number
        while (data := self._bytes(number + 1)) is not None:
            if number == first:
                # Its writer may have died before the name was durable; now somebody relies on it.
                with translated(str(self.folder)):
                    sync_folder(self.folder)
            number += 1
            commit, found = self._decode(number, data)
            if commit.previous != digest:
                raise self._broken(number, f"the record after {digest or 'none'}", commit.previous)
            digest = found
            yield commit, digest
        if first == 0 and self.newest() > number:
            raise self._broken(number + 1, "a record without gap", "no such file")

    def confirm(self, number: int, digest: Digest) -> None:
        """
        See that a commit is still in the log, as it was when it was made.

        Raises:
            EvidenceError: V1003 it is missing or altered: the log was set back, or belongs to
                another state.
            PermanentError: T1002, T1003.
        """
        data = self._bytes(number)
        found = self._decode(number, data)[1] if data is not None else "no such file"
        if found != digest:
            raise self._broken(number, f"sha256 {digest}", found)

    def append(self, commit: Commit) -> Digest | None:
        """
        Make a commit durable under its number; when this returns a digest, it has happened.

        Returns:
            Its digest; None when another writer has that number.

        Raises:
            PermanentError: T1001 disk full, T1002 not permitted, T1003 input/output error:
                nothing was committed.
        """
        body, digest = _encode(commit)
        path = self._path(commit.number)
        with translated(str(path)):
            if not place(path, body, _MODE, temp=self._temp):
                return None
            failpoint("commits.named")
            self._sync(path)
            failpoint("commits.placed")
        return digest

    def sweep(self) -> None:
        """
        Remove what writers that died have left; others may be writing.

        Raises:
            PermanentError: T1002, T1003.
        """
        with translated(str(self._temp)):
            sweep(self._temp)

    def newest(self) -> int:
        """
        Return the highest number in the folder; 0 where there is none.

        Raises:
            PermanentError: T1002, T1003.
        """
        with translated(str(self.folder)):
            try:
                names = os.listdir(self.folder)
            except (FileNotFoundError, NotADirectoryError):
                return 0
        return max(
            (int(n[:-5]) for n in names if n.endswith(".json") and n[:-5].isdigit()), default=0
        )

    def _sync(self, path: Path) -> None:
        """Make the name durable; one that may not be is taken away again (`failures.md` f4)."""
        try:
            sync_folder(self.folder)
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def _bytes(self, number: int) -> bytes | None:
        path = self._path(number)
        with translated(str(path)):
            try:
                return read_regular(path)
            except FileNotFoundError:
                return None

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:012}.json"

    def _decode(self, number: int, data: bytes) -> tuple[Commit, Digest]:
        try:
            found = shape.record(canonical.decode(data), _FILE, "$")
            digest = shape.digest(found["sha256"], "$.sha256")
            seen = sha256(canonical.encode(found["commit"]))
            commit = _commit(found["commit"])
        except EvidenceError as exc:
            raise self._broken(number, "a commit record", exc.observed) from exc
        if seen != digest:
            raise self._broken(number, f"sha256 {digest}", f"sha256 {seen}")
        if commit.number != number:
            raise self._broken(number, f"commit {number}", f"commit {commit.number}")
        return commit, digest

    def _broken(self, number: int, expected: str, observed: str) -> EvidenceError:
        return EvidenceError(
            "V1003",
            f"commit {number} is not what was recorded",
            where=str(self._path(number)),
            expected=expected,
            observed=observed,
            next_step="Restore the folder of commits from a copy, together with the state file "
            "of the same moment. Nothing may be published on another history.",
        )


def _encode(commit: Commit) -> tuple[bytes, Digest]:
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
