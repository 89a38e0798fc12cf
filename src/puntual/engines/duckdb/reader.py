"""
How DuckDB reads records and statements, for an engine that holds and distributes the data itself.

The same expressions read a record here and on one machine, so that no record is read in two ways:
what is no JSON, which digits a number has, what a pattern matches and which instant a local time
is are not the same in two libraries. SQL is written in DuckDB's dialect (design 4.6), so what
type a column of an answer has is DuckDB's to say too. No file is opened here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, assert_never

import pyarrow as pa
import pyarrow.compute as pc

from puntual.engines.dialect.sql import type_sql
from puntual.engines.duckdb.lines import PART_SHIFT, cut_content
from puntual.engines.duckdb.read import Cut, records_sql
from puntual.engines.duckdb.session import Limits, Session, open_session
from puntual.engines.duckdb.stage import unread_sql
from puntual.engines.duckdb.tables import one_select, values_of
from puntual.engines.duckdb.verdicts import day_sql, verdicts_of
from puntual.model.contract import Column, Csv
from puntual.ports.engine import RawDay

Asked = Literal["verdicts", "day"]
Given = Literal["lines", "rows", "contents"]

ORDINAL = "puntual ordinal"
"""The column of a typed row's ordinal; no column of a source has a blank in its name."""

_GIVEN = "given_records"


@dataclass(frozen=True, slots=True, kw_only=True)
class DuckDBReader:
    """
    Reads with a DuckDB of one thread and bounded memory in this process.

    It holds nothing, so that it can be sent to another process.
    """

    memory: str = "500MB"

    def columns(
        self, sql: str, day: date, zone: str, tables: Mapping[str, pa.Schema]
    ) -> tuple[tuple[str, str], ...]:
        """
        Return (name, type in DuckDB's words) of a SELECT's columns, over tables without rows.

        Args:
            sql: One SELECT in DuckDB's dialect, with `:reference_date` as its only parameter.
            day: The parameter's value.
            zone: IANA zone of the session.
            tables: By name, what a table's columns are.

        Raises:
            PermanentError: Q1001 it is no SELECT over these tables.
        """
        limits = Limits(memory=self.memory, threads=1)
        with open_session(
            tempfile.gettempdir(), limits=limits, zone=zone, code="Q1001", where="statement"
        ) as session:
            for name, schema in tables.items():
                session.connection.register(name, schema.empty_table())
            bound = one_select(sql, "statement")
            session.rows("SET enable_external_access = false")
            cursor = session.cursor(f"SELECT * FROM ({bound}\n) LIMIT 0", values_of(bound, day))
            return tuple((str(c[0]), str(c[1])) for c in cursor.description or ())

    def verdicts(self, raw: RawDay) -> tuple[tuple[str, str, str], ...]:
        """Return (class, reason, column) of the verdicts that records can get, from number 1."""
        known = verdicts_of(raw.contract, raw.reference_date).known
        return tuple((v.of_class, v.reason, v.column) for v in known)

    def parse(
        self,
        raw: RawDay,
        asked: Asked,
        given: Given,
        batches: Iterable[pa.RecordBatch],
        *,
        part: int,
        first: str,
    ) -> Iterator[pa.RecordBatch]:
        """
        Parse records of one part, or of a stream.

        Args:
            raw: The day, with this part alone, or with the stream's parts.
            asked: `verdicts` gives (ordinal, verdict, unread, v0 …), `day` gives (ordinal, day).
            given: What the batches hold: `lines` (ordinal, line, flaw) with the line's bytes;
                `rows` the ordinal, named `ORDINAL`, and the columns of a Parquet object;
                `contents` (content) the bytes of whole text objects.
            batches: What is parsed.
            part: The number of the part, for whole objects.
            first: The first line of the part, where it has a header.

        Returns:
            Batches in the order of those that were given; instants in UTC.

        Raises:
            PermanentError: T3001, T3002, Q1002; see `session.translate`.
        """
        contract = raw.contract
        columns = contract.columns
        if asked == "day":
            columns = tuple(c for c in columns if c.name == contract.day_column)
        limits = Limits(memory=self.memory, threads=1)
        with open_session(
            tempfile.gettempdir(), limits=limits, zone=contract.time_zone, where=contract.file
        ) as session:
            task = _Task(session=session, raw=raw, asked=asked, columns=columns)
            for batch in batches:
                match given:
                    case "lines":
                        yield from _lines(task, batch, first)
                    case "rows":
                        yield from _answers(task, batch, Cut(relation=_GIVEN, ordinal=ORDINAL))
                    case "contents":
                        for content in batch.column(0):
                            yield from _whole(task, content.as_py(), part)
                    case _:
                        assert_never(given)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What is asked of every batch."""

    session: Session
    raw: RawDay
    asked: Asked
    columns: tuple[Column, ...]


def _whole(task: _Task, data: bytes, part: int) -> Iterator[pa.RecordBatch]:
    form = task.raw.contract.format
    first: str | None = None
    for lines in cut_content(part << PART_SHIFT, data, form if isinstance(form, Csv) else None):
        if first is None and lines.num_rows:
            first = lines.column(1)[0].as_py() or ""
        yield from _answers(task, lines, Cut(relation=_GIVEN, first=first or ""))


def _lines(task: _Task, batch: pa.RecordBatch, first: str) -> Iterator[pa.RecordBatch]:
    """Decode lines and parse them; a payload that is not there is an empty one."""
    decoded = (
        f"(SELECT ordinal, line, CASE WHEN flaw IS NULL AND line IS NULL THEN 'bad_encoding' "
        f"ELSE flaw END AS flaw FROM (SELECT ordinal, flaw, CASE WHEN flaw = 'too_long' THEN NULL "
        f"ELSE TRY(decode(coalesce(line, ''::BLOB))) END AS line FROM {_GIVEN}))"
    )
    yield from _answers(task, batch, Cut(relation=decoded, first=first or _some(batch)))


def _some(batch: pa.RecordBatch) -> str:
    """Return a batch's first line for its form, on which no answer depends."""
    line = batch.column(1)[0].as_py() if batch.num_rows else None
    return (line or b"").decode("utf-8", "replace")


def _answers(task: _Task, batch: pa.RecordBatch, cut: Cut) -> Iterator[pa.RecordBatch]:
    if not batch.num_rows:
        return
    task.session.connection.register(_GIVEN, pa.Table.from_batches([batch]))
    records = records_sql(task.session, task.raw, task.columns, cut)
    found = task.session.arrow(_wanted(task.raw, task.asked, task.columns, records))
    if not pc.all(pc.greater(found["ordinal"][1:], found["ordinal"][:-1]), min_count=0).as_py():
        found = found.sort_by("ordinal")
    yield from found.cast(_schema(task.asked, task.columns)).to_batches()


def _wanted(raw: RawDay, asked: Asked, columns: tuple[Column, ...], records: str) -> str:
    match asked:
        case "verdicts":
            verdicts = verdicts_of(raw.contract, raw.reference_date)
            values = "".join(f", v{i}::{type_sql(c.type)} AS v{i}" for i, c in enumerate(columns))
            return (
                f"SELECT ordinal, {verdicts.sql} AS verdict, {unread_sql(raw.contract)} AS unread"
                f"{values} FROM ({records})"
            )
        case "day":
            return f"SELECT ordinal, {day_sql(raw.contract, columns)} AS day FROM ({records})"
        case _:
            assert_never(asked)


def _schema(asked: Asked, columns: tuple[Column, ...]) -> pa.Schema:
    if asked == "day":
        return pa.schema([("ordinal", pa.int64()), ("day", pa.date32())])
    fixed = [("ordinal", pa.int64()), ("verdict", pa.int16()), ("unread", pa.bool_())]
    return pa.schema([*fixed, *((f"v{i}", _arrow(c)) for i, c in enumerate(columns))])


def _arrow(column: Column) -> pa.DataType:
    kind = column.type
    return {
        "text": pa.string(),
        "integer": pa.int64(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "boolean": pa.bool_(),
    }.get(kind.kind.value) or pa.decimal128(kind.precision, kind.scale)
