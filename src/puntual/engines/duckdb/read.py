"""
Raw objects as one relation of records: what each column's text and value are.

The relation has `ordinal` (part × 2^40 + position, so it orders and identifies records),
`unreadable` (reason, or null), `repeated` (a JSON key stands twice), and for each column
`t<i>` (its text; null when absent; for a typed Parquet column only whether it is there) and
`v<i>` (its value; null when it is none).
Rules and duplicates are not looked at here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from puntual.engines.dialect.sql import literal, quote, type_sql
from puntual.engines.duckdb.json_text import json_texts
from puntual.engines.duckdb.lines import PART_SHIFT, first_line, read_lines
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.values import Numbers, exact_sql, value_sql
from puntual.errors import PermanentError
from puntual.model.contract import Column, Csv, JsonLines, Parquet
from puntual.ports.engine import RawDay, RawPart

UNREADABLE = ("bad_encoding", "too_long", "cut_off", "not_json", "bad_quotes", "wrong_columns")
"""Reasons of a record that could not be read at all."""

_MASK = (1 << PART_SHIFT) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """
    Records that were cut elsewhere, for one part or for a stream's parts.

    Attributes:
        relation: What holds them: `ordinal`, `line` and `flaw`, or the ordinal and the columns of
            a Parquet object.
        ordinal: The column of a row's ordinal.
        first: The first line of the part, with the names of a file that has a header; of other
            lines any, whose form most are expected to have.
    """

    relation: str
    ordinal: str = "ordinal"
    first: str = ""


def position_sql(ordinal: str = "ordinal") -> str:
    """Return the expression of a record's position in its object."""
    return f"({ordinal} & {_MASK})"


def object_sql(parts: Sequence[RawPart], ordinal: str = "ordinal") -> str:
    """Return the expression of a record's object, 12 hex digits."""
    names = ", ".join(literal(p.short) for p in parts)
    return f"[{names}][({ordinal} >> {PART_SHIFT}) + 1]"


def records_sql(
    session: Session, raw: RawDay, columns: Sequence[Column], cut: Cut | None = None
) -> str:
    """
    Return a SELECT over a raw day's records with some of the contract's columns.

    It may hold a stream of batches that is read once, so it is run once. No object is opened
    where its records were cut elsewhere.

    Raises:
        PermanentError: T3002 an object cannot be read; Q1004 a stream whose payload is said
            to be Parquet.
    """
    form = raw.contract.format
    if isinstance(form, Parquet):
        if raw.stream:
            raise PermanentError(
                "Q1004",
                "A stream's records cannot be Parquet.",
                where=raw.contract.file,
                expected="puntual.format of type jsonl or csv",
                observed="parquet",
                next_step="Declare the form of the payload.",
            )
        if cut is not None:
            return _typed_rows(session, cut.relation, quote(cut.ordinal), columns)
        return _parquet(session, raw.parts, columns)
    source = _source(session, raw, form, cut)
    match form:
        case JsonLines():
            sample = _sample(session, raw) if cut is None else cut.first
            texts = json_texts(source, columns, sample)
            numbers = Numbers(exponents=True)
        case Csv():
            texts = _csv_texts(session, source, raw, form, columns, cut)
            numbers = Numbers(decimal_mark=form.decimal_mark, group_mark=form.group_mark)
        case _:
            assert_never(form)
    values = [f"{value_sql(c, f't{i}', numbers)} AS v{i}" for i, c in enumerate(columns)]
    kept = ["ordinal", "unreadable", "repeated", *_numbered("t", columns), *values]
    return f"SELECT {', '.join(kept)} FROM ({texts})"


def _source(session: Session, raw: RawDay, form: Csv | JsonLines, cut: Cut | None) -> str:
    if cut is not None and raw.stream:
        return f"SELECT ordinal, line, flaw FROM {cut.relation}"
    if cut is not None:
        return _of_lines(cut.relation, raw, form)
    return _payloads(raw.parts) if raw.stream else _lines(session, raw, form)


def _payloads(parts: Sequence[RawPart]) -> str:
    """Return stream payloads as lines; an empty payload is a record too."""
    files = ", ".join(literal(p.uri) for p in parts)
    if not parts:
        return _NOTHING
    return (
        "SELECT ordinal, line, CASE WHEN line IS NULL THEN 'bad_encoding' END AS flaw FROM ("
        f"SELECT (file_index::BIGINT << {PART_SHIFT}) + file_row_number + 1 AS ordinal, "
        "TRY(decode(coalesce(payload, ''::BLOB))) AS line "
        f"FROM read_parquet([{files}], file_row_number = true, hive_partitioning = false))"
    )


def _sample(session: Session, raw: RawDay) -> str:
    """Return the first line of JSON lines, or the first payload; "" where there is none."""
    if not raw.parts:
        return ""
    if not raw.stream:
        return first_line(raw.parts[0], None)
    first = f"read_parquet({literal(raw.parts[0].uri)}, hive_partitioning = false)"
    rows = session.rows(f"SELECT TRY(decode(payload)) FROM {first} LIMIT 1")
    return str(rows[0][0] or "") if rows else ""


_NOTHING = (
    "SELECT NULL::BIGINT AS ordinal, NULL::VARCHAR AS line, NULL::VARCHAR AS flaw WHERE false"
)


def _lines(session: Session, raw: RawDay, form: Csv | JsonLines) -> str:
    """Return a day's lines; an empty line is no record, but counts in positions."""
    csv = form if isinstance(form, Csv) else None
    session.connection.register("raw_lines", read_lines(raw.parts, csv))
    return _of_lines("raw_lines", raw, form)


def _of_lines(relation: str, raw: RawDay, form: Csv | JsonLines) -> str:
    csv = form if isinstance(form, Csv) else None
    conditions = []
    if csv is None or len(raw.contract.columns) > 1:
        conditions.append("(line IS NULL OR (line <> '' AND line <> chr(13)))")
    if csv is not None and csv.header:
        conditions.append(f"{position_sql()} > 1")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT ordinal, line, flaw FROM {relation}{where}"


def _csv_texts(
    session: Session,
    source: str,
    raw: RawDay,
    form: Csv,
    columns: Sequence[Column],
    read: Cut | None,
) -> str:
    """Return the texts of delimited lines: fields by header name, or by the contract's order."""
    width, places = _places(session, raw, form, columns, read)
    cut = "SELECT ordinal, flaw, CASE WHEN ends_with(line, chr(13)) THEN left(line, -1) ELSE line "
    cut += f"END AS line FROM ({source})"
    split = f"SELECT ordinal, flaw, line, {_fields('line', form)} AS f FROM ({cut})"
    unreadable = (
        "CASE WHEN line IS NULL THEN flaw WHEN f IS NULL THEN coalesce(flaw, 'bad_quotes') "
        f"WHEN len(f) IS DISTINCT FROM {width} THEN coalesce(flaw, 'wrong_columns') END"
    )
    nulls = ", ".join(literal(n) for n in form.null_values)
    texts = []
    for i, place in enumerate(places):
        text = _unquoted(f"f[{place}]", form)
        known = f"CASE WHEN {text} IN ({nulls}) THEN NULL ELSE {text} END" if nulls else text
        texts.append(f"CASE WHEN unreadable IS NULL THEN {known} END AS t{i}")
    inner = f"SELECT ordinal, f, {unreadable} AS unreadable FROM ({split})"
    kept = ", ".join(["ordinal", "unreadable", "false AS repeated", *texts])
    return f"SELECT {kept} FROM ({inner})"


def _places(
    session: Session, raw: RawDay, form: Csv, columns: Sequence[Column], cut: Cut | None
) -> tuple[str, list[str]]:
    """
    Return expressions of the number of fields and of each column's place, from 1.

    A file whose header lacks a column of the contract has no place for it and no width that
    fits, so each of its records is `wrong_columns`.
    """
    names = [c.source_name for c in raw.contract.columns]
    if not form.header or raw.stream:
        return str(len(names)), [str(names.index(c.source_name) + 1) for c in columns]
    firsts = [first_line(part, form) for part in raw.parts] if cut is None else [cut.first]
    headers = [_header(session, line, form) for line in firsts]
    widths = [len(h) if set(names) <= set(h) and len(set(h)) == len(h) else -1 for h in headers]
    return _by_part(widths), [
        _by_part([h.index(c.source_name) + 1 if c.source_name in h else 0 for h in headers])
        for c in columns
    ]


def _by_part(numbers: Sequence[int]) -> str:
    """Return an expression of a number that may differ between parts."""
    if len(set(numbers)) <= 1:
        return str(numbers[0]) if numbers else "0"
    listed = ", ".join(str(n) for n in numbers)
    return f"[{listed}][(ordinal >> {PART_SHIFT}) + 1]"


def _header(session: Session, line: str, form: Csv) -> list[str]:
    """Read the names in a file's first line by the rules of its other lines."""
    name = _unquoted("x", form)
    (names,) = session.row(
        f"SELECT list_transform({_fields('$line::VARCHAR', form)}, lambda x: trim({name}))",
        {"line": line.removesuffix("\r")},
    )
    return [str(n) for n in names] if isinstance(names, list) else []


def _fields(line: str, form: Csv) -> str:
    """Return the expression of a line's fields, still quoted; null when its quotes are wrong."""
    plain = f"string_split({line}, {literal(form.delimiter)})"
    if form.quote is None:
        return plain
    mark, quoted = _class(form.delimiter), _class(form.quote)
    field = f"({quoted}(?:[^{quoted}]|{quoted}{quoted})*{quoted}|[^{mark}{quoted}]*){mark}"
    whole = f"{line} || {literal(form.delimiter)}"
    return (
        f"CASE WHEN NOT contains({line}, {literal(form.quote)}) THEN {plain} "
        f"WHEN regexp_full_match({whole}, {literal(f'(?:{field})+')}) "
        f"THEN regexp_extract_all({whole}, {literal(field)}, 1) END"
    )


def _unquoted(field: str, form: Csv) -> str:
    if form.quote is None:
        return field
    mark = literal(form.quote)
    bare = f"replace(substr({field}, 2, length({field}) - 2), {mark} || {mark}, {mark})"
    return f"CASE WHEN starts_with({field}, {mark}) THEN {bare} ELSE {field} END"


def _class(mark: str) -> str:
    """Write one character so that it stands for itself inside and outside RE2's brackets."""
    if mark.isalnum() or ord(mark) > 127:
        return mark
    return f"\\x{{{ord(mark):x}}}"


def _parquet(session: Session, parts: Sequence[RawPart], columns: Sequence[Column]) -> str:
    """Return Parquet objects' records, each object read by its own types."""
    if not parts:
        cells = ", ".join(
            f"NULL::VARCHAR AS t{i}, NULL::{type_sql(c.type)} AS v{i}"
            for i, c in enumerate(columns)
        )
        return (
            "SELECT 0::BIGINT AS ordinal, NULL::VARCHAR AS unreadable, false AS repeated, "
            f"{cells} WHERE false"
        )
    return " UNION ALL ".join(
        f"({_parquet_part(session, number, part, columns)})" for number, part in enumerate(parts)
    )


def _parquet_part(session: Session, number: int, part: RawPart, columns: Sequence[Column]) -> str:
    scan = f"read_parquet({literal(part.uri)}, file_row_number = true, hive_partitioning = false)"
    return _typed_rows(session, scan, f"file_row_number + {(number << PART_SHIFT) + 1}", columns)


def _typed_rows(session: Session, scan: str, ordinal: str, columns: Sequence[Column]) -> str:
    """Return the records of typed rows; `ordinal` is the expression of theirs."""
    types = session.columns(f"SELECT * FROM {scan}")
    missing = any(c.source_name not in types for c in columns)
    texts, values = [], []
    for i, column in enumerate(columns):
        if missing:
            texts.append(f"NULL::VARCHAR AS t{i}")
            values.append(f"{value_sql(column, f't{i}', Numbers())} AS v{i}")
            continue
        cell = exact_sql(column, quote(column.source_name), types[column.source_name])
        if cell.typed:
            texts.append(
                f"CASE WHEN {cell.sql} IS NOT NULL THEN '' END AS t{i}, {cell.sql} AS x{i}"
            )
            values.append(f"x{i} AS v{i}")
        else:
            texts.append(f"{cell.sql} AS t{i}")
            values.append(f"{value_sql(column, f't{i}', Numbers())} AS v{i}")
    flaw = "'wrong_columns'" if missing else "NULL::VARCHAR"
    inner = f"SELECT {ordinal} AS ordinal, {', '.join(texts)} FROM {scan}"
    kept = ", ".join([*_numbered("t", columns), *values])
    return (
        f"SELECT ordinal::BIGINT AS ordinal, {flaw} AS unreadable, false AS repeated, {kept} "
        f"FROM ({inner})"
    )


def _numbered(letter: str, columns: Sequence[Column]) -> list[str]:
    return [f"{letter}{i}" for i in range(len(columns))]
