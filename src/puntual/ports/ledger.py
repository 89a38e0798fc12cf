"""The ledger: entries that only grow in number, and signed checkpoints of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from puntual.model.manifest import Digest
from puntual.ports.signer import Signer


class Ledger(Protocol):
    """
    A Merkle tree of entries (RFC 6962), with one writer at a time.

    What `append` returned from is durable, signed, and the beginning of everything after; of
    two writers one wins, so that no two trees of one size are ever signed.
    """

    @property
    def origin(self) -> str:
        """What names this ledger in its checkpoints."""

    @property
    def size(self) -> int:
        """How many entries are durable and signed."""

    def backwards(self) -> Iterator[tuple[int, bytes]]:
        """Yield every entry with its index, the last one first."""

    def append(self, entries: Sequence[bytes], *, epoch: int) -> None:
        """
        Add entries, all or none, and sign the tree that they make.

        Raises:
            PermanentError: T2001 another writer was faster or has a higher epoch; V5001, V5002
                nothing can be signed.
            TransientError: The store did not answer; the entries may have been added.
        """

    def checkpoint(self, index: int) -> bytes:
        """Return the signed note of the first signed tree that holds an entry."""

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Return the audit path of an entry in the tree of a size."""

    def consistency(self, first: int, size: int) -> tuple[bytes, ...]:
        """Return the proof that the tree of a size begins with the first entries."""

    def root(self, size: int) -> bytes:
        """Return the root of the tree of a size."""

    def keep(self, name: str, data: bytes) -> bytes:
        """Store bytes under a name that is not taken, and return what the name holds now."""


class Change(Protocol):
    """One durable change of what is published; `pointers` is empty where a lease was granted."""

    @property
    def number(self) -> int:
        """1, 2, 3 … without gaps."""

    @property
    def pointers(self) -> Mapping[str, Digest]:
        """Name → manifest."""


Changes = Callable[[int, Digest], Iterable[tuple[Change, Digest]]]
"""(number, digest) of the last that is known → those after it, oldest first, with digests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """
    What a run keeps its books with.

    Attributes:
        ledger: Where events are put on record.
        changes: What was published since.
        signer: Signs statements, and says whose signatures count.
        stamp: Asks for a time stamp of a digest (RFC 3161); None where none is configured.
    """

    ledger: Ledger
    changes: Changes
    signer: Signer
    stamp: Callable[[bytes], bytes | None] | None = None
