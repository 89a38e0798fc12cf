"""
State files that are gone or damaged: found, set aside, and made again whole or not at all.

`state.db` is the index of the commit log and is made from it by opening it; the journal and the
catalog are projections of what it points at (`runner/rebuild.py`). A damaged file is kept under
another name, never removed.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from puntual.errors import TransientError
from puntual.local.disk import sync_folder, translated
from puntual.local.index import log_of
from puntual.local.pointers import lock_lease
from puntual.local.state import answering

_WITH = ("", "-wal", "-shm")
_NEW = ".new"
_TURN = "rebuild"
_PATIENCE = 60.0


def is_lost(state: Path) -> bool:
    """
    Say whether a state file is gone although something was committed under it.

    Raises:
        PermanentError: T1002, T1003.
    """
    return not state.exists() and log_of(state).newest() > 0


def is_damaged(path: Path) -> bool:
    """
    Say whether a SQLite file cannot be read through; one that does not exist is not damaged.

    Raises:
        PermanentError: T1001, T1002, T1003.
        TransientError: T2002 another process holds it for too long.
    """
    if not path.exists():
        return False
    with answering(path):
        try:
            with closing(sqlite3.connect(path, timeout=10.0)) as db:
                (answer,) = db.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as exc:
            kind = getattr(exc, "sqlite_errorcode", 0) & 0xFF
            if kind not in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
                raise
            return True
    return bool(answer != "ok")


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """
    Keep everybody else from making state files again meanwhile; waits for who does so now.

    Raises:
        TransientError: T2002 somebody is at it for longer than a minute.
        PermanentError: T1001, T1002, T1003.
    """
    until = time.monotonic() + _PATIENCE
    while (lock := lock_lease(state, _TURN)) is None:
        if time.monotonic() >= until:
            raise TransientError(
                "T2002",
                "state files are being made again by another process",
                where=str(state.parent),
                expected=f"its end within {_PATIENCE:.0f} s",
                observed="it goes on",
                next_step="Wait for it to end, then run again.",
            )
        time.sleep(0.05)
    try:
        yield
    finally:
        os.close(lock)


@contextmanager
def anew(path: Path) -> Iterator[Path]:
    """
    Lend the name under which a state file is made; it gets its own name when it is whole.

    A file under its own name is never half made, so that one that is cut is begun again by the
    next command. Whoever makes it has closed it by then.

    Raises:
        PermanentError: T1001, T1002, T1003.
    """
    new = path.with_name(path.name + _NEW)
    with translated(str(new)):
        for suffix in _WITH:
            new.with_name(new.name + suffix).unlink(missing_ok=True)
    yield new
    with translated(str(path)):
        # What SQLite kept beside a file that is gone would be taken for the new one's own.
        for suffix in _WITH[1:]:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        os.rename(new, path)
        sync_folder(path.parent)


def set_aside(path: Path, state: Path) -> Path:
    """
    Rename a damaged file, and what SQLite keeps beside it, to `<name>.damaged-<n>`.

    Args:
        path: The damaged file.
        state: The state file; nobody may hold its lease `run`.

    Returns:
        Its new name.

    Raises:
        TransientError: T2003 a run is going on, which has the file open.
        PermanentError: T1001, T1002, T1003.
    """
    lock = lock_lease(state, "run")
    if lock is None:
        raise TransientError(
            "T2003",
            f"{path.name} is damaged, and a run is going on",
            where=str(path),
            expected="no other run",
            observed="a process that holds the lease `run`",
            next_step="Wait for it to end, then run again: the file is made again then.",
        )
    try:
        with translated(str(path)):
            number = 1
            while path.with_name(f"{path.name}.damaged-{number}").exists():
                number += 1
            kept = path.with_name(f"{path.name}.damaged-{number}")
            # The log of a file goes before it: beside a new file it would be taken for its own.
            for suffix in reversed(_WITH):
                held = path.with_name(path.name + suffix)
                if held.exists():
                    os.rename(held, kept.with_name(kept.name + suffix))
            sync_folder(path.parent)
    finally:
        os.close(lock)
    return kept
