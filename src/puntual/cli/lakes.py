"""What a replay reads of what was published: in the lake of this machine, or copied from S3."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from puntual.cli import books, places
from puntual.local.disk import translated
from puntual.local.objects import LocalObjects
from puntual.model.project import AWS, Project
from puntual.ports.objects import Objects

COPIES = "copies"
"""Folder of what is copied from S3, beside what is made of it; it is never kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lake:
    """
    Published objects, for reading.

    Attributes:
        objects: Where they lie; those of S3 are copied, and their digests compared, when they
            are located.
        folder: Where located ones lie on this machine.
        secret: From which the project's pseudonyms are made; None: without one.
        let_go: Says that no copy is in use any more.
    """

    objects: Objects
    folder: Path
    secret: Callable[[], bytes] | None
    let_go: Callable[[], None] = lambda: None


Lender = Callable[[Path], AbstractContextManager[Lake]]
"""Lends the lake, to be read while one folder is worked in."""


def lake_of(project: Project, root: Path, *, sharers: int) -> Lender:
    """
    Return what lends the lake of a project, where its environment is.

    Args:
        project: As its environment reads it.
        root: Its folder on this machine.
        sharers: How many processes copy to this machine's disk at once.

    Raises:
        ProjectError: C1912 it is not deployed.
        TransientError: T5001, T5002.
        PermanentError: T5004-T5009.
    """
    if project.place == AWS:
        return _deployed(project.name, sharers)
    here = Lake(
        objects=LocalObjects(places.lake_path(root)),
        folder=places.lake_path(root),
        secret=books.secret_of(root),
    )

    @contextmanager
    def lent(_: Path) -> Iterator[Lake]:
        yield here

    return lent


def _deployed(name: str, sharers: int) -> Lender:
    from puntual.aws.bucket import Bucket
    from puntual.aws.cache import Cache
    from puntual.aws.clients import client
    from puntual.aws.deployment import settings_of
    from puntual.aws.objects import S3Objects
    from puntual.aws.pseudonyms import secret_of

    settings = settings_of(name, client("lambda"))
    bucket = Bucket(client("s3"), settings.lake, name)
    secret = secret_of(lambda: client("kms"), settings.pseudonyms)

    @contextmanager
    def lent(folder: Path) -> Iterator[Lake]:
        copies = folder / COPIES
        with translated(str(folder)):
            room = shutil.disk_usage(folder).free // 2 // sharers
        objects = S3Objects(bucket, Cache(copies, room))
        try:
            yield Lake(objects=objects, folder=copies, secret=secret, let_go=objects.release)
        finally:
            # They are what people have sent: however it ends, and whatever is kept, they go.
            with translated(str(copies)), suppress(FileNotFoundError):
                shutil.rmtree(copies)

    return lent
