"""
Raw parts parsed once, into scratch Parquet files that counting and curating share.

A large text object is parsed slice by slice, each into a file of its own; a slice's positions
count from its first byte until it is known how many lines lie before it.

A staged file has `position`, `verdict` (null: the record stays unless it is a duplicate),
`unread` (its form or one of its measures could not be read), `h` (hash of the declared key; null
where there is none) and `v<i>`, the typed columns of the contract, in the order of positions. It
is scratch: never stored, never the truth, made again when it is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from puntual.engines.dialect.sql import literal
from puntual.engines.duckdb.lines import PART_SHIFT, Slice, first_line, read_slice, slices_of
from puntual.engines.duckdb.pieces import Staged, StagedFile
from puntual.engines.duckdb.read import Cut, position_sql, records_sql
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.verdicts import Verdicts
from puntual.model.contract import Contract, Csv, Parquet
from puntual.ports.engine import RawDay

_FORM = "(FORMAT parquet, COMPRESSION snappy, PARQUET_VERSION V2, DICTIONARY_SIZE_LIMIT 1000)"
"""Version 2 writes positions, instants and lengths as differences: less to write and to read."""

_LINES = "slice_lines"


def stage(
    session: Session, raw: RawDay, verdicts: Verdicts, path: str, piece: Slice | None = None
) -> int:
    """
    Parse a raw day's parts into a scratch file; return the last position in it.

    Args:
        session: May read the parts and write the file.
        raw: A raw day of one part, or of none.
        verdicts: Of its contract.
        path: The file.
        piece: The slice of the part that is parsed alone; the number of its lines is returned.

    Raises:
        PermanentError: T3001, T3002, Q1002, Q1004; see `session.translate`.
    """
    contract = raw.contract
    values = ", ".join(f"v{i}" for i in range(len(contract.columns)))
    records = records_sql(session, raw, contract.columns, _slice(session, raw, piece))
    session.rows(
        f"COPY (SELECT {position_sql()} AS position, {verdicts.sql} AS verdict, "
        f"{unread_sql(contract)} AS unread, {_hash(contract)} AS h, {values} FROM ({records})) "
        f"TO {literal(path)} {_FORM}"
    )
    if piece is not None:
        return piece.lines
    file = f"read_parquet({literal(path)}, hive_partitioning = false)"
    (last,) = session.row(f"SELECT coalesce(max(position), 0) FROM {file}")
    return int(str(last))


def slices(raw: RawDay) -> list[Slice | None]:
    """Return the slices in which a raw day of one part is parsed; None: it is parsed whole."""
    if not raw.parts or raw.stream or isinstance(raw.contract.format, Parquet):
        return [None]
    found = slices_of(raw.parts[0], _csv(raw.contract))
    return [*found] if len(found) > 1 else [None]


def _slice(session: Session, raw: RawDay, piece: Slice | None) -> Cut | None:
    """Lay the lines of a slice out to be read."""
    if piece is None:
        return None
    (part,), csv = raw.parts, _csv(raw.contract)
    session.connection.register(_LINES, read_slice(part, csv, piece))
    return Cut(relation=_LINES, first=first_line(part, csv))


def _csv(contract: Contract) -> Csv | None:
    return contract.format if isinstance(contract.format, Csv) else None


def positioned_sql(files: Sequence[StagedFile]) -> str:
    """Return a SELECT over staged files in their order, each with its positions shifted."""
    if len(files) == 1:
        place = f"position + {files[0].shift}"
    else:
        shifts = ", ".join(str(file.shift) for file in files)
        place = f"([{shifts}]::BIGINT[])[file_index::BIGINT + 1] + position"
    listed = ", ".join(literal(file.path) for file in files)
    return (
        f"SELECT {place} AS position, * EXCLUDE (position) "
        f"FROM read_parquet([{listed}], hive_partitioning = false)"
    )


def open_staged(session: Session, parts: Sequence[Staged]) -> None:
    """Make the view `staged` over the staged files of a day's parts, in their order."""
    files = [
        replace(file, after=file.after + (number << PART_SHIFT))
        for number, part in enumerate(parts)
        for file in part.files
    ]
    session.rows(
        "CREATE TEMP VIEW staged AS SELECT position AS ordinal, * EXCLUDE (position) "
        f"FROM ({positioned_sql(files)})"
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
