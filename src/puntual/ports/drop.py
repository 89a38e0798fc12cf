"""A folder into which a source puts files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedFile:
    """
    A file as it lies in the drop.

    Attributes:
        name: Path relative to the project; for people, never used to write.
        path: Where to read it.
        bytes: Its size when it was listed.
        age: Seconds since it last changed.
    """

    name: str
    path: str
    bytes: int
    age: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """
    What lies in the drop under a file's name and is no regular file.

    Attributes:
        name: Path relative to the project; for people.
        kind: What it is, such as `a symbolic link`.
    """

    name: str
    kind: str


class Drop(Protocol):
    """Lists and reads; never moves or removes what the source put there."""

    def list(self, pattern: str) -> tuple[DroppedFile, ...]:
        """
        Return regular files that match a glob, sorted by name; symlinks are not followed.

        Raises:
            PermanentError: S1301 the folder may not be read.
        """

    def passed_over(self, pattern: str) -> tuple[PassedOver, ...]:
        """
        Return what matches a glob and is not listed, sorted by name; nothing is followed.

        Raises:
            PermanentError: S1301 the folder may not be read.
        """

    def read_small(self, name: str, limit: int) -> bytes | None:
        """
        Return the bytes of a small file such as a control record; None if there is none.

        Raises:
            PermanentError: S1302 larger than `limit` bytes; S1303 it is no regular file.
        """

    def digest(self, file: DroppedFile) -> str | None:
        """
        Return the SHA-256 of a file as it lies there; None if it is gone.

        Of a file that changes meanwhile, the digest of no file.

        Raises:
            PermanentError: S1301 it may not be read.
        """

    def pin(self, file: DroppedFile, folder: str) -> str | None:
        """
        Copy a file into `folder` and return the copy's path; None if it changed meanwhile.

        What is read from then on is the copy, so that a file replaced while it is being read
        cannot give a mixture (`failures.md` 38).
        """
