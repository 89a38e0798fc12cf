"""
The commit log on a disk: every change of what is published, as records never overwritten.

A record is the commit; the state file beside it is its index and can be made from it again.
Number N is taken by one writer only, because its name is given without taking the place of
another (`failures.md` 2 and 10: Delta's put-if-absent). Each record holds the digest of the one
before, so that one which is missing, altered or of another history is seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from puntual.errors import EvidenceError
from puntual.evidence import commits as records
from puntual.evidence.commits import Commit
from puntual.failpoints import failpoint
from puntual.local.disk import (
    read_regular,
    sync_folder,
    translated,
)
from puntual.local.whole import place, sweep
from puntual.model.manifest import Digest

_MODE = 0o640


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
            records.follows(commit, digest, where=str(self._path(number)))
            digest = found
            yield commit, digest
        # Looked at again: it may have been written between the look and the listing.
        if first == 0 and self.newest() > number and self._bytes(number + 1) is None:
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
        body, digest = records.encode(commit)
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
        return records.decode(number, data, where=str(self._path(number)))

    def _broken(self, number: int, expected: str, observed: str) -> EvidenceError:
        return records.broken(number, str(self._path(number)), expected, observed)
