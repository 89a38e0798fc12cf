"""Where a person's agreement is kept: in the project's folder, or where it is deployed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from puntual.cli import places, remote, restored
from puntual.cli.archive import Archive
from puntual.local.approvals import FolderApprovals
from puntual.local.journal import SqliteJournal
from puntual.local.notices import SqliteNotices
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqlitePointers
from puntual.model.project import AWS, Project
from puntual.ports.approvals import Approvals
from puntual.ports.journal import Journal
from puntual.ports.notices import Notices

CACHE_BYTES = 64 << 20
"""Kept of a deployed project's objects while one command reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """Approvals, journal, what people were told, and what is published, for reading."""

    approvals: Approvals
    journal: Journal
    notices: Notices
    archive: Archive


@contextmanager
def papers(root: Path, project: Project, env: str | None) -> Iterator[Papers]:
    """
    Lend the papers of a project: of this machine, or of where its environment is deployed.

    Raises:
        ProjectError: C1004 boto3 is not installed; C1912 the project is not deployed.
        TransientError: T2002, T5001, T5002, T5003.
        PermanentError: T1002, T1003, T2004, T5004-T5009.
    """
    if project.place == AWS:
        with remote.led_to_stage(root, env or ""), tempfile.TemporaryDirectory() as folder:
            yield _deployed(project, Path(folder), env)
        return
    restored.at_hand(root)
    journal = SqliteJournal(places.journal_path(root))
    notices = SqliteNotices(places.journal_path(root))
    pointers = SqlitePointers(places.pointers_path(root))
    try:
        yield Papers(
            approvals=FolderApprovals(places.approvals_path(root)),
            journal=journal,
            notices=notices,
            archive=Archive(objects=LocalObjects(places.lake_path(root)), pointers=pointers),
        )
    finally:
        pointers.close()
        notices.close()
        journal.close()


def _deployed(project: Project, folder: Path, env: str | None) -> Papers:
    from puntual.aws.bucket import Bucket
    from puntual.aws.cache import Cache
    from puntual.aws.clients import client
    from puntual.aws.commits import S3CommitLog, S3Index
    from puntual.aws.desk import remote_desk
    from puntual.aws.objects import S3Objects
    from puntual.aws.pointers import S3Pointers

    desk = remote_desk(project.name)
    lake = Bucket(client("s3"), desk.settings.lake, project.name)
    return Papers(
        approvals=desk.approvals,
        journal=desk.journal,
        notices=desk.notices,
        archive=Archive(
            objects=S3Objects(lake, Cache(folder, CACHE_BYTES)),
            pointers=S3Pointers(S3Index(S3CommitLog(lake.below("state/commits")))),
            env=env,
        ),
    )
