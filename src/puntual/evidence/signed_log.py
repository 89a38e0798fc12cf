"""
A ledger over whatever keeps it: batches of entries and signed checkpoints, none ever changed.

    entries, by the index of the first     one batch, all or none: its name is taken once
    checkpoints, by size                   the signed note of the tree that a batch ends
    kept, by name                          what was made once and must stay as it is
    hashes                                 made again from the entries where they differ

A batch is durable before its tree is signed, the note durable before anybody is shown it
(`evidence.md` 4). Killed in between, the next writer signs the tree of the batch that lies
there: never two trees of one size. The last checkpoint is also kept apart from all this, so
that a restored backup is seen (`failures.md` 5, row 9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn, Protocol

from puntual.errors import EvidenceError, PermanentError
from puntual.evidence import checkpoint as checkpoints
from puntual.evidence.checkpoint import Checkpoint, NoteSignature
from puntual.evidence.ledger import decode
from puntual.evidence.merkle import BLOCK, Hash, Tree, leaf_hash

MOST_AT_ONCE = 64
"""How many batches are asked for at once where many are read."""

Sign = Callable[[bytes, int], tuple[NoteSignature, ...]]
"""(text of a checkpoint, its size) → signature lines of the log's keys."""


LOST = "lost"
"""Fact of an anchor: the checkpoints that were shown and that the ledger does not hold."""

_ANCHOR = b'"event":"anchor"'


def lost_name(seen: Checkpoint) -> str:
    """Return how an anchor names a checkpoint that is lost."""
    return f"{seen.size} {seen.root.hex()}"


class Shelf(Protocol):
    """Where a ledger lies; what is placed is durable when a call returns, and is never replaced."""

    @property
    def where(self) -> str:
        """The place, for people."""

    def starts(self) -> list[int]:
        """Return the index of the first entry of each batch, sorted."""

    def sizes(self) -> list[int]:
        """Return the sizes of the trees that were signed, sorted."""

    def batches(self, starts: Sequence[int]) -> Iterator[bytes | None]:
        """Yield batches in that order; None for one that is not there."""

    def note(self, size: int) -> bytes | None:
        """Return the signed note of a size; None if there is none."""

    def place_batch(self, start: int, data: bytes) -> bool:
        """Give a batch its name; False if somebody has that name, nothing changed."""

    def place_note(self, size: int, note: bytes) -> bool:
        """Give a note its name; False if somebody has that name, nothing changed."""

    def settle(self) -> None:
        """Make durable what a writer that died has placed, before somebody relies on it."""

    def hashes(self) -> tuple[Sequence[Hash], Sequence[Hash]]:
        """Return the hashes of leaves and blocks as far as they were remembered, right or not."""

    def remember(self, tree: Tree, *, leaves: int, blocks: int) -> None:
        """Remember the hashes of a tree, of which so many are remembered already."""

    def apart(self) -> bytes | None:
        """Return the checkpoint that is kept apart; None if there is none."""

    def keep_apart(self, note: bytes) -> None:
        """Keep a checkpoint apart, as the last that was shown."""

    def keep(self, name: str, data: bytes) -> bytes:
        """Store bytes under a name that is not taken, and return what the name holds now."""


class SignedLog:
    """
    A ledger on a shelf.

    Args:
        shelf: Where it lies.
        origin: What names it.
        sign: Signs checkpoints; None where it is only read.
        past: Go on although it does not hold what was shown: an operator has said that this is
            lost. What is kept apart stays until the next entries, which say so, are signed.
        shown: Checkpoints of it that left this machine, whose signatures hold; None where it is
            only read.

    Raises:
        EvidenceError: V4003 it is older than the checkpoint that is kept apart or one of those
            that left, or another; or none is kept apart, and something is to be signed. V4004
            an entry or a checkpoint is missing or altered.
    """

    def __init__(
        self,
        shelf: Shelf,
        origin: str,
        sign: Sign | None,
        *,
        past: bool = False,
        shown: Sequence[Checkpoint] | None = None,
    ) -> None:
        self._shelf = shelf
        self._origin = origin
        self._sign = sign
        self._starts = shelf.starts()
        self._sizes = shelf.sizes()
        self._tree = self._known()
        if not past:
            self._not_set_back(shown or (), strict=sign is not None or shown is not None)
            self._keep_newest_apart()
        if self._starts and self._starts[-1] >= self.size:
            self._adopt(apart=not past)

    @property
    def origin(self) -> str:
        """What names this ledger."""
        return self._origin

    @property
    def size(self) -> int:
        """How many entries are durable and signed."""
        return self._sizes[-1] if self._sizes else 0

    def backwards(self) -> Iterator[tuple[int, bytes]]:
        """
        Yield every entry with its index, the last one first.

        Raises:
            EvidenceError: V4004.
        """
        end, many = self.size, 1
        starts = [s for s in reversed(self._starts) if s < end]
        while starts:
            read, starts = starts[:many], starts[many:]
            for start, data in zip(read, self._shelf.batches(read), strict=True):
                lines = self._lines(start, data)
                for index in reversed(range(start, end)):
                    yield index, lines[index - start]
                end = start
            many = min(2 * many, MOST_AT_ONCE)

    def append(self, entries: Sequence[bytes], *, epoch: int) -> None:
        """
        Add entries, all or none, and sign the tree that they make.

        Raises:
            PermanentError: T2001 another writer was faster or has a higher epoch; V5001, V5002.
            EvidenceError: V4004.
        """
        if not entries:
            return
        start = self.size
        last = next(self.backwards(), None)
        if last is not None and (written := decode(last[1]).epoch) > epoch:
            _fenced(f"epoch {written} or higher", f"epoch {epoch}")
        if not self._shelf.place_batch(start, b"".join(entry + b"\n" for entry in entries)):
            _fenced(f"{start} entries", "a later entry of another writer")
        self._starts.append(start)
        self._tree.extend(leaf_hash(entry) for entry in entries)
        self._show(len(self._tree))

    def checkpoint(self, index: int) -> bytes:
        """
        Return the signed note of the first signed tree that holds an entry.

        Raises:
            EvidenceError: V4004.
            ValueError: There is no such entry.
        """
        size = next((s for s in self._sizes if s > index), None)
        if size is None:
            raise ValueError(f"no signed tree holds entry {index}")
        return self._note(size)

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Return the audit path of an entry in the tree of a size."""
        return self._tree.inclusion(index, size)

    def consistency(self, first: int, size: int) -> tuple[bytes, ...]:
        """Return the proof that the tree of a size begins with the first entries."""
        return self._tree.consistency(first, size)

    def root(self, size: int) -> bytes:
        """Return the root of the tree of a size."""
        return self._tree.root(size)

    def keep(self, name: str, data: bytes) -> bytes:
        """Store bytes under a name that is not taken, and return what the name holds now."""
        return self._shelf.keep(name, data)

    def check(self) -> int:
        """
        Read every entry and compare with every root that was signed; return how many there are.

        Raises:
            EvidenceError: V4004.
        """
        tree = Tree(leaf_hash(entry) for entry in self._entries(0, self.size))
        for size in self._sizes:
            note = checkpoints.decode(self._note(size))
            if (note.origin, note.size, note.root) != (self._origin, size, tree.root(size)):
                self._broken(size, f"root {note.root.hex()}", f"root {tree.root(size).hex()}")
        return len(self._sizes)

    def _known(self) -> Tree:
        """Return the tree of the last checkpoint, from kept hashes where they give its root."""
        note = checkpoints.decode(self._note(self.size)) if self._sizes else None
        if note is None:
            return Tree()
        if note.origin != self._origin:
            self._broken(note.size, f"a checkpoint of {self._origin}", note.origin)
        leaves, blocks = self._shelf.hashes()
        begun = self._whole_batches(min(len(leaves), note.size))
        if begun:
            tree = Tree(leaves[:begun], blocks)
            tree.extend(leaf_hash(entry) for entry in self._entries(begun, note.size))
            if tree.root() == note.root:
                if begun < note.size:
                    self._shelf.remember(tree, leaves=begun, blocks=begun // BLOCK)
                return tree
        tree = Tree(leaf_hash(entry) for entry in self._entries(0, note.size))
        if tree.root() != note.root:
            self._broken(note.size, f"root {note.root.hex()}", f"root {tree.root().hex()}")
        self._shelf.remember(tree, leaves=0, blocks=0)
        return tree

    def _whole_batches(self, leaves: int) -> int:
        """Return how many of the first leaves are those of whole batches."""
        return max((end for end in (*self._starts, self.size) if end <= leaves), default=0)

    def _entries(self, first: int, size: int) -> Iterator[bytes]:
        """Yield the entries from the first of a batch up to a size."""
        found = first
        starts = [s for s in self._starts if first <= s < size]
        for start, data in zip(starts, self._shelf.batches(starts), strict=True):
            if start != found:
                break
            lines = self._lines(start, data)
            yield from lines[: size - found]
            found += len(lines)
        if found < size:
            self._broken(found, f"entry {found}", "no such file")

    def _batch(self, start: int) -> list[bytes]:
        return self._lines(start, next(self._shelf.batches([start])))

    def _lines(self, start: int, data: bytes | None) -> list[bytes]:
        if data is None:
            self._broken(start, "a batch of entries", "no such file")
        if not data.endswith(b"\n"):
            self._broken(start, "whole lines", "a line that is cut off")
        return data[:-1].split(b"\n")

    def _note(self, size: int) -> bytes:
        found = self._shelf.note(size)
        if found is None:
            self._broken(size, "a checkpoint", "no such file")
        return found

    def holds(self, seen: Checkpoint) -> bool:
        """Say whether a checkpoint is of a tree that this ledger has, or began with."""
        same = seen.origin == self._origin and seen.size <= len(self._tree)
        return same and self._tree.root(seen.size) == seen.root

    def _not_set_back(self, shown: Sequence[Checkpoint], *, strict: bool) -> None:
        """Refuse a ledger that does not hold what was shown before."""
        apart = self._shelf.apart()
        if apart is not None and not self.holds(seen := checkpoints.decode(apart)):
            self._set_back(seen)
        # A writer that died in its very first append had not kept anything apart yet.
        if apart is None and strict and len(self._sizes) > 1:
            raise EvidenceError(
                "V4003",
                "nobody can say whether this is the newest copy of the ledger: the checkpoint "
                "that is kept apart is gone",
                where=self._shelf.where,
                expected="ledger.checkpoint, the last checkpoint that was shown",
                observed=f"no such file, beside {len(self._tree):,} entries",
                next_step="Put ledger.checkpoint back from its copy. If there is none, compare "
                "with the newest package that a receiver holds: `puntual ledger anchor --seen "
                "PACKAGE --reason TEXT` lays it down again if the ledger holds it.",
            )
        missing = [seen for seen in shown if not self.holds(seen)]
        given_up = self._given_up() if missing else frozenset()
        for seen in missing:
            if lost_name(seen) not in given_up:
                self._set_back(seen)

    def _given_up(self) -> frozenset[str]:
        """Return what operators have said is lost; see `lost_name`."""
        found: set[str] = set()
        for _, data in self.backwards():
            if _ANCHOR in data:
                lost = decode(data).told.facts.get(LOST)
                found.update(str(name) for name in lost) if isinstance(lost, list) else None
        return frozenset(found)

    def _set_back(self, seen: Checkpoint) -> NoReturn:
        raise EvidenceError(
            "V4003",
            "the ledger does not hold what was shown before: rollback detected",
            where=self._shelf.where,
            expected=f"{seen.origin} with its first {seen.size:,} entries",
            observed=f"{self._origin} with {len(self._tree):,} entries",
            next_step="Restore the newest backup of .puntual. If what is missing is lost for "
            "good, `puntual ledger anchor --reason TEXT` goes on from here; receivers will "
            "see that their history was cut.",
        )

    def _keep_newest_apart(self) -> None:
        """Keep apart what a writer signed that died before it did: else a backup is not seen."""
        if self._sign is None or not self._sizes:
            return
        shown = self._shelf.apart()
        if shown is None or checkpoints.decode(shown).size < self.size:
            self._shelf.keep_apart(self._note(self.size))

    def _adopt(self, *, apart: bool) -> None:
        """Sign the tree of a batch whose writer died before it signed."""
        if self._sign is None:
            return
        start = self._starts[-1]
        if start != self.size:
            self._broken(self.size, f"entries from {self.size} on", f"entries from {start} on")
        self._shelf.settle()
        self._tree.extend(leaf_hash(entry) for entry in self._batch(start))
        self._show(len(self._tree), apart=apart)

    def _show(self, size: int, *, apart: bool = True) -> None:
        """Sign the tree, make the note durable, and keep it apart."""
        if self._sign is None:
            raise RuntimeError("a ledger that is only read was written to")
        made = Checkpoint(origin=self._origin, size=size, root=self._tree.root())
        lines = self._sign(made.text, size)
        note = checkpoints.encode(
            Checkpoint(origin=self._origin, size=size, root=made.root, signatures=lines)
        )
        if not self._shelf.place_note(size, note):
            _fenced(f"no checkpoint of {size} entries", "one of another writer")
        before = self.size
        self._sizes.append(size)
        self._shelf.remember(self._tree, leaves=before, blocks=before // BLOCK)
        if apart:
            self._shelf.keep_apart(note)

    def _broken(self, index: int, expected: str, observed: str) -> NoReturn:
        raise EvidenceError(
            "V4004",
            f"the ledger is not what was recorded at {index:,}",
            where=self._shelf.where,
            expected=expected,
            observed=observed,
            next_step="Restore the folder of the ledger from a copy. Nothing may be put on record "
            "in another history.",
        )


def _fenced(expected: str, observed: str) -> NoReturn:
    raise PermanentError(
        "T2001",
        "this run has lost its lease; the ledger was written by a later one",
        where="ledger",
        expected=expected,
        observed=observed,
        next_step="Nothing was changed. Let the later run end; `puntual status` shows it.",
    )
