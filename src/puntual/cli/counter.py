"""Where an answer of a receiver is recorded: in the project's folder, or where it is deployed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from puntual.cli import places, telling, wiring
from puntual.cli.packages import EVIDENCE
from puntual.cli.papers import papers
from puntual.local.folder import FolderDestinations
from puntual.local.pointers import SqliteLeases
from puntual.model.notice import Obligation
from puntual.model.project import AWS, Project
from puntual.model.report import Folder
from puntual.ports.clock import Clock
from puntual.ports.destinations import Destinations
from puntual.project.zones import zones_of
from puntual.runner import checkpoint
from puntual.runner.execute import Desk
from puntual.runner.noted import due_in

LEASE = "ack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """
    What recording works with.

    Attributes:
        desk: Journal and notices.
        store: What is published.
        alone: Lends the epoch under which a record is published.
        destinations: Where records are laid beside the evidence.
        evidence: In which folder of it.
        tell: Has people told of what was opened or resolved for a report's day.
    """

    desk: Desk
    store: checkpoint.Store
    alone: Callable[[], AbstractContextManager[int]]
    destinations: Destinations
    evidence: Folder
    tell: Callable[[Obligation], None]


@contextmanager
def counter(root: Path, project: Project, env: str | None, watch: Clock) -> Iterator[Counter]:
    """
    Lend what recording works with.

    Raises:
        ProjectError: C1004 boto3 is not installed; C1912 the project is not deployed.
        TransientError: T2002, T2003; T5001, T5002, T5003.
        PermanentError: T1002, T1003, T2004; T5004-T5009.
        EvidenceError: V1003 the commit log is not what was recorded, or is gone.
    """
    lent = _deployed if project.place == AWS else _here
    with lent(root, project, env, watch) as found:
        yield found


@contextmanager
def _here(root: Path, project: Project, env: str | None, watch: Clock) -> Iterator[Counter]:
    @contextmanager
    def alone() -> Iterator[int]:
        leases = SqliteLeases(places.pointers_path(root), watch)
        with closing(leases), leases.acquire(LEASE) as lease:
            yield lease.epoch

    with (
        telling.afterwards(root, project, watch),
        wiring.open_desk(root, watch, project) as (desk, _),
        wiring.open_store(root) as store,
    ):
        yield Counter(
            desk=desk,
            store=store,
            alone=alone,
            destinations=FolderDestinations(root),
            evidence=Folder(path=str(places.evidence_path(root).relative_to(root))),
            tell=lambda _: None,
        )


@contextmanager
def _deployed(root: Path, project: Project, env: str | None, watch: Clock) -> Iterator[Counter]:
    with papers(root, project, env) as found:
        from puntual.aws.bucket import Bucket
        from puntual.aws.clients import client
        from puntual.aws.deployment import settings_of
        from puntual.aws.desk import own_leases
        from puntual.aws.destinations import S3Destinations
        from puntual.aws.telling import Teller
        from puntual.aws.topics import Topics

        settings = settings_of(project.name, client("lambda"))
        s3 = client("s3")
        lake = Bucket(s3, settings.lake, project.name)
        leases = own_leases(lake)
        topics = Topics(client("sns"), settings.topics)
        told = lake.below("state/told")
        teller = Teller(told, found.notices, topics, project.name, zones=zones_of(project))

        @contextmanager
        def alone() -> Iterator[int]:
            with leases.acquire(LEASE) as lease:
                yield lease.epoch

        def tell(about: Obligation) -> None:
            teller.tell((about,), watch.now())

        yield Counter(
            desk=Desk(
                journal=found.journal,
                notices=found.notices,
                clock=watch,
                away=project.away,
                due=due_in(project),
            ),
            store=found.archive,
            alone=alone,
            destinations=S3Destinations(Bucket(s3, settings.deliveries, project.name)),
            evidence=Folder(path=EVIDENCE.rstrip("/")),
            tell=tell,
        )
