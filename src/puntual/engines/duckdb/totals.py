"""Counts, exact sums and key digests of Parquet files, as `docs/reference/digest.md` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from puntual.checks.comparable import declared, not_exact, numbers_of_texts
from puntual.checks.encoding import ALGORITHM
from puntual.engines.dialect.digest import digested
from puntual.engines.dialect.fast import FAST, fast_sql
from puntual.engines.dialect.loads import no_rows
from puntual.engines.dialect.sql import quote
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.tables import as_numbers, scan
from puntual.model.contract import ColumnType
from puntual.model.manifest import Totals


def totals(
    session: Session,
    files: tuple[str, ...],
    key: Sequence[str],
    measures: Sequence[str],
    *,
    algorithm: str,
    without: tuple[str, ...] = (),
    types: Mapping[str, ColumnType] | None = None,
) -> Totals:
    """
    Count, sum and digest rows; over no file everything is zero; see the port.

    Raises:
        PermanentError: T3001, T3002, Q1002; see `session.translate`.
        ProjectError: R6001 a column of the portable digest is not of an exact type.
        ValueError: There is no such algorithm.
    """
    taken = bool(key) and algorithm != ""
    if not files:
        return no_rows(tuple(measures), algorithm if taken else "")
    rows = f"SELECT * FROM {scan(files)}"
    if without:
        rows = f"{rows} ANTI JOIN (SELECT * FROM {scan(without)}) USING (_object, _position)"
    digest = ""
    if taken:
        columns = tuple(dict.fromkeys((*key, *measures)))
        rows, digest = _digested(session, rows, columns, tuple(measures), algorithm, types or {})
    sums = "".join(f", sum({quote(m)})" for m in measures)
    answer = session.row(f"SELECT count(*){sums}{digest} FROM ({rows})")
    amounts = answer[1 : 1 + len(measures)]
    halves = [str(half or 0) for half in answer[1 + len(measures) :]]
    return Totals(
        records=int(str(answer[0])),
        sums={m: Decimal(str(a or 0)) for m, a in zip(measures, amounts, strict=True)},
        key_digest=":".join(halves) if answer[0] else "0" if taken else "",
        algorithm=algorithm if taken else "",
    )


def _digested(
    session: Session,
    rows: str,
    columns: tuple[str, ...],
    measures: tuple[str, ...],
    algorithm: str,
    as_types: Mapping[str, ColumnType],
) -> tuple[str, str]:
    """Return what is read, and what of it is summed beside the measures."""
    if algorithm == FAST:
        return rows, f", sum({fast_sql(columns, session.columns(rows))})"
    if algorithm != ALGORITHM:
        raise ValueError(f"no such digest algorithm: {algorithm}")
    types = session.columns(rows)
    texts = numbers_of_texts({c: declared(w) for c, w in types.items()}, as_types)
    if texts:
        rows = as_numbers(rows, texts)
        types = session.columns(rows)
    kinds: dict[str, ColumnType] = {}
    for name in columns:
        kind = as_types.get(name, declared(types[name]))
        if kind is None:
            raise not_exact(name, types[name])
        kinds[name] = kind
    read = digested(rows, types, kinds, keep={m: quote(m) for m in measures})
    return read, ", sum(digest_high), sum(digest_low)"
