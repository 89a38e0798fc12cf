"""
One raw record by its place: its exact bytes, and how the contract reads it.

The record is cut out of its object and parsed alone, by the same expressions as the whole day,
so that looking at one row costs no day. Nothing is stored.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from puntual.engines.dialect.sql import literal
from puntual.engines.duckdb.lines import MAX_LINE
from puntual.engines.duckdb.read import records_sql
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.tables import scan
from puntual.engines.duckdb.verdicts import verdicts_of
from puntual.model.broken_row import ParsedCell, RawRecord
from puntual.model.contract import Csv, Parquet
from puntual.ports.engine import RawDay, RawPart

_BLOCK = 4 << 20
_UNITS = {"utf-16": 2, "utf-16-le": 2, "utf-16-be": 2, "utf-32": 4, "utf-32-le": 4, "utf-32-be": 4}
_BOMS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def record_at(session: Session, raw: RawDay, position: int, folder: str) -> RawRecord | None:
    """
    Return the record at a position of a raw day's only part; None where there is none.

    Args:
        session: May read the part, and read and write in the folder.
        raw: A raw day with one part.
        position: The physical line, or the row of a Parquet object, from 1.
        folder: An empty folder of its own.

    Raises:
        PermanentError: T3002 the object cannot be read.
    """
    (part,) = raw.parts
    alone = Path(folder) / "record"
    if raw.stream or isinstance(raw.contract.format, Parquet):
        found = _row(session, part, position, str(alone), stream=raw.stream)
    else:
        csv = raw.contract.format if isinstance(raw.contract.format, Csv) else None
        found = _line(part.uri, position, csv, alone)
    if found is None:
        return None
    return _parsed(session, replace(raw, parts=(RawPart(uri=str(alone), short=part.short),)), found)


def _row(
    session: Session, part: RawPart, position: int, alone: str, *, stream: bool
) -> RawRecord | None:
    source = f"read_parquet({literal(part.uri)}, file_row_number = true, hive_partitioning = false)"
    wanted = f"FROM {source} WHERE file_row_number = {position - 1}"
    session.rows(
        f"COPY (SELECT * EXCLUDE (file_row_number) {wanted}) TO {literal(alone)} (FORMAT parquet)"
    )
    names = tuple(session.columns(f"SELECT * FROM {scan((alone,))}"))
    rows = session.rows(f"SELECT * FROM {scan((alone,))}")
    if not rows:
        return None
    cells = dict(zip(names, rows[0], strict=True))
    if not stream:
        return RawRecord(data=_texts(cells), offset=0, facts={}, parsed=())
    payload = cells.pop("payload")
    facts = {name: str(value) for name, value in cells.items() if value is not None}
    return RawRecord(
        data=payload if isinstance(payload, bytes) else b"", offset=0, facts=facts, parsed=()
    )


def _texts(cells: dict[str, object]) -> bytes:
    lines = (f"{name}={'NULL' if value is None else value}" for name, value in cells.items())
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def _line(path: str, position: int, form: Csv | None, alone: Path) -> RawRecord | None:
    """Cut a record out of a text file, and lay it into a file with what must stand before it."""
    encoding = form.encoding if form else "utf-8"
    quote = form.quote if form is not None and form.multiline else None
    found = text_record(path, position, encoding=encoding, quote=quote)
    if found is None:
        return None
    offset, data = found
    with open(path, "rb") as file:
        head = file.read(4)
    bom = next((b for b in (*_BOMS, codecs.BOM_UTF8) if head.startswith(b)), b"")
    before = bom if offset else b""
    if form is not None and form.header and position > 1:
        first = text_record(path, 1, encoding=encoding, quote=quote)
        before = first[1] if first is not None else b""
    alone.write_bytes(before + data)
    return RawRecord(data=data, offset=offset, facts={}, parsed=())


def text_record(
    path: str, position: int, *, encoding: str = "utf-8", quote: str | None = None
) -> tuple[int, bytes] | None:
    """
    Return the offset and the exact bytes of the record that starts on a physical line.

    Args:
        path: The text file, as it was landed.
        position: The line, from 1; a line ends at LF or at the end of the file.
        encoding: Its encoding.
        quote: Where records may hold line ends in quotes: the quotation mark.

    Returns:
        Its end of line is part of it; at most 16 MiB are returned. None past the end.
    """
    unit, end = _unit(path, encoding)
    mark = quote.encode(encoding.replace("-sig", ""))[-unit:] if quote else b""
    record: list[bytes] = []
    begin, quotes = 0, 0
    for number, (offset, line) in enumerate(_lines(path, unit, end), 1):
        if number < position:
            continue
        if not record:
            begin = offset
        record.append(line)
        quotes += line.count(mark) if mark else 0
        if quotes % 2 == 0 or sum(map(len, record)) > MAX_LINE:
            break
    return (begin, b"".join(record)[:MAX_LINE]) if record else None


def _unit(path: str, encoding: str) -> tuple[int, bytes]:
    """Return the width of a character, at least, and the bytes of a line feed."""
    name = codecs.lookup(encoding).name
    unit = _UNITS.get(name, 1)
    if unit == 1:
        return 1, b"\n"
    with open(path, "rb") as file:
        head = file.read(unit)
    big = name.endswith("-be") or head in (codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
    return unit, b"\n".rjust(unit, b"\0") if big else b"\n".ljust(unit, b"\0")


def _lines(path: str, unit: int, end: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each physical line with its offset, its end included."""
    if unit == 1:
        offset = 0
        with open(path, "rb") as file:
            for line in file:
                yield offset, line
                offset += len(line)
        return
    yield from _wide_lines(Path(path).read_bytes(), unit, end)


def _wide_lines(data: bytes, unit: int, end: bytes) -> Iterator[tuple[int, bytes]]:
    offset, at = 0, data.find(end)
    while at >= 0:
        if at % unit == 0:
            yield offset, data[offset : at + unit]
            offset = at + unit
        at = data.find(end, at + 1)
    if offset < len(data):
        yield offset, data[offset:]


def _parsed(session: Session, raw: RawDay, found: RawRecord) -> RawRecord:
    columns = raw.contract.columns
    verdicts = verdicts_of(raw.contract, raw.reference_date)
    cells = ", ".join(f"t{i}, v{i}" for i in range(len(columns)))
    rows = session.rows(
        f"SELECT {verdicts.sql}, {cells} FROM ({records_sql(session, raw, columns)}) "
        "ORDER BY ordinal"
    )
    if not rows:
        return found
    number, *values = rows[-1]
    verdict = verdicts.known[int(str(number)) - 1] if number is not None else None
    typed = isinstance(raw.contract.format, Parquet) and not raw.stream
    parsed = tuple(
        ParsedCell(
            column=c.name,
            source_name=c.source_name,
            text=_shown(values[2 * i], values[2 * i + 1], typed=typed),
            value=values[2 * i + 1],
        )
        for i, c in enumerate(columns)
    )
    if verdict is None:
        return replace(found, parsed=parsed)
    return replace(
        found,
        parsed=parsed,
        of_class=verdict.of_class,
        reason=verdict.reason,
        column=verdict.column,
    )


def _shown(text: object, value: object, *, typed: bool) -> str | None:
    """A typed cell of an extract has no text of its own: its value's is shown."""
    if text is None:
        return None
    return str(value) if typed and text == "" else str(text)
