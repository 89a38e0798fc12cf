"""Counts, exact sums and key digests of Parquet files, as `docs/reference/digests.md` says."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from puntual.engines.dialect import quote
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.tables import scan
from puntual.model.manifest import Totals

FAST, PORTABLE = "duckdb-hash", "md5-lower64"


def totals(
    session: Session,
    files: tuple[str, ...],
    key: Sequence[str],
    measures: Sequence[str],
    *,
    algorithm: str,
    without: tuple[str, ...] = (),
) -> Totals:
    """
    Count, sum and digest rows; over no file everything is zero.

    Raises:
        PermanentError: T3001, T3002, Q1002; see `session.translate`.
    """
    taken = bool(key) and algorithm != ""
    if not files:
        return Totals(
            records=0,
            sums={m: Decimal(0) for m in measures},
            key_digest="0" if taken else "",
            algorithm=algorithm if taken else "",
        )
    rows = f"(SELECT * FROM {scan(files)})"
    if without:
        rows = f"{rows} ANTI JOIN (SELECT * FROM {scan(without)}) USING (_object, _position)"
    sums = "".join(f", sum({quote(m)})" for m in measures)
    digest = ""
    if taken:
        types = session.columns(f"SELECT * FROM {scan(files)}")
        columns = [*key, *(m for m in measures if m not in key)]
        digest = f", coalesce(sum({row_number_sql(columns, types, algorithm)}), 0)"
    answer = session.row(f"SELECT count(*){sums}{digest} FROM {rows}")
    amounts = answer[1 : 1 + len(measures)]
    return Totals(
        records=int(str(answer[0])),
        sums={m: Decimal(str(a or 0)) for m, a in zip(measures, amounts, strict=True)},
        key_digest=str(answer[-1]) if taken else "",
        algorithm=algorithm if taken else "",
    )


def row_number_sql(columns: Sequence[str], types: dict[str, str], algorithm: str) -> str:
    """
    Return the expression of a row's number, for either algorithm.

    Args:
        columns: Key and measures, in order.
        types: The columns' types in DuckDB's words.
        algorithm: `duckdb-hash` or `md5-lower64`.

    Raises:
        ValueError: There is no such algorithm.
    """
    if algorithm == FAST:
        return f"hash({', '.join(quote(c) for c in columns)})"
    if algorithm != PORTABLE:
        raise ValueError(f"no such digest algorithm: {algorithm}")
    encoded = " || ".join(_encoded(_text(quote(c), types[c])) for c in columns)
    return f"('0x' || right(md5({encoded}), 16))::UBIGINT"


def _encoded(text: str) -> str:
    """Return `<bytes>:<text>`, or `-` for null."""
    return f"coalesce(strlen({text}) || ':' || {text}, '-')"


def _text(column: str, type_name: str) -> str:
    if type_name == "TIMESTAMP WITH TIME ZONE":
        return f"strftime(timezone('UTC', {column}), '%Y-%m-%dT%H:%M:%S.%fZ')"
    if type_name.startswith("TIMESTAMP"):
        return f"strftime({column}, '%Y-%m-%dT%H:%M:%S.%fZ')"
    return f"CAST({column} AS VARCHAR)"
