"""
Port `Ledger` on S3: the same batches and checkpoints as on a disk, each written once.

    ledger/entries/<index of the first>.jsonl   in the lake
    ledger/checkpoints/<size>                   in the lake
    ledger/kept/<name>                          in the lake
    ledger/leaves                               hashes, made again where they differ
    checkpoints/<newest first>                  in the evidence bucket: what was shown

The evidence bucket locks its versions (Object Lock), so that whoever sets the lake back cannot
take away what had been shown (`failures.md` 5, row 9).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from puntual.aws.bucket import Bucket, newest_first
from puntual.errors import EvidenceError
from puntual.evidence import checkpoint as checkpoints
from puntual.evidence.merkle import SIZE, Hash, Tree
from puntual.evidence.signed_log import Sign, SignedLog

_ENTRIES, _CHECKPOINTS, _KEPT, _LEAVES = "entries/", "checkpoints/", "kept/", "leaves"
_BATCH = ".jsonl"
_AT_ONCE = 64
REMEMBER_EVERY = 256
"""Leaves after which their hashes are stored again; fewer are made from their entries."""


class S3Ledger(SignedLog):
    """
    A ledger in a bucket.

    Args:
        bucket: The lake, below `<project>/ledger`.
        origin: What names it.
        apart: The evidence bucket, below `<project>`.
        sign: Signs checkpoints; None where it is only read.

    Raises:
        EvidenceError: V4003 it is older than the checkpoint that is kept apart, or another;
            V4004 an entry or a checkpoint is missing or altered.
        TransientError: T5001, T5002, T5003.
        PermanentError: T5004-T5008.
    """

    def __init__(self, bucket: Bucket, origin: str, apart: Bucket, sign: Sign | None) -> None:
        super().__init__(S3Shelf(bucket, apart), origin, sign)


class S3Shelf:
    """A ledger's objects; every method raises T5001-T5008 where the service refuses."""

    def __init__(self, bucket: Bucket, apart: Bucket) -> None:
        self._bucket = bucket
        self._apart = apart
        self._remembered = 0

    @property
    def where(self) -> str:
        """The address of its folder."""
        return self._bucket.where("")

    def starts(self) -> list[int]:
        """Return the index of the first entry of each batch, sorted."""
        return self._numbers(_ENTRIES, _BATCH)

    def sizes(self) -> list[int]:
        """Return the sizes of the trees that were signed, sorted."""
        return self._numbers(_CHECKPOINTS, "")

    def batches(self, starts: Sequence[int]) -> Iterator[bytes | None]:
        """Yield batches in that order, many fetched at once; None for one that is not there."""
        for at in range(0, len(starts), _AT_ONCE):
            for read in self._bucket.read_many(map(_batch, starts[at : at + _AT_ONCE])):
                yield None if read is None else read.data

    def note(self, size: int) -> bytes | None:
        """Return the signed note of a size; None if there is none."""
        found = self._bucket.read(_note(size))
        return None if found is None else found.data

    def place_batch(self, start: int, data: bytes) -> bool:
        """Give a batch its name; False if somebody has that name."""
        return self._bucket.create(_batch(start), data)

    def place_note(self, size: int, note: bytes) -> bool:
        """Give a note its name; False if somebody has that name."""
        return self._bucket.create(_note(size), note)

    def settle(self) -> None:
        """Do nothing: an object that can be read is durable."""

    def hashes(self) -> tuple[Sequence[Hash], Sequence[Hash]]:
        """Return the hashes of leaves that were remembered; blocks are made of them."""
        found = self._bucket.read(_LEAVES)
        data = b"" if found is None else found.data
        leaves = [data[i : i + SIZE] for i in range(0, len(data) - SIZE + 1, SIZE)]
        self._remembered = len(leaves)
        return leaves, ()

    def remember(self, tree: Tree, *, leaves: int, blocks: int) -> None:
        """Keep the hashes for the next start once there are many new ones."""
        if leaves == 0 or len(tree) - self._remembered >= REMEMBER_EVERY:
            self._bucket.overwrite(_LEAVES, b"".join(tree.leaves))
            self._remembered = len(tree)

    def apart(self) -> bytes | None:
        """Return the newest checkpoint that was kept apart; None if there is none."""
        return self._apart.first_written(_CHECKPOINTS)

    def keep_apart(self, note: bytes) -> None:
        """
        Keep a checkpoint apart, beside those before it.

        Raises:
            EvidenceError: V4003 another one of this size is kept.
        """
        made = checkpoints.decode(note)
        name = f"{_CHECKPOINTS}{newest_first(made.size)}"
        if not self._apart.create(name, note):
            raise EvidenceError(
                "V4003",
                "another checkpoint of this size was shown before: rollback detected",
                where=self._apart.where(name),
                expected=f"no checkpoint of {made.size:,} entries, or this one",
                observed="another one",
                next_step="Find out who wrote to the ledger in another history; nothing of this "
                "one may be shown.",
            )

    def keep(self, name: str, data: bytes) -> bytes:
        """Store bytes under a name that is not taken, and return what the name holds now."""
        if self._bucket.create(f"{_KEPT}{name}", data):
            return data
        found = self._bucket.read(f"{_KEPT}{name}")
        return data if found is None else found.data

    def _numbers(self, folder: str, suffix: str) -> list[int]:
        stems = (
            f.name.removeprefix(folder).removesuffix(suffix) for f in self._bucket.listed(folder)
        )
        return sorted(int(stem) for stem in stems if stem.isdigit() and len(stem) == 12)


def _batch(start: int) -> str:
    return f"{_ENTRIES}{start:012}{_BATCH}"


def _note(size: int) -> str:
    return f"{_CHECKPOINTS}{size:012}"
