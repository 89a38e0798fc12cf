"""
A bucket below one prefix: what is created once, what is replaced if unchanged, what is read whole.

Every write is conditional and carries its SHA-256 (`aws.md` O2-O5). An answer that is ambiguous,
since ours may have been the write that stands, is settled by reading back (O3, O7).

A body is not read in its own `with` block: that lends the stream below botocore's checks of
length and checksum.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from botocore.exceptions import ClientError

from puntual.aws.clients import POOL
from puntual.aws.faults import BUSY, code_of, translated

CONFLICTS = 6
"""How often a write is tried while another one is in flight."""

_FIRST_WAIT = 0.05
_ABSENT = frozenset({"NoSuchKey", "NoSuchVersion", "NotFound", "404"})
_FAILED = frozenset({"PreconditionFailed", "412"})
_CONFLICT = frozenset({"ConditionalRequestConflict", "OperationAborted", "409"})
_RACED = _CONFLICT | {"NoSuchKey", "404"}
"""If-Match on a key that is deleted meanwhile answers with 404."""

BLOCK = 1 << 20
_LAST = 10**12 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An object as a listing shows it: `name` below the bucket's prefix, size, ETag, instant."""

    name: str
    bytes: int
    etag: str
    changed: datetime
    storage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """
    What a bucket knows of an object.

    Attributes:
        bytes: Its size.
        etag: Of this version.
        checksum: SHA-256 in Base64; `<hash of hashes>-<parts>` of one that came in parts; "" if
            the bucket keeps none.
    """

    bytes: int
    etag: str
    checksum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """An object's bytes, and the ETag of the version that was read."""

    data: bytes
    etag: str


class _Told(Enum):
    DONE = "done"
    FAILED = "the condition does not hold"
    CONFLICT = "another write is in flight"


class Bucket:
    """
    A bucket's objects below a prefix.

    Args:
        s3: A client, which threads may share.
        bucket: Its name.
        prefix: Such as `credit-report`; "" for the whole bucket.
        wait: Waits for some seconds.
    """

    def __init__(
        self, s3: Any, bucket: str, prefix: str, *, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.prefix = f"{prefix}/" if prefix else ""
        self._wait = wait

    def below(self, folder: str) -> Bucket:
        """Return the objects of a folder, as a bucket."""
        return Bucket(self.s3, self.bucket, f"{self.prefix}{folder}", wait=self._wait)

    def other(self, bucket: str, prefix: str) -> Bucket:
        """Return the objects of another bucket, reached by the same client."""
        return Bucket(self.s3, bucket, prefix, wait=self._wait)

    def where(self, name: str) -> str:
        """Return the address of an object, for people and engines."""
        return f"s3://{self.bucket}/{self.prefix}{name}"

    def place(self, name: str) -> dict[str, str]:
        """Return the object's place as the client's arguments."""
        return {"Bucket": self.bucket, "Key": f"{self.prefix}{name}"}

    def head(self, name: str) -> Head | None:
        """
        Return what is known of an object; None if there is none.

        Raises:
            TransientError: T5001, T5002.
            PermanentError: T5004-T5008.
        """
        with translated(self.where(name)):
            try:
                found = self.s3.head_object(**self.place(name), ChecksumMode="ENABLED")
            except ClientError as exc:
                if code_of(exc) in _ABSENT:
                    return None
                raise
        return Head(
            bytes=found["ContentLength"],
            etag=found["ETag"],
            checksum=found.get("ChecksumSHA256", ""),
        )

    def read(self, name: str) -> Read | None:
        """
        Return an object; None if there is none.

        Raises:
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        with translated(self.where(name)):
            found = self._opened(name)
            if found is None:
                return None
            with closing(found["Body"]) as body:
                return Read(data=body.read(), etag=found["ETag"])

    def blocks(self, name: str, *, etag: str = "") -> Iterator[bytes]:
        """
        Yield an object's bytes in blocks, in bounded memory.

        Args:
            name: The object.
            etag: Of the version that is meant; "" for the newest.

        Raises:
            LookupError: There is none, or it is another version by now.
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        with translated(self.where(name)):
            found = self._opened(name, **({"IfMatch": etag} if etag else {}))
            if found is None:
                raise LookupError(self.where(name))
            with closing(found["Body"]) as body:
                while block := body.read(BLOCK):
                    yield block

    def read_many(self, names: Iterable[str]) -> list[Read | None]:
        """Return objects in the order of their names, several at once; see `read`."""
        wanted = list(names)
        if len(wanted) < 2:
            return [self.read(name) for name in wanted]
        with ThreadPoolExecutor(POOL) as pool:
            return list(pool.map(self.read, wanted))

    def create(self, name: str, data: bytes) -> bool:
        """
        Give bytes a name that nobody has; durable and whole when this returns.

        Returns:
            True as well if the name holds these bytes already: the write may have been ours
            (`aws.md` O7). False if it holds others; nothing changed.

        Raises:
            TransientError: T5001 it may have happened; T5002, T5003.
            PermanentError: T5004-T5008.
        """
        for told in self._tries(name):
            if told(data, IfNoneMatch="*")[0] is _Told.DONE:
                return True
            if (found := self.read(name)) is not None:
                return found.data == data
        raise BUSY.raised(self.where(name), "another write in flight, again and again")

    def replace(self, name: str, data: bytes, etag: str) -> str | None:
        """
        Let a name mean new bytes if it still holds the version that was read (`aws.md` O4).

        The bytes must tell this write from any other, so that one whose answer was lost is
        known for ours.

        Args:
            name: The object.
            data: The new bytes.
            etag: Of the version that was read; "" if there was none.

        Returns:
            The new version's ETag; None if somebody was faster, nothing changed.

        Raises:
            TransientError: T5001 it may have happened; T5002, T5003.
            PermanentError: T5004-T5008.
        """
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        for told in self._tries(name):
            answer, new = told(data, **condition)
            if answer is _Told.DONE:
                return new
            found = self.read(name)
            if found is not None and found.data == data:
                return found.etag
            if answer is _Told.FAILED:
                return None
        raise BUSY.raised(self.where(name), "another write in flight, again and again")

    def overwrite(self, name: str, data: bytes) -> None:
        """Let a name mean new bytes whatever it held: for what is derived, or is made right."""
        with translated(self.where(name)):
            self.s3.put_object(
                **self.place(name), Body=data, ChecksumSHA256=checksum(data), **_type_of(name)
            )

    def copy(self, name: str, target: str) -> None:
        """
        Give an object's bytes another name, in place of what may lie there.

        Raises:
            TransientError: T5001 it may have happened; T5002.
            PermanentError: T5004-T5008.
        """
        with translated(self.where(target)):
            self.s3.copy_object(**self.place(target), CopySource=self.place(name))

    def hide(self, name: str) -> None:
        """
        Put a delete marker on an object; its versions stay in a bucket that keeps them.

        Raises:
            TransientError: T5001 it may have happened; T5002.
            PermanentError: T5004-T5008.
        """
        with translated(self.where(name)):
            self.s3.delete_object(**self.place(name))

    def listed(self, folder: str, *, after: str = "") -> Iterator[Listed]:
        """
        Yield what lies below a folder, by name.

        Args:
            folder: A prefix of names.
            after: Only names after this one.

        Raises:
            TransientError: T5001, T5002.
            PermanentError: T5004-T5008.
        """
        start = {"StartAfter": f"{self.prefix}{after}"} if after else {}
        with translated(self.where(folder)):
            pages = self.s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=f"{self.prefix}{folder}", **start
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    yield Listed(
                        name=found["Key"][len(self.prefix) :],
                        bytes=found["Size"],
                        etag=found["ETag"],
                        changed=found["LastModified"],
                        storage=found.get("StorageClass", "STANDARD"),
                    )

    def first(self, folder: str) -> str | None:
        """Return the first name below a folder; None if there is none."""
        with translated(self.where(folder)):
            page = self.s3.list_objects_v2(
                Bucket=self.bucket, Prefix=f"{self.prefix}{folder}", MaxKeys=1
            )
        found = page.get("Contents", ())
        return found[0]["Key"][len(self.prefix) :] if found else None

    def first_written(self, folder: str) -> bytes | None:
        """
        Return the oldest version of the first name below a folder; None if there is none.

        In a bucket that locks its versions this finds what was written once, though a delete
        marker hides it or another version lies on top (`aws.md` 11).

        Raises:
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        with translated(self.where(folder)):
            pages = self.s3.get_paginator("list_object_versions").paginate(
                Bucket=self.bucket, Prefix=f"{self.prefix}{folder}"
            )
            oldest: Any = None
            for found in (version for page in pages for version in page.get("Versions", ())):
                if oldest is not None and found["Key"] != oldest["Key"]:
                    break
                oldest = found  # of one name, the newest version is listed first
            if oldest is None:
                return None
            read = self.s3.get_object(
                Bucket=self.bucket,
                Key=oldest["Key"],
                VersionId=oldest["VersionId"],
                ChecksumMode="ENABLED",
            )
            with closing(read["Body"]) as body:
                return bytes(body.read())

    def _opened(self, name: str, **condition: str) -> Any:
        try:
            return self.s3.get_object(**self.place(name), ChecksumMode="ENABLED", **condition)
        except ClientError as exc:
            if code_of(exc) in _ABSENT | (_FAILED if condition else frozenset()):
                return None
            raise

    def _tries(self, name: str) -> Iterator[Callable[..., tuple[_Told, str]]]:
        """Yield the conditional write, to be tried while others are in flight."""

        def write(data: bytes, **condition: str) -> tuple[_Told, str]:
            with translated(self.where(name)):
                try:
                    done = self.s3.put_object(
                        **self.place(name),
                        Body=data,
                        ChecksumSHA256=checksum(data),
                        **_type_of(name),
                        **condition,
                    )
                except ClientError as exc:
                    if code_of(exc) in _FAILED:
                        return _Told.FAILED, ""
                    if code_of(exc) in (_RACED if "IfMatch" in condition else _CONFLICT):
                        return _Told.CONFLICT, ""
                    raise
            return _Told.DONE, str(done["ETag"])

        for number in range(CONFLICTS):
            if number:
                self._wait(_FIRST_WAIT * 2**number)
            yield write


def newest_first(number: int) -> str:
    """
    Return a name of twelve digits that sorts before those of all lower numbers.

    Listings begin with the lowest name; so the newest of many is found by one request.
    """
    return f"{_LAST - number:012}"


def number_of(name: str) -> int:
    """Return the number that `newest_first` made a name of."""
    return _LAST - int(name)


def checksum(data: bytes) -> str:
    """Return the SHA-256 of bytes as S3 writes it: in Base64."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")


def checksum_of(sha256: str) -> str:
    """Return a SHA-256 of hex digits as S3 writes it."""
    return base64.b64encode(bytes.fromhex(sha256)).decode("ascii")


def composite(parts: Iterable[bytes]) -> str:
    """Return S3's checksum of an object from the SHA-256 of each of its parts, in order."""
    digests = list(parts)
    whole = hashlib.sha256(b"".join(digests)).digest()
    return f"{base64.b64encode(whole).decode('ascii')}-{len(digests)}"


def _type_of(name: str) -> dict[str, str]:
    return {"ContentType": "application/json"} if name.endswith(".json") else {}
