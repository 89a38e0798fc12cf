"""What would certainly stop a day on this machine, found out in milliseconds before it begins."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from puntual.errors import PermanentError
from puntual.local.disk import disk_error

FACTOR = 3
"""A day needs its own size three times: landed and curated, loaded, and spilled meanwhile."""

LEAST = 8 << 20
"""Bytes that the state files of an empty day take, and some."""

SET_BACK = timedelta(minutes=1)
"""Clocks of one machine and its disk may differ by less."""

_MIB = 1 << 20


def folder_fault(folder: Path) -> PermanentError | None:
    """
    Return why a folder cannot be written; None if it can, or can be made.

    The folder is looked at, or else the nearest above it that exists: nothing is written.
    """
    place = folder
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    try:
        if not stat.S_ISDIR(os.stat(place).st_mode):
            return disk_error(OSError(errno.EACCES, "something that is no folder"), str(place))
        if os.statvfs(place).f_flag & os.ST_RDONLY:
            return disk_error(OSError(errno.EROFS, os.strerror(errno.EROFS)), str(place))
        if not os.access(place, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
            return disk_error(OSError(errno.EACCES, os.strerror(errno.EACCES)), str(place))
    except OSError as exc:
        return disk_error(exc, str(place))
    return None


def space_fault(folder: Path, day: int) -> PermanentError | None:
    """
    Return why a day cannot be stored: there is less space than the day itself takes.

    Args:
        folder: On the disk in question.
        day: Bytes of a day, by the days before; 0 where there were none.
    """
    free, needed = free_bytes(folder), max(day, LEAST)
    if free >= needed:
        return None
    return PermanentError(
        "T1004",
        f"too little disk space for a day at {folder}",
        where=str(folder),
        expected=f"{needed / _MIB:,.0f} MiB, what the largest of the last days took",
        observed=f"{free / _MIB:,.0f} MiB free",
        next_step=f"Free space on that disk: {FACTOR * needed / _MIB:,.0f} MiB are comfortable. "
        "`puntual doctor --collect` removes what dead runs have left.",
    )


def free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk of a folder, or of the nearest above that exists."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


def clock_fault(files: Iterable[Path], now: datetime) -> PermanentError | None:
    """
    Return why the clock cannot be right: something was written after what it says is now.

    Args:
        files: State files and commit records; those that do not exist say nothing.
        now: What the machine's clock says.
    """
    newest = max(_written(files), default=None)
    if newest is None or newest[0] <= now + SET_BACK:
        return None
    at, path = newest
    return PermanentError(
        "T1005",
        "the clock is behind what was written here: it was set back",
        where=str(path),
        expected=f"an instant after {at:%Y-%m-%d %H:%M:%S} UTC",
        observed=f"{now:%Y-%m-%d %H:%M:%S} UTC",
        next_step="Set the clock (`timedatectl`), then run again; deadlines depend on it.",
    )


def _written(files: Iterable[Path]) -> Iterator[tuple[datetime, Path]]:
    for path in files:
        try:
            yield datetime.fromtimestamp(path.stat().st_mtime, UTC), path
        except FileNotFoundError:
            continue
