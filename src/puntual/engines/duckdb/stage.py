"""
Raw parts parsed once, each into a scratch Parquet file that counting and curating share.

A staged file has `position`, `verdict` (null: the record stays unless it is a duplicate),
`unread` (its form or one of its measures could not be read), `h` (hash of the declared key; null
where there is none) and `v<i>`, the typed columns of the contract, in the order of positions. It
is scratch: never stored, never the truth, made again when it is not there.
"""

from __future__ import annotations

from collections.abc import Sequence

from puntual.engines.dialect.sql import literal
from puntual.engines.duckdb.lines import PART_SHIFT
from puntual.engines.duckdb.pieces import Staged
from puntual.engines.duckdb.read import position_sql, records_sql
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.verdicts import Verdicts
from puntual.model.contract import Contract
from puntual.ports.engine import RawDay

_FORM = "(FORMAT parquet, COMPRESSION uncompressed, PARQUET_VERSION V2, DICTIONARY_SIZE_LIMIT 1000)"
"""Version 2 writes differences: as small as compressed, sooner written and sooner read."""


def stage(session: Session, raw: RawDay, verdicts: Verdicts, path: str) -> int:
    """
    Parse a raw day's parts into a scratch file; return the last position in it.

    Raises:
        PermanentError: T3001, T3002, Q1002, Q1004; see `session.translate`.
    """
    contract = raw.contract
    values = ", ".join(f"v{i}" for i in range(len(contract.columns)))
    records = records_sql(session, raw, contract.columns)
    session.rows(
        f"COPY (SELECT {position_sql()} AS position, {verdicts.sql} AS verdict, "
        f"{unread_sql(contract)} AS unread, {_hash(contract)} AS h, {values} FROM ({records})) "
        f"TO {literal(path)} {_FORM}"
    )
    (last,) = session.row(f"SELECT coalesce(max(position), 0) FROM {staged_sql((path,))}")
    return int(str(last))


def staged_sql(files: Sequence[str]) -> str:
    """Return a table function over staged files."""
    return f"read_parquet([{', '.join(literal(f) for f in files)}], hive_partitioning = false)"


def open_staged(session: Session, parts: Sequence[Staged]) -> None:
    """Make the view `staged` over the staged files of a day's parts, in their order."""
    ordinal = f"(file_index::BIGINT << {PART_SHIFT}) + position AS ordinal"
    session.rows(
        f"CREATE TEMP VIEW staged AS SELECT {ordinal}, * EXCLUDE (position) "
        f"FROM {staged_sql([part.path for part in parts])}"
    )


def _hash(contract: Contract) -> str:
    names = [c.name for c in contract.columns]
    keys = ", ".join(f"v{names.index(name)}" for name in contract.key)
    return f"hash({keys})" if keys else "NULL::UBIGINT"


def unread_sql(contract: Contract) -> str:
    """Return whether a record's form or one of its measures could not be read."""
    names = [c.name for c in contract.columns]
    places = [names.index(m.column) for m in contract.measures]
    wrong = [f"(t{i} IS NOT NULL AND v{i} IS NULL)" for i in places]
    return f"({' OR '.join(['unreadable IS NOT NULL', *wrong])})"
