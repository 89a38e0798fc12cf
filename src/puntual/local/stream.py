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
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path

from puntual.errors import PermanentError, ProjectError
from puntual.local.partition import is_key, key_reader, ranges, shard_of, substitute, without_end
from puntual.local.state import answering, open_state, transaction
from puntual.ports.clock import Clock
from puntual.ports.stream import StreamPage

MAX_RECORD = 1 << 20
"""Largest payload, in bytes: Kinesis's default (`aws.md` K8)."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS streams (
    name TEXT PRIMARY KEY,
    retention INTEGER NOT NULL            -- microseconds
);
CREATE TABLE IF NOT EXISTS shards (
    number INTEGER PRIMARY KEY,           -- over all streams, from 1
    stream TEXT NOT NULL REFERENCES streams (name),
    shard TEXT NOT NULL,
    low BLOB NOT NULL,                    -- lowest hash key, 16 bytes
    last INTEGER NOT NULL DEFAULT 0,      -- sequence of the newest record
    trimmed INTEGER NOT NULL DEFAULT 0,   -- sequence of the newest record that retention removed
    UNIQUE (stream, shard)
);
CREATE TABLE IF NOT EXISTS records (
    position INTEGER PRIMARY KEY,         -- number of the shard * 2^40 + sequence
    arrived INTEGER NOT NULL,             -- microseconds since the epoch, UTC
    key TEXT NOT NULL,
    payload BLOB NOT NULL
);
"""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_BITS = 40
_BASE = 10**20
"""Sequence numbers are written with 21 digits, so that text sorts as numbers do."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PutLines:
    """
    What became of the lines of a file.

    Attributes:
        put: Records that are durable.
        without_key: Of those, lines that are no JSON or lack the key: put under their MD5.
        blank: Lines of nothing but white space, which are no records.
        errors: Refused records, by code.
    """

    put: int
    without_key: int
    blank: int
    errors: Mapping[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """How many were refused."""
        return sum(self.errors.values())


@dataclass(frozen=True, slots=True)
class _Shards:
    """A stream's shards, in order of their hash-key ranges; `last` is counted on by appending."""

    numbers: tuple[int, ...]
    names: tuple[str, ...]
    lows: tuple[bytes, ...]
    last: list[int]
    retention: int


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
            raise _impossible(stream, shards, retention_days)
        retention = timedelta(days=retention_days) // _MICROSECOND
        with self._open() as db, transaction(db, self.path):
            found = db.execute("SELECT retention FROM streams WHERE name = ?", (stream,)).fetchone()
            if found is not None:
                count = len(_load(db, stream).numbers)
                if (found[0], count) != (retention, shards):
                    raise _other_shape(stream, count, found[0])
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
        errors = [_refusal(key, payload) for key, payload in records]
        good = [r for r, error in zip(records, errors, strict=True) if not error]
        with self._open() as db, transaction(db, self.path):
            shards = _load(db, stream)
            placed = iter(self._append(db, shards, good))
            names = dict(zip(shards.numbers, shards.names, strict=True))
            return PutResult(
                entries=tuple(
                    PutEntry(error=error) if error else _entry(names, next(placed))
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
            _load(db, stream)
            while block := list(islice(rest, batch)):
                filled = [line for line in block if line and not line.isspace()]
                keys = [read(line) for line in filled]
                records = [(k or substitute(n), n) for k, n in zip(keys, filled, strict=True)]
                if max(map(len, filled), default=0) > MAX_RECORD:
                    errors.update(filter(None, (_refusal(k, p) for k, p in records)))
                    records = [r for r in records if not _refusal(*r)]
                with transaction(db, self.path):
                    self._append(db, _load(db, stream), records)
                put += len(records)
                without += keys.count(None)
                blank += len(block) - len(filled)
        return PutLines(put=put, without_key=without, blank=blank, errors=dict(errors))

    def shards(self, stream: str) -> tuple[str, ...]:
        """
        Return the shards; see the port.

        Raises:
            PermanentError: S1101 no such stream.
            TransientError: T2002 another process holds the file.
        """
        with self._reading(stream) as db:
            return _load(db, stream).names

    def read(self, stream: str, shard: str, *, after: str | None, limit: int) -> StreamPage:
        """
        Return at most `limit` records after a sequence number; see the port.

        Raises:
            PermanentError: S1101 no such stream or shard; S1103 trimmed; S1109 `after` is no
                position of this shard.
            TransientError: T2002 another process holds the file.
        """
        with self._reading(stream) as db:
            found = db.execute(
                "SELECT number, last, trimmed FROM shards WHERE stream = ? AND shard = ?",
                (stream, shard),
            ).fetchone()
            if found is None:
                raise _unknown(f"{stream}/{shard}")
            number, last, trimmed = found
            start = trimmed if after is None else _position(after, last, f"{stream}/{shard}")
            if start < trimmed:
                raise _gone(f"{stream}/{shard}", start + 1, trimmed)
            base = number << _BITS
            rows = db.execute(
                "SELECT '1' || printf('%020d', position - ?), arrived, key, payload FROM records"
                " WHERE position > ? AND position <= ? ORDER BY position LIMIT ?",
                (base, base + start, base + last, limit),
            ).fetchall()
        sequences, arrivals, keys, payloads = zip(*rows, strict=True) if rows else ((),) * 4
        return StreamPage(
            sequences=sequences,
            arrivals=arrivals,
            keys=keys,
            payloads=payloads,
            behind=last - start - len(rows),
        )

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
                "first": str(_BASE + trimmed + 1) if last > trimmed else "",
                "last": str(_BASE + last) if last else "",
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
            return self._trim(db, _load(db, stream))

    def _append(
        self, db: sqlite3.Connection, shards: _Shards, records: Sequence[tuple[str, bytes]]
    ) -> list[int]:
        """Insert records that are known to be good; return their positions, in order."""
        arrived, lows, last = self._now(), shards.lows, shards.last
        bases = [number << _BITS for number in shards.numbers]
        rows: list[tuple[int, int, str, bytes]] = []
        for key, payload in records:
            at = shard_of(lows, key)
            last[at] += 1
            rows.append((bases[at] + last[at], arrived, key, payload))
        db.executemany("INSERT INTO records VALUES (?, ?, ?, ?)", rows)
        db.executemany(
            "UPDATE shards SET last = ? WHERE number = ?", zip(last, shards.numbers, strict=True)
        )
        self._trim(db, shards)
        return [row[0] for row in rows]

    def _trim(self, db: sqlite3.Connection, shards: _Shards) -> int:
        """Remove the oldest records of each shard, up to the first that is young enough."""
        before, removed = self._now() - shards.retention, 0
        for number, last in zip(shards.numbers, shards.last, strict=True):
            base = number << _BITS
            kept = db.execute(
                "SELECT position FROM records WHERE position > ? AND position <= ?"
                " AND arrived >= ? ORDER BY position LIMIT 1",
                (base, base + last, before),
            ).fetchone()
            end = kept[0] if kept else base + last + 1
            gone = db.execute(
                "DELETE FROM records WHERE position > ? AND position < ?", (base, end)
            ).rowcount
            if gone:
                db.execute(
                    "UPDATE shards SET trimmed = ? WHERE number = ?", (end - base - 1, number)
                )
                removed += gone
        return removed

    def _now(self) -> int:
        moment = self.clock.now()
        return int(moment.timestamp()) * 1_000_000 + moment.microsecond

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(open_state(self.path, _SCHEMA)) as db:
            yield db

    @contextlib.contextmanager
    def _reading(self, stream: str) -> Iterator[sqlite3.Connection]:
        """Lend a connection that sees one moment; a stream file is not made by reading."""
        if not self.path.exists():
            raise _unknown(stream)
        with self._open() as db, answering(self.path):
            db.execute("BEGIN")
            yield db


def _load(db: sqlite3.Connection, stream: str) -> _Shards:
    rows = db.execute(
        "SELECT number, shard, low, last, retention FROM shards JOIN streams ON name = stream"
        " WHERE stream = ? ORDER BY low",
        (stream,),
    ).fetchall()
    if not rows:
        raise _unknown(stream)
    numbers, names, lows, last, retention = zip(*rows, strict=True)
    return _Shards(numbers, names, lows, list(last), retention[0])


def _refusal(key: str, payload: bytes) -> str:
    if len(payload) > MAX_RECORD:
        return "S1106"
    return "" if is_key(key) else "S1107"


def _entry(names: Mapping[int, str], position: int) -> PutEntry:
    number, sequence = position >> _BITS, position & ((1 << _BITS) - 1)
    return PutEntry(shard=names[number], sequence=str(_BASE + sequence))


def _position(after: str, last: int, where: str) -> int:
    digits = after if len(after) == 21 and after.isascii() and after.isdecimal() else "0"
    sequence = int(digits) - _BASE
    if not 0 <= sequence <= last:
        raise PermanentError(
            "S1109",
            f"{where} has no such position",
            where=where,
            expected=f"a sequence number up to {_BASE + last}",
            observed=after[:40],
            next_step="The stream file was made anew or restored from an older copy; restore "
            "the newer one, or land under another source.",
        )
    return sequence


def _unknown(where: str) -> PermanentError:
    return PermanentError(
        "S1101",
        f"no stream {where}",
        where=where,
        expected="a stream that was created",
        observed="none of that name",
        next_step="puntual stream create --stream NAME",
    )


def _gone(where: str, first: int, last: int) -> PermanentError:
    return PermanentError(
        "S1103",
        f"{where}: {last - first + 1} records were removed by retention before they were read",
        where=where,
        expected=f"the record {_BASE + first}",
        observed=f"{_BASE + first}..{_BASE + last} are gone",
        next_step="Have the source send them again, and land more often than the stream keeps.",
    )


def _other_shape(stream: str, shards: int, retention: int) -> PermanentError:
    days = timedelta(microseconds=retention).days
    return PermanentError(
        "S1105",
        f"the stream {stream} exists with another shape",
        where=stream,
        expected="the shards and the retention that were asked for",
        observed=f"{shards} shards, {days} days",
        next_step="Use it as it is, or choose another name.",
    )


def _impossible(stream: str, shards: int, days: int) -> ProjectError:
    return ProjectError(
        "S1108",
        "no such stream can be made",
        where=stream[:128],
        expected="a name of letters, digits, _ . -; 1 to 4096 shards; 1 to 365 days",
        observed=f"{shards} shards, {days} days",
        next_step="Correct the call.",
    )
