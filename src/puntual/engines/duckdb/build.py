"""
A model's SELECT run over the day's curated tables and written in an order that is always the same.

A model that carries a source's rows one for one is run on each of the source's files alone, side
by side, each by one thread; what was written is compared with the source by its places. Any other
is written under a total ORDER BY.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from puntual.engines.dialect.rowwise import is_rowwise
from puntual.engines.dialect.sql import literal, quote
from puntual.engines.duckdb.curate import TABLE, named_sums
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.tables import (
    data_files,
    one_select,
    open_tables,
    repeated_sql,
    scan,
    values_of,
)
from puntual.engines.duckdb.workers import Workers
from puntual.model.manifest import Totals
from puntual.model.project import Model
from puntual.ports.engine import Built, Day

ORIGIN = ("_object", "_position")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    """A model's SELECT, bound, and what it is run over and written to."""

    model: Model
    sql: str
    values: Mapping[str, object]
    day: Day
    folder: str


def build(session: Session, model: Model, day: Day, folder: str, *, workers: Workers) -> Built:
    """
    Run a model and write its rows; see `Built` for their order.

    Raises:
        PermanentError: Q1001 the SQL failed; T3001; Q1002.
    """
    open_tables(session, day, model.sql)
    sql = one_select(model.sql, model.file)
    values = values_of(sql, day.reference_date)
    statement = _Statement(model=model, sql=sql, values=values, day=day, folder=folder)
    answer = session.cursor(f"SELECT * FROM ({sql}\n) LIMIT 0", values)
    columns = tuple((str(c[0]), str(c[1])) for c in answer.description or ())
    names = [name for name, _ in columns]
    paths = _carried_pieces(statement, names, workers) or (_sorted(session, statement, names),)
    sums = "".join(f", sum({quote(m.column)})" for m in model.measures)
    count, *amounts = session.row(f"SELECT count(*){sums} FROM {scan(paths)}")
    totals = Totals(records=int(str(count)), sums=named_sums(model.measures, amounts))
    return Built(files=data_files(session, paths), totals=totals, columns=columns)


def _carried_pieces(
    statement: _Statement, names: Sequence[str], workers: Workers
) -> tuple[str, ...]:
    """
    Write a file for each file of the source that a model carries; nothing where that cannot be.

    It can for a source of several files and a statement that gives its rows for each row alone,
    where each file came out with the places of its source's file; else the model is written
    sorted. One thread that reads the same files with the same memory joins them in the same
    order, so the bytes are the same (`docs/why/pieces.md`).
    """
    model, day = statement.model, statement.day
    source = day.tables.get(model.carries or "", ())
    if model.carries is None or len(source) < 2 or not set(ORIGIN) <= set(names):
        return ()
    if not is_rowwise(statement.sql, model.carries):
        return ()
    files = sorted({file for files in day.tables.values() for file in files})

    def piece(numbered: tuple[int, str]) -> str | None:
        number, file = numbered
        path = str(Path(statement.folder) / f"{model.name}.{number}.parquet")
        with workers.session(
            zone=day.zone, code="Q1001", where=model.file, readable=files
        ) as session:
            tables = {**day.tables, str(model.carries): (file,)}
            open_tables(session, replace(day, tables=tables), model.sql)
            session.rows(f"COPY ({statement.sql}\n) TO {literal(path)} {TABLE}", statement.values)
            same = _places(session, path) == _places(session, file)
        return path if same else None

    paths = workers.each(piece, list(enumerate(source)))
    return tuple(p for p in paths if p) if all(paths) else ()


def _places(session: Session, path: str) -> object:
    """Return a digest of a file's places, whatever their order."""
    return session.row(f"SELECT count(*), sum(hash(_object, _position)) FROM {scan((path,))}")


def _sorted(session: Session, statement: _Statement, names: Sequence[str]) -> str:
    """
    Write a model in one file, in a total order.

    The order is by origin or key where that identifies rows, which is checked on what was
    written; where it does not, the remaining columns follow, so that the bytes are the same on
    every run all the same.
    """
    path = str(Path(statement.folder) / f"{statement.model.name}.parquet")
    first = _first_order(statement.model, names)
    rest = [n for n in names if n not in first]
    for order in (first, first + rest) if first else (names,):
        listed = ", ".join(quote(n) for n in order)
        session.rows(
            f"COPY (SELECT * FROM ({statement.sql}\n) ORDER BY {listed}) "
            f"TO {literal(path)} {TABLE}",
            statement.values,
        )
        if order != first or _identifies(session, path, first):
            break
    return path


def _first_order(model: Model, names: Sequence[str]) -> list[str]:
    if set(ORIGIN) <= set(names):
        return list(ORIGIN)
    return [k for k in model.key if k in names]


def _identifies(session: Session, path: str, order: Sequence[str]) -> bool:
    """Return whether no two rows have the same hash of these columns."""
    listed = ", ".join(quote(n) for n in order)
    return not session.rows(f"{repeated_sql(f'hash({listed})', scan((path,)))} LIMIT 1")
