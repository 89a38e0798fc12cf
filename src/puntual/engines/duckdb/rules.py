"""
The rows that break a rule, found by SQL.

Every rule becomes a SELECT whose rows offend. They are counted first, which reads only the columns
that the rule is about; where there are some, it is run again into a scratch table that keeps only
where a row came from and its measures, and sums, sample and file follow from that.
What the number of rows means for the delivery is judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import assert_never

from puntual.engines.dialect.judged import SAMPLE, day_end, freshness, mentions, sums_compared
from puntual.engines.dialect.sql import literal, quote
from puntual.engines.duckdb.build import ORIGIN
from puntual.engines.duckdb.curate import PARQUET
from puntual.engines.duckdb.session import Row, Session
from puntual.engines.duckdb.tables import one_select, open_tables, repeated_sql, values_of
from puntual.model.check import (
    AcceptedValues,
    Check,
    Fresh,
    NotNull,
    Reference,
    RowRule,
    SqlRows,
    SumEquals,
    Unique,
)
from puntual.model.finding import Place
from puntual.ports.engine import Day, Offending


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """A SELECT of offending rows, and where an SQL fault in it would stand."""

    sql: str
    where: str
    observed: str = ""
    extra: int = 0


def offending(
    session: Session, check: Check, measures: tuple[str, ...], day: Day, folder: str
) -> Offending:
    """
    Find the rows that break a rule.

    `Fresh` counts the values after the end of the reference date, or 1 without places when
    the newest is too old or there is none; `SumEquals` counts 1 when the sums differ. Both
    always say what was observed.

    Raises:
        PermanentError: Q1001 the SQL failed; T3001; Q1005 a sum is compared with a float.
    """
    open_tables(session, day, check.dataset, *mentions(check.rule))
    if isinstance(check.rule, SumEquals):
        return _sum_equals(session, check, check.rule, day)
    question = _question(session, check, day)
    sql = question.sql
    values = values_of(sql, day.reference_date)
    answer = session.cursor(f"SELECT * FROM ({sql}\n) LIMIT 0", values)
    names = [str(c[0]) for c in answer.description or ()]
    kept = [n for n in (*ORIGIN, *measures) if n in names]
    listed = ", ".join(quote(n) for n in kept) or "1 AS one"
    placed = set(ORIGIN) <= set(names)
    (found,) = session.row(f"SELECT count(*) FROM ({sql}\n)", values)
    rows = int(str(found))
    if rows:
        session.rows(f"CREATE TEMP TABLE offending AS SELECT {listed} FROM ({sql}\n)", values)
        (kept_rows,) = session.row("SELECT count(*) FROM offending")
        rows = int(str(kept_rows))
    if not rows:
        zeros = {m: Decimal(0) for m in measures if placed or m in names}
        return Offending(rows=question.extra, amounts=zeros, observed=question.observed)
    return Offending(
        rows=rows + question.extra,
        amounts=_amounts(session, check, measures, names, placed=placed, day=day),
        sample=_sample(session) if placed else (),
        path=_write_places(session, check, folder) if placed else "",
        observed=question.observed,
    )


def _question(session: Session, check: Check, day: Day) -> _Question:
    rule, table = check.rule, quote(check.dataset)
    match rule:
        case NotNull():
            return _ask(_missing(session, table, rule.columns), check)
        case Unique():
            return _ask(_repeated(table, rule.columns), check)
        case AcceptedValues():
            listed = ", ".join(literal(v) for v in rule.values)
            value = quote(rule.column)
            inside = f"CAST({value} AS VARCHAR) IN ({listed})" if listed else "false"
            return _ask(f"SELECT * FROM {table} WHERE {value} IS NOT NULL AND NOT {inside}", check)
        case Reference():
            known = f"SELECT {quote(rule.to_column)} AS k FROM {quote(rule.dataset)}"
            value = quote(rule.column)
            return _ask(
                f"SELECT d.* FROM {table} d ANTI JOIN ({known}) r ON d.{value} = r.k "
                f"WHERE d.{value} IS NOT NULL",
                check,
            )
        case RowRule():
            expression = one_select(f"SELECT ({rule.expression}\n)", check.id)
            condition = expression.removeprefix("SELECT ")
            return _ask(f"SELECT * FROM {table} WHERE {condition} IS NOT TRUE", check)
        case SqlRows():
            return _Question(sql=one_select(rule.sql, rule.file), where=rule.file)
        case Fresh():
            return _fresh(session, check, rule, day)
        case SumEquals():
            raise ValueError("a sum has no offending rows")
        case _:
            assert_never(rule)


def _ask(sql: str, check: Check) -> _Question:
    return _Question(sql=sql, where=check.id)


def _missing(session: Session, table: str, columns: Sequence[str]) -> str:
    """
    Return every row that lacks a value.

    Each column is asked alone first: of one without nulls its files' ends tell, and no row is read.
    """
    lacking = [
        f"{quote(c)} IS NULL"
        for c in columns
        if session.rows(f"SELECT 1 FROM {table} WHERE {quote(c)} IS NULL LIMIT 1")
    ]
    return f"SELECT * FROM {table} WHERE {' OR '.join(lacking) or 'false'}"


def _repeated(table: str, columns: Sequence[str]) -> str:
    """Return every row of a key that stands more than once: by hash first, then by the key."""
    listed = ", ".join(quote(c) for c in columns)
    same = " AND ".join(f"d.{quote(c)} IS NOT DISTINCT FROM k.{quote(c)}" for c in columns)
    hashes = repeated_sql(f"hash({listed})", table)
    few = f"SELECT * FROM {table} WHERE hash({listed}) IN ({hashes})"
    return (
        f"WITH few AS MATERIALIZED ({few}) SELECT d.* FROM few d SEMI JOIN "
        f"(SELECT {listed} FROM few GROUP BY ALL HAVING count(*) > 1) k ON {same}"
    )


def _fresh(session: Session, check: Check, rule: Fresh, day: Day) -> _Question:
    """Compare with the end of the reference date, in the project's zone; exclusive."""
    column, table = quote(rule.column), quote(check.dataset)
    kinds = session.columns(f"SELECT {column} FROM {table}")
    is_date = kinds[rule.column] == "DATE"
    end = day_end(day.reference_date, day.zone)
    after = f"{column} > DATE '{day.reference_date}'" if is_date else f"{column} >= {_instant(end)}"
    (newest,) = session.row(f"SELECT max({column}) FROM {table} WHERE NOT ({after})")
    observed, extra = freshness(
        rule, newest, reference_date=day.reference_date, zone=day.zone, is_date=is_date
    )
    return _Question(
        sql=f"SELECT * FROM {table} WHERE {after}",
        where=check.id,
        observed=observed,
        extra=extra,
    )


def _instant(moment: datetime) -> str:
    return f"TIMESTAMPTZ '{moment:%Y-%m-%d %H:%M:%S}+00'"


def _sum_equals(session: Session, check: Check, rule: SumEquals, day: Day) -> Offending:
    column = quote(rule.column)
    (left,) = session.row(f"SELECT coalesce(sum({column}), 0) FROM {quote(check.dataset)}")
    query = one_select(rule.query, check.id)
    answers = session.rows(query, values_of(query, day.reference_date))
    right = answers[0][0] if len(answers) == 1 and len(answers[0]) == 1 else None
    return sums_compared(check, rule, left, right)


def _amounts(
    session: Session,
    check: Check,
    measures: tuple[str, ...],
    names: Sequence[str],
    *,
    placed: bool,
    day: Day,
) -> dict[str, Decimal]:
    """Sum measures over the offending rows; by place where the rows do not carry them."""
    source, known = "offending", [m for m in measures if m in names]
    if len(known) < len(measures) and placed and check.dataset in day.tables:
        source = f"{quote(check.dataset)} SEMI JOIN offending USING (_object, _position)"
        known = list(measures)
    if not known:
        return {}
    sums = ", ".join(f"sum({quote(m)})" for m in known)
    answer = session.row(f"SELECT {sums} FROM {source}")
    return {m: Decimal(str(a or 0)) for m, a in zip(known, answer, strict=True)}


def _sample(session: Session) -> tuple[Place, ...]:
    rows: list[Row] = session.rows(
        "SELECT DISTINCT _object, _position FROM offending WHERE _object IS NOT NULL "
        f"ORDER BY _object, _position LIMIT {SAMPLE}"
    )
    return tuple(Place(object=str(o), position=int(str(p))) for o, p in rows)


def _write_places(session: Session, check: Check, folder: str) -> str:
    path = str(Path(folder) / f"{check.id}.offending.parquet")
    session.rows(
        "COPY (SELECT DISTINCT _object, _position FROM offending WHERE _object IS NOT NULL "
        f"ORDER BY _object, _position) TO {literal(path)} {PARQUET}"
    )
    return path
