"""
Text files as exact physical lines: batches of (ordinal, line, flaw) for DuckDB to read.

DuckDB's own CSV reader skips empty lines and stops at a lone carriage return, so lines are cut
here, by Arrow's kernels, a block at a time: any bytes give exact positions. A line ends at LF
or at the end of the file; whatever else it holds (CR, NUL, invalid UTF-8) stays its content.
What a line means is not decided here.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO

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
SLICE = 64 << 20
"""Bytes of a slice, about; a file of more than a quarter of it is two at least."""
MOST_SLICES = 1_000
BLOCK = 1 << 20
"""Bytes read at once: what is made of them stays in the processor's cache."""
_BOM = b"\xef\xbb\xbf"
_LOST = "\ufffd"


@dataclass(slots=True)
class Slice:
    """
    Bytes of a text object that hold whole lines.

    Attributes:
        begin: Offset of the first byte.
        end: Offset after the last one.
        lines: How many lines they are; counted while they are read.
    """

    begin: int
    end: int
    lines: int = 0


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Whole lines (no final LF), or a piece that must stand alone with its flaw."""

    data: memoryview
    flaw: str | None = None


def read_lines(parts: Sequence[RawPart], form: Csv | None) -> pa.RecordBatchReader:
    """
    Read every line of text objects, in order, as a stream of batches.

    Args:
        parts: What to read; a part's number is its place here.
        form: Encoding, and how lines join to records; None for UTF-8 with a record a line.
    """
    return pa.RecordBatchReader.from_batches(SCHEMA, _batches(parts, form))


def slices_of(part: RawPart, form: Csv | None) -> list[Slice]:
    """
    Divide a large text object where lines end, by its size alone; a short one is one slice.

    So is text in which a line feed byte need not be the end of a record.
    """
    size = os.stat(part.uri).st_size
    whole = form is not None and not form.is_cut_at_line_feeds
    shares = max(round(size / SLICE), 2 if size > SLICE // 4 else 1)
    shares = 1 if whole else min(MOST_SLICES, shares)
    bounds = [0]
    with open(part.uri, "rb") as file:
        for offset in (size * share // shares for share in range(1, shares)):
            if offset <= bounds[-1]:  # within a line that is longer than a share
                continue
            bound = _line_begin(file, offset)
            if bound >= size:  # no line begins behind
                break
            bounds.append(bound)
    return [Slice(begin, end) for begin, end in pairwise([*bounds, size])]


def _line_begin(file: BinaryIO, offset: int) -> int:
    """Return the offset at which the first line begins that does not begin before `offset`."""
    file.seek(offset - 1)
    while block := file.read(BLOCK):
        found = block.find(b"\n")
        if found >= 0:
            return offset + found
        offset += len(block)
    return offset


def read_slice(part: RawPart, form: Csv | None, piece: Slice) -> pa.RecordBatchReader:
    """
    Read the lines of a slice; `ordinal` is its first byte's offset + the line in it, from 1.

    So ordinals ascend from slice to slice before it is known how many lines each has, and only
    the file's first line has the number 1.
    """
    return pa.RecordBatchReader.from_batches(SCHEMA, _slice_batches(part, form, piece))


def _slice_batches(part: RawPart, form: Csv | None, piece: Slice) -> Iterator[pa.RecordBatch]:
    window = _Window(part.uri, piece.begin, piece.end)
    for batch in _part_batches(piece.begin, window, form, begun=piece.begin > 0):
        piece.lines += batch.num_rows
        yield batch


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


def _part_batches(
    base: int, source: str | BinaryIO, form: Csv | None, *, begun: bool = False
) -> Iterator[pa.RecordBatch]:
    joined = form.quote if form is not None and form.multiline else None
    done, carry = 0, b""
    with _opened(source, form) as file:
        for chunk in _chunks(file, begun=begun):
            if chunk.flaw == "too_long":
                if carry:
                    yield _batch(base + done, [carry], None)
                    done += carry.count(b"\n") + 1
                    carry = b""
                yield _flawed(base + done + 1, "too_long")
                done += 1
                continue
            data = b"\n".join((carry, chunk.data)) if carry else chunk.data
            carry = b""
            if joined is None:
                batch = _plain(base + done, data, chunk.flaw)
                done += batch.num_rows
                yield batch
                continue
            keep = chunk.flaw != "cut_off"
            batch, lines, carry = _join(base + done, data, joined.encode(), chunk.flaw, keep=keep)
            done += lines
            yield batch
            if len(carry) > MAX_LINE:
                yield _flawed(base + done + 1, "too_long")
                done += carry.count(b"\n") + 1
                carry = b""
    if carry:
        yield _batch(base + done, [carry], None)


def _opened(source: str | BinaryIO, form: Csv | None) -> BinaryIO:
    """Open text as UTF-8 bytes; what cannot be decoded becomes invalid UTF-8."""
    file = open(source, "rb") if isinstance(source, str) else source  # noqa: SIM115
    if form is None or form.is_utf8:
        return file
    return io.BufferedReader(_Recoded(file, form.encoding), BLOCK)


class _Window(io.FileIO):
    """A file from one offset to another."""

    def __init__(self, path: str, begin: int, end: int) -> None:
        super().__init__(path)
        self._left = end - begin
        self.seek(begin)

    def readinto(self, target: Any) -> int:
        count = super().readinto(memoryview(target)[: self._left]) or 0
        if not count and self._left:
            raise OSError(errno.EIO, "the file is shorter than it was", self.name)
        self._left -= count
        return count


class _Recoded(io.RawIOBase):
    """Another encoding's text as UTF-8, a character that was lost as a byte that no UTF-8 has."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        block = b"more"
        while not self._ready and block:
            block = self._file.read(BLOCK)
            text = self._decoder.decode(block, final=not block).replace(_LOST, "\udcff")
            self._ready = memoryview(text.encode("utf-8", "surrogateescape"))
        count = min(len(target), len(self._ready))
        target[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _chunks(file: BinaryIO, *, begun: bool) -> Iterator[_Chunk]:
    """
    Cut what is read at line ends; a line longer than MAX_LINE becomes a piece without content.

    A piece's bytes lie where the next one's will: they are used before it is asked for. What is
    read into the same memory again and again costs half of what new memory does.
    """
    buffer = bytearray(2 * BLOCK)
    held, skipping = 0, False
    while count := file.readinto(memoryview(buffer)[held : held + BLOCK]):  # type: ignore[attr-defined]
        end = held + count
        if not begun and buffer.startswith(_BOM):
            end -= len(_BOM)
            buffer[:end] = buffer[len(_BOM) : end + len(_BOM)]
        begun = True
        cut = buffer.rfind(b"\n", 0, end)
        if cut < 0:
            held = 0 if skipping else end
            if held > MAX_LINE:
                held, skipping = 0, True
            if len(buffer) < held + BLOCK:
                buffer = buffer + bytes(len(buffer))
            continue
        start = 0
        if held > MAX_LINE - BLOCK or skipping:
            first = buffer.find(b"\n", 0, end)
            if first > MAX_LINE or skipping:
                yield _Chunk(memoryview(b""), "too_long")
                start, skipping = first + 1, False
        if start <= cut:
            yield _Chunk(memoryview(buffer)[start:cut])
        held = end - cut - 1
        buffer[:held] = buffer[cut + 1 : end]
    if skipping:
        yield _Chunk(memoryview(b""), "too_long")
    elif held:
        yield _Chunk(memoryview(buffer)[:held], "cut_off")


def _plain(before: int, data: bytes | memoryview, flaw: str | None) -> pa.RecordBatch:
    return _batch(before, _split(data), flaw)


def _split(data: bytes | memoryview) -> pa.Array:
    """Cut bytes at LF into a binary array of its own, in C."""
    ends = pa.py_buffer(struct.pack("qq", 0, len(data)))
    whole = pa.Array.from_buffers(pa.large_binary(), 1, [None, ends, pa.py_buffer(data)])
    return pc.split_pattern(whole, b"\n").values


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
    before: int, data: bytes | memoryview, quote: bytes, flaw: str | None, *, keep: bool
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
