"""Port `Objects` on a local disk: immutable files named by their SHA-256 (design 4.1)."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from puntual.errors import EvidenceError
from puntual.failpoints import failpoint
from puntual.local.disk import (
    copy_synced,
    disk_error,
    hash_synced,
    inner_path,
    make_folder,
    open_regular,
    sync_folder,
    translated,
    write_synced,
)
from puntual.model.manifest import Digest, ObjectRef

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"(\.[A-Za-z0-9_]{1,16})*")
_MODE = 0o640


class LocalObjects:
    """
    A folder of `<prefix>/<sha256><suffix>`; temporary names lie in `.tmp` on the same disk.

    Written as temporary name, fsync of the file, rename, fsync of the folder
    (`failures.md` 2). An object that is stored again takes the place of the one before,
    atomically, so that damaged bytes are healed by making them again. Bytes that were checked
    once, or written by this store, are taken to be right while it is open.
    """

    def __init__(self, root: Path) -> None:
        self._root = Path(os.path.abspath(root))
        self._temp = self._root / ".tmp"
        self._mine = uuid.uuid4().hex[:8]
        self._durable = {self._root}
        self._right: set[tuple[str, Digest]] = set()

    def put_file(
        self,
        prefix: str,
        path: str,
        *,
        suffix: str,
        records: int = 0,
        role: str = "data",
        detail: Mapping[str, str] | None = None,
        move: bool = True,
    ) -> ObjectRef:
        """
        Store a finished local file; see the port.

        Raises:
            PermanentError: T1001 disk full, T1002 not permitted, T1003 input/output error.
            ValueError: The prefix or suffix leaves the store (a bug of the caller).
        """
        source = Path(path)
        with translated(path), self._temporary() as temp:
            facts = os.stat(source, follow_symlinks=False)
            if move and self._may_move(facts):
                digest = hash_synced(source)
                os.chmod(source, _MODE)
                held = source
            else:
                digest = copy_synced(source, temp, _MODE)
                held = temp
            size = os.stat(held).st_size
            name = self._place(held, prefix, digest, suffix)
            if move and held is temp:
                source.unlink()
        return ObjectRef(
            name=name,
            sha256=digest,
            bytes=size,
            records=records,
            role=role,
            detail=dict(detail or {}),
        )

    def put_bytes(
        self,
        prefix: str,
        data: bytes,
        *,
        suffix: str,
        records: int = 0,
        role: str = "data",
        detail: Mapping[str, str] | None = None,
    ) -> ObjectRef:
        """
        Store bytes; see the port.

        Raises:
            PermanentError: T1001 disk full, T1002 not permitted, T1003 input/output error.
            ValueError: The prefix or suffix leaves the store (a bug of the caller).
        """
        digest = hashlib.sha256(data).hexdigest()
        with translated(str(self._root)), self._temporary() as temp:
            write_synced(temp, data, _MODE)
            name = self._place(temp, prefix, digest, suffix)
        return ObjectRef(
            name=name,
            sha256=digest,
            bytes=len(data),
            records=records,
            role=role,
            detail=dict(detail or {}),
        )

    def locate(self, ref: ObjectRef) -> str:
        """
        Return the path of an object whose bytes are right; see the port.

        Raises:
            EvidenceError: V1001 missing or of another size; V1002 of another digest.
        """
        path = self.find(ref)
        if (ref.name, ref.sha256) not in self._right:
            self.verify(ref)
        return path

    def confirm(self, ref: ObjectRef) -> None:
        """
        See that the object's bytes are right; see the port.

        Raises:
            EvidenceError: V1001 missing or of another size; V1002 of another digest.
        """
        self.locate(ref)

    def has(self, name: str) -> bool:
        """Say whether something lies under a name; whether it is right is not asked."""
        return inner_path(name) and os.path.lexists(self._root / name)

    def find(self, ref: ObjectRef) -> str:
        """
        Return the path of an object whose size is right; see the port.

        Raises:
            EvidenceError: V1001 the object is missing or has another size.
        """
        path = self._inside(ref.name)
        try:
            facts = os.stat(path, follow_symlinks=False)
        except OSError as exc:
            raise _absent(ref.name, exc) from exc
        if not stat.S_ISREG(facts.st_mode):
            raise _damaged("V1001", ref.name, "a regular file", "something else")
        if facts.st_size != ref.bytes:
            raise _damaged("V1001", ref.name, f"{ref.bytes} bytes", f"{facts.st_size} bytes")
        return str(path)

    def read(self, ref: ObjectRef) -> bytes:
        """
        Return the object's bytes, checked; see the port.

        Raises:
            EvidenceError: V1001 missing or of another size; V1002 of another digest.
        """
        self.find(ref)
        return self._read(ref.name, ref.sha256)

    def read_named(self, prefix: str, sha256: Digest, suffix: str) -> bytes:
        """
        Return the bytes of `<prefix>/<sha256><suffix>`, their digest having been checked.

        Raises:
            EvidenceError: V1001 missing; V1002 of another digest.
        """
        return self._read(f"{prefix}/{sha256}{suffix}", sha256)

    def verify(self, ref: ObjectRef) -> None:
        """
        Read the object through and compare its digest; see the port.

        Raises:
            EvidenceError: V1001, V1002.
        """
        path = Path(self.find(ref))
        try:
            with open_regular(path) as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as exc:
            raise _absent(ref.name, exc) from exc
        _compare(ref.name, ref.sha256, found)
        self._right.add((ref.name, ref.sha256))

    def scratch(self, name: str) -> str:
        """
        Return an empty private folder for one attempt of one step; see the port.

        Raises:
            PermanentError: T1001, T1002, T1003.
            ValueError: The name leaves the scratch folder (a bug of the caller).
        """
        if not inner_path(name):
            raise ValueError(f"no such scratch name: {name!r}")
        # Of this process alone: one that lost its lease, and does not know, may still be writing.
        folder = self._temp / "scratch" / f"{name}-{self._mine}"
        with translated(str(folder)):
            _remove(folder)
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
        failpoint("objects.scratch")
        return str(folder)

    def discard(self, path: str) -> None:
        """
        Remove a scratch folder; one that is already gone is no error.

        Raises:
            PermanentError: T1002, T1003.
            ValueError: The folder is no scratch folder of this store (a bug of the caller).
        """
        folder = Path(os.path.abspath(path))
        if not folder.is_relative_to(self._temp / "scratch"):
            raise ValueError(f"not a scratch folder: {path!r}")
        with translated(path):
            _remove(folder)

    def sweep(self) -> None:
        """
        Remove what attempts that died have left; only the holder of the run's lease may.

        Raises:
            PermanentError: T1002, T1003.
        """
        with translated(str(self._temp)):
            _remove(self._temp)
        failpoint("objects.swept")

    @contextlib.contextmanager
    def _temporary(self) -> Iterator[Path]:
        """Give a name in `.tmp` that nobody has; whatever is left under it is removed."""
        self._temp.mkdir(parents=True, exist_ok=True)
        temp = self._temp / uuid.uuid4().hex
        try:
            yield temp
        finally:
            temp.unlink(missing_ok=True)

    def _may_move(self, facts: os.stat_result) -> bool:
        """A file with a second name, or on another disk, is copied and never shared."""
        return (
            stat.S_ISREG(facts.st_mode)
            and facts.st_nlink == 1
            and facts.st_dev == os.stat(self._temp).st_dev
        )

    def _place(self, held: Path, prefix: str, digest: Digest, suffix: str) -> str:
        name = f"{prefix}/{digest}{suffix}"
        if not inner_path(name) or prefix.startswith(".tmp") or not _SUFFIX.fullmatch(suffix):
            raise ValueError(f"no such object name: {name!r}")
        target = self._root / name
        make_folder(target.parent, self._durable)
        os.rename(held, target)
        failpoint("objects.named")
        sync_folder(target.parent)
        failpoint("objects.placed")
        self._right.add((name, digest))
        return name

    def _inside(self, name: str) -> Path:
        if not inner_path(name):
            raise EvidenceError(
                "V1001",
                "an object's name leaves the store",
                where=str(self._root),
                expected="<prefix>/<sha256><suffix>",
                observed=repr(name[:80]),
                next_step="The manifest was not written by puntual; do not trust it.",
            )
        return self._root / name

    def _read(self, name: str, sha256: Digest) -> bytes:
        path = self._inside(name)
        if not _DIGEST.fullmatch(sha256):
            raise _damaged("V1001", name, "a SHA-256 of 64 hex digits", "no digest")
        try:
            with open_regular(path) as file:
                data = file.read()
        except OSError as exc:
            raise _absent(name, exc) from exc
        _compare(name, sha256, hashlib.sha256(data).hexdigest())
        return data


def _remove(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _compare(name: str, expected: Digest, found: Digest) -> None:
    if found != expected:
        raise _damaged("V1002", name, f"sha256 {expected}", f"sha256 {found}")


def _damaged(code: str, name: str, expected: str, observed: str) -> EvidenceError:
    what = "is missing or has another size" if code == "V1001" else "has other bytes"
    return EvidenceError(
        code,
        f"object {name} {what}",
        where=name,
        expected=expected,
        observed=observed,
        next_step="Restore it from a copy; what was derived can be made again from raw.",
    )


def _absent(name: str, error: OSError) -> Exception:
    if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL}:
        return _damaged("V1001", name, "the object", "no such file")
    return disk_error(error, name)
