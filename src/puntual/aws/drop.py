"""
Port `Drop` on S3: what sources put below `incoming/`; never moved or removed.

An object is read as one version, by its ETag: one that is replaced while it is read is seen,
and no mixture of two versions can come of it (`aws.md` O1, O4; `failures.md` 38).
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator

from puntual.aws.bucket import Bucket, Listed
from puntual.aws.cache import local_disk
from puntual.errors import PermanentError
from puntual.model.shown import printable
from puntual.ports.drop import DroppedFile, PassedOver

_ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_MAGIC = re.compile(r"[*?[]")
_SCHEME = "s3://"


class S3Drop:
    """
    Objects below a prefix, under the names that files have below a project's folder.

    Args:
        bucket: The lake, below `<project>/incoming`.
        now: Seconds since 1970, to tell how old an object is; no `--as-of` changes it.
    """

    def __init__(self, bucket: Bucket, *, now: Callable[[], float] = time.time) -> None:
        self._bucket = bucket
        self._now = now
        self._etags: dict[str, str] = {}

    def list(self, pattern: str) -> tuple[DroppedFile, ...]:
        """
        Return objects that match a glob, sorted by name; see the port.

        `*` stays within one folder, and hidden names match only a pattern that begins with a
        dot, as on a disk. An address `s3://…` that this drop gave is a pattern as well.

        Raises:
            PermanentError: S1301 the drop may not be read; T5005-T5008.
            TransientError: T5001, T5002.
        """
        found = []
        for item, rest in self._matching(self._inside(pattern)):
            if not rest and item.storage not in _ARCHIVED:
                path = self._bucket.where(item.name)
                self._etags[path] = item.etag
                found.append(self._seen(item, path))
        return tuple(sorted(found, key=lambda file: file.name))

    def passed_over(self, pattern: str) -> tuple[PassedOver, ...]:
        """
        Return what matches a glob and is no object that can be read, sorted by name.

        Raises:
            PermanentError: S1301 the drop may not be read; T5005-T5008.
            TransientError: T5001, T5002.
        """
        found: dict[str, str] = {}
        for item, rest in self._matching(self._inside(pattern)):
            if rest:
                found[shown(item.name[: -len(rest)])] = "a folder"
            elif item.storage in _ARCHIVED:
                found[shown(item.name)] = "an archived object"
        return tuple(PassedOver(name=name, kind=found[name]) for name in sorted(found))

    def read_small(self, name: str, limit: int) -> bytes | None:
        """
        Return the bytes of a small object; see the port.

        Raises:
            PermanentError: S1301 it may not be read; S1302 larger than `limit` bytes;
                T5005-T5008.
            TransientError: T5001, T5002, T5003.
        """
        data = b""
        with _read_only(shown(name)), contextlib.suppress(LookupError):
            for block in self._bucket.blocks(name):
                data += block
                if len(data) > limit:
                    raise _too_large(name, limit)
            return data
        return None

    def digest(self, file: DroppedFile) -> str | None:
        """
        Return the SHA-256 of an object; None if it is gone; see the port.

        Raises:
            PermanentError: S1301 it may not be read; T5005-T5008.
            TransientError: T5001, T5002, T5003.
        """
        digest = hashlib.sha256()
        with _read_only(file.name), contextlib.suppress(LookupError):
            for block in self._bucket.blocks(self._inside(file.path)):
                digest.update(block)
            return digest.hexdigest()
        return None

    def pin(self, file: DroppedFile, folder: str) -> str | None:
        """
        Copy the version that was listed into `folder`; None if another one lies there by now.

        Raises:
            PermanentError: S1301 it may not be read; T1001-T1003 the copy cannot be written;
                T5005-T5008.
            TransientError: T5001, T5002, T5003.
        """
        name = self._inside(file.path)
        with _read_only(file.name):
            before = self._bucket.head(name)
            etag = self._etags.get(file.path, before.etag if before else "")
            if before is None or before.etag != etag or before.bytes != file.bytes:
                return None
            with local_disk(folder):
                handle, copy = tempfile.mkstemp(prefix="pin-", dir=folder)
            try:
                with local_disk(copy), os.fdopen(handle, "wb") as target:
                    for block in self._bucket.blocks(name, etag=etag):
                        target.write(block)
                after = self._bucket.head(name)
            except LookupError:
                after = None
            except BaseException:
                os.unlink(copy)
                raise
        if after is not None and after.etag == etag:
            return copy
        os.unlink(copy)
        return None

    def _inside(self, pattern: str) -> str:
        """Return a pattern below the drop of one that may be an address in it."""
        return pattern.removeprefix(self._bucket.where(""))

    def _matching(self, pattern: str) -> Iterator[tuple[Listed, str]]:
        """Yield what matches, with what is left of its name when a folder matched; "" if none."""
        if pattern.startswith((_SCHEME, "/")):
            return  # in another bucket, or on a machine: nothing of it is in this drop
        wanted = pattern.split("/")
        fixed = _MAGIC.split(pattern, maxsplit=1)[0]
        with _read_only(self._bucket.where(shown(fixed))):
            for item in self._bucket.listed(fixed):
                parts = item.name.split("/")
                head = parts[: len(wanted)]
                if len(head) == len(wanted) and all(map(_matches, head, wanted)):
                    yield item, item.name[len("/".join(head)) :]

    def _seen(self, item: Listed, path: str) -> DroppedFile:
        return DroppedFile(
            name=shown(item.name),
            path=path,
            bytes=item.bytes,
            age=self._now() - item.changed.timestamp(),
        )


def shown(name: str) -> str:
    """Return an object's name as text that may be shown, whatever letters it has."""
    return printable(name)


def _matches(name: str, pattern: str) -> bool:
    hidden = name.startswith(".") and not pattern.startswith(".")
    return not hidden and fnmatch.fnmatchcase(name, pattern)


@contextlib.contextmanager
def _read_only(where: str) -> Iterator[None]:
    """Say of a refusal that it is the drop that may not be read."""
    try:
        yield
    except PermanentError as exc:
        if exc.code != "T5004":
            raise
        raise PermanentError(
            "S1301",
            f"{where} may not be read",
            where=where,
            expected="objects below incoming/ that the role of landing may list and read",
            observed=exc.observed,
            next_step="Give the permission to the role, then run again.",
        ) from exc


def _too_large(name: str, limit: int) -> PermanentError:
    return PermanentError(
        "S1302",
        f"{shown(name)} is too large for what it should be: it has more than {limit:,} bytes, "
        f"and at most {limit:,} are read",
        where=shown(name),
        expected=f"at most {limit:,} bytes",
        observed=f"more than {limit:,} bytes",
        next_step="See whether data stands where the control record should.",
    )
