"""
Port `Ledger` on one machine: batches of entries and checkpoints, as files that are never changed.

    entries/<index of the first>.jsonl     one batch, all or none: its name is taken once
    checkpoints/<size>                     the signed note of the tree that a batch ends
    kept/<name>                            what was made once and must stay as it is
    leaves, blocks                         hashes, made again from the entries when they differ

What a ledger promises of them is `evidence/signed_log.py`'s; here is how they lie on a disk.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from puntual.evidence import checkpoint as checkpoints
from puntual.evidence.checkpoint import Checkpoint, NoteSignature
from puntual.evidence.merkle import SIZE, Hash, Tree
from puntual.evidence.signed_log import Sign, SignedLog
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


class LocalLedger(SignedLog):
    """
    A ledger in a folder.

    Args:
        folder: Where it lies.
        origin: What names it.
        apart: The file that holds the last checkpoint, outside of the folder.
        sign: Signs checkpoints; None where it is only read.
        past: Go on although it was set back (`puntual ledger anchor`); see `SignedLog`.
        shown: Checkpoints of it that left with packages; see `SignedLog`.

    Raises:
        EvidenceError: V4003 it is older than the checkpoint that is kept apart or than those
            that left, or another; V4004 an entry or a checkpoint is missing or altered.
        PermanentError: T1001, T1002, T1003.
    """

    def __init__(
        self,
        folder: Path,
        origin: str,
        apart: Path,
        sign: Sign | None,
        *,
        past: bool = False,
        shown: Sequence[Checkpoint] | None = None,
    ) -> None:
        signed = None if sign is None else _told(sign)
        super().__init__(FolderShelf(folder, apart), origin, signed, past=past, shown=shown)


def _told(sign: Sign) -> Sign:
    def signed(text: bytes, size: int) -> tuple[NoteSignature, ...]:
        lines = sign(text, size)
        failpoint("ledger.signed")
        return lines

    return signed


class FolderShelf:
    """A ledger's files; every method raises T1001, T1002, T1003 where the disk refuses."""

    def __init__(self, folder: Path, apart: Path) -> None:
        self._folder = folder
        self._apart = apart

    @property
    def where(self) -> str:
        """The folder."""
        return str(self._folder)

    def starts(self) -> list[int]:
        """Return the index of the first entry of each batch, sorted."""
        with translated(self.where):
            return _numbers(self._folder / "entries", ".jsonl")

    def sizes(self) -> list[int]:
        """Return the sizes of the trees that were signed, sorted."""
        with translated(self.where):
            return _numbers(self._folder / "checkpoints", "")

    def batches(self, starts: Sequence[int]) -> Iterator[bytes | None]:
        """Yield batches in that order; None for one that is not there."""
        return (_bytes(self._batch(start)) for start in starts)

    def note(self, size: int) -> bytes | None:
        """Return the signed note of a size; None if there is none."""
        return _bytes(self._note(size))

    def place_batch(self, start: int, data: bytes) -> bool:
        """Give a batch its name; False if somebody has that name."""
        path = self._batch(start)
        with translated(str(path)):
            if not self._place(path, data):
                return False
            failpoint("ledger.named")
            sync_folder(path.parent)
            failpoint("ledger.placed")
        return True

    def place_note(self, size: int, note: bytes) -> bool:
        """Give a note its name; False if somebody has that name."""
        path = self._note(size)
        with translated(str(path)):
            if not self._place(path, note):
                return False
            sync_folder(path.parent)
            failpoint("ledger.stored")
        return True

    def settle(self) -> None:
        """Make durable the names that a writer which died has given."""
        with translated(self.where):
            sync_folder(self._folder / "entries")

    def hashes(self) -> tuple[Sequence[Hash], Sequence[Hash]]:
        """Return the hashes of leaves and blocks that were remembered."""
        with translated(self.where):
            return _hashes(self._folder / "leaves"), _hashes(self._folder / "blocks")

    def remember(self, tree: Tree, *, leaves: int, blocks: int) -> None:
        """Keep hashes for the next start; they are derived, and compared with the signed root."""
        _add(self._folder / "leaves", tree.leaves, leaves)
        _add(self._folder / "blocks", tree.blocks, blocks)

    def apart(self) -> bytes | None:
        """Return the checkpoint that is kept apart; None if there is none."""
        return _bytes(self._apart)

    def keep_apart(self, note: bytes) -> None:
        """Let the file that is kept apart hold this checkpoint."""
        with translated(str(self._apart)):
            replace(self._apart, note, _MODE)
            failpoint("ledger.kept")

    def keep(self, name: str, data: bytes) -> bytes:
        """Store bytes under a name that is not taken, and return what the name holds now."""
        path = self._folder / "kept" / name
        with translated(str(path)):
            if not path.is_file() and self._place(path, data):
                sync_folder(path.parent)
            return read_regular(path)

    def _batch(self, start: int) -> Path:
        return self._folder / "entries" / f"{start:012}.jsonl"

    def _note(self, size: int) -> Path:
        return self._folder / "checkpoints" / f"{size:012}"

    def _place(self, path: Path, data: bytes) -> bool:
        """Give new bytes a name that nobody has; False when somebody has it."""
        return place(path, data, _MODE, temp=self._folder / TEMPORARY)


def read_apart(path: Path) -> Checkpoint | None:
    """
    Return the checkpoint that is kept apart; None if there is none.

    Raises:
        EvidenceError: V4001 it is no checkpoint.
        PermanentError: T1002, T1003.
    """
    data = _bytes(path)
    return None if data is None else checkpoints.decode(data)


def _bytes(path: Path) -> bytes | None:
    with translated(str(path)):
        try:
            return read_regular(path)
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
