"""Port `Destinations` for a folder: files appear whole, and are read back."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path

from puntual.errors import EvidenceError, PermanentError
from puntual.failpoints import failpoint
from puntual.local.disk import (
    inner_path,
    make_folder,
    open_regular,
    sync_folder,
    write_synced,
)
from puntual.model.delivery import DeliveryId
from puntual.model.report import Folder
from puntual.ports.destinations import Receipt

_NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_TEMPORARY = re.compile(r"\.puntual-([0-9a-f]{12})-[0-9a-f]{32}")


class FolderDestinations:
    """Places files in a folder relative to the project, or absolute."""

    def __init__(self, project: Path) -> None:
        self._project = Path(os.path.abspath(project))
        self.mine = hashlib.sha256(os.fsencode(self._project)).hexdigest()[:12]

    def deliver(
        self, destination: Folder, delivery: DeliveryId, files: Mapping[str, bytes]
    ) -> Receipt:
        """
        Place the files in the order given, each whole or not at all, and read them back.

        A file that lies there with the same bytes is left alone. Nothing is placed when one
        name is taken by other bytes. Temporary files that a run of this project left when it
        was killed are removed, so only the holder of the run's lease may deliver.

        Raises:
            PermanentError: D1001 the destination may not be written, or is full.
            EvidenceError: D1002 another file with other bytes already has that name, or what
                was read back is not what was written.
            ValueError: A file's name leaves the folder (a bug of the caller).
        """
        folder = self._project / destination.path
        for name in files:
            if not inner_path(name):
                raise ValueError(f"no such file name: {name!r}")
        try:
            places = sorted({(folder / name).parent for name in files})
            for place in places:
                _sweep(place, self.mine)
            # Folders of somebody else, outside of the project, are trusted as they are.
            inside = folder.is_relative_to(self._project)
            durable = {self._project} if inside else None
            missing = [n for n, data in files.items() if not _lies_there(folder / n, n, data)]
            for name in missing:
                _place(folder / name, files[name], self.mine, durable)
            for place in places:
                # What lay there may be of a run that died before its name was durable.
                make_folder(place, durable)
                sync_folder(place)
            found = {name: _read_back(folder / name, name, data) for name, data in files.items()}
        except OSError as exc:
            raise _refused(folder, delivery, exc) from exc
        return Receipt(destination=str(folder), files=found)

    def put_aside(self, destination: Folder, name: str, files: Mapping[str, bytes]) -> str:
        """
        Give a package's folder the first free name `NAME.unfinished-N`; see the port.

        Raises:
            PermanentError: D1001 the destination may not be written.
            ValueError: A name leaves the folder (a bug of the caller).
        """
        folder = self._project / destination.path
        if not all(inner_path(part) for part in (name, *files)):
            raise ValueError(f"no such package: {name!r}")
        try:
            if not any(_differs(folder / name / f, data) for f, data in files.items()):
                return ""
            number = 1
            while (folder / f"{name}.unfinished-{number}").exists():
                number += 1
            aside = f"{name}.unfinished-{number}"
            os.rename(folder / name, folder / aside)
            sync_folder(folder)
        except OSError as exc:
            raise _not_aside(folder / name, exc) from exc
        return aside


def _differs(path: Path, data: bytes) -> bool:
    """Return whether something lies there that is not these bytes."""
    try:
        return path.exists() and not _lies_there(path, path.name, data)
    except EvidenceError:
        return True


def _lies_there(path: Path, name: str, data: bytes) -> bool:
    try:
        file = open_regular(path)
    except FileNotFoundError:
        return False
    with file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != hashlib.sha256(data).hexdigest():
        raise _other(name, data, found, "already lies there with other bytes")
    return True


def _sweep(folder: Path, mine: str) -> None:
    """Remove temporary files of this project; another's may be about to get their names."""
    if folder.is_dir():
        for name in os.listdir(folder):
            found = _TEMPORARY.fullmatch(name)
            if found is not None and found[1] == mine:
                (folder / name).unlink(missing_ok=True)


def _place(path: Path, data: bytes, mine: str, durable: set[Path] | None) -> None:
    make_folder(path.parent, durable)
    temp = path.parent / f".puntual-{mine}-{uuid.uuid4().hex}"
    try:
        write_synced(temp, data, 0o640)
        failpoint("deliver.written")
        _name(temp, path)
        failpoint("deliver.named")
        sync_folder(path.parent)
        failpoint("deliver.placed")
    finally:
        temp.unlink(missing_ok=True)


def _name(temp: Path, path: Path) -> None:
    """Give a file its name without taking the place of another, where the disk can do that."""
    try:
        os.link(temp, path)
    except FileExistsError:
        return  # somebody was faster; reading back says whether it is the same file
    except OSError as exc:
        if exc.errno not in _NO_HARD_LINKS:
            raise
        os.rename(temp, path)


def _read_back(path: Path, name: str, data: bytes) -> str:
    with open_regular(path) as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != hashlib.sha256(data).hexdigest():
        raise _other(name, data, found, "does not read back as it was written")
    return found


def _other(name: str, data: bytes, found: str, what: str) -> EvidenceError:
    return EvidenceError(
        "D1002",
        f"{name} {what}",
        where=name,
        expected=f"sha256 {hashlib.sha256(data).hexdigest()}",
        observed=f"sha256 {found}",
        next_step="Find out who wrote that file; a delivery is never overwritten. A corrected "
        "report is a new version, with a new name.",
    )


def _not_aside(package: Path, error: OSError) -> PermanentError:
    return PermanentError(
        "D1001",
        "what an earlier attempt left of this package cannot be put aside",
        where=str(package),
        expected="a folder that this user may write",
        observed=error.strerror or type(error).__name__,
        next_step="Give that folder another name by hand, then run again.",
    )


def _refused(folder: Path, delivery: DeliveryId, error: OSError) -> PermanentError:
    return PermanentError(
        "D1001",
        f"{delivery} cannot be placed in {folder}",
        where=str(folder),
        expected="a folder that this user may write, with free space",
        observed=error.strerror or type(error).__name__,
        next_step="Correct the destination, then run again: the same bytes are sent.",
    )
