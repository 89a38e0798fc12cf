"""Port `Destinations` for S3: objects that are written once, and read back."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping

from puntual.aws.bucket import Bucket
from puntual.errors import EvidenceError, PermanentError
from puntual.model.delivery import DeliveryId
from puntual.model.report import Folder
from puntual.ports.destinations import Receipt

_SCHEME = "s3://"


class S3Destinations:
    """
    Places files below the project's prefix of the deliveries bucket.

    A folder that is relative in the project is relative to that prefix; `s3://BUCKET/PREFIX` is
    taken as it is. A name is taken once; what lies under it is never replaced.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def deliver(
        self, destination: Folder, delivery: DeliveryId, files: Mapping[str, bytes]
    ) -> Receipt:
        """
        Place the files in the order given, each whole or not at all, and read them back.

        An object that lies there with the same bytes is left alone. Nothing is placed when one
        name is taken by other bytes.

        Raises:
            PermanentError: D1001 the destination may not be written.
            EvidenceError: D1002 another object with other bytes already has that name, or what
                was read back is not what was written.
            TransientError: T5001 some files may lie there; T5002, T5003.
            ValueError: A file's name leaves the folder (a bug of the caller).
        """
        for name in files:
            if not _inside(name):
                raise ValueError(f"no such file name: {name!r}")
        folder = self._place(destination.path)
        where = folder.where("").rstrip("/")
        with _placing(f"{delivery} cannot be placed in {where}", where):
            missing = [n for n, data in files.items() if not _lies_there(folder, n, data)]
            for name in missing:
                if not folder.create(name, files[name]):
                    _lies_there(folder, name, files[name])
            found = {name: _read_back(folder, name, data) for name, data in files.items()}
        return Receipt(destination=where, files=found)

    def put_aside(self, destination: Folder, name: str, files: Mapping[str, bytes]) -> str:
        """
        Give a package's objects the first free name `NAME.unfinished-N`; see the port.

        Each is copied and then hidden by a delete marker; those that stand in the way come
        last, so that an attempt that dies in between is finished by the next.

        Raises:
            PermanentError: D1001 the destination may not be written.
            TransientError: T5001 some of it may be done; T5002, T5003.
            ValueError: A name leaves the folder (a bug of the caller).
        """
        if not all(_inside(part) for part in (name, *files)):
            raise ValueError(f"no such package: {name!r}")
        folder = self._place(destination.path)
        what = "what an earlier attempt left of this package cannot be put aside"
        with _placing(what, folder.where(name)):
            in_the_way = {f"{name}/{f}" for f, d in files.items() if _differs(folder, name, f, d)}
            if not in_the_way:
                return ""
            number = 1
            while folder.first(f"{name}.unfinished-{number}/") is not None:
                number += 1
            aside = f"{name}.unfinished-{number}"
            lying = [found.name for found in folder.listed(f"{name}/")]
            for old in lying:
                folder.copy(old, f"{aside}/{old.removeprefix(f'{name}/')}")
            for old in sorted(lying, key=lambda n: (n in in_the_way, n)):
                folder.hide(old)
        return aside

    def _place(self, path: str) -> Bucket:
        """Return the folder of a destination, as a bucket."""
        if path.startswith(_SCHEME):
            name, _, prefix = path.removeprefix(_SCHEME).partition("/")
            return self._bucket.other(name, prefix.strip("/"))
        if path.startswith("/"):
            raise PermanentError(
                "D1001",
                f"{path} is a folder of a machine; nothing on AWS can reach it",
                where=path,
                expected="a relative folder, or s3://BUCKET/PREFIX",
                observed=path,
                next_step="Give the report another destination in this environment.",
            )
        inner = "/".join(part for part in path.split("/") if part not in {"", "."})
        return self._bucket.below(inner) if inner else self._bucket


def _inside(name: str) -> bool:
    parts = name.split("/")
    return len(name.encode()) <= 900 and all(
        part not in {"", ".", ".."} and "\\" not in part and min(part) >= " " for part in parts
    )


def _differs(folder: Bucket, package: str, name: str, data: bytes) -> bool:
    found = folder.read(f"{package}/{name}")
    return found is not None and found.data != data


def _lies_there(folder: Bucket, name: str, data: bytes) -> bool:
    found = folder.read(name)
    if found is None:
        return False
    if found.data != data:
        raise _other(name, data, found.data, "already lies there with other bytes")
    return True


def _read_back(folder: Bucket, name: str, data: bytes) -> str:
    found = folder.read(name)
    seen = b"" if found is None else found.data
    if seen != data:
        raise _other(name, data, seen, "does not read back as it was written")
    return hashlib.sha256(data).hexdigest()


def _other(name: str, data: bytes, found: bytes, what: str) -> EvidenceError:
    return EvidenceError(
        "D1002",
        f"{name} {what}",
        where=name,
        expected=f"sha256 {hashlib.sha256(data).hexdigest()}",
        observed=f"sha256 {hashlib.sha256(found).hexdigest()}",
        next_step="Find out who wrote that object; a delivery is never overwritten. A corrected "
        "report is a new version, with a new name.",
    )


@contextlib.contextmanager
def _placing(what: str, where: str) -> Iterator[None]:
    """Say of what does not heal by waiting that the destination cannot be written."""
    try:
        yield
    except PermanentError as exc:
        raise PermanentError(
            "D1001",
            what,
            where=where,
            expected="a bucket that the role of delivery may read and write",
            observed=f"{exc.code} {exc.observed}",
            next_step="Correct the destination or the role's permission, then run again: the "
            "same bytes are sent.",
        ) from exc
