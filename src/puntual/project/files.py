"""The files of a report project, read once each, with their digests."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

MAX_BYTES = 1 << 20
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """
    One file as it was read.

    Attributes:
        path: Relative to the project, with `/`.
        data: Its bytes.
        text: Its text, without a byte order mark; "" when it is not UTF-8.
        lines: The text's lines, without their ends.
    """

    path: str
    data: bytes = b""
    text: str = ""
    lines: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """The digest of the bytes, as 64 lower-case hex digits."""
        return hashlib.sha256(self.data).hexdigest()

    def line(self, number: int) -> str:
        """Return a line by its number, from 1; "" when there is none."""
        return self.lines[number - 1] if 1 <= number <= len(self.lines) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a file was not read: code, sentence, and where in its text (0: nowhere)."""

    code: str
    message: str
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A project's folder; remembers what was read, so that it can be counted and digested."""

    root: Path
    seen: dict[str, SourceFile] = field(default_factory=dict)

    def names(self, folder: str) -> tuple[str, ...]:
        """
        Return the paths of what lies right inside a folder, sorted.

        A link that leads nowhere and a pipe are among them, so that whoever wants a file of
        this name reads it, and says why it cannot be read.
        """
        return tuple(f"{folder}/{p.name}" for p in self._inside(folder) if p.name[0] != ".")

    def all_names(self, folder: str) -> tuple[str, ...]:
        """Return the paths of what is no folder in a folder and in those below it, sorted."""
        place = self.root / folder
        found = place.rglob("*") if place.is_dir() else iter(())
        paths = (p.relative_to(self.root) for p in found if not os.path.isdir(p) and _counts(p))
        return tuple(sorted(p.as_posix() for p in paths if not _is_hidden(p.parent.parts[1:])))

    def folders(self, folder: str) -> tuple[str, ...]:
        """Return the names of the folders right inside a folder, sorted."""
        inside = self._inside(folder)
        return tuple(p.name for p in inside if os.path.isdir(p) and p.name[0] != ".")

    def exists(self, path: str) -> bool:
        """Return whether anything lies there, also what cannot be read."""
        return os.path.lexists(self.root / path)

    def is_file(self, path: str) -> bool:
        """Return whether a regular file lies there, or a link to one."""
        return os.path.isfile(self.root / path)

    def closed(self, folder: str) -> Refused | None:
        """Return why a folder cannot be looked into; None if it can, or there is none."""
        if not self.exists(folder):
            return None
        try:
            os.scandir(self.root / folder).close()
        except OSError as error:
            return _unreadable(error)
        return None

    def read(self, path: str) -> tuple[SourceFile, Refused | None]:
        """
        Read a file, at most 1 MiB of UTF-8 that lies inside the project.

        Returns:
            The file, without text when it is refused, and why it is refused.
        """
        if path in self.seen:
            return self.seen[path], None
        place = self.root / path
        nothing = SourceFile(path=path)
        try:
            if not _resolved(place).is_relative_to(_resolved(self.root)):
                return nothing, Refused(code="C1019", message="lies outside the project")
            data = _bytes(place)
        except OSError as error:
            return nothing, _unreadable(error)
        if len(data) > MAX_BYTES:
            return nothing, Refused(code="C1006", message="is larger than 1 MiB")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            message = f"is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}"
            return nothing, Refused(code="C1002", message=message, line=line)
        read = SourceFile(path=path, data=data, text=text, lines=tuple(_LINE_END.split(text)))
        self.seen[path] = read
        return read, None

    def _inside(self, folder: str) -> list[Path]:
        """Return what lies right inside a folder, sorted; nothing of one that cannot be read."""
        try:
            return sorted((self.root / folder).iterdir())
        except OSError:
            return []  # `strangers` says why, unless there is none

    def digest(self) -> str:
        """Return the SHA-256 over path and digest of every file that was read, by path."""
        lines = (f"{self.seen[path].sha256}  {path}\n" for path in sorted(self.seen))
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def _resolved(place: Path) -> Path:
    """
    Follow links.

    Raises:
        OSError: Links lead to one another; before 3.13 `resolve` has another class for it.
    """
    try:
        return place.resolve()
    except RuntimeError as error:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(place)) from error


def _bytes(place: Path) -> bytes:
    """
    Read a regular file, one byte more than it may have.

    Raises:
        OSError: It is none, or cannot be read.
    """
    # Opened without waiting: a pipe's open would wait for a writer who never comes.
    handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        kind = os.fstat(handle).st_mode
        if not stat.S_ISREG(kind):
            why = "is a directory" if stat.S_ISDIR(kind) else "is no file, such as a pipe"
            raise OSError(errno.EINVAL, why)
        with open(handle, "rb", closefd=False) as stream:
            return stream.read(MAX_BYTES + 1)
    finally:
        os.close(handle)


def _counts(place: Path) -> bool:
    """Say whether it is a file, or stands for one; an editor's lock is a hidden link to nowhere."""
    return os.path.isfile(place) or not place.name.startswith(".")


def _unreadable(error: OSError) -> Refused:
    why = error.strerror or "not readable"
    return Refused(code="C1001", message=f"cannot be read: {why.lower()}")


def _is_hidden(folders: Iterable[str]) -> bool:
    """Say whether one of the folders is a tool's own, such as `.ipynb_checkpoints`."""
    return any(name.startswith(".") for name in folders)
