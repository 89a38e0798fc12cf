"""
Port `StreamReader` on SQLite: an embedded, durable, sharded stream with Kinesis's semantics.

A record goes to the shard whose hash-key range holds the MD5 of its partition key; sequence
numbers grow strictly in a shard and have no gaps; a batch is one transaction and durable when
the call returns. A producer that repeats itself makes second records (`aws.md` K3).
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path

from puntual.failpoints import failpoint
from puntual.landing.put import (
    MAX_RECORD,
    PutLines,
    key_reader,
    refusal,
    substitute,
    without_end,
)
from puntual.local.partition import ranges
from puntual.local.shards import (
    SCHEMA,
    Shards,
    append,
    load,
    place_of,
    read_page,
    sequence_of,
    trim,
)
from puntual.local.state import answering, open_state, transaction
from puntual.local.stream_faults import impossible, other_shape, unknown
from puntual.ports.clock import Clock
from puntual.ports.stream import StreamPage

__all__ = ["MAX_RECORD", "LocalStream", "PutEntry", "PutResult"]

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutEntry:
    """What became of one record: its place, or the code of its refusal (`S1106`, `S1107`)."""

    shard: str = ""
    sequence: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutResult:
    """One entry for each record of the call, in its order."""

    entries: tuple[PutEntry, ...]

    @property
    def failed(self) -> int:
        """How many were refused; the others are durable."""
        return sum(1 for e in self.entries if e.error)


@dataclass(frozen=True, slots=True)
class LocalStream:
    """Every stream of a project, in one SQLite file; several processes may use it at once."""

    path: Path
    clock: Clock

    def create(self, stream: str, *, shards: int = 1, retention_days: int = 7) -> None:
        """
        Make a stream; one that exists with the same shape is left as it is.

        Raises:
            ProjectError: S1108 the name, the shards or the retention cannot be.
            PermanentError: S1105 it exists with another shape; T1001-T1003, T2004.
            TransientError: T2002 another process holds the file.
        """
        if not _NAME.fullmatch(stream) or not 1 <= shards <= 4096 or not 1 <= retention_days <= 365:
            raise impossible(stream, shards, retention_days)
        retention = timedelta(days=retention_days) // _MICROSECOND
        with self._open() as db, transaction(db, self.path):
            found = db.execute("SELECT retention FROM streams WHERE name = ?", (stream,)).fetchone()
            if found is not None:
                count = len(load(db, stream).numbers)
                if (found[0], count) != (retention, shards):
                    raise other_shape(stream, count, found[0])
                return
            db.execute("INSERT INTO streams VALUES (?, ?)", (stream, retention))
            db.executemany(
                "INSERT INTO shards (stream, shard, low) VALUES (?, ?, ?)",
                [(stream, f"shardId-{i:012}", low) for i, low in enumerate(ranges(shards))],
            )

    def put(self, stream: str, records: Sequence[tuple[str, bytes]]) -> PutResult:
        """
        Put (partition key, payload) records in one transaction.

        A record that cannot be taken fails alone; the others are put.

        Raises:
            PermanentError: S1101 no such stream; T1001-T1003, T2004.
            TransientError: T2002 another process holds the file; nothing was put.
        """
        errors = [refusal(key, payload) for key, payload in records]
        good = [r for r, error in zip(records, errors, strict=True) if not error]
        with self._open() as db, transaction(db, self.path):
            shards = load(db, stream)
            placed = iter(self._append(db, shards, good))
            return PutResult(
                entries=tuple(
                    PutEntry(error=error) if error else _entry(shards, next(placed))
                    for error in errors
                )
            )

    def put_lines(
        self, stream: str, lines: Iterable[bytes], *, key: str, batch: int = 10_000
    ) -> PutLines:
        """
        Put JSON lines, each as one record without its line end, `batch` to a transaction.

        Nothing is lost: a line that is no JSON or has no such field is put under the MD5 of
        its bytes, and counted.

        Args:
            stream: Where to.
            lines: An open file, or any lines.
            key: JSON field that is the partition key; a dotted path reaches into objects.
            batch: Records that become durable together.

        Raises:
            PermanentError: S1101 no such stream; T1001-T1003, T2004. What was put before stays.
            TransientError: T2002 another process holds the file.
        """
        read, put, without, blank = key_reader(key), 0, 0, 0
        errors: Counter[str] = Counter()
        rest = without_end(iter(lines))
        with self._open() as db:
            load(db, stream)
            while block := list(islice(rest, batch)):
                filled = [line for line in block if line and not line.isspace()]
                keys = [read(line) for line in filled]
                records = [(k or substitute(n), n) for k, n in zip(keys, filled, strict=True)]
                if max(map(len, filled), default=0) > MAX_RECORD:
                    errors.update(filter(None, (refusal(k, p) for k, p in records)))
                    records = [r for r in records if not refusal(*r)]
                with transaction(db, self.path):
                    self._append(db, load(db, stream), records)
                failpoint("stream.put")
                put += len(records)
                without += keys.count(None)
                blank += len(block) - len(filled)
        return PutLines(put=put, without_key=without, blank=blank, errors=dict(errors))

    def shards(self, stream: str) -> tuple[str, ...]:
        """
        Return the shards, in their order.

        Raises:
            PermanentError: S1101 no such stream.
            TransientError: T2002 another process holds the file.
        """
        with self._reading(stream) as db:
            return load(db, stream).names

    def generations(self, stream: str, *, after: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
        """
        Return all shards as one generation, for they are never divided; see the port.

        Raises:
            PermanentError: S1101 no such stream.
            TransientError: T2002 another process holds the file.
        """
        return (self.shards(stream),)

    def read(self, stream: str, shard: str, *, after: str | None, limit: int) -> StreamPage:
        """
        Return at most `limit` records after a sequence number; see the port.

        Raises:
            PermanentError: S1101 no such stream or shard; S1103 trimmed; S1109 `after` is no
                position of this shard.
            TransientError: T2002 another process holds the file.
        """
        with self._reading(stream) as db:
            return read_page(db, stream, shard, after, limit)

    def describe(self) -> list[dict[str, str]]:
        """
        Return stream, shard, records, first and last sequence of every shard, sorted.

        Raises:
            TransientError: T2002 another process holds the file.
        """
        if not self.path.exists():
            return []
        with self._open() as db, answering(self.path):
            rows = db.execute(
                "SELECT stream, shard, last, trimmed FROM shards ORDER BY stream, low"
            ).fetchall()
        return [
            {
                "stream": stream,
                "shard": shard,
                "records": str(last - trimmed),
                "first": sequence_of(trimmed + 1) if last > trimmed else "",
                "last": sequence_of(last) if last else "",
            }
            for stream, shard, last, trimmed in rows
        ]

    def trim(self, stream: str) -> int:
        """
        Remove records that arrived longer ago than the stream keeps them; putting does so too.

        Returns:
            How many were removed.

        Raises:
            PermanentError: S1101 no such stream.
            TransientError: T2002 another process holds the file.
        """
        with self._open() as db, transaction(db, self.path):
            return trim(db, load(db, stream), self._now())

    def _append(
        self, db: sqlite3.Connection, shards: Shards, records: Sequence[tuple[str, bytes]]
    ) -> list[int]:
        now = self._now()
        positions = append(db, shards, records, now)
        trim(db, shards, now)
        failpoint("stream.appended")
        return positions

    def _now(self) -> int:
        moment = self.clock.now()
        return int(moment.timestamp()) * 1_000_000 + moment.microsecond

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(open_state(self.path, SCHEMA)) as db:
            yield db

    @contextlib.contextmanager
    def _reading(self, stream: str) -> Iterator[sqlite3.Connection]:
        """Lend a connection that sees one moment; a stream file is not made by reading."""
        if not self.path.exists():
            raise unknown(stream)
        with self._open() as db, answering(self.path):
            db.execute("BEGIN")
            yield db


def _entry(shards: Shards, position: int) -> PutEntry:
    shard, sequence = place_of(shards, position)
    return PutEntry(shard=shard, sequence=sequence)
