"""Reads raw objects page by page for their record root (`evidence/records.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from puntual.evidence.merkle import Hash
from puntual.evidence.records import PAGE, framed_pages, root_of, text_pages
from puntual.model.contract import Contract, Parquet
from puntual.model.manifest import Digest

PAYLOAD = "payload"
AT_ONCE = 4
"""Objects that are hashed at the same time; hashing leaves the interpreter to the others."""

_BLOCK = 1 << 20
_ROWS = PAGE * 64
"""Rows read at once: whole pages, so that a page never depends on how a file was written."""


def record_root(paths: Sequence[str], contract: Contract, *, stream: bool) -> Digest:
    """
    Return the record root of a source's day; "" where a column's type has no exact text.

    Args:
        paths: Its raw objects, in reading order, their bytes having been checked.
        contract: Their form.
        stream: They hold a stream's records: the payload alone counts.
    """
    typed = stream or isinstance(contract.format, Parquet)

    def pages(path: str) -> list[Hash]:
        found = framed_pages(_parquet(path, stream=stream)) if typed else text_pages(_blocks(path))
        return list(found)

    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return root_of(h for found in pool.map(pages, paths) for h in found)
    except pa.ArrowNotImplementedError:
        return ""


def _blocks(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _parquet(path: str, *, stream: bool) -> Iterator[bytes]:
    with pq.ParquetFile(path) as file:
        columns = [PAYLOAD] if stream else None
        held: pa.Array | None = None
        for batch in file.iter_batches(_ROWS, columns=columns):
            rows = batch.column(0).cast(pa.large_binary()) if stream else _rows(batch)
            framed = _framed(rows)
            held = framed if held is None else pa.concat_arrays([held, framed])
            whole = len(held) - len(held) % PAGE
            yield from _cut(held.slice(0, whole))
            held = held.slice(whole)
        if held is not None:
            yield from _cut(held)


def _rows(batch: pa.RecordBatch) -> pa.Array:
    """Return each row as its framed cells, in the order of the columns."""
    cells = [_framed(_exact(column)) for column in batch.columns]
    return pc.binary_join_element_wise(*cells, pa.scalar(b"", pa.large_binary()))


def _framed(values: pa.Array) -> pa.Array:
    """Return each value as its length in decimal, a colon, and its bytes; a null as `-`."""
    sizes = pc.binary_length(values).cast(pa.string()).cast(pa.large_binary())
    framed = pc.binary_join_element_wise(sizes, values, pa.scalar(b":", pa.large_binary()))
    return pc.fill_null(framed, pa.scalar(b"-", pa.large_binary()))


def _exact(values: pa.Array) -> pa.Array:
    """
    Return values as bytes that lose nothing; instants and days as the count that is stored.

    Raises:
        pa.ArrowNotImplementedError: A nested type, or another without exact text.
    """
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _exact(values.dictionary_decode())
    if pa.types.is_temporal(kind):
        wide = kind.bit_width == 64
        values = values.view(pa.int64() if wide else pa.int32())
    elif pa.types.is_floating(kind):
        values = values.view(getattr(pa, f"int{kind.bit_width}")())
    if pa.types.is_nested(kind):
        raise pa.ArrowNotImplementedError(str(kind))
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        values = values.cast(pa.large_string())
    return values.cast(pa.large_binary())


def _cut(framed: pa.Array) -> Iterator[bytes]:
    """Yield the bytes of each page, without looking at a record."""
    if not len(framed):
        return
    _, offsets, data = framed.buffers()
    places = memoryview(offsets).cast("q")[framed.offset : framed.offset + len(framed) + 1]
    content = memoryview(data) if data is not None else memoryview(b"")
    for begin in range(0, len(framed), PAGE):
        end = min(begin + PAGE, len(framed))
        yield bytes(content[places[begin] : places[end]])
