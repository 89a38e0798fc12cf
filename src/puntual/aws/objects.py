"""Port `Objects` on S3: immutable objects named by their SHA-256 (design 4.1)."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from io import BufferedReader
from pathlib import Path

from puntual.aws import upload
from puntual.aws.bucket import Bucket, Head, checksum_of
from puntual.aws.cache import Cache, local_disk
from puntual.aws.faults import GARBLED
from puntual.errors import EvidenceError
from puntual.model.manifest import Digest, ObjectRef

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"(\.[A-Za-z0-9_]{1,16})*")
_UNSAFE = re.compile(r"[\\\x00-\x1f]")
MAX_NAME = 900
"""Bytes of a name; S3 allows 1,024 with the project's prefix."""


class S3Objects:
    """
    Objects `<prefix>/<sha256><suffix>` of a bucket, written on the condition that none is there.

    Where one is there already, its checksum says whether it holds the same bytes; one that does
    not is made right by a new version. Engines read verified copies on the local disk, or, with
    `uris`, the objects themselves.

    Args:
        bucket: The lake, below the project's name.
        cache: Local copies, and scratch.
        uris: `locate` gives `s3://` addresses, for an engine that reads them itself.
        single_bytes: Up to this size a file goes in one request; above, in parts.
        part_bytes: Of each part; S3 takes at least 5 MiB, and at most 10,000 parts.
    """

    def __init__(
        self,
        bucket: Bucket,
        cache: Cache,
        *,
        uris: bool = False,
        single_bytes: int = upload.SINGLE_BYTES,
        part_bytes: int = upload.PART_BYTES,
    ) -> None:
        self._bucket = bucket
        self._cache = cache
        self._uris = uris
        self._single = single_bytes
        self._part = part_bytes
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

        A file of ours becomes the local copy of the object, so that no engine fetches it again.

        Raises:
            PermanentError: T1002, T1003 the file cannot be read; T5004-T5008.
            TransientError: T5001 it may have been stored; T5002, T5003.
            ValueError: The prefix or suffix leaves the store (a bug of the caller).
        """
        with local_disk(path), _regular(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            name = _named(prefix, digest, suffix)
            if size <= self._single:
                file.seek(0)
                self._store(name, digest, file.read())
            else:
                self._store_parts(name, digest, file, size)
            alone = os.fstat(file.fileno()).st_nlink == 1
        if move and not (alone and self._cache.adopt(name, Path(path))):
            with local_disk(path):
                os.unlink(path)
        return _ref(name, digest, size, records, role, detail)

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
            PermanentError: T5004-T5008.
            TransientError: T5001 they may have been stored; T5002, T5003.
            ValueError: The prefix or suffix leaves the store (a bug of the caller).
        """
        digest = hashlib.sha256(data).hexdigest()
        name = _named(prefix, digest, suffix)
        self._store(name, digest, data)
        return _ref(name, digest, len(data), records, role, detail)

    def locate(self, ref: ObjectRef) -> str:
        """
        Return the local path, or with `uris` the address, of an object whose bytes are right.

        An address is checked by S3's own SHA-256 of the bytes; one that came in parts is read
        through once.

        Raises:
            EvidenceError: V1001 missing or of another size; V1002 of another digest.
            PermanentError: T5010 it does not fit beside what is in use; T1001-T1003, T5004-T5008.
            TransientError: T5001, T5002, T5003.
        """
        if self._uris:
            self.confirm(ref)
            return self._bucket.where(ref.name)
        if (ref.name, ref.sha256) in self._right and (copy := self._cache.held(ref.name)):
            return str(copy)
        self._found(ref)
        with self._missing_is_evidence(ref):
            temp, digest = self._cache.fetch(
                ref.name, ref.bytes, lambda: self._bucket.blocks(ref.name)
            )
        try:
            _compare(ref.name, ref.sha256, digest)
            copy = self._cache.keep(ref.name, temp)
        finally:
            temp.unlink(missing_ok=True)
        self._right.add((ref.name, ref.sha256))
        return str(copy)

    def confirm(self, ref: ObjectRef) -> None:
        """
        See that the object's bytes are right, where it lies; see the port and `locate`.

        Raises:
            EvidenceError: V1001 missing or of another size; V1002 of another digest.
            PermanentError: T5004-T5008.
            TransientError: T5001, T5002, T5003.
        """
        if (ref.name, ref.sha256) in self._right:
            return
        head = self._found(ref)
        if head.checksum and "-" not in head.checksum:
            if head.checksum != checksum_of(ref.sha256):
                raise _damaged("V1002", ref.name, f"sha256 {ref.sha256}", f"{head.checksum}")
        else:
            self.verify(ref)
        self._right.add((ref.name, ref.sha256))

    def find(self, ref: ObjectRef) -> str:
        """
        Return the address of an object whose size is right; see the port.

        Raises:
            EvidenceError: V1001 the object is missing or has another size.
            PermanentError: T5004-T5008.
            TransientError: T5001, T5002.
        """
        self._found(ref)
        return self._bucket.where(ref.name)

    def read(self, ref: ObjectRef) -> bytes:
        """
        Return the object's bytes, checked; see the port.

        Raises:
            EvidenceError: V1001 missing or of another size; V1002 of another digest.
            PermanentError: T5004-T5008.
            TransientError: T5001, T5002, T5003.
        """
        return self._read(ref.name, ref.sha256, ref.bytes)

    def read_named(self, prefix: str, sha256: Digest, suffix: str) -> bytes:
        """
        Return the bytes of `<prefix>/<sha256><suffix>`, their digest having been checked.

        Raises:
            EvidenceError: V1001 missing; V1002 of another digest.
            PermanentError: T5004-T5008.
            TransientError: T5001, T5002, T5003.
        """
        return self._read(f"{prefix}/{sha256}{suffix}", sha256)

    def verify(self, ref: ObjectRef) -> None:
        """
        Read the object through and compare its digest, in bounded memory.

        Raises:
            EvidenceError: V1001, V1002.
            PermanentError: T5004-T5008.
            TransientError: T5001, T5002, T5003.
        """
        self._found(ref)
        digest = hashlib.sha256()
        with self._missing_is_evidence(ref):
            for block in self._bucket.blocks(ref.name):
                digest.update(block)
        _compare(ref.name, ref.sha256, digest.hexdigest())

    def sweep(self) -> None:
        """
        Remove the scratch folders of this machine; see the port.

        Parts of uploads that died are removed by the bucket's own lifecycle rule: another job
        may be sending some at this moment.

        Raises:
            PermanentError: T1002, T1003.
        """
        self._cache.sweep()

    def scratch(self, name: str) -> str:
        """
        Return an empty private folder for one attempt of one step; see the port.

        Raises:
            PermanentError: T1001, T1002, T1003.
            ValueError: The name leaves the scratch folder (a bug of the caller).
        """
        if not _inside(name):
            raise ValueError(f"no such scratch name: {name!r}")
        return str(self._cache.scratch(name))

    def discard(self, path: str) -> None:
        """
        Remove a scratch folder; one that is already gone is no error.

        Raises:
            PermanentError: T1002, T1003.
            ValueError: The folder is no scratch folder of this store (a bug of the caller).
        """
        self._cache.discard(Path(path))

    def release(self) -> None:
        """Let local copies be evicted again: a step begins, and none is in use."""
        self._cache.release()

    def _store(self, name: str, digest: Digest, data: bytes) -> None:
        """Store bytes; where others lie under their name, they are damage and are made right."""
        if not self._bucket.create(name, data):
            self._bucket.overwrite(name, data)
            self._read_back(name, digest, len(data), checksum_of(digest))
        self._right.add((name, digest))

    def _store_parts(self, name: str, digest: Digest, file: BufferedReader, size: int) -> None:
        """Store a large file in parts, unless one of its size and bytes is there."""
        parts = upload.parts_of(size, self._part)
        there = self._bucket.head(name)
        if there is None or there.bytes != size or not self._same(name, digest, there):
            told = upload.in_parts(self._bucket, name, file, parts, replacing=there is not None)
            self._read_back(name, digest, size, told)
        self._right.add((name, digest))

    def _same(self, name: str, digest: Digest, head: Head) -> bool:
        """Say whether what lies there has the digest: by S3's checksum, else by reading it."""
        if head.checksum and "-" not in head.checksum:
            return head.checksum == checksum_of(digest)
        found = hashlib.sha256()
        for block in self._bucket.blocks(name, etag=head.etag):
            found.update(block)
        return found.hexdigest() == digest

    def _read_back(self, name: str, digest: Digest, size: int, told: str) -> None:
        """See that what stands is what was sent, or the same of somebody faster (O6, O7)."""
        head = self._bucket.head(name)
        whole = head is not None and head.bytes == size
        if head is not None and whole and (head.checksum == told or self._same(name, digest, head)):
            return
        seen = "nothing" if head is None else f"{head.bytes} bytes, sha256 {head.checksum}"
        raise GARBLED.raised(self._bucket.where(name), seen)

    def _found(self, ref: ObjectRef) -> Head:
        head = self._bucket.head(self._checked(ref.name))
        if head is None:
            raise _damaged("V1001", ref.name, "the object", "no such object")
        if head.bytes != ref.bytes:
            raise _damaged("V1001", ref.name, f"{ref.bytes} bytes", f"{head.bytes} bytes")
        return head

    def _read(self, name: str, sha256: Digest, size: int | None = None) -> bytes:
        self._checked(name)
        if not _DIGEST.fullmatch(sha256):
            raise _damaged("V1001", name, "a SHA-256 of 64 hex digits", "no digest")
        found = self._bucket.read(name)
        if found is None:
            raise _damaged("V1001", name, "the object", "no such object")
        if size is not None and len(found.data) != size:
            raise _damaged("V1001", name, f"{size} bytes", f"{len(found.data)} bytes")
        _compare(name, sha256, hashlib.sha256(found.data).hexdigest())
        return found.data

    def _checked(self, name: str) -> str:
        if not _inside(name):
            raise EvidenceError(
                "V1001",
                "an object's name leaves the store",
                where=self._bucket.where(""),
                expected="<prefix>/<sha256><suffix>",
                observed=repr(name[:80]),
                next_step="The manifest was not written by puntual; do not trust it.",
            )
        return name

    @contextlib.contextmanager
    def _missing_is_evidence(self, ref: ObjectRef) -> Iterator[None]:
        try:
            yield
        except LookupError as exc:
            raise _damaged("V1001", ref.name, "the object", "gone while it was read") from exc


@contextlib.contextmanager
def _regular(path: str) -> Iterator[BufferedReader]:
    """Open a file for reading; a symlink is not followed."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags), "rb") as file:
        yield file


def _named(prefix: str, digest: Digest, suffix: str) -> str:
    name = f"{prefix}/{digest}{suffix}"
    if not _inside(name) or prefix.startswith(".tmp") or not _SUFFIX.fullmatch(suffix):
        raise ValueError(f"no such object name: {name!r}")
    return name


def _inside(name: str) -> bool:
    parts = name.split("/")
    return len(name.encode()) <= MAX_NAME and all(
        part not in {"", ".", ".."} and not _UNSAFE.search(part) for part in parts
    )


def _ref(
    name: str,
    digest: Digest,
    size: int,
    records: int,
    role: str,
    detail: Mapping[str, str] | None,
) -> ObjectRef:
    return ObjectRef(
        name=name,
        sha256=digest,
        bytes=size,
        records=records,
        role=role,
        detail=dict(detail or {}),
    )


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
        next_step="An earlier version of the object may hold the right bytes; what was derived "
        "can be made again from raw.",
    )
