"""Raw records by their positions in one object: their exact bytes, in one pass over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from puntual.engines.dialect.sql import literal
from puntual.engines.duckdb.record import text_record
from puntual.engines.duckdb.session import Limits, open_session
from puntual.model.contract import Contract, Csv, Parquet

_WIDE = ("utf-16", "utf-32")


def payloads(
    path: str, contract: Contract, positions: frozenset[int], folder: str, *, stream: bool
) -> Mapping[int, bytes]:
    """
    Return the bytes of records of a raw object by position; of one that is not there, none.

    Args:
        path: The object.
        contract: How its records are cut.
        positions: Physical lines, or rows of a Parquet object, from 1.
        folder: Scratch.
        stream: It is a stream's: a row's payload is its record.

    Returns:
        A text record with its line end; of a typed row its texts, one `name=value` a line.

    Raises:
        PermanentError: T3001, T3002 the object cannot be read.
    """
    form = contract.format
    if stream or isinstance(form, Parquet):
        return _rows(path, positions, folder, stream=stream)
    csv = form if isinstance(form, Csv) else None
    encoding = csv.encoding.lower() if csv else "utf-8"
    if (csv and csv.multiline) or encoding.startswith(_WIDE):
        quote = csv.quote if csv and csv.multiline else None
        found = {n: text_record(path, n, encoding=encoding, quote=quote) for n in positions}
        return {n: record[1] for n, record in found.items() if record is not None}
    return dict(_lines(path, positions))


def _lines(path: str, positions: frozenset[int]) -> Iterator[tuple[int, bytes]]:
    last = max(positions, default=0)
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if number in positions:
                yield number, line
            if number >= last:
                return


def _rows(path: str, positions: frozenset[int], folder: str, *, stream: bool) -> dict[int, bytes]:
    listed = ", ".join(str(n - 1) for n in sorted(positions))
    with open_session(folder, limits=Limits(), zone="UTC", where=path) as session:
        cursor = session.cursor(
            f"SELECT * FROM read_parquet({literal(path)}, file_row_number = true, "
            f"hive_partitioning = false) WHERE file_row_number IN ({listed})"
        )
        names = [str(d[0]) for d in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {int(row.pop("file_row_number")) + 1: _bytes(row, stream=stream) for row in rows}


def _bytes(row: dict[str, object], *, stream: bool) -> bytes:
    if stream:
        payload = row["payload"]
        return payload if isinstance(payload, bytes) else b""
    lines = (f"{name}={'NULL' if value is None else value}" for name, value in row.items())
    return "\n".join(lines).encode("utf-8", "surrogateescape")
