"""Port `Approvals` in a folder: one file for each, named by the digest of its own bytes."""

from __future__ import annotations

from pathlib import Path

from puntual.errors import EvidenceError
from puntual.evidence import canonical
from puntual.evidence.digest import sha256
from puntual.evidence.facts import from_json, to_json
from puntual.local.disk import make_folder, sync_folder, translated
from puntual.local.whole import place
from puntual.model.approval import Approval
from puntual.model.manifest import Digest

SUFFIX = ".json"


class FolderApprovals:
    """Approvals as files that are written once: `<digest>.json`, in canonical JSON."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def given(self, digest: Digest) -> tuple[Approval, ...]:
        """
        Return the approvals of these bytes, oldest first.

        Raises:
            EvidenceError: P3045 a record was altered; V2001, V2003 it is none of ours.
            PermanentError: T1002 they may not be read.
        """
        return tuple(a for a in self.every() if a.digest == digest)

    def every(self) -> tuple[Approval, ...]:
        """Return every approval, oldest first; see `given`."""
        with translated(str(self._folder)):
            if not self._folder.is_dir():
                return ()
            paths = sorted(p for p in self._folder.iterdir() if p.suffix == SUFFIX)
            found = [_read(path) for path in paths]
        return tuple(sorted(found, key=lambda a: (a.at, a.person, a.role)))

    def add(self, approval: Approval) -> Digest:
        """
        Keep an approval durably; the same one is kept once.

        Raises:
            PermanentError: T1001-T1003 it cannot be written.
        """
        data = canonical.encode(to_json(approval))
        name = sha256(data)
        path = self._folder / f"{name}{SUFFIX}"
        with translated(str(self._folder)):
            make_folder(self._folder, None)
            if not path.is_file():
                place(path, data, 0o440)
                sync_folder(self._folder)
        return name


class DeclaredIdentity:
    """Takes a person's word for who it is; the record says so."""

    def confirm(self, person: str, digest: Digest) -> str:
        """Return `declared`."""
        return "declared"


def _read(path: Path) -> Approval:
    data = path.read_bytes()
    found = sha256(data)
    if found != path.stem:
        raise EvidenceError(
            "P3045",
            "a kept approval is not what was signed",
            where=path.name,
            expected=f"sha256 {path.stem}",
            observed=f"sha256 {found}",
            next_step="Find out who changed it, remove it, and have it signed again.",
        )
    return from_json(Approval, canonical.decode(data))
