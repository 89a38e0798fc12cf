"""
Text columns of an extract become a typed Parquet file.

A column is typed by its contract when every value is exactly of that type, else it stays text,
so that nothing is lost and curation can say what is wrong with it. Memory is bounded: the text
waits on the disk until all of it has been seen.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from puntual.model.contract import Column, Contract, Kind

Border = Callable[[str], AbstractContextManager[object]]

_ISO: dict[Kind, set[str | None]] = {Kind.DATE: {None, "%Y-%m-%d"}, Kind.TIMESTAMP: {None}}


@dataclass(slots=True)
class TypedFile:
    """
    Takes batches of text, then writes them typed.

    Attributes:
        contract: Names and types of the columns.
        folder: Where the text waits and the file is written.
        border: Told the folder, translates what only its disk can be at fault for.
    """

    contract: Contract
    folder: str
    border: Border
    records: int = 0
    _types: dict[str, pa.DataType] = field(default_factory=dict)
    _writer: pa.ipc.RecordBatchStreamWriter | None = None

    def take(self, batch: pa.RecordBatch) -> None:
        """
        Keep a batch of text columns, and see which can still be typed.

        Raises:
            PermanentError: T1001, T1002, T1003 it cannot be kept.
        """
        with self.border(self.folder):
            if self._writer is None:
                self._types = {c.source_name: _wanted(c) for c in self.contract.columns}
                self._writer = pa.ipc.new_stream(self._waiting, batch.schema)
            self._writer.write_batch(batch)
        self.records += batch.num_rows
        for name, kind in self._types.items():
            if kind != pa.string() and _cast(batch.column(name), kind) is None:
                self._types[name] = pa.string()

    def finish(self) -> str:
        """
        Write the Parquet file and return its path.

        Raises:
            PermanentError: T1001, T1002, T1003 it cannot be written.
        """
        if self._writer is None:
            self.take(_empty(self.contract))
        with self.border(self.folder):
            return self._written()

    def _written(self) -> str:
        assert self._writer is not None  # noqa: S101 - `take` has made it
        self._writer.close()
        schema = pa.schema([(name, kind) for name, kind in self._types.items()])
        path = os.path.join(self.folder, "extract.parquet")
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in self._batches():
                typed = [batch.column(f.name).cast(f.type) for f in schema]
                writer.write_batch(pa.record_batch(typed, schema=schema))
        os.unlink(self._waiting)
        return path

    @property
    def _waiting(self) -> str:
        return os.path.join(self.folder, "extract.arrows")

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with Path(self._waiting).open("rb") as file, pa.ipc.open_stream(file) as reader:
            yield from reader


def answers(path: str, contract: Contract) -> bool:
    """
    Say whether an extract that is kept holds every column of a contract, to be read by it.

    A column that was typed holds the value and no longer how it was spelt; one that stayed text
    holds both.

    Raises:
        PermanentError: T3002 the file is no Parquet.
    """
    kept = {f.name: f.type for f in pq.read_schema(path)}
    return all(kept.get(c.source_name) in (pa.string(), _wanted(c)) for c in contract.columns)


def _empty(contract: Contract) -> pa.RecordBatch:
    return pa.record_batch({c.source_name: pa.array([], pa.string()) for c in contract.columns})


def _wanted(column: Column) -> pa.DataType:
    """Return the Arrow type of a column; text where its values have another form than ISO."""
    if column.format not in _ISO.get(column.type.kind, {column.format}):
        return pa.string()
    match column.type.kind:
        case Kind.TEXT:
            return pa.string()
        case Kind.INTEGER:
            return pa.int64()
        case Kind.DECIMAL:
            return pa.decimal128(column.type.precision, column.type.scale)
        case Kind.DATE:
            return pa.date32()
        case Kind.TIMESTAMP:
            return pa.timestamp("us", "UTC")
        case Kind.BOOLEAN:
            return pa.bool_()


def _cast(values: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """Cast text exactly; None where any value is not of the type or would be spelt otherwise."""
    try:
        typed = values.cast(kind)
    except pa.ArrowInvalid:
        return None
    if pa.types.is_integer(kind) and not typed.cast(pa.string()).equals(values):
        return None
    return typed
