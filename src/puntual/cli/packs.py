"""Packages as they lie in a folder: every file bounded, none followed, the packed ones opened."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from puntual.errors import EvidenceError
from puntual.evidence import dsse, ledger_files, tlog
from puntual.evidence.package import MANIFESTS, STATEMENT

LIMIT = 64 * 1024 * 1024
"""Largest file, and largest content of a packed one (`evidence.md` 5)."""

TOGETHER = 4 * LIMIT
"""Largest package."""


_BESIDE = re.compile(r".*\.(acknowledgements|unfinished-[0-9]+)")


def is_package(name: str) -> bool:
    """
    Say whether a folder of the evidence is to be verified, by its name.

    What a receiver answered, and what an attempt that died has left, lie beside packages.
    """
    return _BESIDE.fullmatch(name) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """
    A package.

    Attributes:
        path: Its folder.
        names: What its statement speaks of, as it lies there once the packed files are opened.
        proofs: The files that prove the statement.
        foreign: Files that may not lie beside the packed ones.
        lying: How many files lie in its folder.
        large: All of it is larger than is read.
    """

    path: Path
    names: tuple[str, ...]
    proofs: dict[str, bytes]
    foreign: tuple[str, ...]
    lying: int
    large: bool = False

    def read(self, name: str) -> bytes:
        """
        Return the bytes of a file; of statement and manifests, what their packed files hold.

        Raises:
            EvidenceError: V3002 no plain file of at most 64 MiB, or all together are more than
                256 MiB; V2001, V2002 a packed file has another form.
        """
        if self.large:
            raise _no_file(name, self.path, f"a part of {TOGETHER >> 20} MiB at most")
        if name == STATEMENT and ledger_files.ENVELOPE in self.proofs:
            found = dsse.decode(self.proofs[ledger_files.ENVELOPE], dsse.STATEMENT)
            return found.payload
        if name == MANIFESTS and ledger_files.MANIFESTS in self.proofs:
            return unzipped(self.proofs[ledger_files.MANIFESTS], self.path)
        return _plain(self.path / name)


def open_pack(path: Path) -> Pack:
    """Look at a package; what cannot be read is found when it is asked for."""
    sizes = {p.name: p.lstat().st_size for p in path.iterdir()}
    lying, large = sorted(sizes), sum(sizes.values()) > TOGETHER
    proofs: dict[str, bytes] = {}
    unread = []
    for name in lying:
        if name in ledger_files.ADDED and not large:
            try:
                proofs[name] = _plain(path / name)
            except EvidenceError:
                unread.append(name)
    held = {STATEMENT: ledger_files.ENVELOPE, MANIFESTS: ledger_files.MANIFESTS}
    packed = {name for name, file in held.items() if file in proofs}
    names = {*(n for n in lying if n not in ledger_files.ADDED), *packed, *unread}
    return Pack(
        path=path,
        names=tuple(sorted(names)),
        proofs=proofs,
        foreign=tuple(sorted(packed & set(lying))),
        lying=len(lying),
        large=large,
    )


def size_of(pack: Pack) -> int:
    """Return how large the ledger was, for an order in which packages are verified; 0 unknown."""
    try:
        return tlog.decode(pack.proofs[ledger_files.PROOF]).checkpoint.size
    except (EvidenceError, KeyError):
        return 0


def unzipped(data: bytes, where: Path) -> bytes:
    """
    Return what one gzip member holds, bounded.

    Raises:
        EvidenceError: V3002 it is none, holds more than 64 MiB, or something follows it.
    """
    opened = zlib.decompressobj(wbits=31)
    try:
        found = opened.decompress(data, LIMIT + 1)
    except zlib.error:
        found = b""
    if not opened.eof or opened.unused_data or len(found) > LIMIT:
        raise _no_file(ledger_files.MANIFESTS, where)
    return found


def reader(path: Path) -> Callable[[str], bytes]:
    """Return what reads a package's files by name."""
    return open_pack(path).read


def _plain(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LIMIT:
        raise _no_file(path.name, path.parent)
    return path.read_bytes()


def _no_file(name: str, where: Path, what: str = "a plain file of at most 64 MiB") -> EvidenceError:
    return EvidenceError(
        "V3002",
        f"{name} is no {what.removeprefix('a ')}",
        where=str(where),
        expected=what,
        observed="a link, a folder, or a larger file",
        next_step="compare the package with the copy that was delivered",
    )
