"""
Located objects on the local disk: verified once, bounded, and private to one process.

An engine that reads local files is led here. What was located for the step at hand may be in
use and is never evicted; of the rest, what was used longest ago goes first.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from puntual.errors import PermanentError, machine_fault

_MODE = 0o640


class Cache:
    """
    A folder of copies below `objects/`, and of what is in work below `scratch/`.

    Args:
        folder: Made where it is not; of this process alone.
        limit: Bytes of copies that are kept.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = Path(os.path.abspath(folder))
        self.limit = limit
        self._copies: dict[str, int] = {}
        self._in_use: set[str] = set()
        self._lock = threading.RLock()  # files are stored by several threads

    def held(self, name: str) -> Path | None:
        """Return the copy of an object, which is then in use; None if there is none."""
        with self._lock:
            path = self._path(name)
            if name not in self._copies or not path.is_file():
                self._copies.pop(name, None)
                return None
            self._copies[name] = self._copies.pop(name)  # the newest is last
            self._in_use.add(name)
            return path

    def fetch(
        self, name: str, size: int, blocks: Callable[[], Iterable[bytes]]
    ) -> tuple[Path, str]:
        """
        Copy an object here, under a temporary name until it is kept.

        Args:
            name: Of the object.
            size: Of the object, in bytes.
            blocks: Begins to read it.

        Returns:
            The copy, which the caller keeps or removes, and the SHA-256 of its bytes.

        Raises:
            PermanentError: T5010 it does not fit beside what is in use; T1001-T1003.
        """
        self._make_room(name, size)
        path = self._path(name)
        digest = hashlib.sha256()
        temp = path.parent / f".{uuid.uuid4().hex}"
        try:
            with local_disk(str(path.parent)):
                path.parent.mkdir(parents=True, exist_ok=True)
                with temp.open("xb") as file:
                    for block in blocks():
                        digest.update(block)
                        file.write(block)
                os.chmod(temp, _MODE)
        except BaseException:
            temp.unlink(missing_ok=True)
            raise
        return temp, digest.hexdigest()

    def keep(self, name: str, temp: Path) -> Path:
        """
        Give a finished file, whose bytes were found to be right, its place; it is in use.

        Raises:
            PermanentError: T1001-T1003.
        """
        self._in_use.add(name)
        return self._placed(name, temp)

    def adopt(self, name: str, file: Path) -> bool:
        """
        Take a file over as the copy of what was just stored from it, if there is room for it.

        Returns:
            False if there is none, or the file lies on another disk: it stays where it is.
        """
        with self._lock:
            size = file.stat().st_size
            if not self._fits(size):
                return False
            self._make_room(name, size)
            with contextlib.suppress(PermanentError):
                self._placed(name, file)
                return True
            return False

    def release(self) -> None:
        """Say that nothing is in use any more: a step begins."""
        self._in_use.clear()

    def drop(self, name: str) -> None:
        """Give up a copy."""
        with self._lock:
            self._copies.pop(name, None)
            self._in_use.discard(name)
            self._path(name).unlink(missing_ok=True)

    def scratch(self, name: str) -> Path:
        """
        Return an empty private folder for one attempt of one step.

        Raises:
            PermanentError: T1001-T1003.
        """
        folder = self.folder / "scratch" / name
        self.discard(folder)
        with local_disk(str(folder)):
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
        return folder

    def discard(self, folder: Path) -> None:
        """
        Remove a scratch folder; one that is gone is no error.

        Raises:
            PermanentError: T1002, T1003.
            ValueError: It is no scratch folder of this cache (a bug of the caller).
        """
        folder = Path(os.path.abspath(folder))
        if not folder.is_relative_to(self.folder / "scratch"):
            raise ValueError(f"not a scratch folder: {str(folder)!r}")
        self._remove(folder)

    def sweep(self) -> None:
        """
        Remove all scratch folders.

        Raises:
            PermanentError: T1002, T1003.
        """
        self._remove(self.folder / "scratch")

    def _remove(self, folder: Path) -> None:
        with local_disk(str(folder)), contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)

    def _fits(self, size: int) -> bool:
        with self._lock:
            used = sum(self._copies[name] for name in self._in_use if name in self._copies)
        return used + size <= self.limit

    def _make_room(self, name: str, size: int) -> None:
        if not self._fits(size):
            raise PermanentError(
                "T5010",
                "the objects of one step are larger than the local copies may be",
                where=name,
                expected=f"at most {self.limit:,} bytes at once",
                observed=f"{size:,} bytes more than are held",
                next_step="Raise PUNTUAL_CACHE_BYTES and the function's ephemeral storage "
                "with it, or let that step run as a job.",
            )
        with self._lock:
            total = sum(self._copies.values())
            for copy in [c for c in self._copies if c not in self._in_use]:
                if total + size <= self.limit:
                    return
                total -= self._copies[copy]
                self.drop(copy)

    def _placed(self, name: str, temp: Path) -> Path:
        path = self._path(name)
        with local_disk(str(path)):
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(temp, path)
            size = path.stat().st_size
        with self._lock:
            self._copies.pop(name, None)
            self._copies[name] = size
        return path

    def _path(self, name: str) -> Path:
        return self.folder / "objects" / name


@contextlib.contextmanager
def local_disk(where: str) -> Iterator[None]:
    """
    Turn an error of the local disk into its known fault.

    Raises:
        PermanentError: T1001, T1002, T1003.
    """
    try:
        yield
    except OSError as exc:
        known = machine_fault(exc.strerror or "", where)
        raise known or _refused(where, exc) from exc


def _refused(where: str, error: OSError) -> PermanentError:
    seen = error.strerror or type(error).__name__
    if isinstance(error, PermissionError | NotADirectoryError):
        return PermanentError(
            "T1002",
            f"not permitted at {where}",
            where=where,
            expected="a folder that this process may read and write",
            observed=seen,
            next_step="A function may write below /tmp alone; correct PUNTUAL_CACHE.",
        )
    return PermanentError(
        "T1003",
        f"input/output error at {where}",
        where=where,
        expected="a disk that answers",
        observed=seen,
        next_step="Run again; the local disk holds copies only.",
    )
