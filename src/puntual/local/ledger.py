"""
Port `Ledger` on one machine: batches of entries and checkpoints, as files that are never changed.

    entries/<index of the first>.jsonl     one batch, all or none: its name is taken once
    checkpoints/<size>                     the signed note of the tree that a batch ends
    kept/<name>                            what was made once and must stay as it is
    leaves, blocks                         hashes, made again from the entries when they differ

A batch is durable before its tree is signed, the note durable before anybody is shown it
(`evidence.md` 4). Killed in between, the next writer signs the tree of the batch that lies
there: never two trees of one size. The last checkpoint is also kept apart from all this, so
that a restored backup is seen (`failures.md` 5, row 9).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from puntual.errors import EvidenceError, PermanentError
from puntual.evidence import checkpoint as checkpoints
from puntual.evidence.checkpoint import Checkpoint, NoteSignature
from puntual.evidence.ledger import decode
from puntual.evidence.merkle import SIZE, Tree, leaf_hash
from puntual.failpoints import failpoint
from puntual.local.disk import (
    read_regular,
    sync_folder,
    translated,
)
from puntual.local.whole import place, replace

TEMPORARY = ".tmp"
"""The folder of names that are not yet taken, below the ledger's."""

_MODE = 0o640

Sign = Callable[[bytes, int], tuple[NoteSignature, ...]]
"""(text of a checkpoint, its size) → signature lines of the log's keys."""


class LocalLedger:
    """
    A ledger in a folder.

    Args:
        folder: Where it lies.
        origin: What names it.
        apart: The file that holds the last checkpoint, outside of the folder.
        sign: Signs checkpoints; None where it is only read.

    Raises:
        EvidenceError: V4003 it is older than the checkpoint that is kept apart, or another;
            V4004 an entry or a checkpoint is missing or altered.
        PermanentError: T1001, T1002, T1003.
    """

    def __init__(self, folder: Path, origin: str, apart: Path, sign: Sign | None) -> None:
        self._folder = folder
        self._origin = origin
        self._apart = apart
        self._sign = sign
        with translated(str(folder)):
            self._starts = _numbers(folder / "entries", ".jsonl")
            self._sizes = _numbers(folder / "checkpoints", "")
            self._tree = self._known()
        self._not_set_back()
        if self._starts and self._starts[-1] >= self.size:
            self._adopt()

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
        end = self.size
        for start in reversed([s for s in self._starts if s < end]):
            lines = self._batch(start)
            for index in reversed(range(start, end)):
                yield index, lines[index - start]
            end = start

    def append(self, entries: Sequence[bytes], *, epoch: int) -> None:
        """
        Add entries, all or none, and sign the tree that they make.

        Raises:
            PermanentError: T2001 another writer was faster or has a higher epoch; V5001, V5002;
                T1001, T1002, T1003.
            EvidenceError: V4004.
        """
        if not entries:
            return
        start = self.size
        last = next(self.backwards(), None)
        if last is not None and (written := decode(last[1]).epoch) > epoch:
            _fenced(f"epoch {written} or higher", f"epoch {epoch}")
        path = self._folder / "entries" / f"{start:012}.jsonl"
        with translated(str(path)):
            if not self._place(path, b"".join(entry + b"\n" for entry in entries)):
                _fenced(f"{start} entries", "a later entry of another writer")
            failpoint("ledger.named")
            sync_folder(path.parent)
            failpoint("ledger.placed")
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
        """
        Store bytes under a name that is not taken, and return what the name holds now.

        Raises:
            PermanentError: T1001, T1002, T1003.
        """
        path = self._folder / "kept" / name
        with translated(str(path)):
            if not path.is_file() and self._place(path, data):
                sync_folder(path.parent)
            return read_regular(path)

    def check(self) -> int:
        """
        Read every entry and compare with every root that was signed; return how many there are.

        Raises:
            EvidenceError: V4004.
        """
        tree = Tree(leaf_hash(entry) for entry in self._entries(self.size)) if self.size else Tree()
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
        leaves = _hashes(self._folder / "leaves")[: note.size]
        if len(leaves) == note.size:
            tree = Tree(leaves, _hashes(self._folder / "blocks"))
            if tree.root() == note.root:
                return tree
        tree = Tree(leaf_hash(entry) for entry in self._entries(note.size))
        if tree.root() != note.root:
            self._broken(note.size, f"root {note.root.hex()}", f"root {tree.root().hex()}")
        self._remember(tree, 0)
        return tree

    def _entries(self, size: int) -> Iterator[bytes]:
        found = 0
        for start in self._starts:
            if start != found:
                break
            lines = self._batch(start)
            yield from lines[: size - found]
            found += len(lines)
            if found >= size:
                return
        self._broken(found, f"entry {found}", "no such file")

    def _batch(self, start: int) -> list[bytes]:
        path = self._folder / "entries" / f"{start:012}.jsonl"
        with translated(str(path)):
            try:
                data = read_regular(path)
            except FileNotFoundError:
                self._broken(start, "a batch of entries", "no such file")
        if not data.endswith(b"\n"):
            self._broken(start, "whole lines", "a line that is cut off")
        return data[:-1].split(b"\n")

    def _note(self, size: int) -> bytes:
        path = self._folder / "checkpoints" / f"{size:012}"
        with translated(str(path)):
            try:
                return read_regular(path)
            except FileNotFoundError:
                return self._broken(size, "a checkpoint", "no such file")

    def _not_set_back(self) -> None:
        """Refuse a ledger that does not hold what was shown before."""
        with translated(str(self._apart)):
            try:
                seen = checkpoints.decode(read_regular(self._apart))
            except FileNotFoundError:
                return
        same = seen.origin == self._origin and seen.size <= len(self._tree)
        if not same or self._tree.root(seen.size) != seen.root:
            raise EvidenceError(
                "V4003",
                "the ledger does not hold what was shown before: rollback detected",
                where=str(self._folder),
                expected=f"{seen.origin} with its first {seen.size:,} entries",
                observed=f"{self._origin} with {len(self._tree):,} entries",
                next_step="Restore the newest backup of .puntual. If what is missing is lost for "
                "good, `puntual ledger anchor --reason TEXT` goes on from here; receivers will "
                "see that their history was cut.",
            )

    def _adopt(self) -> None:
        """Sign the tree of a batch whose writer died before it signed."""
        if self._sign is None:
            return
        start = self._starts[-1]
        if start != self.size:
            self._broken(self.size, f"entries from {self.size} on", f"entries from {start} on")
        with translated(str(self._folder)):
            sync_folder(self._folder / "entries")
        self._tree.extend(leaf_hash(entry) for entry in self._batch(start))
        self._show(len(self._tree))

    def _show(self, size: int) -> None:
        """Sign the tree, make the note durable, and keep it apart."""
        if self._sign is None:
            raise RuntimeError("a ledger that is only read was written to")
        made = Checkpoint(origin=self._origin, size=size, root=self._tree.root())
        lines = self._sign(made.text, size)
        failpoint("ledger.signed")
        note = checkpoints.encode(
            Checkpoint(origin=self._origin, size=size, root=made.root, signatures=lines)
        )
        path = self._folder / "checkpoints" / f"{size:012}"
        with translated(str(path)):
            if not self._place(path, note):
                _fenced(f"no checkpoint of {size} entries", "one of another writer")
            sync_folder(path.parent)
            failpoint("ledger.stored")
        before = self.size
        self._sizes.append(size)
        self._remember(self._tree, before)
        self._keep_apart(note)

    def _keep_apart(self, note: bytes) -> None:
        with translated(str(self._apart)):
            replace(self._apart, note, _MODE)
            failpoint("ledger.kept")

    def _remember(self, tree: Tree, before: int) -> None:
        """Keep hashes for the next start; they are derived, and compared with the signed root."""
        _add(self._folder / "leaves", tree.leaves, before)
        _add(self._folder / "blocks", tree.blocks, before and before // 256)

    def _place(self, path: Path, data: bytes) -> bool:
        """Give new bytes a name that nobody has; False when somebody has it."""
        return place(path, data, _MODE, temp=self._folder / TEMPORARY)

    def _broken(self, index: int, expected: str, observed: str) -> NoReturn:
        raise EvidenceError(
            "V4004",
            f"the ledger is not what was recorded at {index:,}",
            where=str(self._folder),
            expected=expected,
            observed=observed,
            next_step="Restore the folder of the ledger from a copy. Nothing may be put on record "
            "in another history.",
        )


def read_apart(path: Path) -> Checkpoint | None:
    """
    Return the checkpoint that is kept apart; None if there is none.

    Raises:
        EvidenceError: V4001 it is no checkpoint.
        PermanentError: T1002, T1003.
    """
    with translated(str(path)):
        try:
            return checkpoints.decode(read_regular(path))
        except FileNotFoundError:
            return None


def _add(path: Path, hashes: Sequence[bytes], before: int) -> None:
    """Write hashes from one on; the file is cut there first, so a torn end does no harm."""
    with contextlib.suppress(OSError), open(path, "r+b" if path.exists() else "x+b") as file:
        file.truncate(before * SIZE)
        file.seek(0, os.SEEK_END)
        if file.tell() == before * SIZE:
            file.write(b"".join(hashes[before:]))


def _hashes(path: Path) -> list[bytes]:
    try:
        data = read_regular(path)
    except FileNotFoundError:
        return []
    return [data[i : i + SIZE] for i in range(0, len(data) - SIZE + 1, SIZE)]


def _numbers(folder: Path, suffix: str) -> list[int]:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    stems = (name.removesuffix(suffix) for name in names if name.endswith(suffix))
    return sorted(int(stem) for stem in stems if stem.isdigit() and len(stem) == 12)


def _fenced(expected: str, observed: str) -> NoReturn:
    raise PermanentError(
        "T2001",
        "this run has lost its lease; the ledger was written by a later one",
        where="ledger",
        expected=expected,
        observed=observed,
        next_step="Nothing was changed. Let the later run end; `puntual status` shows it.",
    )
