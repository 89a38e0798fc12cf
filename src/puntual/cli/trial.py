"""A world of its own in a trial folder: the ports that a replay works through."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from puntual.cli import places
from puntual.cli.lakes import Lake
from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.engines.duckdb_warehouse import DuckDBWarehouse
from puntual.errors import PuntualError
from puntual.local.catalog import SqliteCatalog
from puntual.local.folder import FolderDestinations
from puntual.local.journal import SqliteJournal
from puntual.local.overlay import Overlay
from puntual.local.pointers import SqliteLeases, SqlitePointers
from puntual.model.manifest import Digest
from puntual.ports.clock import Clock
from puntual.ports.landing import LandedDay, LateDay
from puntual.project.zones import zone
from puntual.runner.world import World

_MIB = 1 << 20
_LEAST, _MOST = 200, 1200


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """
    What one of several processes may use of the machine.

    Attributes:
        memory: Of each of its two DuckDB instances, such as `600MB`.
        threads: Of each.
    """

    memory: str
    threads: int

    @classmethod
    def of(cls, processes: int) -> Share:
        """
        Share the machine out.

        Memory is `min(1200, max(200, available / processes / 3))` MB: two instances, and a
        third for Python and what DuckDB does not count.
        """
        available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _MIB
        share = min(_MOST, max(_LEAST, available // processes // 3))
        cores = len(os.sched_getaffinity(0))
        return cls(memory=f"{share}MB", threads=max(1, cores // processes))


class NothingLands:
    """A port `Lander` where everything has been landed: asking it is a bug."""

    def land(self, source: str, reference_date: date, *, epoch: int) -> LandedDay:
        """Refuse."""
        raise AssertionError(f"a replay lands nothing, but {source} was asked for")

    def restate(self, source: str, reference_date: date) -> LandedDay | None:
        """Refuse."""
        raise AssertionError(f"a replay lands nothing, but {source} was asked for")

    def unanswered(self, source: str, reference_date: date, fault: PuntualError) -> LandedDay:
        """Refuse."""
        raise AssertionError(f"a replay lands nothing, but {source} was asked for")

    def land_late(self, source: str, reference_date: date, *, epoch: int) -> LateDay:
        """Refuse."""
        raise AssertionError(f"a replay lands nothing, but {source} was asked for")


@contextmanager
def open_trial(
    folder: Path,
    lake: Lake,
    warehouse: Path,
    *,
    code: Digest,
    clock: Clock,
    share: Share,
    portable: bool = False,
) -> Iterator[World]:
    """
    Lend the ports of a trial, and close what they hold open.

    Args:
        folder: Where everything is written.
        lake: What is published, which is read.
        warehouse: A DuckDB file in or beside the folder.
        code: Digest of the program.
        clock: For what a delivery's state is at this moment.
        share: What it may use of the machine.
        portable: The warehouse digests rows as every engine does.

    Raises:
        PermanentError: T1001, T1002, T1003.
    """
    upper = places.lake_path(folder)
    with ExitStack() as opened:
        loaded = DuckDBWarehouse(
            warehouse, memory_limit=share.memory, threads=share.threads, portable=portable
        )
        engine = DuckDBEngine(
            memory_limit=share.memory,
            threads=share.threads,
            temporary=str(upper / ".tmp" / "engine"),
            roots=(str(upper), str(lake.folder)),
        )
        pointers = SqlitePointers(places.pointers_path(folder))
        journal = SqliteJournal(places.journal_path(folder))
        catalog = SqliteCatalog(places.catalog_path(folder), views=False)
        leases = SqliteLeases(places.pointers_path(folder), clock)
        for port in (loaded, engine, pointers, journal, catalog, leases):
            opened.enter_context(closing(port))
        yield World(
            objects=Overlay(upper, lake.objects),
            pointers=pointers,
            leases=leases,
            engine=engine,
            warehouse=loaded,
            lander=NothingLands(),
            destinations=FolderDestinations(folder),
            journal=journal,
            catalog=catalog,
            clock=clock,
            zone=zone,
            code=code,
            secret=lake.secret,
        )
