"""The port `Engine` on DuckDB: opens a bounded session for each call and hands the work on."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Lock
from uuid import uuid4

from puntual.engines.dialect.digest import totals_sql
from puntual.engines.dialect.fast import FAST
from puntual.engines.duckdb.build import build
from puntual.engines.duckdb.count import count
from puntual.engines.duckdb.curate import curate
from puntual.engines.duckdb.lines import Slice
from puntual.engines.duckdb.pieces import PIECE, Staged, StagedFile, in_turn
from puntual.engines.duckdb.planted import plant
from puntual.engines.duckdb.profile import profile
from puntual.engines.duckdb.query import query
from puntual.engines.duckdb.raw import ask, parse
from puntual.engines.duckdb.record import record_at
from puntual.engines.duckdb.rules import offending
from puntual.engines.duckdb.session import Confined, Limits, Session, open_session, reading
from puntual.engines.duckdb.split import split
from puntual.engines.duckdb.stage import open_staged, slices, stage
from puntual.engines.duckdb.totals import totals
from puntual.engines.duckdb.verdicts import verdicts_of
from puntual.engines.duckdb.workers import Workers
from puntual.model.broken_row import RawRecord
from puntual.model.check import Check, SqlRows
from puntual.model.contract import ColumnType
from puntual.model.manifest import Totals
from puntual.model.planted import Look, Planted, Sample
from puntual.model.profile import ColumnProfile
from puntual.model.project import Model
from puntual.model.seal import Landed
from puntual.ports.engine import (
    Answer,
    Built,
    Curated,
    DataFile,
    Day,
    DayPart,
    Offending,
    RawDay,
    RawPart,
)


class DuckDBEngine:
    """
    Curates on one machine, within a memory limit; see the port `Engine` for its promises.

    Calls over published files share one confined instance with all threads where `roots` are
    given; what is read and written piece by piece is done by one-thread workers. `count` may be
    called by several threads at once, for different parts.
    """

    def __init__(
        self,
        *,
        memory_limit: str = "1200MB",
        threads: int | None = None,
        temporary: str | None = None,
        temporary_limit: str = "100GB",
        roots: Sequence[str] = (),
        piece: int = PIECE,
    ) -> None:
        self.digest_algorithm = FAST
        self._temporary = temporary or tempfile.gettempdir()
        self._limits = Limits(
            memory=memory_limit,
            threads=threads or len(os.sched_getaffinity(0)),
            temporary=temporary_limit,
        )
        self._roots = tuple(roots)
        self._piece = piece
        self._scratch: str | None = None
        self._stages: dict[RawDay, Staged] = {}
        self._workers: Workers | None = None
        self._opening = Lock()
        self._confined = Confined(roots, self._temporary, self._limits) if roots else None

    def close(self) -> None:
        """Give up what is held open and on scratch; a later call makes it again."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch, self._stages = None, {}
        if self._workers is not None:
            self._workers.close()
        self._workers = None
        if self._confined is not None:
            self._confined.close()

    @contextmanager
    def _published(
        self, folder: str, files: Sequence[str] | None, *, zone: str | None, code: str, where: str
    ) -> Iterator[Session]:
        """Lend a session that reads what lies below the roots, or else these files (None: any)."""
        if self._confined is not None:
            with self._confined.session(zone=zone, code=code, where=where) as session:
                yield session
            return
        with open_session(
            folder, limits=self._limits, zone=zone or "UTC", code=code, where=where, readable=files
        ) as session:
            yield session

    def count(self, raw: RawDay) -> Landed:
        """
        Count and sum the records of a raw day.

        What was parsed for it is kept on scratch until it is curated or the engine is closed.

        Raises:
            PermanentError: T3001, T3002, Q1002, Q1004.
        """
        with self._staged(raw, self._stage(raw)) as session:
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
        parts = self._stage(raw)
        verdicts = verdicts_of(raw.contract, raw.reference_date)
        with self._staged(raw, parts) as session:
            curated = curate(
                session,
                raw,
                verdicts,
                folder,
                parts=parts,
                workers=self._pieces(),
                piece=self._piece,
            )
        for one in _parts(raw):
            staged = self._stages.pop(one, None)
            for file in staged.files if staged is not None else ():
                Path(file.path).unlink(missing_ok=True)
        return curated

    def _stage(self, raw: RawDay) -> list[Staged]:
        """Parse every part of a day that has not been parsed, several slices at once."""
        with self._opening:
            if self._scratch is None:
                Path(self._temporary).mkdir(parents=True, exist_ok=True)
                self._scratch = tempfile.mkdtemp(prefix=".staged-", dir=self._temporary)
            folder = self._scratch
        workers = self._pieces()

        with reading(raw.contract.file):
            fresh = {one: slices(one) for one in _parts(raw) if one not in self._stages}
        made: dict[RawDay, dict[int, StagedFile]] = {one: {} for one in fresh}

        def staged(asked: tuple[RawDay, int, Slice | None]) -> None:
            one, number, piece = asked
            path = str(Path(folder) / f"{uuid4().hex}.parquet")
            contract, verdicts = one.contract, verdicts_of(one.contract, one.reference_date)
            try:
                with (
                    workers.session(
                        zone=contract.time_zone, code="T3002", where=contract.file
                    ) as session,
                    reading(contract.file),
                ):
                    last = stage(session, one, verdicts, path, piece)
            except BaseException:
                Path(path).unlink(missing_ok=True)
                raise
            begin = piece.begin if piece else 0
            made[one][number] = StagedFile(path=path, after=0, until=last, begin=begin)

        try:
            workers.each(
                staged,
                [(one, n, piece) for one, cut in fresh.items() for n, piece in enumerate(cut)],
            )
        finally:
            for one, cut in fresh.items():
                files = [made[one][number] for number in sorted(made[one])]
                if len(files) == len(cut):
                    part = one.parts[0] if one.parts else RawPart(uri="", short="")
                    self._stages[one] = Staged(files=in_turn(files), part=part)
                else:
                    for file in files:
                        Path(file.path).unlink(missing_ok=True)
        return [self._stages[one] for one in _parts(raw)]

    def _pieces(self) -> Workers:
        with self._opening:
            if self._workers is None:
                self._workers = Workers(self._roots, self._temporary, self._limits)
            return self._workers

    @contextmanager
    def _staged(self, raw: RawDay, parts: Sequence[Staged]) -> Iterator[Session]:
        """Lend a session with the view `staged` over a day's parts."""
        zone, file = raw.contract.time_zone, raw.contract.file
        folder = str(Path(parts[0].files[0].path).parent)
        with self._published(folder, None, zone=zone, code="T3002", where=file) as session:
            open_staged(session, parts)
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
            return build(session, model, day, folder, workers=self._pieces())

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
        types: Mapping[str, ColumnType] | None = None,
    ) -> Totals:
        """
        Count, sum and digest the rows of Parquet files; see the port.

        Raises:
            PermanentError: T3001, T3002, Q1002.
        """
        read = (*files, *without)
        with self._published(
            self._temporary, read, zone=None, code="T3002", where="totals"
        ) as session:
            return totals(
                session,
                files,
                key,
                measures,
                algorithm=algorithm,
                without=without,
                types=types,
            )

    def digest_query(
        self,
        dataset: str,
        columns: Mapping[str, str],
        day: date,
        key: tuple[str, ...],
        *,
        algorithm: str,
        types: Mapping[str, ColumnType] | None = None,
    ) -> str:
        """
        Return a SELECT that counts and digests a dataset's day; see the port.

        Raises:
            ProjectError: R6001, R6002 a column is not there, or not of an exact type.
        """
        return totals_sql(dataset, day, key, (), columns, algorithm=algorithm, as_types=types)

    def plant(
        self, samples: tuple[Sample, ...], looks: tuple[Look, ...], *, day: date, zone: str
    ) -> Planted:
        """
        Plant every fault in every sample and measure with every look; see the port.

        Raises:
            PermanentError: T3001, T3002.
        """
        files = [s.file for s in samples if s.file]
        with self._published(
            self._temporary, files, zone=zone, code="Q1001", where="planted faults"
        ) as session:
            return plant(session, samples, looks, day=day)

    def profile(
        self, files: tuple[DataFile, ...], columns: tuple[tuple[str, str], ...], *, zone: str
    ) -> tuple[ColumnProfile, ...]:
        """
        Describe columns: nulls, distinct values, range; see the port.

        Raises:
            PermanentError: T3001, T3002.
        """
        read = [f.path for f in files]
        with self._published(
            self._temporary, read, zone=zone, code="T3002", where="profile"
        ) as session:
            return profile(session, files, columns)

    def record(self, raw: RawDay, position: int, folder: str) -> RawRecord | None:
        """
        Return one record of a raw day's only part, and how the contract reads it.

        Raises:
            PermanentError: T3001, T3002, Q1004.
        """
        zone, file = raw.contract.time_zone, raw.contract.file
        with open_session(folder, limits=self._limits, zone=zone, where=file) as session:
            return record_at(session, raw, position, folder)

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

    def ask_raw(
        self,
        raw: RawDay,
        asked: tuple[str, ...],
        tables: Mapping[str, tuple[str, ...]],
        folder: str,
    ) -> tuple[Answer, ...]:
        """
        Parse a raw day anew from its bytes, and answer SELECTs over it; see the port.

        Raises:
            PermanentError: T3001, T3002, Q1001, Q1002, Q1004.
        """
        zone, file = raw.contract.time_zone, raw.contract.file
        with open_session(folder, limits=self._limits, zone=zone, where=file) as session:
            parsed = parse(session, raw, folder)
        files = [parsed, *_files(tables.values())]
        with open_session(
            folder, limits=self._limits, zone=zone, code="Q1001", where=file, readable=files
        ) as session:
            return ask(session, raw, parsed, asked, tables)


def _parts(raw: RawDay) -> tuple[RawDay, ...]:
    """Return a raw day part by part; a day without parts is one without records."""
    return tuple(replace(raw, parts=(part,)) for part in raw.parts) or (raw,)


def _files(tables: Iterable[tuple[str, ...]]) -> list[str]:
    return [file for files in tables for file in files]
