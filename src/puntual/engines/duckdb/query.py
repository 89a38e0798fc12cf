"""One read-only SELECT answered, column by column."""

from __future__ import annotations

from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.tables import one_select, open_tables, values_of
from puntual.ports.engine import Answer, Day


def query(session: Session, sql: str, day: Day, *, limit: int | None) -> Answer:
    """
    Answer a SELECT over the day's tables; at most `limit` rows, if one is given.

    Raises:
        PermanentError: Q1001 the SQL failed or is not one SELECT; T3001.
    """
    open_tables(session, day, sql)
    bound = one_select(sql, "query")
    cursor = session.cursor(bound, values_of(bound, day.reference_date))
    described = cursor.description or []
    rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit + 1)
    truncated = limit is not None and len(rows) > limit
    kept = rows[:limit] if truncated else rows
    columns = tuple(zip(*kept, strict=True)) if kept else ((),) * len(described)
    return Answer(
        names=tuple(str(d[0]) for d in described),
        types=tuple(str(d[1]) for d in described),
        columns=columns,
        truncated=truncated,
    )
