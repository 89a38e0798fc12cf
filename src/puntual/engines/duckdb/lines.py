"""
Text files as exact physical lines: batches of (ordinal, line, flaw) for DuckDB to read.

DuckDB's own CSV reader skips empty lines and stops at a lone carriage return, so lines are cut
here, by Arrow's kernels, a block at a time: any bytes give exact positions. A line ends at LF
or at the end of the file; whatever else it holds (CR, NUL, invalid UTF-8) stays its content.
What a line means is not decided here.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from puntual.model.contract import Csv
from puntual.ports.engine import RawPart

SCHEMA = pa.schema([("ordinal", pa.int64()), ("line", pa.string()), ("flaw", pa.string())])
"""
`ordinal` is part × 2^40 + physical line from 1, strictly increasing. `flaw` is null,
`bad_encoding` or `too_long` (then `line` is null), or `cut_off` (the file ends without LF).
"""

PART_SHIFT = 40
MAX_LINE = 16 << 20
BLOCK = 4 << 20
_BOM = b"\xef\xbb\xbf"
_LOST = "\ufffd"


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Whole lines (no final LF), or a piece that must stand alone with its flaw."""

    data: bytes
    flaw: str | None = None


def read_lines(parts: Sequence[RawPart], form: Csv | None) -> pa.RecordBatchReader:
    """
    Read every line of text objects, in order, as a stream of batches.

    Args:
        parts: What to read; a part's number is its place here.
        form: Encoding, and how lines join to records; None for UTF-8 with a record a line.
    """
    return pa.RecordBatchReader.from_batches(SCHEMA, _batches(parts, form))


def cut_content(base: int, content: bytes, form: Csv | None) -> Iterator[pa.RecordBatch]:
    """Cut the bytes of one object that are at hand, as `read_lines` cuts those of a file."""
    return _part_batches(base, io.BytesIO(content), form)


def first_line(part: RawPart, form: Csv | None) -> str:
    """Return the first record of a file, its byte order mark removed; "" for an empty file."""
    for batch in _part_batches(0, part.uri, form):
        if batch.num_rows:
            return batch.column(1)[0].as_py() or ""
    return ""


def _batches(parts: Sequence[RawPart], form: Csv | None) -> Iterator[pa.RecordBatch]:
    for number, part in enumerate(parts):
        yield from _part_batches(number << PART_SHIFT, part.uri, form)


def _part_batches(base: int, source: str | BinaryIO, form: Csv | None) -> Iterator[pa.RecordBatch]:
    joined = form.quote if form is not None and form.multiline else None
    done, carry = 0, b""
    for chunk in _chunks(_blocks(source, form.encoding if form else "utf-8")):
        if chunk.flaw == "too_long":
            if carry:
                yield _batch(base + done, [carry], None)
                done += carry.count(b"\n") + 1
                carry = b""
            yield _flawed(base + done + 1, "too_long")
            done += 1
            continue
        data = carry + b"\n" + chunk.data if carry else chunk.data
        carry = b""
        if joined is None:
            batch = _plain(base + done, data, chunk.flaw)
            done += batch.num_rows
            yield batch
            continue
        last = chunk.flaw == "cut_off"
        batch, lines, carry = _join(base + done, data, joined.encode(), chunk.flaw, keep=not last)
        done += lines
        if len(carry) > MAX_LINE:
            yield batch
            yield _flawed(base + done + 1, "too_long")
            done += carry.count(b"\n") + 1
            carry = b""
            continue
        yield batch
    if carry:
        yield _batch(base + done, [carry], None)


def _blocks(source: str | BinaryIO, encoding: str) -> Iterator[bytes]:
    """Yield UTF-8 bytes without byte order mark; what cannot be decoded becomes invalid UTF-8."""
    with open(source, "rb") if isinstance(source, str) else source as file:
        if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
            yield file.read(BLOCK).removeprefix(_BOM)
            while block := file.read(BLOCK):
                yield block
            return
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        yield _recode(decoder.decode(file.read(BLOCK)).removeprefix("\ufeff"))
        while block := file.read(BLOCK):
            yield _recode(decoder.decode(block))
        yield _recode(decoder.decode(b"", final=True))


def _recode(text: str) -> bytes:
    """Write text as UTF-8, a character that was lost as a byte that no UTF-8 has."""
    return text.replace(_LOST, "\udcff").encode("utf-8", "surrogateescape")


def _chunks(blocks: Iterator[bytes]) -> Iterator[_Chunk]:
    """Cut blocks at line ends; a line longer than MAX_LINE becomes a piece without content."""
    rest: list[bytes] = []
    held, skipping = 0, False
    for block in blocks:
        cut = block.rfind(b"\n")
        if cut < 0:
            if block and not skipping:
                rest.append(block)
                held += len(block)
            if held > MAX_LINE:
                rest, held, skipping = [], 0, True
            continue
        if skipping:
            start = block.find(b"\n") + 1
            yield _Chunk(b"", "too_long")
            skipping = False
            if start <= cut:
                yield _Chunk(block[start:cut])
        else:
            yield _Chunk(b"".join([*rest, block[:cut]]))
        tail = block[cut + 1 :]
        rest, held = ([tail], len(tail)) if tail else ([], 0)
    if skipping:
        yield _Chunk(b"", "too_long")
    elif rest:
        yield _Chunk(b"".join(rest), "cut_off")


def _plain(before: int, data: bytes, flaw: str | None) -> pa.RecordBatch:
    return _batch(before, _split(data), flaw)


def _split(data: bytes) -> pa.Array:
    """Cut bytes at LF into a binary array, in C."""
    return pc.split_pattern(pa.array([data], pa.large_binary()), b"\n").values


def _batch(before: int, lines: pa.Array | list[bytes], flaw: str | None) -> pa.RecordBatch:
    """Number consecutive lines and check their UTF-8."""
    array = lines if isinstance(lines, pa.Array) else pa.array(lines, pa.large_binary())
    numbers = pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), len(array)), start=before)
    return _checked(numbers, array, flaw)


def _checked(numbers: pa.Array, array: pa.Array, flaw: str | None) -> pa.RecordBatch:
    try:
        text, flaws = array.cast(pa.large_string()), pa.nulls(len(array), pa.string())
    except pa.ArrowInvalid:
        text, flaws = _decode_each(array)
    if flaw is not None:
        flaws = pa.concat_arrays([flaws.slice(0, len(flaws) - 1), pa.array([flaw], pa.string())])
    return pa.RecordBatch.from_arrays([numbers, text.cast(pa.string()), flaws], schema=SCHEMA)


def _decode_each(array: pa.Array) -> tuple[pa.Array, pa.Array]:
    """
    Find the lines whose bytes are not UTF-8: those that decoding with replacement changes.

    A line feed inside a joined record stands aside for the comparison, which cuts at them.
    """
    flat = pc.replace_substring(array.cast(pa.binary()), "\n", "\ufdd0")
    joined = pc.binary_join(pa.ListArray.from_arrays([0, len(flat)], flat), b"\n")
    mended = _split(joined[0].as_py().decode("utf-8", "replace").encode())
    same = pc.equal(flat.cast(pa.large_binary()), mended)
    kept = pc.if_else(same, array, pa.scalar(None, pa.large_binary()))
    flaws = pc.if_else(same, pa.scalar(None, pa.string()), pa.scalar("bad_encoding"))
    return kept.cast(pa.large_string()), flaws


def _flawed(ordinal: int, flaw: str) -> pa.RecordBatch:
    arrays = [pa.array([ordinal], pa.int64()), pa.nulls(1, pa.string()), pa.array([flaw])]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _join(
    before: int, data: bytes, quote: bytes, flaw: str | None, *, keep: bool
) -> tuple[pa.RecordBatch, int, bytes]:
    """
    Join lines inside an open quote into records that start where the number of quotes is even.

    Returns:
        The records, how many physical lines they took, and the bytes of a record that is
        still open at the end (only when `keep`).
    """
    lines = _split(data)
    quotes = pc.cumulative_sum(pc.count_substring(lines, quote.decode()).cast(pa.int64()))
    odd = pc.equal(pc.bit_wise_and(quotes, 1), 1)
    opens = pa.concat_arrays([pa.array([False]), odd.slice(0, len(odd) - 1)])
    starts = pc.indices_nonzero(pc.invert(opens)).cast(pa.int32())
    whole, carry = len(lines), b""
    if keep and odd[-1].as_py():
        whole = starts[-1].as_py()
        tail = lines.slice(whole).cast(pa.binary())
        carry = pc.binary_join(pa.ListArray.from_arrays([0, len(tail)], tail), b"\n")[0].as_py()
        starts = starts.slice(0, len(starts) - 1)
    offsets = pa.concat_arrays([starts, pa.array([whole], pa.int32())])
    body = lines.slice(0, whole).cast(pa.binary())
    records = pc.binary_join(pa.ListArray.from_arrays(offsets, body), b"\n")
    numbers = pc.add(starts.cast(pa.int64()), pa.scalar(before + 1, pa.int64()))
    return _checked(numbers, records.cast(pa.large_binary()), flaw), whole, carry
