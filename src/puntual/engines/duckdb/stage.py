"""
Raw parts parsed once, each into a scratch Parquet file that counting and curating share.

A staged file has `position`, `verdict` (null: the record stays unless it is a duplicate),
`unread` (its form or one of its measures could not be read) and `v<i>`, the typed columns of
the contract. It is scratch: never stored, never the truth, made again when it is not there.
"""

from __future__ import annotations

from collections.abc import Sequence

from puntual.engines.dialect import literal
from puntual.engines.duckdb.lines import PART_SHIFT
from puntual.engines.duckdb.read import position_sql, records_sql
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.verdicts import Verdicts
from puntual.model.contract import Contract
from puntual.ports.engine import RawDay

_FORM = "(FORMAT parquet, COMPRESSION snappy)"


def stage(session: Session, raw: RawDay, verdicts: Verdicts, path: str) -> None:
    """
    Parse a raw day's parts into a scratch file.

    Raises:
        PermanentError: T3001, T3002, Q1002, Q1004; see `session.translate`.
    """
    columns = raw.contract.columns
    values = ", ".join(f"v{i}" for i in range(len(columns)))
    records = records_sql(session, raw, columns)
    session.rows(
        f"COPY (SELECT {position_sql()} AS position, {verdicts.sql} AS verdict, "
        f"{_unread(raw.contract)} AS unread, {values} FROM ({records})) TO {literal(path)} {_FORM}"
    )


def open_staged(session: Session, files: Sequence[str]) -> None:
    """Make the view `staged` over the staged files of a day's parts, in their order."""
    listed = ", ".join(literal(f) for f in files)
    ordinal = f"(file_index::BIGINT << {PART_SHIFT}) + position AS ordinal"
    session.rows(
        f"CREATE TEMP VIEW staged AS SELECT {ordinal}, * EXCLUDE (position) "
        f"FROM read_parquet([{listed}], hive_partitioning = false)"
    )


def _unread(contract: Contract) -> str:
    names = [c.name for c in contract.columns]
    places = [names.index(m.column) for m in contract.measures]
    wrong = [f"(t{i} IS NOT NULL AND v{i} IS NULL)" for i in places]
    return f"({' OR '.join(['unreadable IS NOT NULL', *wrong])})"
