"""The port `Engine` on DuckDB: opens a bounded session for each call and hands the work on."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from puntual.engines.duckdb.build import build
from puntual.engines.duckdb.count import count
from puntual.engines.duckdb.curate import curate
from puntual.engines.duckdb.query import query
from puntual.engines.duckdb.rules import offending
from puntual.engines.duckdb.session import Confined, Limits, Session, open_session
from puntual.engines.duckdb.split import split
from puntual.engines.duckdb.stage import open_staged, stage
from puntual.engines.duckdb.totals import FAST, totals
from puntual.engines.duckdb.verdicts import Verdicts, verdicts_of
from puntual.model.check import Check, SqlRows
from puntual.model.manifest import Totals
from puntual.model.project import Model
from puntual.model.seal import Landed
from puntual.ports.engine import Answer, Built, Curated, Day, DayPart, Offending, RawDay


class DuckDBEngine:
    """
    Curates on one machine, within a memory limit; see the port `Engine` for its promises.

    A call that reads raw objects opens its own connection, on a scratch database in the call's
    folder (or in `temporary` where a call has none), and removes it again. Calls over published
    files share one confined instance where `roots` are given.
    """

    def __init__(
        self,
        *,
        memory_limit: str = "1200MB",
        threads: int | None = None,
        temporary: str | None = None,
        temporary_limit: str = "100GB",
        roots: Sequence[str] = (),
    ) -> None:
        self.digest_algorithm = FAST
        self._temporary = temporary or tempfile.gettempdir()
        self._limits = Limits(
            memory=memory_limit,
            threads=threads or len(os.sched_getaffinity(0)),
            temporary=temporary_limit,
        )
        self._scratch: str | None = None
        self._stages: dict[RawDay, str] = {}
        self._confined = Confined(roots, self._temporary, self._limits) if roots else None

    def close(self) -> None:
        """Give up what is held open and on scratch; a later call makes it again."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch, self._stages = None, {}
        if self._confined is not None:
            self._confined.close()

    @contextmanager
    def _published(
        self, folder: str, files: Sequence[str] | None, *, zone: str, code: str, where: str
    ) -> Iterator[Session]:
        """Lend a session that reads what lies below the roots, or else these files (None: any)."""
        if self._confined is not None:
            with self._confined.session(zone=zone, code=code, where=where) as session:
                yield session
            return
        with open_session(
            folder, limits=self._limits, zone=zone, code=code, where=where, readable=files
        ) as session:
            yield session

    def count(self, raw: RawDay) -> Landed:
        """
        Count and sum the records of a raw day.

        What was parsed for it is kept on scratch until it is curated or the engine is closed.

        Raises:
            PermanentError: T3001, T3002, Q1002, Q1004.
        """
        with self._staged(raw, verdicts_of(raw.contract, raw.reference_date)) as session:
            return count(session, raw)

    def split(self, raw: RawDay, folder: str) -> tuple[DayPart, ...]:
        """
        Divide freshly read stream records by the day they belong to.

        Raises:
            PermanentError: T3001, T3002, Q1004.
        """
        zone, file = raw.contract.time_zone, raw.contract.file
        with open_session(folder, limits=self._limits, zone=zone, where=file) as session:
            return split(session, raw, folder)

    def curate(self, raw: RawDay, folder: str) -> Curated:
        """
        Parse, set aside, remove duplicates; see `Curated`.

        Raises:
            PermanentError: T3001, T3002, Q1002, Q1004.
        """
        verdicts = verdicts_of(raw.contract, raw.reference_date)
        with self._staged(raw, verdicts) as session:
            curated = curate(session, raw, verdicts, folder)
        for one in _parts(raw):
            path = self._stages.pop(one, None)
            if path is not None:
                Path(path).unlink(missing_ok=True)
        return curated

    @contextmanager
    def _staged(self, raw: RawDay, verdicts: Verdicts) -> Iterator[Session]:
        """Lend a session with the view `staged`; a part that was parsed before is not again."""
        if self._scratch is None:
            Path(self._temporary).mkdir(parents=True, exist_ok=True)
            self._scratch = tempfile.mkdtemp(prefix=".staged-", dir=self._temporary)
        zone, file = raw.contract.time_zone, raw.contract.file
        with self._published(self._scratch, None, zone=zone, code="T3002", where=file) as session:
            for one in _parts(raw):
                if one not in self._stages:
                    path = str(Path(self._scratch) / f"{uuid4().hex}.parquet")
                    stage(session, one, verdicts, path)
                    self._stages[one] = path
            open_staged(session, [self._stages[one] for one in _parts(raw)])
            yield session

    def build(self, model: Model, day: Day, folder: str) -> Built:
        """
        Run a model's SELECT over curated tables; see `Built`.

        Raises:
            PermanentError: T3001, Q1001, Q1002.
        """
        files = _files(day.tables.values())
        with self._published(
            folder, files, zone=day.zone, code="Q1001", where=model.file
        ) as session:
            return build(session, model, day, folder)

    def offending(
        self, check: Check, measures: tuple[str, ...], day: Day, folder: str
    ) -> Offending:
        """
        Find the rows that break a rule; `measures` are the dataset's.

        Raises:
            PermanentError: T3001, Q1001, Q1005.
        """
        files = _files(day.tables.values())
        where = check.rule.file if isinstance(check.rule, SqlRows) else check.id
        with self._published(folder, files, zone=day.zone, code="Q1001", where=where) as session:
            return offending(session, check, measures, day, folder)

    def totals(
        self,
        files: tuple[str, ...],
        key: tuple[str, ...],
        measures: tuple[str, ...],
        *,
        algorithm: str,
        without: tuple[str, ...] = (),
    ) -> Totals:
        """
        Count, sum and digest the rows of Parquet files; see the port.

        Raises:
            PermanentError: T3001, T3002, Q1002.
        """
        read = (*files, *without)
        with self._published(
            self._temporary, read, zone="UTC", code="T3002", where="totals"
        ) as session:
            return totals(session, files, key, measures, algorithm=algorithm, without=without)

    def query(self, sql: str, day: Day, *, limit: int | None) -> Answer:
        """
        Answer a read-only SELECT over curated tables.

        Raises:
            PermanentError: T3001, Q1001.
        """
        files = _files(day.tables.values())
        with self._published(
            self._temporary, files, zone=day.zone, code="Q1001", where="query"
        ) as session:
            return query(session, sql, day, limit=limit)


def _parts(raw: RawDay) -> tuple[RawDay, ...]:
    """Return a raw day part by part; a day without parts is one without records."""
    return tuple(replace(raw, parts=(part,)) for part in raw.parts) or (raw,)


def _files(tables: Iterable[tuple[str, ...]]) -> list[str]:
    return [file for files in tables for file in files]
