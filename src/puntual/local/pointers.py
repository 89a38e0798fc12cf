"""
Ports `Pointers` and `Leases`: what is published, and who may publish.

Every switch and every grant is a record in the commit log first (`commits.py`); SQLite keeps
writers apart and is the log's index (`index.py`).
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType

from puntual.errors import TransientError
from puntual.evidence import commits
from puntual.evidence.commits import Answer
from puntual.failpoints import failpoint
from puntual.local.disk import translated
from puntual.local.index import append, catch_up, open_index
from puntual.local.process import Holder, may_live, myself
from puntual.local.state import answering, transaction
from puntual.model.manifest import Digest
from puntual.ports.clock import Clock

_LAST = chr(0x10FFFF)

_Stored = dict[str, tuple[Digest, int]]


class SqlitePointers:
    """
    Pointers in a state file; a switch is one record in the log and one transaction.

    When the record is durable the switch has happened: if the transaction then fails, the
    caller hears of it, and whoever opens the file or switches next finds it done.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db, self._log = open_index(path)

    def read(self, name: str) -> Digest | None:
        """
        Return the manifest that a name points at; None if it was never published.

        Raises:
            PermanentError: T1002, T1003, T2004.
            TransientError: T2002.
        """
        with answering(self._path):
            row = self._db.execute(
                "SELECT manifest FROM pointers WHERE name = ?", (name,)
            ).fetchone()
        return None if row is None else str(row[0])

    def read_prefix(self, prefix: str) -> Mapping[str, Digest]:
        """
        Return every published name that starts with a prefix, sorted by name.

        Raises:
            PermanentError: T1002, T1003, T2004.
            TransientError: T2002.
        """
        with answering(self._path):
            rows = self._db.execute(
                "SELECT name, manifest FROM pointers WHERE name >= ? AND name < ? ORDER BY name",
                (prefix, prefix + _LAST),
            ).fetchall()
        return dict(rows)

    def switch(
        self,
        changes: Mapping[str, Digest],
        *,
        seen: Mapping[str, Digest | None],
        epoch: int,
    ) -> bool:
        """
        Point names at manifests, all or none; see the port.

        Returns:
            False if somebody else published first; nothing changed.

        Raises:
            PermanentError: T2001 the epoch is lower than the stored one; T1001, T1002, T1003,
                T2004.
            TransientError: T2002 the store did not answer; the switch may have happened.
            ValueError: The keys of `seen` are not those of `changes`, or a manifest is no
                digest (a bug of the caller).
        """
        commits.checked(changes, seen)
        failpoint("pointers.reached")
        with transaction(self._db, self._path):
            while True:
                catch_up(self._db, self._log)
                what = commits.answer(self._stored(changes), changes, seen, epoch)
                if what is Answer.LOST:
                    return False
                if what is Answer.DONE:
                    break  # repeated after its answer was lost
                if append(self._db, self._log, epoch=epoch, pointers=changes):
                    break
            failpoint("pointers.written")
        failpoint("pointers.switched")
        return True

    def close(self) -> None:
        """Give up the connection."""
        self._db.close()

    def _stored(self, names: Mapping[str, Digest]) -> _Stored:
        stored: _Stored = {}
        for name in names:
            row = self._db.execute(
                "SELECT manifest, epoch FROM pointers WHERE name = ?", (name,)
            ).fetchone()
            if row is not None:
                stored[name] = (row[0], row[1])
        return stored


class SqliteLeases:
    """
    Leases in a state file.

    The row says who holds a lease and hands out the epoch. Beside it the holder keeps an
    operating-system lock on `<state file>.<name>.lease`, which the kernel gives back when the
    holder dies: so a dead holder is known even from another container of the same machine.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._opened: sqlite3.Connection | None
        self._opened, self._log = open_index(path)

    def acquire(self, name: str) -> SqliteLease:
        """
        Take the lease, with an epoch higher than all before.

        Raises:
            TransientError: T2003 another living process, or this one, holds it; T2002.
            PermanentError: T1001, T1002, T1003, T2004.
        """
        me = myself()
        lock = lock_lease(self._path, name)
        if lock is None:
            raise _held(name, self.holder(name))
        try:
            self._log.sweep()
            epoch = self._grant(name, me, self._clock.now())
        except BaseException:
            os.close(lock)
            raise
        failpoint("lease.granted")
        return SqliteLease(self, name, epoch, lock)

    def holder(self, name: str) -> Holder | None:
        """
        Return who holds a lease as far as the record says; None if nobody.

        Raises:
            TransientError: T2002.
            PermanentError: T1002, T1003, T2004.
        """
        with transaction(self._db, self._path) as db:
            return _recorded(db, name)

    def release(self, name: str, epoch: int) -> None:
        """
        Give a lease back if it is still of this epoch.

        Raises:
            TransientError: T2002.
            PermanentError: T1001, T1002, T1003, T2004.
        """
        with transaction(self._db, self._path) as db:
            db.execute("UPDATE leases SET held = 0 WHERE name = ? AND epoch = ?", (name, epoch))

    def revoke(self, name: str) -> None:
        """
        Give back a lease whatever its epoch: for an operator who knows that its holder is gone.

        A holder that lives after all is refused at the pointer: its epoch is lower.

        Raises:
            TransientError: T2002.
            PermanentError: T1001, T1002, T1003, T2004.
        """
        with transaction(self._db, self._path) as db:
            db.execute("UPDATE leases SET held = 0 WHERE name = ?", (name,))

    def close(self) -> None:
        """Give up the connection; leases that are held stay held, the next call opens it again."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _db(self) -> sqlite3.Connection:
        """Open again after `close`: whoever holds a lease may fork in between."""
        if self._opened is None:
            self._opened, self._log = open_index(self._path)
        return self._opened

    def _grant(self, name: str, me: Holder, at: datetime) -> int:
        with transaction(self._db, self._path) as db:
            catch_up(db, self._log)
            other = _recorded(db, name)
            if other is not None and may_live(other, me):
                raise _held(name, other)
            (epoch,) = db.execute(
                "SELECT coalesce(max(epoch), 0) + 1 FROM leases WHERE name = ?", (name,)
            ).fetchone()
            if not append(db, self._log, epoch=epoch, lease=name):
                raise _held(name, other)
            db.execute(
                "UPDATE leases SET held = 1, host = ?, boot = ?, pid = ?, started = ?, since = ? "
                "WHERE name = ?",
                (me.host, me.boot, me.pid, me.started, at.isoformat(), name),
            )
        return int(epoch)


class SqliteLease:
    """A lease that is held; given back on leaving the `with` block."""

    def __init__(self, leases: SqliteLeases, name: str, epoch: int, lock: int) -> None:
        self._leases = leases
        self._name = name
        self._lock = lock
        self.epoch = epoch

    def __enter__(self) -> SqliteLease:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._leases.release(self._name, self.epoch)
            failpoint("lease.released")
        finally:
            os.close(self._lock)


def lock_lease(state: Path, name: str) -> int | None:
    """
    Lock a lease's file, which its holder keeps open; None when another open file has the lock.

    Raises:
        PermanentError: T1001, T1002, T1003.
    """
    slug = re.sub(r"[^A-Za-z0-9_-]", "-", name)
    path = state.with_name(f"{state.name}.{slug}.lease")
    with translated(str(path)):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        except OSError:
            os.close(fd)
            raise
    return fd


def _recorded(db: sqlite3.Connection, name: str) -> Holder | None:
    row = db.execute(
        "SELECT host, boot, pid, started, since FROM leases WHERE name = ? AND held = 1", (name,)
    ).fetchone()
    if row is None:
        return None
    return Holder(host=row[0], boot=row[1], pid=row[2], started=row[3], since=row[4])


_WAIT = {"watch": "One watch is enough: that one keeps every deadline; stop it to replace it."}
"""Lease → what to do while another holds it; of any other: wait."""


def _held(name: str, other: Holder | None) -> TransientError:
    who = "another process" if other is None else f"process {other.pid} on {other.host}"
    since = f" since {other.since}" if other is not None and other.since else ""
    return TransientError(
        "T2003",
        f"{name} is already running: {who}{since}",
        where=name,
        expected="no other run",
        observed=f"{who}{since}",
        next_step=f"{_WAIT.get(name, 'Wait for it to end.')} If that machine is gone for good, "
        f"the lease can be released by hand: `puntual doctor --release-lease {name}`.",
    )
