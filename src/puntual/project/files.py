"""The files of a report project, read once each, with their digests."""

from __future__ import annotations

import hashlib
import re
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
        """Return the paths of the regular files right inside a folder, sorted."""
        place = self.root / folder
        if not place.is_dir():
            return ()
        found = (f"{folder}/{p.name}" for p in place.iterdir() if p.is_file())
        return tuple(sorted(n for n in found if not n.rpartition("/")[2].startswith(".")))

    def all_names(self, folder: str) -> tuple[str, ...]:
        """Return the paths of the regular files in a folder and in folders below it, sorted."""
        place = self.root / folder
        found = place.rglob("*") if place.is_dir() else iter(())
        paths = (p.relative_to(self.root) for p in found if p.is_file())
        return tuple(sorted(p.as_posix() for p in paths if not _is_hidden(p.parent.parts[1:])))

    def folders(self, folder: str) -> tuple[str, ...]:
        """Return the names of the folders right inside a folder, sorted."""
        place = self.root / folder
        if not place.is_dir():
            return ()
        return tuple(sorted(p.name for p in place.iterdir() if p.is_dir() and p.name[0] != "."))

    def exists(self, path: str) -> bool:
        """Return whether a regular file lies there."""
        return (self.root / path).is_file()

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
        if not place.resolve().is_relative_to(self.root.resolve()):
            return nothing, Refused(code="C1019", message="lies outside the project")
        try:
            with place.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
        except OSError as error:
            why = error.strerror or "not readable"
            return nothing, Refused(code="C1001", message=f"cannot be read: {why.lower()}")
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

    def digest(self) -> str:
        """Return the SHA-256 over path and digest of every file that was read, by path."""
        lines = (f"{self.seen[path].sha256}  {path}\n" for path in sorted(self.seen))
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def _is_hidden(folders: Iterable[str]) -> bool:
    """Say whether one of the folders is a tool's own, such as `.ipynb_checkpoints`."""
    return any(name.startswith(".") for name in folders)
