"""
A source's day made curated: what was staged is judged, duplicates are found by hash, written.

The view `staged` has `ordinal`, `verdict` (null: it stays) and `v<i>`; `dropped` has
(`ordinal`, `kept`) of duplicates; `twins` has the staged rows of both. Nothing here knows how a
record is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from puntual.engines.dialect import literal, quote, type_sql
from puntual.engines.duckdb.read import object_sql, position_sql
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.tables import scan
from puntual.engines.duckdb.verdicts import DUPLICATE, Verdict, Verdicts
from puntual.model.contract import Column, Contract, Keep, Kind, Measure
from puntual.model.manifest import Totals
from puntual.ports.engine import Curated, RawDay, RawPart

PARQUET = "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"
"""With a total ORDER BY, the same bytes for any number of threads."""


def curate(session: Session, raw: RawDay, verdicts: Verdicts, folder: str) -> Curated:
    """
    Set aside what does not fit, remove duplicates, write both; `staged` is open.

    Raises:
        PermanentError: T3001, T3002, Q1002; see `session.translate`.
    """
    contract = raw.contract
    conflicts = _find_duplicates(session, contract)
    path = str(Path(folder) / f"{contract.dataset}.parquet")
    aside = str(Path(folder) / f"{contract.dataset}.set_aside.parquet")
    _write_kept(session, contract, raw.parts, path)
    number = verdicts.number(Verdict(of_class=DUPLICATE, reason="duplicate_key"))
    _write_set_aside(session, contract, raw.parts, aside, verdicts, number)
    return Curated(
        path=path,
        totals=_totals(session, path, contract.measures),
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
        session.rows("CREATE TEMP TABLE twins AS SELECT * FROM staged WHERE false")
        return 0
    keys = [_value(contract, name) for name in contract.key]
    listed = ", ".join(keys)
    session.rows(
        f"CREATE TEMP TABLE hashes AS SELECT hash({listed}) AS h FROM staged "
        "WHERE verdict IS NULL GROUP BY ALL HAVING count(*) > 1"
    )
    order = f", {_value(contract, contract.order_by)}" if contract.order_by else ""
    session.rows(
        f"CREATE TEMP TABLE candidates AS SELECT ordinal, {listed}{order} FROM staged "
        f"WHERE verdict IS NULL AND hash({listed}) IN (SELECT h FROM hashes)"
    )
    session.rows(
        f"CREATE TEMP TABLE keepers AS SELECT {listed}, {_keeper(contract)} AS kept "
        "FROM candidates GROUP BY ALL HAVING count(*) > 1"
    )
    same = " AND ".join(f"c.{k} = k.{k}" for k in keys)
    session.rows(
        "CREATE TEMP TABLE dropped AS SELECT c.ordinal, k.kept FROM candidates c "
        f"JOIN keepers k ON {same} WHERE c.ordinal <> k.kept"
    )
    # Both rows of every pair, copied once, so that `staged` is not joined with itself.
    session.rows(
        "CREATE TEMP TABLE twins AS SELECT * FROM staged WHERE ordinal IN "
        "(SELECT ordinal FROM dropped UNION ALL SELECT kept FROM dropped)"
    )
    differ = " OR ".join(f"a.v{i} IS DISTINCT FROM b.v{i}" for i in range(len(contract.columns)))
    (conflicts,) = session.row(
        "SELECT count(*) FROM dropped d JOIN twins a ON a.ordinal = d.ordinal "
        f"JOIN twins b ON b.ordinal = d.kept WHERE {differ}"
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


def _write_kept(session: Session, contract: Contract, parts: Sequence[RawPart], path: str) -> None:
    columns = [f"v{i} AS {quote(c.name)}" for i, c in enumerate(contract.columns)]
    columns.append(f"{_object(parts)} AS _object")
    columns.append(f"{position_sql()} AS _position")
    # The place is computed after sorting: a text less to carry through the sort.
    session.rows(
        f"COPY (SELECT {', '.join(columns)} FROM (SELECT * FROM staged ANTI JOIN dropped "
        f"USING (ordinal) WHERE verdict IS NULL ORDER BY ordinal)) TO {literal(path)} {PARQUET}"
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
        f"SELECT *, {duplicate} FROM twins SEMI JOIN dropped USING (ordinal)"
        f") ORDER BY ordinal) TO {literal(path)} {PARQUET}"
    )


def _totals(session: Session, path: str, measures: Sequence[Measure]) -> Totals:
    sums = "".join(f", sum({quote(m.column)})" for m in measures)
    count, *amounts = session.row(f"SELECT count(*){sums} FROM {scan((path,))}")
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
