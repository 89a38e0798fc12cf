"""A model's SELECT run over the day's curated tables and written in a total order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from puntual.engines.dialect import literal, quote
from puntual.engines.duckdb.curate import PARQUET, named_sums
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.tables import one_select, open_tables, scan, values_of
from puntual.model.manifest import Totals
from puntual.model.project import Model
from puntual.ports.engine import Built, Day

ORIGIN = ("_object", "_position")


def build(session: Session, model: Model, day: Day, folder: str) -> Built:
    """
    Run a model and write its rows; see `Built` for their order.

    The order is by origin or key where that identifies rows, which is checked on what was
    written; where it does not, the remaining columns follow, so that the bytes are the same
    on every run all the same.

    Raises:
        PermanentError: Q1001 the SQL failed; T3001; Q1002.
    """
    open_tables(session, day, model.sql)
    sql = one_select(model.sql, model.file)
    values = values_of(sql, day.reference_date)
    (answer,) = (session.cursor(f"SELECT * FROM ({sql}\n) LIMIT 0", values),)
    columns = tuple((str(c[0]), str(c[1])) for c in answer.description or ())
    names = [name for name, _ in columns]
    path = str(Path(folder) / f"{model.name}.parquet")
    first = _first_order(model, names)
    rest = [n for n in names if n not in first]
    for order in (first, first + rest) if first else (names,):
        listed = ", ".join(quote(n) for n in order)
        session.rows(
            f"COPY (SELECT * FROM ({sql}\n) ORDER BY {listed}) TO {literal(path)} {PARQUET}", values
        )
        if order == first and not (
            _carried(session, model, day, path, first) or _identifies(session, path, first)
        ):
            continue
        break
    sums = "".join(f", sum({quote(m.column)})" for m in model.measures)
    count, *amounts = session.row(f"SELECT count(*){sums} FROM {scan((path,))}")
    totals = Totals(records=int(str(count)), sums=named_sums(model.measures, amounts))
    return Built(path=path, totals=totals, columns=columns)


def _first_order(model: Model, names: Sequence[str]) -> list[str]:
    if set(ORIGIN) <= set(names):
        return list(ORIGIN)
    return [k for k in model.key if k in names]


def _carried(session: Session, model: Model, day: Day, path: str, order: Sequence[str]) -> bool:
    """
    Return whether the rows have the same places as those of the source they carry.

    Places are unique in a source, so then they are in the model; comparing two sums of hashes
    costs a tenth of grouping them.
    """
    if model.carries is None or model.carries not in day.tables or tuple(order) != ORIGIN:
        return False
    places = "count(*), sum(hash(_object, _position)) FROM "
    (mine,) = session.rows(f"SELECT {places} {scan((path,))}")
    (theirs,) = session.rows(f"SELECT {places} {scan(day.tables[model.carries])}")
    return mine == theirs


def _identifies(session: Session, path: str, order: Sequence[str]) -> bool:
    """Return whether no two rows have the same hash of these columns."""
    listed = ", ".join(quote(n) for n in order)
    return not session.rows(
        f"SELECT 1 FROM {scan((path,))} GROUP BY hash({listed}) HAVING count(*) > 1 LIMIT 1"
    )
