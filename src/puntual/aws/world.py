"""
Composes the ports of a run on AWS; everything else is given its ports.

The engine is chosen by who runs: a function measures with DuckDB on verified local copies, a
Glue job may bring Spark.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

from puntual.aws import begin as beginning
from puntual.aws import books
from puntual.aws.approvals import S3Approvals
from puntual.aws.bucket import Bucket
from puntual.aws.bundle import folder_of
from puntual.aws.cache import Cache, local_disk
from puntual.aws.catalog import GlueCatalog
from puntual.aws.clients import client
from puntual.aws.commits import S3CommitLog, S3Index
from puntual.aws.destinations import S3Destinations
from puntual.aws.drop import S3Drop
from puntual.aws.fanned import Streams, alone
from puntual.aws.journal import S3Journal
from puntual.aws.leases import RUN, S3Leases, leases_of
from puntual.aws.log import Log
from puntual.aws.notices import S3Notices
from puntual.aws.objects import S3Objects
from puntual.aws.pointers import S3Pointers
from puntual.aws.pseudonyms import secret_of
from puntual.aws.redshift_data import DataApi
from puntual.aws.runs import Kind, RunOrder, S3Runs
from puntual.aws.secrets import Secrets
from puntual.aws.settings import Settings
from puntual.aws.stream import KinesisStream, reading_client
from puntual.aws.tasks import Office, answer_of, carry
from puntual.aws.telling import Teller
from puntual.aws.tips import S3Tips
from puntual.aws.topics import Topics
from puntual.aws.warehouse import RedshiftWarehouse
from puntual.aws.wire import order_in, ref_in
from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.engines.postgresql.extract import read as read_postgresql
from puntual.errors import PuntualError, machine_fault
from puntual.landing.databases import SourceDatabases
from puntual.landing.land import Landing
from puntual.model.notice import Obligation
from puntual.model.project import Project
from puntual.planner.flow import flow
from puntual.planner.plan import plan
from puntual.planner.worst import worst
from puntual.ports.clock import Clock
from puntual.ports.engine import Engine
from puntual.project.program import code_digest
from puntual.project.read import read_project
from puntual.project.zones import zone, zones_of
from puntual.runner.again import why
from puntual.runner.clock import FixedClock, SystemClock
from puntual.runner.execute import Desk
from puntual.runner.noted import due_in
from puntual.runner.step import NOT_NEEDED, Answer, InProcess
from puntual.runner.world import World

Engines = Callable[[Cache], AbstractContextManager[Engine]]
"""Lends an engine that reads located objects and works in a cache's folder."""

ANY_DAY = date(2000, 1, 1)
"""How long a run lasts at most does not depend on its day."""

SLACK = timedelta(minutes=15)
"""A lease lasts so much longer than the longest run."""


@contextmanager
def duckdb(cache: Cache) -> Iterator[Engine]:
    """Lend DuckDB, in a function's or job's memory and on its local disk."""
    folder = cache.folder
    with closing(DuckDBEngine(temporary=str(folder / "engine"), roots=(str(folder),))) as engine:
        yield engine


@contextmanager
def deployed(settings: Settings) -> Iterator[Project]:
    """
    Read the project that is deployed, in the environment that it was deployed for.

    Raises:
        ProjectError: C1000 it is wrong, which `puntual deploy` would have refused.
        TransientError: T5001, T5002, T5003.
        PermanentError: T5004-T5008.
        EvidenceError: V1005.
    """
    folder = folder_of(settings.project, _cache_folder(settings), client("s3"))
    yield read_project(folder, env=settings.environment or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Where the states of one run work.

    Attributes:
        office: Journal, notices and what the run has come to.
        world: The ports of its steps.
        worker: Does a step.
        landing: Lands its sources.
        lease: Makes the leases of a holder.
        teller: Publishes what people are told.
    """

    office: Office
    world: World
    worker: InProcess
    landing: Landing
    lease: Callable[[str], S3Leases]
    teller: Teller

    def begin(self, said: Mapping[str, Any], day: date, execution: str) -> RunOrder:
        """
        Take the lease and lay down what a run is to do; it is given back if nothing is.

        Args:
            said: The execution's input.
            day: The reference date.
            execution: ARN of the execution, which holds the lease from now on.

        Raises:
            ProjectError: P1001, P1004, P1005, P1006, C1911.
            TransientError: T2003 another run holds the lease; T5001, T5002, T5003.
            PermanentError: T5004-T5008.
            EvidenceError: V1003, V1004.
        """
        leases = self.lease(execution)
        epoch = leases.acquire(RUN).epoch
        try:
            order = beginning.prepare(
                self.office, self.world, said, day, epoch=epoch, execution=execution
            )
        except BaseException:
            leases.release(RUN, epoch)
            raise
        if order.kind is Kind.NOTHING:
            leases.release(RUN, epoch)
        return order

    def judge(self, event: Mapping[str, Any]) -> dict[str, object]:
        """
        Return what the machine is told of a job; see `begin.judged`.

        Raises:
            Failed: What the job failed by.
        """
        order = order_in(event)
        job: Mapping[str, Any] = event.get("job") or {}
        kept = beginning.judged(self.office, self.run_of(event), order.task, order.steps, job)
        not_needed = {step: Answer(outcome=NOT_NEEDED, summary="") for step in order.steps}
        return answer_of(order, {**not_needed, **kept.answers})

    def rescue(self, event: Mapping[str, Any]) -> dict[str, object]:
        """
        Say of which reports plan B is delivered; see `begin.rescue`.

        Raises:
            EvidenceError: P3045 an approval was altered.
        """
        error: Mapping[str, Any] = event.get("error") or {}
        return beginning.rescue(self.office, self.run_of(event), error, self.world.approvals)

    def run_of(self, event: Mapping[str, Any]) -> RunOrder:
        """
        Return what the run of a payload is to do; in the states of plan B, what they are told.

        Raises:
            ProjectError: C1911.
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        run = self.office.runs.order(ref_in(event.get("run")).id)
        if not event.get("fault"):
            return run
        reports = tuple(str(name) for name in event.get("reports") or ())
        kept = self.office.runs.outcomes(run.ref.id)
        return replace(
            run,
            kind=Kind.PLAN_B,
            reports=reports,
            fault=str(event["fault"]),
            faults={
                report: why(failed.fault)
                for report, failed in beginning.told_alone(kept).items()
                if isinstance(failed.fault, PuntualError)
            },
            restatements=(),
            anew=(),
        )

    def carry(self, event: Mapping[str, Any], *, by: str) -> dict[str, object]:
        """
        Do the steps of a state; see `tasks.carry`.

        Raises:
            Failed: A step failed.
        """
        return carry(self.office, order_in(event), self.run_of(event), self.worker, by=by)

    def tell(self, event: Mapping[str, Any]) -> dict[str, object]:
        """
        Open the notices of a state, and tell who is to be told.

        Raises:
            Failed: They could not be written down.
        """
        run = self.run_of(event)
        answer = beginning.tell(self.office, run, self.worker, event)
        return answer | {"told": self._tell(run)}

    def end(self, event: Mapping[str, Any]) -> dict[str, object]:
        """
        Resolve what no longer holds, and give the lease back.

        Raises:
            TransientError: The notices or the lease cannot be written; run again.
            PermanentError: They never will be.
        """
        run = self.run_of(event)
        beginning.settle(self.office, run, self.worker)
        self._tell(run)
        self.lease(run.execution).release(RUN, run.ref.epoch)
        return {"released": run.ref.epoch}

    def _tell(self, run: RunOrder) -> int:
        """Publish what is new about the reports of a run."""
        day = run.ref.reference_date
        about = [Obligation(report=report, reference_date=day) for report in run.reports]
        return self.teller.tell(about, self.office.desk.clock.now())


@contextmanager
def opened(
    settings: Settings,
    project: Project,
    engines: Engines,
    *,
    run: str = "",
    as_of: datetime | None = None,
    environment: Mapping[str, str] | None = None,
    streams: Streams = alone,
) -> Iterator[Place]:
    """
    Lend the ports of a run.

    Args:
        settings: The deployment.
        project: What is deployed.
        engines: What measures.
        run: The run's id, for its log.
        as_of: The instant that it goes by; None for the clock.
        environment: Where `env:NAME` is looked up before Secrets Manager; None for this process.
        streams: Who reads streams.

    Raises:
        TransientError: T5001, T5002, T5003.
        PermanentError: T5004-T5009.
    """
    clock = SystemClock() if as_of is None else FixedClock(as_of)
    s3 = client("s3")
    lake = Bucket(s3, settings.lake, project.name)
    state = lake.below("state")
    with ExitStack() as stack:
        own = stack.enter_context(_own_folder(settings))
        cache = Cache(own, settings.cache_bytes)
        log = S3CommitLog(state.below("commits"))
        index = S3Index(log)
        journal = S3Journal(lake.below("journal"))
        world, landing = _world(
            settings, project, stack.enter_context(engines(cache)), clock,
            lake=lake, cache=cache, log=log, index=index, journal=journal,
            environment=os.environ if environment is None else environment, streams=streams,
        )  # fmt: skip
        notices = S3Notices(lake.below("notices"))
        topics = Topics(client("sns"), settings.topics)
        office = Office(
            project=project,
            desk=Desk(
                journal=journal,
                notices=notices,
                clock=clock,
                away=project.away,
                due=due_in(project),
            ),
            runs=S3Runs(state),
            watch=Log(run),
            machine=SystemClock(),
        )
        yield Place(
            office=office,
            world=world,
            worker=InProcess(project, world, machine_faults),
            landing=landing,
            lease=lambda holder: _leases(project, state, index, holder),
            teller=Teller(
                state.below("told"), notices, topics, project.name, zones=zones_of(project)
            ),
        )


@contextmanager
def machine_faults(where: str) -> Iterator[None]:
    """
    Turn what only the machine can be at fault for into its known fault; the rest stays a bug.

    Raises:
        PermanentError: T1001 the local disk is full; T1003 it does not answer.
    """
    try:
        yield
    except OSError as error:
        known = machine_fault(error.strerror or "", where)
        if known is None:
            raise
        raise known from error


def _world(
    settings: Settings,
    project: Project,
    engine: Engine,
    clock: Clock,
    *,
    lake: Bucket,
    cache: Cache,
    log: S3CommitLog,
    index: S3Index,
    journal: S3Journal,
    environment: Mapping[str, str],
    streams: Streams,
) -> tuple[World, Landing]:
    evidence = Bucket(lake.s3, settings.evidence, project.name)
    objects = S3Objects(lake, cache)
    pointers = S3Pointers(index)
    code = code_digest()
    databases = SourceDatabases(
        readers={"postgresql": read_postgresql},
        environment=Secrets(environment, client("secretsmanager"), project.name),
        border=local_disk,
    )
    kinesis = KinesisStream(reading_client(), SystemClock(), tips=S3Tips(lake.below("state/tips")))
    landing = Landing(
        project=project,
        objects=objects,
        pointers=pointers,
        engine=engine,
        streams=streams(kinesis, settings, project.name),
        drop=S3Drop(lake.below("incoming")),
        databases=databases,
        clock=clock,
        zone=zone,
        code=code,
    )
    world = World(
        objects=objects,
        pointers=pointers,
        leases=_leases(project, lake.below("state"), index, ""),
        engine=engine,
        warehouse=RedshiftWarehouse(
            DataApi(
                client("redshift-data"), workgroup=settings.workgroup, database=settings.database
            ),
            lake.below("loads"),
            address=lambda path: _address(lake, cache, path),
        ),
        lander=landing,
        destinations=S3Destinations(Bucket(lake.s3, settings.deliveries, project.name)),
        journal=journal,
        catalog=GlueCatalog(client("glue"), lake, settings.catalog),
        clock=clock,
        zone=zone,
        code=code,
        databases=databases,
        approvals=S3Approvals(lake.below("approvals")),
        books=books.lazily(lake, evidence, log, settings.signers, settings.authority),
        secret=secret_of(lambda: client("kms"), settings.pseudonyms),
    )
    return world, landing


def _address(lake: Bucket, cache: Cache, path: str) -> str | None:
    """Return where the object lies of which a local file is the copy; None if it is none."""
    copies = cache.folder / "objects"
    if not Path(path).is_relative_to(copies):
        return None
    return lake.where(Path(path).relative_to(copies).as_posix())


def _leases(project: Project, state: Bucket, index: S3Index, holder: str) -> S3Leases:
    """Return the leases of a holder; they end some time after the longest run."""
    longest = worst(flow(project, plan(project, ANY_DAY)))
    return leases_of(state, index, holder=holder, lasts=timedelta(seconds=ceil(longest)) + SLACK)


@contextmanager
def _own_folder(settings: Settings) -> Iterator[Path]:
    """Lend a folder that no other process works in, and leave nothing of it behind."""
    base = _cache_folder(settings)
    with local_disk(str(base)):
        base.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cache_folder(settings: Settings) -> Path:
    """Return the folder of this process on the local disk: `/tmp` of a function."""
    return Path(settings.cache or tempfile.gettempdir()) / "puntual"
