"""
The commit log on S3: the same records as on a disk, each under a number that is taken once.

    <number>.json                 one commit: written only where there is none
    snapshots/<newest first>.json what the commits up to one say, for who begins to read

A listing is never the commit (`aws.md` O8): it says what can be fetched at once; the log ends
where the next number is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from puntual.aws.bucket import Bucket, Read, newest_first
from puntual.errors import EvidenceError
from puntual.evidence import commits as records
from puntual.evidence.commits import Commit, Published
from puntual.model.manifest import Digest

SNAPSHOT_EVERY = 256
_AT_ONCE = 256
_SNAPSHOTS = "snapshots/"


class S3CommitLog:
    """Commits below a prefix of a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def after(self, number: int, digest: Digest) -> Iterator[tuple[Commit, Digest]]:
        """
        Yield the commits after one, oldest first, each with its digest.

        Args:
            number: The last that is known; 0 for all.
            digest: Its digest; "" for 0.

        Raises:
            EvidenceError: V1003 a record is missing, altered, or follows another history.
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        first = number
        found = self._bucket.read(_name(number + 1))
        ahead = iter(()) if found is None else self._ahead(number + 1)
        while found is not None:
            number += 1
            commit, made = records.decode(number, found.data, where=self._where(number))
            records.follows(commit, digest, where=self._where(number))
            digest = made
            yield commit, digest
            found = next(ahead, None) or self._bucket.read(_name(number + 1))
        if first == 0 and (newest := self.newest()) > number and self._gone(number + 1):
            raise self._broken(number + 1, f"a record without gap up to {newest}", "none")

    def confirm(self, number: int, digest: Digest) -> None:
        """
        See that a commit is still in the log, as it was when it was made.

        Raises:
            EvidenceError: V1003 it is missing or altered: the log was set back, or belongs to
                another state.
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        read = self._bucket.read(_name(number))
        found = "no such object"
        if read is not None:
            found = records.decode(number, read.data, where=self._where(number))[1]
        if found != digest:
            raise self._broken(number, f"sha256 {digest}", found)

    def append(self, commit: Commit) -> Digest | None:
        """
        Make a commit durable under its number; when this returns a digest, it has happened.

        Returns:
            Its digest; None when another writer has that number.

        Raises:
            TransientError: T5001 it may have happened; T5002, T5003.
            PermanentError: T5004-T5008.
        """
        body, digest = records.encode(commit)
        return digest if self._bucket.create(_name(commit.number), body) else None

    def newest(self) -> int:
        """
        Return the highest number that is listed; 0 where there is none.

        Raises:
            TransientError: T5001, T5002.
            PermanentError: T5004-T5008.
        """
        return max((n for n in map(_number, self._names("")) if n is not None), default=0)

    def snapshot(self) -> Published:
        """
        Return the newest snapshot whose commit is in the log; an empty one where there is none.

        Raises:
            EvidenceError: V1003 its commit is not in the log; V2001, V2002 it is no snapshot.
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        name = self._bucket.first(_SNAPSHOTS)
        found = None if name is None else self._bucket.read(name)
        if found is None:
            return Published()
        state = records.decode_snapshot(found.data)
        self.confirm(state.number, state.digest)
        return state

    def keep_snapshot(self, state: Published) -> None:
        """
        Keep what the commits up to one say; who wrote it first does not matter.

        Raises:
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        name = f"{_SNAPSHOTS}{newest_first(state.number)}.json"
        self._bucket.create(name, records.encode_snapshot(state))

    def _ahead(self, after: int) -> Iterator[Read | None]:
        """Yield the records that are listed after one without a gap, many fetched at once."""
        numbers: list[int] = []
        for name in self._names(_name(after)):
            if _number(name) != after + len(numbers) + 1:
                break
            numbers.append(after + len(numbers) + 1)
        for at in range(0, len(numbers), _AT_ONCE):
            yield from self._bucket.read_many(map(_name, numbers[at : at + _AT_ONCE]))

    def _gone(self, number: int) -> bool:
        """Look again: it may have been written between the look at it and the listing."""
        return self._bucket.read(_name(number)) is None

    def _names(self, after: str) -> Iterator[str]:
        return (found.name for found in self._bucket.listed("", after=after))

    def _where(self, number: int) -> str:
        return self._bucket.where(_name(number))

    def _broken(self, number: int, expected: str, observed: str) -> EvidenceError:
        return records.broken(number, self._where(number), expected, observed)


class S3Index:
    """
    What the commit log says, kept in memory and continued; for one thread.

    Args:
        log: The log.
    """

    def __init__(self, log: S3CommitLog) -> None:
        self.log = log
        self._state = log.snapshot()

    def now(self) -> Published:
        """
        Return what is published at this moment.

        Raises:
            EvidenceError: V1003.
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        for commit, digest in self.log.after(self._state.number, self._state.digest):
            self._state.follow(commit, digest)
        return self._state

    def append(
        self, *, epoch: int, lease: str = "", pointers: Mapping[str, Digest] | None = None
    ) -> bool:
        """
        Commit a change that follows what `now` returned last.

        Returns:
            False when another writer was faster: ask `now`, decide again.

        Raises:
            TransientError: T5001 it may have happened; T5002, T5003.
            PermanentError: T5004-T5008.
        """
        commit = self._state.next(epoch=epoch, lease=lease, pointers=pointers)
        digest = self.log.append(commit)
        if digest is None:
            return False
        self._state.follow(commit, digest)
        if commit.number % SNAPSHOT_EVERY == 0:
            self.log.keep_snapshot(self._state)
        return True


def _name(number: int) -> str:
    return f"{number:012}.json"


def _number(name: str) -> int | None:
    stem = name.removesuffix(".json")
    return int(stem) if stem != name and stem.isdigit() else None
