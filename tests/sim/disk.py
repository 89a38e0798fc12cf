"""
A disk whose writes are volatile until they are synced, below a folder of real files.

The product's own calls of `os` are intercepted while the disk is installed, so the real adapters
run unchanged: bytes are kept after `fsync` of their file, names after `fsync` of their folder
(fsync(2)). A crash then drops what was not synced, in one of the ways of `Loss`. SQLite writes
its files itself; that it keeps what it acknowledged was measured elsewhere (`failures.md` 8), so
its files are left alone.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast
from unittest import mock


class Loss(StrEnum):
    """What is gone after a crash."""

    NOTHING = "nothing"
    """The process died, the machine lives."""
    BYTES = "bytes"
    """Names pass through at once, unsynced bytes are gone: LazyFS's worst case."""
    NAMES = "names"
    """Names whose folder was not synced are gone as well, or are what they were before."""
    SOME = "some"
    """Each unsynced name and each unsynced file is kept, torn or dropped by the seed."""


@dataclass(slots=True)
class SimulatedDisk:
    """
    The folders below `roots`.

    Attributes:
        roots: Absolute paths of folders; themselves durable once they are made.
        dead: Says whether the process that has the turn has ended.
        open: Descriptor → path.
        effect: Told of each operation before it happens: (kind, path); it may raise.
        names: Durable path → inode of the file; folders have 0.
        synced: Inodes whose bytes are durable.
        lost: Inodes for which `fsync` failed: they stay volatile whatever is said later.
        before: Durable path → bytes it had before an unsynced change of its name.
        pending: Folder → paths in it whose names were changed since it was synced.
    """

    roots: tuple[str, ...]
    effect: Callable[[str, str], None]
    dead: Callable[[], bool]
    names: dict[str, int] = field(default_factory=dict)
    synced: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    before: dict[str, bytes] = field(default_factory=dict)
    pending: dict[str, dict[str, None]] = field(default_factory=dict)
    open: dict[int, str] = field(default_factory=dict)

    def holds(self, path: object) -> bool:
        """Say whether a path lies on this disk."""
        return isinstance(path, str) and path.startswith(self.roots)

    def renamed(self, path: str) -> None:
        """Note, before it happens, that a name is going to mean something else."""
        if path in self.names and path not in self.before and self.names[path]:
            with contextlib.suppress(OSError):
                self.before[path] = _bytes(path)
        self.pending.setdefault(os.path.dirname(path), {})[path] = None

    def sync(self, fd: int) -> None:
        """Make a file's bytes, or the names in a folder, durable."""
        path, facts = self.open[fd], os.fstat(fd)
        is_folder = stat.S_ISDIR(facts.st_mode)
        try:
            self.effect("fsync folder" if is_folder else "fsync", path)
        except OSError as error:
            if not is_folder and error.errno == errno.EIO:
                self.lost.add(facts.st_ino)
            raise
        if not is_folder:
            self.synced.add(facts.st_ino)
            return
        for name in self.pending.pop(path, {}):
            self.before.pop(name, None)
            try:
                found = os.lstat(name)
            except FileNotFoundError:
                self.names.pop(name, None)
            else:
                self.names[name] = 0 if stat.S_ISDIR(found.st_mode) else found.st_ino

    def crash(self, loss: Loss, rng: random.Random) -> int:
        """
        Drop what was not synced.

        Returns:
            How many files and folders were dropped, emptied, torn or put back.
        """
        hurt = 0
        if loss is not Loss.NOTHING:
            for root in filter(os.path.isdir, self.roots):
                hurt += self._settle(root, loss, rng)
            hurt += self._put_back(loss, rng)
        self.pending.clear()
        self.before.clear()
        self.open.clear()
        if loss is not Loss.NOTHING:
            self._all_durable()
        return hurt

    def _settle(self, folder: str, loss: Loss, rng: random.Random) -> int:
        hurt = 0
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda e: e.name)
        for entry in listed:
            is_folder = entry.is_dir(follow_symlinks=False)
            durable = self.names.get(entry.path) == (0 if is_folder else entry.inode())
            if not durable and (loss is Loss.NAMES or (loss is Loss.SOME and rng.random() < 0.5)):
                _remove(entry.path, is_folder=is_folder)
                hurt += 1
            elif is_folder:
                hurt += self._settle(entry.path, loss, rng)
            elif entry.inode() not in self.synced or entry.inode() in self.lost:
                size = entry.stat(follow_symlinks=False).st_size
                kept = rng.choice((0, size // 2, size)) if loss is Loss.SOME else 0
                _real_truncate(entry.path, kept)
                hurt += 1
                self.before.pop(entry.path, None)
            else:
                self.before.pop(entry.path, None)
        return hurt

    def _put_back(self, loss: Loss, rng: random.Random) -> int:
        """Undo changes of names whose folder was not synced, where the crash did so."""
        hurt = 0
        for path in sorted(self.before):
            undone = loss is Loss.NAMES or (loss is Loss.SOME and rng.random() < 0.5)
            if undone and not os.path.lexists(path) and os.path.isdir(os.path.dirname(path)):
                with open(path, "wb") as file:
                    file.write(self.before[path])
                hurt += 1
        return hurt

    def _all_durable(self) -> None:
        """What a machine finds after its restart is on the disk."""
        self.names.clear()
        self.synced.clear()
        for root in self.roots:
            for folder, folders, files in os.walk(root):
                for name in folders:
                    self.names[os.path.join(folder, name)] = 0
                for name in files:
                    path = os.path.join(folder, name)
                    self.names[path] = os.lstat(path).st_ino
                    self.synced.add(self.names[path])


class _File(io.FileIO):
    """A file being written: a crash or an error in a write leaves half of it."""

    def __init__(self, fd: int, disk: SimulatedDisk, path: str) -> None:
        super().__init__(fd, "wb")
        self._disk, self._path = disk, path

    def write(self, data: Any) -> int:
        if self._disk.dead():
            return len(data)
        try:
            self._disk.effect("write", self._path)
        except BaseException:
            super().write(bytes(data)[: len(data) // 2])
            raise
        return super().write(data)


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


_real_truncate = os.truncate
_real = {
    name: getattr(os, name)
    for name in ("open", "fsync", "rename", "replace", "link", "unlink", "rmdir", "mkdir", "fdopen")
}


def _remove(path: str, *, is_folder: bool) -> None:
    if not is_folder:
        _real["unlink"](path)
        return
    with os.scandir(path) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            _remove(entry.path, is_folder=entry.is_dir(follow_symlinks=False))
    _real["rmdir"](path)


@contextlib.contextmanager
def installed(disk: SimulatedDisk) -> Iterator[None]:
    """Let the disk see every call of `os` that names one of its paths."""

    def opened(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        name = os.fspath(path)
        if not disk.holds(name) or dir_fd is not None:
            return int(_real["open"](path, flags, mode, dir_fd=dir_fd))
        made = bool(flags & os.O_CREAT)
        disk.effect("create" if made else "open", name)
        if made:
            disk.renamed(name)
        fd = int(_real["open"](path, flags, mode))
        disk.open[fd] = name
        return fd

    def fdopen(fd: int, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if "w" in mode and fd in disk.open:
            return io.BufferedWriter(cast(io.RawIOBase, _File(fd, disk, disk.open[fd])))
        return _real["fdopen"](fd, mode, *rest, **more)

    def fsync(fd: Any) -> None:
        if fd in disk.open:
            disk.sync(fd)
        else:
            _real["fsync"](fd)

    def two(kind: str) -> Callable[..., None]:
        def call(source: Any, target: Any, **more: Any) -> None:
            old, new = os.fspath(source), os.fspath(target)
            if disk.holds(new):
                disk.effect(kind, new)
                disk.renamed(new)
                if kind == "rename":
                    disk.renamed(old)
            _real["rename" if kind == "rename" else kind](source, target, **more)

        return call

    def one(kind: str) -> Callable[..., None]:
        def call(path: Any, *rest: Any, **more: Any) -> None:
            name = os.fspath(path)
            if disk.holds(name):
                disk.effect(kind, name)
                disk.renamed(name)
            _real[kind](path, *rest, **more)

        return call

    calls = {
        "open": opened,
        "fdopen": fdopen,
        "fsync": fsync,
        "rename": two("rename"),
        "replace": two("rename"),
        "link": two("link"),
        "unlink": one("unlink"),
        "rmdir": one("rmdir"),
        "mkdir": one("mkdir"),
    }
    with contextlib.ExitStack() as stack:
        for name, call in calls.items():
            stack.enter_context(mock.patch.object(os, name, call))
        # Its way by file descriptors hides the paths.
        stack.enter_context(mock.patch.object(shutil, "_use_fd_functions", False))
        yield
