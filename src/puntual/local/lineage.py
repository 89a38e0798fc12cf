"""
Events of runs on disk, beside the ledger, and which of them a receiver has taken.

    <day>/<run>.ndjson         one event a line; written whole, once, never again
    forwarded/<receiver>.txt   one line for each event that this receiver has answered for

Nothing here is evidence: the manifests are, and the events point at them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from puntual.evidence.digest import sha256
from puntual.local.disk import make_folder, read_regular, sync_folder, translated
from puntual.local.whole import place

SUFFIX = ".ndjson"
FORWARDED = "forwarded"


@dataclass(slots=True)
class Taken:
    """What one receiver has taken; open and locked for as long as it is lent."""

    fd: int
    names: set[str]

    def add(self, name: str) -> None:
        """
        Write down that an event was taken; durable when this returns.

        Raises:
            OSError: It could not be written.
        """
        os.write(self.fd, f"{name}\n".encode())
        os.fsync(self.fd)
        self.names.add(name)


class LineageLog:
    """The folder of events."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, day: date, run: str) -> bool:
        """
        Say whether the events of a run are there.

        Raises:
            PermanentError: T1002, T1003.
        """
        with translated(str(self._folder)):
            return self._path(day, run).exists()

    def write(self, day: date, run: str, events: Iterable[bytes]) -> None:
        """
        Keep the events of a run, durably; those that are there stay as they are.

        Raises:
            PermanentError: T1001, T1002, T1003.
        """
        path = self._path(day, run)
        data = b"".join(event + b"\n" for event in events)
        with translated(str(path)):
            make_folder(path.parent)
            place(path, data, 0o440, temp=self._folder)
            sync_folder(path.parent)

    def read(self, day: date) -> Iterator[bytes]:
        """
        Yield the events of a day that were written, run by run.

        Raises:
            PermanentError: T1002, T1003.
        """
        folder = self._folder / day.isoformat()
        with translated(str(folder)):
            paths = sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
            for path in paths:
                yield from read_regular(path).splitlines()

    @contextmanager
    def taken_by(self, receiver: str) -> Iterator[Taken]:
        """
        Lend what a receiver has taken; a second caller waits, so that each event goes once.

        Args:
            receiver: Its address; only its digest is kept.

        Raises:
            PermanentError: T1001, T1002, T1003.
        """
        folder = self._folder / FORWARDED
        path = folder / f"{sha256(receiver.encode())[:16]}.txt"
        with translated(str(path)):
            make_folder(folder)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            with translated(str(path)):
                fcntl.flock(fd, fcntl.LOCK_EX)
                data = path.read_bytes()
                if data and not data.endswith(b"\n"):  # its writer died: that event goes again
                    os.write(fd, b"\n")
            yield Taken(fd, set(data.decode("utf-8", "replace").splitlines()))
        finally:
            os.close(fd)

    def _path(self, day: date, run: str) -> Path:
        return self._folder / day.isoformat() / f"{run}{SUFFIX}"
