"""Packages of a deployed project, copied to be verified, and what they are verified against."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from puntual.cli import founded
from puntual.cli.from_raw import Kept
from puntual.cli.packs import LIMIT, is_package
from puntual.cli.stocked import stocked
from puntual.cli.vantage import There
from puntual.errors import ProjectError
from puntual.evidence.ledger_files import ENVELOPE

if TYPE_CHECKING:
    from puntual.aws.bucket import Bucket
    from puntual.evidence.signed_log import SignedLog

EVIDENCE = "evidence/"
"""Where packages lie, below the project's name in the bucket of deliveries."""

_SCHEME = "s3://"
_NO_NAMES = frozenset({"", ".", ".."})
"""A key of S3 may hold what leads out of a folder."""


@contextmanager
def fetched(place: There, day: date | None) -> Iterator[tuple[tuple[Path, ...], Kept]]:
    """
    Lend the packages of a reference date, or all, as folders; and what the project has kept.

    Raises:
        ProjectError: C1008 there is none.
        TransientError: T5001, T5002, T5003.
        PermanentError: T1001-T1003, T5004-T5009.
    """
    from puntual.aws.bucket import Bucket
    from puntual.aws.clients import client
    from puntual.aws.deployment import settings_of

    name = place.declared.name
    settings = settings_of(name, client("lambda"))
    deliveries = Bucket(client("s3"), settings.deliveries, name)
    with stocked(place) as stock, tempfile.TemporaryDirectory(prefix="puntual-packages-") as folder:
        kept = Kept(
            objects=stock.archive.objects,
            archive=stock.archive,
            declared=lambda: place.declared,
            lying=_lying(deliveries),
        )
        yield _copied(deliveries, day, Path(folder)), kept


def known_there(place: There) -> tuple[bytes, SignedLog]:
    """
    Return the trust file in force and the ledger, of a deployed project.

    Raises:
        EvidenceError: V2001, V2002, V4003, V4004 they were altered or set back.
        TransientError: T5001, T5002, T5003.
        PermanentError: V5001, T5004-T5009.
    """
    name = place.declared.name
    return founded.deployed(name).data, founded.ledger(name)


def _copied(deliveries: Bucket, day: date | None, folder: Path) -> tuple[Path, ...]:
    """Copy the packages; a file that is larger than is ever read stays away, and is missed."""
    part = "" if day is None else f"_{day:%Y%m%d}_"
    listed = [
        (one, *one.name.removeprefix(EVIDENCE).partition("/")[::2])
        for one in deliveries.listed(EVIDENCE)
        if one.bytes <= LIMIT
    ]
    wanted = [
        (one, pack, name)
        for one, pack, name in listed
        if part in pack and is_package(pack) and not {pack, name} & _NO_NAMES and "/" not in name
    ]
    if not wanted:
        raise ProjectError(
            "C1008",
            "there is no evidence package to verify",
            where=deliveries.where(EVIDENCE),
            expected=f"a folder with {ENVELOPE}",
            observed="none",
            next_step="puntual run --env ENV -d DATE first, or name a package's folder",
        )
    read = deliveries.read_many(one.name for one, _, _ in wanted)
    for (_, pack, name), found in zip(wanted, read, strict=True):
        if found is not None:
            (folder / pack).mkdir(exist_ok=True)
            (folder / pack / name).write_bytes(found.data)
    return tuple(sorted(p for p in folder.iterdir() if p.is_dir()))


def _lying(deliveries: Bucket) -> Callable[[str], bytes]:
    """Return what reads what lies at a destination: below the project's name, or `s3://…`."""

    def read(place: str) -> bytes:
        if place.startswith(_SCHEME):
            bucket, _, key = place.removeprefix(_SCHEME).partition("/")
            found = deliveries.other(bucket, "").read(key)
        else:
            found = deliveries.read(place)
        if found is None:
            raise FileNotFoundError(place)
        return found.data

    return read
