"""A folder in which something is tried out beside the real state, gone when its owner is."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from puntual.local.disk import translated

PREFIX = "trial-"
KEPT = "kept-"
_LOCK = "lock"
_A_MOMENT = 60.0


@contextmanager
def trial_folder(state: Path, *, keep: bool = False) -> Iterator[tuple[Path, int]]:
    """
    Lend an empty private folder below the state folder.

    Its lock file is locked while it is used, also by processes that inherit the descriptor; one
    that nobody locks was left by a process that died, and is removed by `remove_dead`.

    Args:
        state: The state folder.
        keep: Afterwards it stays, as `kept-<name>`; nothing removes it but a person.

    Yields:
        The folder, and the descriptor of its lock, to be inherited.

    Raises:
        PermanentError: T1001, T1002, T1003.
    """
    folder = state / f"{PREFIX}{uuid.uuid4().hex[:12]}"
    with translated(str(folder)):
        folder.mkdir(mode=0o700, parents=True)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield folder, lock
    finally:
        with translated(str(folder)):
            if keep:
                folder.rename(kept_name(folder))
            else:
                shutil.rmtree(folder)
        os.close(lock)


def kept_name(folder: Path) -> Path:
    """Return the name under which a folder is kept."""
    return folder.with_name(KEPT + folder.name)


def dead(state: Path) -> tuple[Path, ...]:
    """
    Return the folders whose owners died, sorted.

    Raises:
        PermanentError: T1002, T1003.
    """
    with translated(str(state)):
        return tuple(f for f in sorted(state.glob(f"{PREFIX}*")) if not _is_locked(f / _LOCK))


def remove_dead(state: Path) -> int:
    """
    Remove the folders whose owners died, and say how many.

    Raises:
        PermanentError: T1002, T1003.
    """
    found = dead(state)
    with translated(str(state)):
        for folder in found:
            with suppress(FileNotFoundError):  # another command was faster
                shutil.rmtree(folder)
    return len(found)


def _is_locked(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        with suppress(FileNotFoundError):  # it may be about to be made
            return time.time() - path.parent.stat().st_mtime < _A_MOMENT
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
