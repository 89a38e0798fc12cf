"""A raw day counted and summed in one pass, without keeping a record."""

from __future__ import annotations

from decimal import Decimal

from puntual.engines.duckdb.read import records_sql
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.verdicts import day_bounds, day_sql
from puntual.model.contract import Column, Contract
from puntual.model.seal import Landed
from puntual.ports.engine import RawDay


def count(session: Session, raw: RawDay) -> Landed:
    """
    Count records, sum measures, and say which other days are named.

    Raises:
        PermanentError: T3001, T3002, Q1002; see `session.translate`.
    """
    contract = raw.contract
    columns = _needed(contract)
    names = [c.name for c in columns]
    measures = [names.index(m.column) for m in contract.measures]
    wrong = [f"(t{i} IS NOT NULL AND v{i} IS NULL)" for i in measures]
    unread = " OR ".join(["unreadable IS NOT NULL", *wrong])
    sums = "".join(f", sum(v{i}) FILTER (NOT unread)" for i in measures)
    values = "".join(f", v{i}" for i in measures)
    rows = session.rows(
        f"SELECT day, count(*), count(*) FILTER (unread){sums} FROM ("
        f"SELECT {unread} AS unread, {_other_day(raw, columns)} AS day{values} "
        f"FROM ({records_sql(session, raw, columns)})) GROUP BY day ORDER BY day"
    )
    return Landed(
        records=sum(int(str(r[1])) for r in rows),
        unreadable=sum(int(str(r[2])) for r in rows),
        sums={
            m.column: sum(
                (Decimal(str(r[3 + i])) for r in rows if r[3 + i] is not None), Decimal(0)
            )
            for i, m in enumerate(contract.measures)
        },
        other_days={str(r[0]): int(str(r[1])) for r in rows if r[0] is not None},
    )


def _needed(contract: Contract) -> tuple[Column, ...]:
    wanted = {m.column for m in contract.measures} | {contract.day_column}
    return tuple(c for c in contract.columns if c.name in wanted)


def _other_day(raw: RawDay, columns: tuple[Column, ...]) -> str:
    """Return the day a record names when it is another; the zone is looked up for those only."""
    contract = raw.contract
    if contract.day_column is None:
        return "NULL::DATE"
    place = [c.name for c in columns].index(contract.day_column)
    first, after = day_bounds(columns[place], raw.reference_date, contract.time_zone)
    outside = f"unreadable IS NULL AND (v{place} < {first} OR v{place} >= {after})"
    return f"CASE WHEN {outside} THEN {day_sql(contract, columns)} END"
