"""
Port `Drop` on a local folder: lists and copies; never moves or removes anything.

The names that a source chose are matched and shown, never followed: symlinks, pipes and devices
are not files here (`failures.md` h9).
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import glob
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from puntual.errors import PermanentError
from puntual.local.disk import open_regular, translated
from puntual.model.shown import printable
from puntual.ports.drop import DroppedFile, PassedOver

_BLOCK = 1 << 20
_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ENAMETOOLONG})


@dataclass(frozen=True, slots=True)
class LocalDrop:
    """Files below a project's folder; a pattern that is an absolute path is taken as it is."""

    root: Path

    def list(self, pattern: str) -> tuple[DroppedFile, ...]:
        """
        Return regular files that match a glob, sorted by name; see the port.

        Hidden files match only a pattern that begins with a dot. The age is that of the disk's
        own time stamps, which no `--as-of` changes.

        Raises:
            PermanentError: S1301 a folder may not be read.
        """
        found = (self._seen(path, facts) for path, facts in self._matching(pattern))
        # By path: two names may look alike where they are shown, and both files are landed.
        files = {f.path: f for f in found if f is not None}
        return tuple(sorted(files.values(), key=lambda f: (f.name, f.path)))

    def passed_over(self, pattern: str) -> tuple[PassedOver, ...]:
        """
        Return what matches a glob and is no regular file, sorted by name; see the port.

        Raises:
            PermanentError: S1301 a folder may not be read.
        """
        found = {
            path: PassedOver(name=self._name(path), kind=_kind(facts.st_mode))
            for path, facts in self._matching(pattern)
            if not stat.S_ISREG(facts.st_mode)
        }
        return tuple(found[path] for path in sorted(found, key=lambda p: (found[p].name, p)))

    def read_small(self, name: str, limit: int) -> bytes | None:
        """
        Return the bytes of a small file; see the port.

        Raises:
            PermanentError: S1301 it may not be read; S1302 larger than `limit` bytes; S1303 it
                is no regular file.
        """
        path = self.root / name
        try:
            with open_regular(path) as file:
                data = file.read(limit + 1)
                size = max(len(data), os.fstat(file.fileno()).st_size)
        except OSError as exc:
            if exc.errno not in _MISSING:
                raise _unreadable(str(path), exc) from exc
            kind = _other_kind(path)
            if kind is None:
                return None
            raise PermanentError(
                "S1303",
                f"{shown(name)} is {kind}; it was not read, nor followed",
                where=shown(name),
                expected="a regular file",
                observed=kind,
                next_step="Have the source put a file there.",
            ) from exc
        if len(data) > limit:
            raise PermanentError(
                "S1302",
                f"{shown(name)} is too large for what it should be: it has {size:,} bytes, "
                f"and at most {limit:,} are read",
                where=shown(name),
                expected=f"at most {limit:,} bytes",
                observed=f"{size:,} bytes",
                next_step="See whether data stands where the control record should.",
            )
        return data

    def digest(self, file: DroppedFile) -> str | None:
        """
        Return the SHA-256 of a file; None if it is gone; see the port.

        Raises:
            PermanentError: S1301 it may not be read.
        """
        try:
            with open_regular(Path(file.path)) as opened:
                return hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError as exc:
            if exc.errno in _MISSING:
                return None
            raise _unreadable(file.path, exc) from exc

    def pin(self, file: DroppedFile, folder: str) -> str | None:
        """
        Copy a file into `folder`; None if it changed meanwhile; see the port.

        Raises:
            PermanentError: S1301 it may not be read; T1001-T1003 the copy cannot be written.
        """
        try:
            source = open_regular(Path(file.path))
        except OSError as exc:
            if exc.errno in _MISSING:
                return None
            raise _unreadable(file.path, exc) from exc
        with source, translated(folder):
            before = os.fstat(source.fileno())
            handle, copy = tempfile.mkstemp(prefix="pin-", dir=folder)
            with os.fdopen(handle, "wb") as target:
                while block := source.read(_BLOCK):
                    target.write(block)
            if _state(before) == _now(file.path) and before.st_size == file.bytes:
                return copy
            os.unlink(copy)
        return None

    def _folders(self, pattern: str) -> tuple[str, ...]:
        """Return the folders that the part of a pattern before its last slash means."""
        path = os.path.join(self.root, pattern)
        if not glob.has_magic(pattern):
            return (path,)
        absolute = pattern.startswith("/")
        names = glob.glob(pattern, root_dir=None if absolute else self.root)
        return tuple(os.path.join(self.root, name) for name in sorted(names))

    def _matching(self, pattern: str) -> Iterator[tuple[Path, os.stat_result]]:
        """Yield what matches a glob, with its own facts, not those of what it points to."""
        folder, _, last = pattern.rpartition("/")
        if pattern.startswith("/") and not folder:
            folder = "/"
        for place in self._folders(folder):
            for entry in _entries(place):
                if _matches(entry.name, last):
                    with contextlib.suppress(FileNotFoundError):
                        yield Path(entry.path), os.lstat(entry.path)

    def _name(self, path: Path) -> str:
        inside = path.is_relative_to(self.root)
        return shown(str(path.relative_to(self.root) if inside else path))

    def _seen(self, path: Path, facts: os.stat_result) -> DroppedFile | None:
        if not stat.S_ISREG(facts.st_mode):
            return None
        return DroppedFile(
            name=self._name(path),
            path=str(path),
            bytes=facts.st_size,
            age=time.time() - facts.st_mtime,
        )


def shown(name: str) -> str:
    r"""
    Return a file's name as text that may be shown and encoded, whatever bytes it has.

    A byte that is no text is shown as `\xff`, and a backslash of the name itself as two.
    """
    data = name.replace("\\", r"\\").encode("utf-8", "surrogateescape")
    return printable(data.decode("utf-8", "backslashreplace"))


def _other_kind(path: Path) -> str | None:
    """Return what lies there instead of a regular file; None for a file, or nothing."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return None
    return None if stat.S_ISREG(mode) else _kind(mode)


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    return "a folder" if stat.S_ISDIR(mode) else "a pipe, a socket or a device"


def _entries(folder: str) -> tuple[os.DirEntry[str], ...]:
    try:
        with os.scandir(folder) as entries:
            return tuple(entries)
    except OSError as exc:
        if exc.errno in _MISSING:
            return ()
        raise _unreadable(folder, exc) from exc


def _matches(name: str, pattern: str) -> bool:
    hidden = name.startswith(".") and not pattern.startswith(".")
    return not hidden and fnmatch.fnmatchcase(name, pattern)


def _state(facts: os.stat_result) -> tuple[int, ...]:
    return (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def _now(path: str) -> tuple[int, ...] | None:
    try:
        return _state(os.lstat(path))
    except FileNotFoundError:
        return None


def _unreadable(where: str, error: OSError) -> PermanentError:
    return PermanentError(
        "S1301",
        f"{shown(where)} may not be read",
        where=shown(where),
        expected="a folder and files that this user may read",
        observed=error.strerror or type(error).__name__,
        next_step="Correct owner or mode, then run again.",
    )
