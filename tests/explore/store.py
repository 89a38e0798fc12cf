"""
The real state file, asked one question at a time from any state; answers are remembered.

A state is written into the file as rows, the product's own `SqlitePointers` or `SqliteLeases`
is asked, and the rows are read back. The answer depends on nothing else, so each question is
asked once, however many states of the exploration need it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from puntual.errors import PermanentError, TransientError
from puntual.local import pointers
from puntual.local.pointers import SqliteLeases, SqlitePointers
from puntual.local.process import Holder
from puntual.runner.clock import FixedClock

Value = tuple[object, ...]
Rows = tuple[tuple[str, Value, int], ...]
"""Published names, sorted: (name, value, epoch)."""

Lease = tuple[int, int]
"""The last epoch that was granted, and the writer who holds it by the record; 0 is nobody."""

Changes = tuple[tuple[str, Value | None, Value], ...]
"""What is switched: (name, value that was seen, new value)."""

DONE, REFUSED, FENCED = "done", "refused", "fenced"
_BOOT, _PID = "explored", 1 << 23


@dataclass(slots=True)
class RealStore:
    """A state file in a folder, and what it has answered."""

    folder: Path
    values: dict[str, Value] = field(default_factory=dict)
    switched: dict[tuple[Rows, Changes, int], tuple[str, Rows]] = field(default_factory=dict)
    granted: dict[tuple[Lease, bool], Lease | None] = field(default_factory=dict)

    @property
    def asked(self) -> int:
        """How many different questions the real code has answered."""
        return len(self.switched) + len(self.granted)

    def switch(self, rows: Rows, changes: Changes, epoch: int) -> tuple[str, Rows]:
        """Return how a switch ends, and what is published then."""
        key = (rows, changes, epoch)
        if key not in self.switched:
            self.switched[key] = self._switch(rows, changes, epoch)
        return self.switched[key]

    def acquire(self, lease: Lease, writer: int, *, locked: bool) -> Lease | None:
        """
        Return the lease that a writer is granted; None if it is refused.

        Args:
            lease: As it is recorded.
            writer: Who asks, from 1.
            locked: A living process has the operating system's lock.
        """
        key = (lease, locked)
        if key not in self.granted:
            self.granted[key] = self._acquire(lease, writer, locked=locked)
        found = self.granted[key]
        return None if found is None else (found[0], writer)

    def _switch(self, rows: Rows, changes: Changes, epoch: int) -> tuple[str, Rows]:
        with self._file() as path:
            store = SqlitePointers(path)
            with contextlib.closing(store):
                store._db.executemany(
                    "INSERT INTO pointers VALUES (?, ?, ?)",
                    [(name, self._digest(value), at) for name, value, at in rows],
                )
                new = {name: self._digest(value) for name, _, value in changes}
                seen = {n: None if v is None else self._digest(v) for n, v, _ in changes}
                try:
                    ended = DONE if store.switch(new, seen=seen, epoch=epoch) else REFUSED
                except PermanentError as error:
                    if error.code != "T2001":
                        raise
                    ended = FENCED
                found = store._db.execute("SELECT * FROM pointers ORDER BY name").fetchall()
        return ended, tuple((name, self.values[digest], at) for name, digest, at in found)

    def _acquire(self, lease: Lease, writer: int, *, locked: bool) -> Lease | None:
        me = Holder(host="h", boot=_BOOT, pid=_PID + writer, started="1")
        with self._file() as path, mock.patch.object(pointers, "myself", return_value=me):
            leases = SqliteLeases(path, FixedClock(datetime(2026, 1, 1, tzinfo=UTC)))
            epoch, holder = lease
            if epoch:
                leases._db.execute(
                    "INSERT INTO leases VALUES ('run', ?, ?, 'h', ?, ?, '1', '')",
                    (epoch, holder > 0, _BOOT, _PID + holder),
                )
            with contextlib.closing(leases), _lock(path, held=locked):
                try:
                    with leases.acquire("run") as held:
                        return held.epoch, writer
                except TransientError as error:
                    if error.code != "T2003":
                        raise
                    return None

    @contextlib.contextmanager
    def _file(self) -> Iterator[Path]:
        place = self.folder / "place"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        yield place / "state.db"

    def _digest(self, value: Value) -> str:
        digest = hashlib.sha256(repr(value).encode()).hexdigest()
        self.values[digest] = value
        return digest


@contextlib.contextmanager
def _lock(path: Path, *, held: bool) -> Iterator[None]:
    if not held:
        yield
        return
    lock = os.open(path.with_name(f"{path.name}.run.lease"), os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(lock)
