"""The one place that chooses adapters; everything else is given its ports."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from puntual.cli import books, places, restored
from puntual.cli.archive import Archive
from puntual.cli.vantage import Here
from puntual.errors import PermanentError, ProjectError, TransientError
from puntual.local.approvals import FolderApprovals
from puntual.local.disk import translated
from puntual.local.journal import SqliteJournal
from puntual.local.notices import SqliteNotices
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqliteLease, SqliteLeases, SqlitePointers
from puntual.local.views import are_stale
from puntual.local.whole import sweep
from puntual.ports.clock import Clock
from puntual.project.program import code_digest
from puntual.project.zones import zone

if TYPE_CHECKING:
    from puntual.local.database import LocalDatabases
    from puntual.model.project import Project, WarehouseSettings
    from puntual.ports.warehouse import Warehouse
    from puntual.runner.execute import Desk
    from puntual.runner.world import World


@contextmanager
def open_desk(
    root: Path, clock: Clock, project: Project | None = None
) -> Iterator[tuple[Desk, Callable[[], None]]]:
    """
    Lend journal and notices, and what gives up their files for a while; made again if gone.

    Args:
        root: The project's folder.
        clock: The time.
        project: Says when what is told of is due; None where nothing is told.

    Raises:
        TransientError: T2002, T2003.
        PermanentError: T1002 the project's folder may not be written.
        EvidenceError: V1003 the commit log is not what was recorded, or is gone.
    """
    from puntual.runner.execute import Desk
    from puntual.runner.noted import due_in

    restored.at_hand(root, clock.now())
    path = places.journal_path(root)
    with closing(SqliteJournal(path)) as journal, closing(SqliteNotices(path)) as notices:

        def give_up() -> None:
            journal.close()
            notices.close()

        due = due_in(project) if project else None
        yield Desk(journal=journal, notices=notices, clock=clock, due=due), give_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The run's lease: its epoch, and what gives up the file it is written in for a while."""

    epoch: int
    give_up: Callable[[], None]


@contextmanager
def leased(root: Path, clock: Clock, *, patience: float = 2.0) -> Iterator[Held]:
    """
    Hold the run's lease.

    It is waited for so many seconds: who only puts something on record has it for a moment.

    The lock of the lease goes on to a forked worker, on purpose: when this process is killed,
    nobody else takes the lease before the worker is dead as well.

    Raises:
        TransientError: T2003 another living process holds it.
        PermanentError: T1002 the project's folder may not be written.
        EvidenceError: V1003 the commit log is gone, and deliveries are on record.
    """
    restored.one_history(root)
    leases = SqliteLeases(places.pointers_path(root), clock)
    with closing(leases), _acquired(leases, patience) as lease:
        _swept(root)
        yield Held(epoch=lease.epoch, give_up=leases.close)


def _swept(root: Path) -> None:
    with translated(str(root)):
        for folder in places.temporary(root):
            sweep(folder)


def _acquired(leases: SqliteLeases, patience: float) -> SqliteLease:
    until = time.monotonic() + patience
    while True:
        try:
            return leases.acquire("run")
        except TransientError as exc:
            if exc.code != "T2003" or time.monotonic() >= until:
                raise
            time.sleep(0.05)


def in_turn(*calls: Callable[[], None]) -> Callable[[], None]:
    """Return what makes several calls, in order."""

    def make() -> None:
        for call in calls:
            call()

    return make


@contextmanager
def open_store(root: Path) -> Iterator[Archive]:
    """
    Lend what is published, for reading.

    Raises:
        PermanentError: T1002, T1003, T2004.
        TransientError: T2002.
    """
    with Here(root=root).store() as store:
        yield store


def show_views(root: Path) -> None:
    """
    Make the catalog's file of views anew where the worker that should have died.

    Raises:
        PermanentError: T1001, T1002, T1003, T2004.
        TransientError: T2002.
    """
    path = places.catalog_path(root)
    if are_stale(path):
        from puntual.local.catalog import SqliteCatalog

        SqliteCatalog(path).close()


class WorldOpener:
    """
    Opens the ports in a worker, for the program that the run began with.

    Every worker imports parts of the program anew; a second one might find another version.
    """

    def __init__(self, project: Project, root: Path, clock: Clock) -> None:
        self._what = (project, root, clock)
        self._code = code_digest()
        self._workers = 0

    def another(self) -> None:
        """Count a worker, before it is forked."""
        self._workers += 1

    @contextmanager
    def open(self) -> Iterator[World]:
        """
        Lend the ports; see `open_world`.

        Raises:
            PermanentError: T6004 the program was changed since the run began.
            ProjectError: C1004.
        """
        if self._workers > 1:
            _swept(self._what[1])  # what a worker that died has left
        with open_world(*self._what) as world:
            if self._workers > 1 and world.code != self._code:
                raise PermanentError(
                    "T6004",
                    "the program was changed while it ran",
                    where=str(resources.files("puntual")),
                    expected=f"code {self._code[:12]}",
                    observed=f"code {world.code[:12]}",
                    next_step="run again: it continues from what is committed, with the new code",
                )
            yield world


@contextmanager
def open_world(project: Project, root: Path, clock: Clock) -> Iterator[World]:
    """
    Lend the ports of this machine for a project, and close what they hold open.

    Raises:
        ProjectError: C1004 the warehouse's connection is not given.
        PermanentError: T1002 the project's folder may not be written.
    """
    from puntual.engines.duckdb.engine import DuckDBEngine
    from puntual.landing.land import Landing
    from puntual.local.catalog import SqliteCatalog
    from puntual.local.drop import LocalDrop
    from puntual.local.folder import FolderDestinations
    from puntual.local.stream import LocalStream
    from puntual.runner.world import World

    lake = places.lake_path(root)
    code = code_digest()
    with ExitStack() as open_ones:
        # First, since it is where a wrong project shows: then nothing has been made yet.
        warehouse = open_ones.enter_context(closing(open_warehouse(project.warehouse, root)))
        places.make_folder(lake)
        objects = LocalObjects(lake)
        engine = open_ones.enter_context(
            closing(DuckDBEngine(temporary=str(lake / ".tmp" / "engine"), roots=(str(lake),)))
        )
        path = places.pointers_path(root)
        pointers = open_ones.enter_context(closing(SqlitePointers(path)))
        journal = open_ones.enter_context(closing(SqliteJournal(places.journal_path(root))))
        catalog = open_ones.enter_context(closing(SqliteCatalog(places.catalog_path(root))))
        leases = open_ones.enter_context(closing(SqliteLeases(path, clock)))
        reached = databases(root)
        landing = Landing(
            project=project,
            objects=objects,
            pointers=pointers,
            engine=engine,
            streams=LocalStream(places.stream_path(root), clock),
            drop=LocalDrop(root),
            databases=reached,
            clock=clock,
            zone=zone,
            code=code,
        )
        yield World(
            objects=objects,
            pointers=pointers,
            leases=leases,
            engine=engine,
            warehouse=warehouse,
            lander=landing,
            destinations=FolderDestinations(root),
            journal=journal,
            catalog=catalog,
            clock=clock,
            zone=zone,
            code=code,
            databases=reached,
            approvals=approvals(root),
            books=books.lazily(root, project.name),
            secret=books.secret_of(root),
        )


def approvals(root: Path) -> FolderApprovals:
    """Return the approvals that were given in a project."""
    return FolderApprovals(places.approvals_path(root))


def databases(root: Path) -> LocalDatabases:
    """Return what reads databases; the driver of PostgreSQL is imported when it is called."""
    from puntual.local.database import LocalDatabases

    return LocalDatabases(root, postgresql=_postgresql if find_spec("psycopg") else None)


def _postgresql(*call: Any) -> Any:
    from puntual.engines.postgresql.extract import read

    return read(*call)


def check_warehouse(settings: WarehouseSettings) -> None:
    """
    Find out whether the warehouse can be named, before anything is made.

    Raises:
        ProjectError: C1004 its connection is not given, or its kind needs an extra that is not
            installed, or it is loaded on AWS alone.
    """
    if settings.kind == "duckdb":
        return
    if settings.kind == "redshift":
        raise _elsewhere(settings)
    if find_spec("psycopg") is None:
        raise _without_psycopg("psycopg is not installed")
    connection(settings.location)


def open_warehouse(settings: WarehouseSettings, root: Path) -> Warehouse:
    """
    Return the warehouse that the project names.

    Raises:
        ProjectError: C1004 its connection is not given, or its kind needs an extra that is not
            installed, or it is loaded on AWS alone.
    """
    if settings.kind == "duckdb":
        from puntual.engines.duckdb_warehouse import DuckDBWarehouse

        return DuckDBWarehouse(root / settings.location)
    if settings.kind == "redshift":
        raise _elsewhere(settings)
    try:
        from puntual.engines.postgresql.warehouse import PostgreSQLWarehouse
    except ModuleNotFoundError as exc:
        raise _without_psycopg(str(exc)) from exc
    return PostgreSQLWarehouse(connection(settings.location))


def _elsewhere(settings: WarehouseSettings) -> ProjectError:
    return ProjectError(
        "C1004",
        "this command works on one machine, and the environment is of kind aws",
        where="puntual.yaml: environments",
        expected="an environment whose warehouse this machine loads",
        observed=f"warehouse {settings.kind}",
        next_step="leave --env away; `puntual run --env` alone has the deployed machine work",
    )


def _without_psycopg(observed: str) -> ProjectError:
    return ProjectError(
        "C1004",
        "a PostgreSQL warehouse needs an extra that is not installed",
        expected="psycopg 3",
        observed=observed,
        next_step="pip install 'puntual[postgres]'",
    )


def connection(location: str) -> str:
    """
    Return what `env:NAME` stands for; anything else is returned as it is.

    Raises:
        ProjectError: C1004 the variable is not set.
    """
    scheme, _, name = location.partition(":")
    if scheme != "env":
        return location
    value = os.environ.get(name)
    if not value:
        raise ProjectError(
            "C1004",
            f"the environment variable {name} is not set",
            where="puntual.yaml: warehouse.location",
            expected=f"a connection in {name}",
            observed="nothing",
            next_step=f"export {name}=postgresql://…",
        )
    return value
