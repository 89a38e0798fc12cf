"""
The state file as the index of the commit log: opened, caught up with the log, and advanced.

Whatever the log holds and the file does not is applied to it: after a crash between the two,
after the file was restored from an older copy, and from the first record on when it is gone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from puntual.evidence.commits import Commit
from puntual.local.commits import CommitLog
from puntual.local.state import answering, open_state, transaction
from puntual.model.manifest import Digest

_SCHEMA = """
CREATE TABLE IF NOT EXISTS pointers (
  name TEXT PRIMARY KEY,
  manifest TEXT NOT NULL,
  epoch INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (
  name TEXT PRIMARY KEY,
  epoch INTEGER NOT NULL,
  held INTEGER NOT NULL DEFAULT 0,
  host TEXT NOT NULL DEFAULT '',
  boot TEXT NOT NULL DEFAULT '',
  pid INTEGER NOT NULL DEFAULT 0,
  started TEXT NOT NULL DEFAULT '',
  since TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS indexed (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  number INTEGER NOT NULL,
  digest TEXT NOT NULL
) STRICT;
"""


def log_of(path: Path) -> CommitLog:
    """Return the commit log of a state file: the folder `state.commits` beside `state.db`."""
    return CommitLog(path.with_suffix(".commits"))


def open_index(path: Path) -> tuple[sqlite3.Connection, CommitLog]:
    """
    Open a state file and bring it up to its log.

    Raises:
        PermanentError: T1001, T1002, T1003, T2004, T2005.
        TransientError: T2002.
        EvidenceError: V1003 the log is not the one that the file was made from.
    """
    log = log_of(path)
    db = open_state(path, _SCHEMA)
    try:
        with answering(path):
            number, digest = _last(db)
        if number:
            log.confirm(number, digest)
        if next(log.after(number, digest), None) is not None:
            with transaction(db, path):
                catch_up(db, log)
    except BaseException:
        db.close()
        raise
    return db, log


def catch_up(db: sqlite3.Connection, log: CommitLog) -> None:
    """
    Apply what the log holds and the file does not, inside the caller's transaction.

    Raises:
        EvidenceError: V1003.
        PermanentError: T1002, T1003.
    """
    number, digest = _last(db)
    for commit, found in log.after(number, digest):
        _apply(db, commit, found)


def append(
    db: sqlite3.Connection,
    log: CommitLog,
    *,
    epoch: int,
    lease: str = "",
    pointers: Mapping[str, Digest] | None = None,
) -> bool:
    """
    Commit a change: its record is durable in the log, then the file has it too.

    Called inside a transaction of a file that is caught up.

    Returns:
        False when a writer that does not share this file was faster: catch up, decide again.

    Raises:
        PermanentError: T1001, T1002, T1003: nothing was committed.
    """
    number, digest = _last(db)
    commit = Commit(
        number=number + 1, previous=digest, epoch=epoch, lease=lease, pointers=pointers or {}
    )
    found = log.append(commit)
    if found is None:
        return False
    _apply(db, commit, found)
    return True


def _last(db: sqlite3.Connection) -> tuple[int, Digest]:
    row = db.execute("SELECT number, digest FROM indexed").fetchone()
    return (0, "") if row is None else (row[0], row[1])


def _apply(db: sqlite3.Connection, commit: Commit, digest: Digest) -> None:
    if commit.lease:
        db.execute(
            "INSERT INTO leases (name, epoch) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch",
            (commit.lease, commit.epoch),
        )
    db.executemany(
        "INSERT INTO pointers (name, manifest, epoch) VALUES (?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET manifest = excluded.manifest, epoch = excluded.epoch",
        [(name, manifest, commit.epoch) for name, manifest in sorted(commit.pointers.items())],
    )
    db.execute("INSERT OR REPLACE INTO indexed VALUES (1, ?, ?)", (commit.number, digest))
