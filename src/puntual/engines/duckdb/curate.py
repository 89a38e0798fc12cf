"""
A source's day made curated: what was staged is judged, duplicates are found by hash, written.

The view `staged` has `ordinal`, `verdict` (null: it stays), `h` (hash of the key) and `v<i>`;
`candidates` has the staged rows whose hash stands twice, and `dropped` (`ordinal`, `kept`) of
those that are duplicates. Nothing here knows how a record is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path

from puntual.engines.dialect.sql import literal, quote, type_sql
from puntual.engines.duckdb.lines import PART_SHIFT
from puntual.engines.duckdb.pieces import Staged, Stretch, cut
from puntual.engines.duckdb.read import object_sql, position_sql
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.stage import positioned_sql
from puntual.engines.duckdb.tables import data_files, repeated_sql, scan
from puntual.engines.duckdb.verdicts import DUPLICATE, Verdict, Verdicts
from puntual.engines.duckdb.workers import Workers
from puntual.model.contract import Column, Contract, Keep, Kind, Measure
from puntual.model.manifest import Totals
from puntual.ports.engine import Curated, RawDay, RawPart

PARQUET = (
    "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 120832, "
    "DICTIONARY_SIZE_LIMIT 4096)"
)
"""
Written by one thread, or under a total ORDER BY, the same bytes every time; every reader of
Parquet reads its encodings.

Level 1 saves a tenth of the writing and costs one or two hundredths of the size. A row group ends
with the vector of at most 2,048 rows that fills it, so it stays below the 122,880 of a table's: a
load takes each as it is, and the checkpoint has none to merge (a third of the load's work). A
column of more than 4,096 values in a row group is not tried as a dictionary to its end: a fifth of
the writing where there are keys.
"""

TABLE = PARQUET.replace(")", ", PARQUET_VERSION V2)")
"""
The same for curated tables, which on one machine DuckDB alone loads.

Version 2 writes positions, instants and lengths as differences: a tenth less writing, a fifth less
to store, a third less reading.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is needed to write the rows that stay: how, what was dropped, where to."""

    contract: Contract
    dropped: str
    workers: Workers
    folder: str


def curate(
    session: Session,
    raw: RawDay,
    verdicts: Verdicts,
    folder: str,
    *,
    parts: Sequence[Staged],
    workers: Workers,
    piece: int,
) -> Curated:
    """
    Set aside what does not fit, remove duplicates, write both; `staged` is open.

    Raises:
        PermanentError: T3001, T3002, Q1002; see `session.translate`.
    """
    contract = raw.contract
    conflicts = _find_duplicates(session, contract)
    aside = str(Path(folder) / f"{contract.dataset}.set_aside.parquet")
    number = verdicts.number(Verdict(of_class=DUPLICATE, reason="duplicate_key"))
    _write_set_aside(session, contract, raw.parts, aside, verdicts, number)
    # Beside the staged files: workers read there, and in the lake, and nowhere else.
    dropped = f"{parts[0].files[0].path}.dropped"
    session.rows(f"COPY (FROM dropped ORDER BY ordinal) TO {literal(dropped)} (FORMAT parquet)")
    kept = Kept(contract=contract, dropped=dropped, workers=workers, folder=folder)
    paths = workers.each(partial(_write_piece, kept), list(enumerate(cut(parts, piece))))
    Path(dropped).unlink()
    return Curated(
        files=data_files(session, paths),
        totals=_totals(session, paths, contract.measures),
        set_aside_path=aside,
        set_aside=_set_aside_totals(session, aside, contract.measures),
        conflicts=conflicts,
    )


def _find_duplicates(session: Session, contract: Contract) -> int:
    """
    Fill `dropped`; return how many of them differ from the record that stays.

    Keys are grouped by a 64-bit hash first; only rows whose hash stands twice are looked at
    by their full key, so a collision of hashes drops nothing.
    """
    if not contract.key:
        session.rows("CREATE TEMP TABLE dropped (ordinal BIGINT, kept BIGINT)")
        session.rows("CREATE TEMP TABLE candidates AS SELECT * FROM staged WHERE false")
        return 0
    keys = [_value(contract, name) for name in contract.key]
    twice = repeated_sql("h", "staged WHERE verdict IS NULL")
    session.rows(f"CREATE TEMP TABLE hashes AS {twice}")
    session.rows(
        "CREATE TEMP TABLE candidates AS SELECT * FROM staged "
        "WHERE verdict IS NULL AND h IN (SELECT h FROM hashes)"
    )
    session.rows(
        f"CREATE TEMP TABLE keepers AS SELECT {', '.join(keys)}, {_keeper(contract)} AS kept "
        "FROM candidates GROUP BY ALL HAVING count(*) > 1"
    )
    same = " AND ".join(f"c.{k} = k.{k}" for k in keys)
    session.rows(
        "CREATE TEMP TABLE dropped AS SELECT c.ordinal, k.kept FROM candidates c "
        f"JOIN keepers k ON {same} WHERE c.ordinal <> k.kept"
    )
    differ = " OR ".join(f"a.v{i} IS DISTINCT FROM b.v{i}" for i in range(len(contract.columns)))
    (conflicts,) = session.row(
        "SELECT count(*) FROM dropped d JOIN candidates a ON a.ordinal = d.ordinal "
        f"JOIN candidates b ON b.ordinal = d.kept WHERE {differ}"
    )
    return _int(conflicts)


def _keeper(contract: Contract) -> str:
    """Return the aggregate that picks the record that stays; one without a rank loses."""
    last = contract.keep is Keep.LAST
    if contract.order_by is None:
        return f"{'max' if last else 'min'}(ordinal)"
    rank = _value(contract, contract.order_by)
    if last:
        return f"arg_max(ordinal, row({rank} IS NOT NULL, {rank}, ordinal))"
    return f"arg_min(ordinal, row({rank} IS NULL, {rank}, ordinal))"


def _write_piece(kept: Kept, numbered: tuple[int, tuple[Stretch, ...]]) -> str:
    """
    Write the rows of one piece that stay, in the order of parts and positions.

    They come in that order from one thread; where they did not, they are sorted.
    """
    number, stretches = numbered
    contract = kept.contract
    path = str(Path(kept.folder) / f"{contract.dataset}.{number}.parquet")
    with kept.workers.session(
        zone=contract.time_zone, code="T3002", where=contract.file
    ) as session:
        rows = " UNION ALL ".join(f"({_stretch(kept, s)})" for s in stretches)
        names = ", ".join(quote(c.name) for c in contract.columns)
        copy = f"COPY (SELECT {names}, _object, _position FROM ({rows})"
        if len(stretches) == 1:
            session.rows(f"{copy}) TO {literal(path)} {TABLE}")
        if len(stretches) > 1 or not _ascends(session, path):
            session.rows(f"{copy} ORDER BY number, _position) TO {literal(path)} {TABLE}")
    return path


def _stretch(kept: Kept, stretch: Stretch) -> str:
    """Return the rows of a stretch that stay, in the order of its files and their positions."""
    columns = [f"v{i} AS {quote(c.name)}" for i, c in enumerate(kept.contract.columns)]
    after, until, staged = stretch.after, stretch.until, stretch.staged
    files = [f for f in staged.files if f.after < until and after < f.until] or staged.files[:1]
    first = stretch.number << PART_SHIFT
    return (
        f"SELECT {stretch.number} AS number, {', '.join(columns)}, "
        f"{literal(staged.part.short)} AS _object, position AS _position "
        f"FROM ({positioned_sql(files)}) ANTI JOIN ("
        f"SELECT ordinal - {first} AS position FROM {scan((kept.dropped,))} "
        f"WHERE ordinal BETWEEN {first + after + 1} AND {first + until}"
        ") USING (position) "
        f"WHERE verdict IS NULL AND position > {after} AND position <= {until}"
    )


def _ascends(session: Session, path: str) -> bool:
    """Return whether each row of a file has a higher position than the one before it."""
    return not session.rows(
        "SELECT 1 FROM (SELECT _position, lag(_position) OVER () AS before "
        f"FROM {scan((path,))}) WHERE _position <= before LIMIT 1"
    )


def _write_set_aside(
    session: Session,
    contract: Contract,
    parts: Sequence[RawPart],
    path: str,
    verdicts: Verdicts,
    duplicate: int,
) -> None:
    amounts = [
        f"CAST({_value(contract, m.column)} AS {_amount_type(contract, m)}) AS {quote(m.column)}"
        for m in contract.measures
    ]
    columns = [
        f"{_object(parts)} AS _object",
        f"{position_sql()} AS _position",
        f"{verdicts.listed('of_class')}[number] AS class",
        f"{verdicts.listed('reason')}[number] AS reason",
        f"{verdicts.listed('column')}[number] AS column_name",
        *amounts,
    ]
    session.rows(
        f"COPY (SELECT {', '.join(columns)} FROM ("
        "SELECT *, verdict AS number FROM staged WHERE verdict IS NOT NULL UNION ALL "
        f"SELECT *, {duplicate} FROM candidates SEMI JOIN dropped USING (ordinal)"
        f") ORDER BY ordinal) TO {literal(path)} {PARQUET}"
    )


def _totals(session: Session, paths: Sequence[str], measures: Sequence[Measure]) -> Totals:
    sums = "".join(f", sum({quote(m.column)})" for m in measures)
    count, *amounts = session.row(f"SELECT count(*){sums} FROM {scan(tuple(paths))}")
    return Totals(records=_int(count), sums=named_sums(measures, amounts))


def _set_aside_totals(
    session: Session, path: str, measures: Sequence[Measure]
) -> dict[tuple[str, str], Totals]:
    sums = "".join(f", sum({quote(m.column)})" for m in measures)
    rows = session.rows(
        f"SELECT class, reason, count(*){sums} FROM {scan((path,))} "
        "GROUP BY class, reason ORDER BY class, reason"
    )
    return {
        (str(of_class), str(reason)): Totals(
            records=_int(count), sums=named_sums(measures, amounts)
        )
        for of_class, reason, count, *amounts in rows
    }


def named_sums(measures: Sequence[Measure], sums: Sequence[object]) -> dict[str, Decimal]:
    """Return exact sums by column; over no value it is 0."""
    return {
        m.column: s if isinstance(s, Decimal) else Decimal(str(s)) if s is not None else Decimal(0)
        for m, s in zip(measures, sums, strict=True)
    }


def _amount_type(contract: Contract, measure: Measure) -> str:
    kind = _column(contract, measure.column).type
    return type_sql(kind) if kind.kind is Kind.DECIMAL else "DECIMAL(19,0)"


def _object(parts: Sequence[RawPart]) -> str:
    return object_sql(parts) if parts else "NULL::VARCHAR"


def _value(contract: Contract, name: str) -> str:
    return f"v{[c.name for c in contract.columns].index(name)}"


def _column(contract: Contract, name: str) -> Column:
    return next(c for c in contract.columns if c.name == name)


def _int(value: object) -> int:
    return int(str(value))
