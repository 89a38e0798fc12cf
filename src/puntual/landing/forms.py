"""Looks at a file's first and last bytes: is it what the contract declares?"""

from __future__ import annotations

import codecs
import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from puntual.model.contract import Contract, Csv, Format, JsonLines, Parquet

_HEAD = 1 << 20
_BATCH = 50_000
_FEW = 64
_UNFOLDED = 1 << 30
_RATIO = 1_000
"""A file that unfolds to more than this many times its size, and 1 GiB, is a bomb (h10)."""

_MAGIC = (
    (b"\x1f\x8b", "a gzip file"),
    (b"PK\x03\x04", "a zip file"),
    (b"%PDF-", "a PDF"),
    (b"PAR1", "a Parquet file"),
    (b"\xd0\xcf\x11\xe0", "an old Office file"),
)
_PAGES = (
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<head", "an HTML page"),
    (b"<body", "an HTML page"),
    (b"<?xml", "an XML document"),
    (b"<error", "an XML document"),
    (b"<soap", "an XML document"),
    (b"<!--", "an HTML page"),
)
_BOMS = (
    (codecs.BOM_UTF8, frozenset({"utf-8", "utf-8-sig"})),
    (codecs.BOM_UTF32_LE, frozenset({"utf-32", "utf-32-le"})),
    (codecs.BOM_UTF32_BE, frozenset({"utf-32", "utf-32-be"})),
    (codecs.BOM_UTF16_LE, frozenset({"utf-16", "utf-16-le"})),
    (codecs.BOM_UTF16_BE, frozenset({"utf-16", "utf-16-be"})),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a file is not what was declared; `refused` unless it can still be read safely."""

    code: str
    message: str
    expected: str
    observed: str
    refused: bool = True


def examine(path: str, contract: Contract) -> tuple[Trouble, ...]:
    """
    Compare a file's form with its contract, by its first and last bytes.

    A Parquet file is read through: a page that is damaged is seen by nothing else.

    Args:
        path: A file that is not empty and does not change.
        contract: What it should be.

    Returns:
        What is wrong; empty when nothing is seen. Values are not compared with the contract.
    """
    with Path(path).open("rb") as file:
        head = file.read(_HEAD)
        size = file.seek(0, 2)
        file.seek(max(size - _HEAD, 0))
        tail = file.read()
    if isinstance(contract.format, Parquet):
        return _parquet(path, head, tail, contract)
    encoding = contract.format.encoding if isinstance(contract.format, Csv) else "utf-8"
    wrong = _not_text(head) or _other_encoding(head, encoding)
    if wrong:
        return (wrong,)
    header = _header(head, contract) if isinstance(contract.format, Csv) else ()
    if any(t.refused for t in header):
        return header
    return header + _cut_off(tail, contract.format, len(contract.columns))


def _not_text(head: bytes) -> Trouble | None:
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:64].lower()
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return _form("text", what)
    for page, what in _PAGES:
        if start.startswith(page):
            return _form("data", what)
    return None


def _form(expected: str, observed: str) -> Trouble:
    return Trouble(
        code="S2003",
        message=f"is {observed}, not {expected}",
        expected=expected,
        observed=observed,
    )


def _other_encoding(head: bytes, encoding: str) -> Trouble | None:
    declared = codecs.lookup(encoding).name
    for bom, allowed in _BOMS:
        if head.startswith(bom):
            if declared in allowed:
                return None
            observed = f"the byte order mark of {min(allowed)}"
            return Trouble(
                code="S2012",
                message=f"begins with {observed}",
                expected=f"the declared encoding {declared}",
                observed=observed,
            )
    return None


def _header(head: bytes, contract: Contract) -> tuple[Trouble, ...]:
    form = contract.format
    if not isinstance(form, Csv) or not form.header:
        return ()
    line = head.decode(form.encoding, "replace").removeprefix("\ufeff").split("\n", 1)[0]
    return _names(_fields(line.rstrip("\r"), form) or [line], contract)


def _names(found: list[str], contract: Contract) -> tuple[Trouble, ...]:
    """Compare column names; the order does not matter, columns are read by name."""
    wanted = [c.source_name for c in contract.columns]
    missing = [n for n in wanted if n not in found]
    extra = [n for n in found if n not in wanted]
    twice = sorted({n for n in found if found.count(n) > 1})
    said = [
        f"{what} {', '.join(map(_shown, names))}"
        for what, names in (("lacks", missing), ("has also", extra), ("has twice", twice))
        if names
    ]
    if not said:
        return ()
    return (
        Trouble(
            code="S2006",
            message=f"has other columns than the contract: {'; '.join(said)}",
            expected=", ".join(wanted),
            observed=", ".join(map(_shown, found[:100])),
            refused=bool(missing or twice),
        ),
    )


def _shown(name: str) -> str:
    return (
        name[:40].encode("unicode_escape").decode("ascii") if not name.isprintable() else name[:40]
    )


def _fields(line: str, form: Csv) -> list[str] | None:
    """Split one line by the declared dialect; None where its quotes do not close."""
    reader = csv.reader(
        [line],
        delimiter=form.delimiter,
        quotechar=form.quote,
        quoting=csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE,
        doublequote=True,
        strict=True,
    )
    limit = csv.field_size_limit(len(line) + 1)
    try:
        return next(reader, [])
    except csv.Error:
        return None
    finally:
        csv.field_size_limit(limit)


def _cut_off(tail: bytes, form: Format, columns: int) -> tuple[Trouble, ...]:
    """Look at a last line that has no line end: can it be read?"""
    encoding = form.encoding if isinstance(form, Csv) else "utf-8"
    if tail.endswith(b"\n") or "\n".encode(encoding)[-1:] != b"\n":
        return ()
    line = tail.rpartition(b"\n")[2].decode(encoding, "replace")
    if isinstance(form, Csv):
        fields = _fields(line, form)
        whole = fields is not None and (form.header or len(fields) == columns)
        whole = whole and (form.multiline or (fields is not None and len(fields) >= columns))
    else:
        whole = isinstance(form, JsonLines) and _is_json(line)
    if whole:
        return ()
    return (
        Trouble(
            code="S2002",
            message="ends in the middle of its last line",
            expected="a line end after the last record",
            observed=f"{len(line)} characters that are no whole record",
            refused=False,
        ),
    )


def _is_json(line: str) -> bool:
    try:
        json.loads(line, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


def _parquet(path: str, head: bytes, tail: bytes, contract: Contract) -> tuple[Trouble, ...]:
    if not head.startswith(b"PAR1"):
        return (_not_text(head) or _form("a Parquet file", "another file"),)
    if not tail.endswith(b"PAR1"):
        return (_form("a whole Parquet file", "one without its end"),)
    columns = [c.source_name for c in contract.columns]
    try:
        return _unfolded(path, columns, contract)
    except (pa.ArrowException, OSError):
        return (_form("a Parquet file", "one that cannot be read"),)


def _unfolded(path: str, columns: list[str], contract: Contract) -> tuple[Trouble, ...]:
    """Read a Parquet file through; refuse what it would unfold to, without unfolding it."""
    footer = pq.read_metadata(path)
    allowed = _UNFOLDED + _RATIO * Path(path).stat().st_size
    if footer.num_rows > allowed:
        return (_bomb(f"{footer.num_rows:,} rows"),)
    # What repeats stays a dictionary: 60 kB can hold a text of 1 MiB 50,000 times.
    leaves = [footer.schema.column(i) for i in range(footer.num_columns)]
    texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
    batch = _FEW if _shares_prefixes(footer) else _BATCH
    with pq.ParquetFile(path, read_dictionary=texts, page_checksum_verification=True) as file:
        troubles = _names(list(file.schema_arrow.names), contract)
        if not any(t.refused for t in troubles):
            unfolded = _read_through(file, columns, batch)
            troubles += (_bomb(f"{unfolded:,} bytes of text"),) if unfolded > allowed else ()
    return troubles


def _shares_prefixes(footer: pq.FileMetaData) -> bool:
    """Say whether texts are stored as what differs from the one before: each may be long."""
    chunks = (
        footer.row_group(g).column(c)
        for g in range(footer.num_row_groups)
        for c in range(footer.num_columns)
    )
    return any("DELTA_BYTE_ARRAY" in chunk.encodings for chunk in chunks)


def _read_through(file: pq.ParquetFile, columns: list[str], rows: int) -> int:
    """
    Read every value once: a footer that can be read says nothing of the pages before it.

    Returns:
        How many bytes its texts take when each is written out.
    """
    unfolded = 0
    for batch in file.iter_batches(rows, columns=columns):
        batch.validate(full=True)
        for column in batch.columns:
            if pa.types.is_dictionary(column.type) and len(column):
                lengths = pc.binary_length(column.dictionary)
                unfolded += pc.sum(lengths.take(column.indices)).as_py() or 0
    return unfolded


def _bomb(observed: str) -> Trouble:
    expected = f"at most {_RATIO:,} times its size and {_UNFOLDED:,}"
    return replace(_form("a Parquet file", f"one that unfolds to {observed}"), expected=expected)
