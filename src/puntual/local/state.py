"""SQLite files that hold state: private, durable at every commit, their errors translated."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from puntual.errors import PermanentError, PuntualError, TransientError
from puntual.local.disk import make_folder, sync_folder, translated

FULL = 2
"""What `PRAGMA synchronous` answers for FULL."""

_WAIT = 10.0
_NO_ROOM = 64 * 1024
_PERMANENT = {
    sqlite3.SQLITE_FULL: ("T1001", "disk full at"),
    sqlite3.SQLITE_PERM: ("T1002", "not permitted at"),
    sqlite3.SQLITE_READONLY: ("T1002", "not permitted at"),
    sqlite3.SQLITE_CANTOPEN: ("T1002", "not permitted at"),
    sqlite3.SQLITE_AUTH: ("T1002", "not permitted at"),
    sqlite3.SQLITE_IOERR: ("T1003", "input/output error at"),
    sqlite3.SQLITE_CORRUPT: ("T2004", "damaged state file"),
    sqlite3.SQLITE_NOTADB: ("T2004", "damaged state file"),
}
_REPAIR = {
    "T1001": "Free space on that disk, then run again: it continues where it stopped.",
    "T1002": "Correct owner or mode of the file and its folder, then run again.",
    "T1003": "Look at the disk (`dmesg`, `smartctl`) before anything is run again.",
    "T2004": "`puntual status` keeps a damaged state.db, journal.db or catalog.db under another "
    "name and makes it again; stream.db must be restored from a copy.",
}


def open_state(path: Path, schema: str) -> sqlite3.Connection:
    """
    Open a state file with mode 0600, in WAL with synchronous=FULL, and make its tables.

    A commit is on the disk when it returns (`failures.md` 1, finding 3). Transactions are
    begun by hand (`transaction`).

    Args:
        path: The file; made, with its folder, when it is not there.
        schema: `CREATE … IF NOT EXISTS` statements.

    Raises:
        PermanentError: T1001, T1002, T1003; T2004 the file is damaged; T2005 SQLite does not
            promise to be durable here.
        TransientError: T2002 another process holds it for too long.
    """
    with translated(str(path)):
        _make_private(path)
    with answering(path):
        connection = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
        try:
            _prepare(connection, path, schema)
        except BaseException:
            connection.close()
            raise
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    """
    Run statements in one writing transaction: all of them or none.

    Raises:
        PermanentError: T1001, T1002, T1003, T2004.
        TransientError: T2002 another process holds the file for too long.
    """
    with answering(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextlib.contextmanager
def answering(path: Path) -> Iterator[None]:
    """
    Turn an error of SQLite into its known fault; an error of the program stays a bug.

    Raises:
        PermanentError: T1001, T1002, T1003, T2004.
        TransientError: T2002.
    """
    try:
        yield
    except sqlite3.Error as exc:
        fault = _fault(exc, path)
        if fault is None:
            raise
        raise fault from exc


def instant_text(at: datetime) -> str:
    """Return an instant in UTC, so that text sorts as time does; it must have its zone."""
    if at.tzinfo is None:
        raise ValueError("an instant needs its zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _fault(error: sqlite3.Error, path: Path) -> PuntualError | None:
    kind = _told_apart(getattr(error, "sqlite_errorcode", 0) & 0xFF, path)
    if kind in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return TransientError(
            "T2002",
            f"state file busy: {path}",
            where=str(path),
            expected=f"an answer within {_WAIT:.0f} s",
            observed="another process holds it",
            next_step="Run again; `puntual status` shows whether a run is going on.",
        )
    if kind not in _PERMANENT:
        return None
    code, what = _PERMANENT[kind]
    return PermanentError(
        code,
        f"{what} {path}",
        where=str(path),
        expected="a readable and writable SQLite file",
        observed=str(error),
        next_step=_REPAIR[code],
    )


def _told_apart(kind: int, path: Path) -> int:
    """SQLite calls it an input/output error when its shared memory finds no room on the disk."""
    vague = kind in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN} and path.parent.is_dir()
    if vague and shutil.disk_usage(path.parent).free < _NO_ROOM:
        return sqlite3.SQLITE_FULL
    return kind


def _make_private(path: Path) -> None:
    """
    Make the file if it is not there, and see that it is ours alone.

    A file that is there is not opened: closing it would give up the locks that this process
    holds on it through another connection, and whoever then closes last removes a log that is
    in use (SQLite, "How To Corrupt An SQLite Database File", 2.2).
    """
    make_folder(path.parent)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        os.close(os.open(path, flags, 0o600))
    except FileExistsError:
        facts = os.lstat(path)
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None
        if facts.st_mode & 0o077:
            os.chmod(path, 0o600)
        if facts.st_size:
            return
    sync_folder(path.parent)


def _prepare(connection: sqlite3.Connection, path: Path, schema: str) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    (level,) = connection.execute("PRAGMA synchronous").fetchone()
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if level < FULL or mode not in {"wal", "delete"}:
        raise PermanentError(
            "T2005",
            f"SQLite is not durable at {path}",
            where=str(path),
            expected="synchronous FULL, journal wal or delete",
            observed=f"synchronous {level}, journal {mode}",
            next_step="Put the state folder on a local disk; network disks are not supported.",
        )
    connection.executescript(schema)
