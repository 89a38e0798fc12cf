"""Port `Pointers` on S3: every switch is a record in the commit log, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from puntual.aws.commits import S3Index
from puntual.evidence import commits
from puntual.evidence.commits import Answer
from puntual.model.manifest import Digest


class S3Pointers:
    """
    Pointers as the commit log says them; a switch is one object, written where there is none.

    Each call looks for commits of others first, so that what is read is what is published.
    """

    def __init__(self, index: S3Index) -> None:
        self._index = index

    def read(self, name: str) -> Digest | None:
        """
        Return the manifest that a name points at; None if it was never published.

        Raises:
            EvidenceError: V1003 the log is not what was recorded.
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        found = self._index.now().pointers.get(name)
        return None if found is None else found[0]

    def read_prefix(self, prefix: str) -> Mapping[str, Digest]:
        """
        Return every published name that starts with a prefix, sorted by name.

        Raises:
            EvidenceError: V1003 the log is not what was recorded.
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        pointers = self._index.now().pointers
        return {name: pointers[name][0] for name in sorted(pointers) if name.startswith(prefix)}

    def switch(
        self,
        changes: Mapping[str, Digest],
        *,
        seen: Mapping[str, Digest | None],
        epoch: int,
    ) -> bool:
        """
        Point names at manifests, all or none; see the port.

        Returns:
            False if somebody else published first; nothing changed.

        Raises:
            EvidenceError: V1003 the log is not what was recorded.
            PermanentError: T2001 the epoch is lower than the stored one; T5004-T5008.
            TransientError: T5001 the switch may have happened; T5002, T5003.
            ValueError: The keys of `seen` are not those of `changes`, or a manifest is no
                digest (a bug of the caller).
        """
        commits.checked(changes, seen)
        while True:
            stored = self._index.now().pointers
            what = commits.answer(stored, changes, seen, epoch)
            if what is not Answer.COMMIT:
                return what is Answer.DONE
            if self._index.append(epoch=epoch, pointers=changes):
                return True
