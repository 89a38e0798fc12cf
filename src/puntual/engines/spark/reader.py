"""
What Spark asks of the dialect's own engine: how a record and a statement are read.

Spark's readers differ where it matters: its JSON reader keeps no repeated key and no digits
behind a double's fifteenth, its patterns are Java's and not RE2's, its dates are parsed by other
letters. So the records of a raw day are parsed on the executors, batch by batch, by the engine
in whose dialect contracts and SQL are written; Spark reads, distributes, de-duplicates, joins,
sums, sorts and writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Literal, Protocol

import pyarrow as pa

from puntual.ports.engine import RawDay

Asked = Literal["verdicts", "day"]
Given = Literal["lines", "rows", "contents"]

ORDINAL = "puntual ordinal"
PART_SHIFT = 40
"""An ordinal is part × 2^40 + position: it orders and identifies a day's records."""

MAX_LINE = 16 << 20


class Reader(Protocol):
    """Reads records and statements; is sent to the executors, so it holds nothing open."""

    def verdicts(self, raw: RawDay) -> tuple[tuple[str, str, str], ...]:
        """Return (class, reason, column) of the verdicts that records can get, from number 1."""

    def parse(
        self,
        raw: RawDay,
        asked: Asked,
        given: Given,
        batches: Iterable[pa.RecordBatch],
        *,
        part: int,
        first: str,
    ) -> Iterator[pa.RecordBatch]:
        """
        Parse records of one part, or of a stream, in their order.

        Args:
            raw: The day, with this part alone, or with the stream's parts.
            asked: `verdicts` gives (ordinal, verdict, unread, v0 …), `day` gives (ordinal, day).
            given: `lines` are (ordinal, line, flaw), `rows` the ordinal, named `ORDINAL`, and a
                Parquet object's columns, `contents` the bytes of whole text objects.
            batches: What is parsed.
            part: The number of the part, for whole objects.
            first: The first line of the part, where it has a header.
        """

    def columns(
        self, sql: str, day: date, zone: str, tables: Mapping[str, pa.Schema]
    ) -> tuple[tuple[str, str], ...]:
        """
        Return (name, type in DuckDB's words) of a SELECT's columns, over tables without rows.

        Raises:
            PermanentError: Q1001 it is no SELECT over these tables.
        """
