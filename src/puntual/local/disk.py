"""Files that are there whole or not at all, and durable; errors of the disk, translated once."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BufferedReader, BufferedWriter
from pathlib import Path

from puntual.errors import PermanentError, TransientError
from puntual.failpoints import corrupted, failpoint

_BLOCK = 1 << 20
_LARGE = 16 << 20
"""Bytes from which a file is hashed while the disk writes it; a thread is dear for fewer."""
_UNSAFE = re.compile(r"[\\\x00-\x1f]")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR})
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def disk_error(error: OSError, where: str) -> PermanentError:
    """Return the known fault that an error of the operating system means."""
    seen = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return PermanentError(
            "T1001",
            f"disk full at {where}",
            where=where,
            expected="free space",
            observed=seen,
            next_step="Free space on that disk, then run again: it continues where it stopped.",
        )
    if error.errno in _DENIED:
        return PermanentError(
            "T1002",
            f"not permitted at {where}",
            where=where,
            expected="a folder that this user may read and write",
            observed=seen,
            next_step="Correct owner or mode, then run again.",
        )
    return PermanentError(
        "T1003",
        f"input/output error at {where}",
        where=where,
        expected="a disk that answers",
        observed=seen,
        next_step="Look at the disk (`dmesg`, `smartctl`) before anything is run again.",
    )


@contextlib.contextmanager
def translated(where: str) -> Iterator[None]:
    """
    Turn an error of the operating system into its known fault.

    Raises:
        PermanentError: T1001, T1002, T1003.
    """
    try:
        yield
    except OSError as exc:
        raise disk_error(exc, where) from exc


SCRATCH = "/.tmp/scratch/"
"""Below the lake: what is in work, of the holder of the lease alone."""


@contextlib.contextmanager
def machine_faults(where: str) -> Iterator[None]:
    """
    Turn what only the machine can be at fault for into its known fault, wherever it came up.

    For the border of a process: a library may meet a full disk where no adapter of ours stands.
    Any other error, one of permissions too, stays what it was.

    Raises:
        PermanentError: T1001, T1002 a disk that is read-only, T1003.
        TransientError: T2007 scratch was swept by a run that took this one for dead.
    """
    try:
        yield
    except OSError as exc:
        if isinstance(exc, FileNotFoundError) and SCRATCH in f"{exc.filename} {exc}":
            raise TransientError(
                "T2007",
                "what was in work was taken away",
                where=where,
                expected="the scratch files of this run",
                observed="none: a later run swept them, since it took this one for dead",
                next_step="Let the later run end; `puntual status` shows it.",
            ) from exc
        if exc.errno in _FULL | {errno.EIO, errno.EROFS}:
            raise disk_error(exc, str(exc.filename or where)) from exc
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(folder: Path, durable: set[Path] | None = None) -> None:
    """
    Create a folder and its parents, each durable in the one above it.

    A folder that is there may be the work of a process that died before it synced the one
    above, and then goes with everything below it when the power fails. So it is synced again,
    once for each caller.

    Args:
        folder: What is made.
        durable: Folders that this caller knows to be durable, at least one above `folder`; what
            is synced is added. None: a folder that is there is trusted.
    """
    if folder.is_dir() and (durable is None or folder in durable):
        return
    make_folder(folder.parent, durable)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
    sync_folder(folder.parent)
    if durable is not None:
        durable.add(folder)


def open_regular(path: Path) -> BufferedReader:
    """
    Open a regular file for reading; a symlink, a pipe or a device is refused.

    Raises:
        OSError: It is no regular file, or cannot be opened.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file")
    return os.fdopen(fd, "rb")


def read_regular(path: Path) -> bytes:
    """
    Return the bytes of a regular file.

    Raises:
        OSError: It is no regular file, or cannot be read.
    """
    with open_regular(path) as file:
        return file.read()


def create(path: Path, mode: int) -> BufferedWriter:
    """Create a file that must not exist yet, for writing."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, mode), "wb")


def write_synced(path: Path, data: bytes, mode: int) -> None:
    """
    Write a new file, make its bytes durable and read them back; its name is not yet durable.

    Raises:
        OSError: It could not be written, or does not read back as it was written.
    """
    with create(path, mode) as file:
        write_all_synced(file, path, data)


def write_all_synced(file: BufferedWriter, path: Path, data: bytes) -> None:
    """
    Do the same with a file that was created and stays open.

    Raises:
        OSError: It could not be written, or does not read back as it was written.
    """
    file.write(corrupted("file.bytes", data))
    file.flush()
    failpoint("file.written")
    os.fsync(file.fileno())
    with open_regular(path) as file_again:
        if file_again.read() != data:
            raise OSError(errno.EIO, "does not read back as it was written")
    failpoint("file.synced")


def hash_synced(path: Path) -> str:
    """Make a finished file's bytes durable and return their SHA-256; a large one's at once."""
    with open_regular(path) as file:
        failpoint("file.written")
        if os.fstat(file.fileno()).st_size < _LARGE:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        else:
            with ThreadPoolExecutor(1) as pool:
                synced = pool.submit(os.fsync, file.fileno())
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                synced.result()
    failpoint("file.synced")
    return digest


def copy_synced(source: Path, target: Path, mode: int) -> str:
    """Copy bytes and nothing else into a new durable file and return their SHA-256."""
    digest = hashlib.sha256()
    with open_regular(source) as read, create(target, mode) as write:
        while block := read.read(_BLOCK):
            digest.update(block)
            write.write(block)
        write.flush()
        failpoint("file.written")
        os.fsync(write.fileno())
    failpoint("file.synced")
    return digest.hexdigest()


def link_new(held: Path, name: Path) -> bool:
    """
    Give a file a name that nobody has, without taking the place of another.

    On a disk without hard links the caller's lock alone keeps two writers apart.

    Returns:
        False if somebody has that name; nothing changed.
    """
    try:
        os.link(held, name)
    except FileExistsError:
        return False
    except OSError as exc:
        if exc.errno not in _NO_HARD_LINKS:
            raise
        if name.exists():
            return False
        os.rename(held, name)
    return True


def inner_path(name: str) -> bool:
    """Tell whether a name with `/` stays inside the folder it is joined to."""
    parts = name.split("/")
    return len(name) <= 1024 and all(
        part not in {"", ".", ".."} and len(part.encode()) <= 255 and not _UNSAFE.search(part)
        for part in parts
    )
