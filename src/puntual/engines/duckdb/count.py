"""A raw day counted and summed, without keeping a record."""

from __future__ import annotations

from decimal import Context, Decimal
from functools import reduce

from puntual.checks.reconcile import DIGITS
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.verdicts import day_bounds, day_sql
from puntual.model.contract import Contract
from puntual.model.seal import Landed
from puntual.ports.engine import RawDay


def count(session: Session, raw: RawDay) -> Landed:
    """
    Count records, sum measures, and say which other days are named; `staged` is open.

    Raises:
        PermanentError: T3001, T3002, Q1002; see `session.translate`.
    """
    contract = raw.contract
    names = [c.name for c in contract.columns]
    sums = "".join(
        f", sum(v{names.index(m.column)}) FILTER (NOT unread)" for m in contract.measures
    )
    rows = session.rows(
        f"SELECT {_other_day(raw, contract)} AS day, count(*), count(*) FILTER (unread){sums} "
        "FROM staged GROUP BY day ORDER BY day"
    )
    return Landed(
        records=sum(int(str(r[1])) for r in rows),
        unreadable=sum(int(str(r[2])) for r in rows),
        sums={
            m.column: reduce(
                Context(prec=DIGITS).add,
                (Decimal(str(r[3 + i])) for r in rows if r[3 + i] is not None),
                Decimal(0),
            )
            for i, m in enumerate(contract.measures)
        },
        other_days={str(r[0]): int(str(r[1])) for r in rows if r[0] is not None},
    )


def _other_day(raw: RawDay, contract: Contract) -> str:
    """Return the day a record names when it is another; the zone is looked up for those only."""
    if contract.day_column is None:
        return "NULL::DATE"
    place = [c.name for c in contract.columns].index(contract.day_column)
    first, after = day_bounds(contract.columns[place], raw.reference_date, contract.time_zone)
    outside = f"(v{place} < {first} OR v{place} >= {after})"
    return f"CASE WHEN {outside} THEN {day_sql(contract, contract.columns)} END"
