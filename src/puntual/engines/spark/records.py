"""
Raw objects as frames of parsed records: Spark reads and cuts them, the executors parse them.

Text in UTF-8 with a record a line is cut into lines by Spark, many tasks to a file; a line's
position is counted within its task and added to what stands before it, which one scan of the
lines tells. Any other text is cut by one task for each file. Of a Parquet object Spark tells the
row. Within a partition the records come in the order of their object.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as t

from puntual.engines.spark.arrow import map_batches, quoted
from puntual.engines.spark.files import escaped
from puntual.engines.spark.reader import MAX_LINE, ORDINAL, PART_SHIFT, Asked, Reader
from puntual.engines.spark.types import spark_of
from puntual.errors import PermanentError
from puntual.model.contract import Contract, Csv, Parquet
from puntual.ports.engine import RawDay, RawPart

_PLAIN_NAME = re.compile(r"[A-Za-z0-9._=-]+")
_BOM_BYTES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Splits:
    """What a scan of a file's lines tells: lines before each split, the line without an end."""

    before: Mapping[int, int]
    cut_off: int


def parsed(spark: SparkSession, reader: Reader, raw: RawDay, asked: Asked) -> DataFrame:
    """
    Return a raw day's records as the contract reads them.

    Args:
        spark: The session.
        reader: What parses them.
        raw: The day.
        asked: See `Reader.parse`.

    Raises:
        PermanentError: Q1004 a stream whose payload is said to be Parquet.
    """
    schema = schema_of(raw.contract, asked)
    if not raw.parts:
        return spark.createDataFrame([], schema)
    if raw.stream:
        if isinstance(raw.contract.format, Parquet):
            raise _no_payload(raw.contract)
        return map_batches(
            _payloads(spark, raw.parts), partial(_lines, reader, raw, asked, ""), schema
        )
    alone = [replace(raw, parts=(part,)) for part in raw.parts]
    if _is_lines(raw.contract):
        texts = [_text(spark, part.uri) for part in raw.parts]
        frames = [
            _lines_of(reader, one, asked, number << PART_SHIFT, schema, text, splits)
            for number, (one, text, splits) in enumerate(
                zip(alone, texts, _splits(texts), strict=True)
            )
        ]
    else:
        frames = [
            _part(spark, reader, one, asked, number, schema) for number, one in enumerate(alone)
        ]
    return reduce(DataFrame.unionAll, frames)


def schema_of(contract: Contract, asked: Asked) -> t.StructType:
    """Return the columns of `parsed`."""
    if asked == "day":
        return t.StructType().add("ordinal", t.LongType()).add("day", t.DateType())
    schema = t.StructType().add("ordinal", t.LongType())
    schema = schema.add("verdict", t.ShortType()).add("unread", t.BooleanType())
    for i, column in enumerate(contract.columns):
        schema = schema.add(f"v{i}", spark_of(column.type))
    return schema


def ordinals(spark: SparkSession, parts: Sequence[RawPart], *columns: str) -> DataFrame:
    """Return the ordinal of each row of a stream's objects, named `ordinal`, and some columns."""
    names = [part.uri.rsplit("/", 1)[-1] for part in parts]
    if len(set(names)) < len(names) or not all(map(_PLAIN_NAME.fullmatch, names)):
        frames = [
            _rows(spark, part.uri).select(
                _ordinal(F.lit(number << PART_SHIFT)).alias("ordinal"), *columns
            )
            for number, part in enumerate(parts)
        ]
        return reduce(DataFrame.unionAll, frames)
    listed = ", ".join(f"('{name}', {n << PART_SHIFT}L)" for n, name in enumerate(names))
    bases = spark.sql(f"SELECT * FROM VALUES {listed} AS bases (named, base)")
    rows = spark.read.parquet(*(escaped(part.uri) for part in parts)).select(
        "*", "_metadata.file_name", "_metadata.row_index"
    )
    joined = rows.join(F.broadcast(bases), F.col("file_name") == F.col("named"))
    return joined.select((F.col("base") + F.col("row_index") + 1).alias("ordinal"), *columns)


def _ordinal(base: Column) -> Column:
    return base + F.col("_metadata.row_index") + 1


def _rows(spark: SparkSession, uri: str) -> DataFrame:
    return spark.read.parquet(escaped(uri))


def _payloads(spark: SparkSession, parts: Sequence[RawPart]) -> DataFrame:
    """Return stream payloads as lines."""
    rows = ordinals(spark, parts, "payload")
    line = F.col("payload").cast("binary").alias("line")
    return rows.select("ordinal", line, F.lit(None).cast("string").alias("flaw"))


def _part(
    spark: SparkSession,
    reader: Reader,
    raw: RawDay,
    asked: Asked,
    number: int,
    schema: t.StructType,
) -> DataFrame:
    (part,) = raw.parts
    if isinstance(raw.contract.format, Parquet):
        wanted = {c.source_name.lower() for c in raw.contract.columns}
        rows = _rows(spark, part.uri)
        kept = [rows[quoted(name)] for name in rows.columns if name.lower() in wanted]
        given = rows.select(_ordinal(F.lit(number << PART_SHIFT)).alias(ORDINAL), *kept)
        return map_batches(given, partial(_typed, reader, raw, asked), schema)
    content = spark.read.format("binaryFile").load(escaped(part.uri)).select("content")
    return map_batches(content, partial(_contents, reader, raw, asked, number), schema)


def _lines_of(
    reader: Reader,
    raw: RawDay,
    asked: Asked,
    base: int,
    schema: t.StructType,
    lines: DataFrame,
    splits: _Splits,
) -> DataFrame:
    form = raw.contract.format
    first = _first(lines) if isinstance(form, Csv) and form.header else ""
    work = partial(_numbered, reader, raw, asked, first, base, splits)
    long = F.octet_length("value") > MAX_LINE
    given = lines.select(
        "start",
        F.when(~long, F.col("value").cast("binary")).alias("line"),
        F.when(long, F.lit("too_long")).alias("flaw"),
    )
    return map_batches(given, work, schema)


def _is_lines(contract: Contract) -> bool:
    """Return whether objects are text of which each line feed's byte ends a line, and a record."""
    form = contract.format
    if isinstance(form, Csv):
        return form.is_cut_at_line_feeds
    return not isinstance(form, Parquet)


def _text(spark: SparkSession, uri: str) -> DataFrame:
    """Return a file's physical lines, a byte order mark taken off by Hadoop's reader."""
    return (
        spark.read.option("lineSep", "\n")
        .text(escaped(uri))
        .select(
            F.col("_metadata.file_block_start").alias("start"),
            F.col("_metadata.file_size").alias("size"),
            "value",
        )
    )


def _first(lines: DataFrame) -> str:
    rows = lines.where("start = 0").select(F.col("value").cast("binary")).take(1)
    return bytes(rows[0][0]).decode("utf-8", "replace") if rows else ""


def _splits(texts: Sequence[DataFrame]) -> list[_Splits]:
    """Count the lines of all splits in one scan, and see whether the last of a file has an end."""
    numbered = [
        lines.select(F.lit(number).alias("number"), "*") for number, lines in enumerate(texts)
    ]
    rows = (
        reduce(DataFrame.unionAll, numbered)
        .groupBy("number", "start")
        .agg(
            F.count("*").alias("lines"),
            F.sum(F.octet_length("value").cast("bigint") + 1).alias("bytes"),
            F.max("size").alias("size"),
        )
        .collect()
    )
    found: list[list[Row]] = [[] for _ in texts]
    for row in sorted(rows):
        found[row["number"]].append(row)
    return [_splits_of(splits) for splits in found]


def _splits_of(found: Sequence[Row]) -> _Splits:
    before, total, held = {}, 0, 0
    for row in found:
        before[row["start"]] = total
        total += row["lines"]
        held += row["bytes"]
    size = found[0]["size"] if found else 0
    open_end = held in (size + 1, size + 1 - _BOM_BYTES)
    return _Splits(before=before, cut_off=total if open_end else 0)


def _lines(
    reader: Reader, raw: RawDay, asked: Asked, first: str, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    return reader.parse(raw, asked, "lines", batches, part=0, first=first)


def _typed(
    reader: Reader, raw: RawDay, asked: Asked, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    return reader.parse(raw, asked, "rows", batches, part=0, first="")


def _contents(
    reader: Reader, raw: RawDay, asked: Asked, number: int, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    return reader.parse(raw, asked, "contents", batches, part=number, first="")


def _numbered(
    reader: Reader,
    raw: RawDay,
    asked: Asked,
    first: str,
    base: int,
    splits: _Splits,
    batches: Iterable[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    numbers = _number(base, splits, batches)
    return reader.parse(raw, asked, "lines", numbers, part=0, first=first)


def _number(
    base: int, splits: _Splits, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Count the lines of each split on; a batch may hold the end of one and another's start."""
    done: dict[int, int] = {}
    for batch in batches:
        runs = pc.run_end_encode(batch.column(0))
        at = 0
        for start, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            before = splits.before[start] + done.get(start, 0)
            done[start] = done.get(start, 0) + end - at
            yield _counted(batch.slice(at, end - at), base, before, splits.cut_off)
            at = end


def _counted(lines: pa.RecordBatch, base: int, before: int, cut_off: int) -> pa.RecordBatch:
    ones = pa.repeat(pa.scalar(1, pa.int64()), lines.num_rows)
    numbers = pc.cumulative_sum(ones, start=base + before)
    flaws = lines.column(2)
    if before < cut_off <= before + lines.num_rows:
        last = pc.if_else(pc.is_null(flaws[-1:]), "cut_off", flaws[-1:])
        flaws = pa.concat_arrays([flaws[:-1], last.cast(pa.string())])
    return pa.RecordBatch.from_arrays(
        [numbers, lines.column(1), flaws], names=["ordinal", "line", "flaw"]
    )


def _no_payload(contract: Contract) -> PermanentError:
    return PermanentError(
        "Q1004",
        "A stream's records cannot be Parquet.",
        where=contract.file,
        expected="puntual.format of type jsonl or csv",
        observed="parquet",
        next_step="Declare the form of the payload.",
    )
