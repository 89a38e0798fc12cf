"""
Small files that take their name whole, and what their writers leave when they die.

A writer keeps an operating-system lock on its temporary file, which the kernel gives back when
the writer dies. So whoever comes next can remove what is litter while others are writing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

from puntual.failpoints import failpoint
from puntual.local.disk import create, link_new, make_folder, sync_folder, write_all_synced

_TEMPORARY = re.compile(r"\.puntual-[0-9a-f]{32}")


def place(path: Path, data: bytes, mode: int, *, temp: Path | None = None) -> bool:
    """
    Give new bytes a name that nobody has; the name is not yet durable.

    Args:
        path: The name.
        data: The bytes; durable when this returns.
        mode: Permissions.
        temp: The folder for the temporary file, on the same disk; None for the one of `path`.

    Returns:
        False if somebody has that name; nothing changed.

    Raises:
        OSError: It could not be written, or does not read back as it was written.
    """
    make_folder(path.parent)
    with _written(temp or path.parent, data, mode) as held:
        placed = link_new(held, path)
        failpoint("file.named")
        return placed


def replace(path: Path, data: bytes, mode: int) -> None:
    """
    Let a name mean new bytes, durably: before and after it means something whole.

    Raises:
        OSError: It could not be written, or does not read back as it was written.
    """
    with _written(path.parent, data, mode) as held:
        os.replace(held, path)
        failpoint("file.named")
        sync_folder(path.parent)


def abandoned(folder: Path) -> list[Path]:
    """
    Return the temporary files in a folder whose writers died, sorted; [] where none is.

    Raises:
        OSError: The folder could not be read.
    """
    return [path for path in _temporary(folder) if _taken(path, remove=False)]


def sweep(folder: Path) -> None:
    """
    Remove the temporary files in a folder whose writers died; what is being written stays.

    Raises:
        OSError: The folder could not be changed.
    """
    for path in _temporary(folder):
        _taken(path, remove=True)


@contextlib.contextmanager
def _written(folder: Path, data: bytes, mode: int) -> Iterator[Path]:
    """Lend a durable file under a temporary name."""
    make_folder(folder)
    while True:
        path = folder / f".puntual-{uuid.uuid4().hex}"
        with create(path, mode) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink == 0:
                continue  # swept before it was locked
            try:
                write_all_synced(file, path, data)
                yield path
            finally:
                path.unlink(missing_ok=True)
            return


def _temporary(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return sorted(folder / n for n in os.listdir(folder) if _TEMPORARY.fullmatch(n))
    return []


def _taken(path: Path, *, remove: bool) -> bool:
    """Say whether nobody writes a file any more, and remove it if that is wanted."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if remove:
            path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True
