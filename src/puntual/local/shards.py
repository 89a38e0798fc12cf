"""The tables of the embedded stream: shards, and records packed into chunks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from puntual.local.chunks import Chunk, pack, unpack
from puntual.local.partition import shard_of
from puntual.local.stream_faults import beyond, gone, unknown
from puntual.ports.stream import StreamPage

SCHEMA = """
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
CREATE TABLE IF NOT EXISTS chunks (
    position INTEGER PRIMARY KEY,         -- number of the shard * 2^40 + first sequence
    count INTEGER NOT NULL,
    arrived INTEGER NOT NULL,             -- microseconds since the epoch, UTC
    keys TEXT NOT NULL,                   -- JSON list
    sizes BLOB NOT NULL,                  -- unsigned 32-bit integers, little-endian
    payloads BLOB NOT NULL
);
"""
PAGE_BYTES = 64 << 20
"""A page ends with the chunk that brings it to this size, whatever its limit of records."""

_BITS = 40
_BASE = 10**20


@dataclass(frozen=True, slots=True)
class Shards:
    """A stream's shards, in order of their hash-key ranges; `last` is counted on by appending."""

    numbers: tuple[int, ...]
    names: tuple[str, ...]
    lows: tuple[bytes, ...]
    last: list[int]
    retention: int


def load(db: sqlite3.Connection, stream: str) -> Shards:
    """
    Return the shards of a stream.

    Raises:
        PermanentError: S1101 no such stream.
    """
    rows = db.execute(
        "SELECT number, shard, low, last, retention FROM shards JOIN streams ON name = stream"
        " WHERE stream = ? ORDER BY low",
        (stream,),
    ).fetchall()
    if not rows:
        raise unknown(stream)
    numbers, names, lows, last, retention = zip(*rows, strict=True)
    return Shards(numbers, names, lows, list(last), retention[0])


def append(
    db: sqlite3.Connection, shards: Shards, records: Sequence[tuple[str, bytes]], arrived: int
) -> list[int]:
    """Insert records that are known to be good; return their positions, in order."""
    lows = shards.lows
    groups: list[list[tuple[str, bytes]]] = [[] for _ in lows]
    positions: list[int] = []
    bases = [(n << _BITS) + last + 1 for n, last in zip(shards.numbers, shards.last, strict=True)]
    homes: dict[str, int] = {}
    for record in records:
        at = homes.get(record[0], -1)
        if at < 0:
            at = homes[record[0]] = shard_of(lows, record[0])
        positions.append(bases[at] + len(groups[at]))
        groups[at].append(record)
    for at, group in enumerate(groups):
        position = bases[at]
        for chunk in pack(group):
            db.execute(
                "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)",
                (position, chunk.count, arrived, chunk.keys, chunk.sizes, chunk.payloads),
            )
            position += chunk.count
        shards.last[at] += len(group)
    db.executemany(
        "UPDATE shards SET last = ? WHERE number = ?",
        zip(shards.last, shards.numbers, strict=True),
    )
    return positions


def trim(db: sqlite3.Connection, shards: Shards, now: int) -> int:
    """Remove the oldest records of each shard, up to the first that is young enough."""
    before, removed = now - shards.retention, 0
    for number, last in zip(shards.numbers, shards.last, strict=True):
        base = number << _BITS
        kept = db.execute(
            "SELECT position FROM chunks WHERE position > ? AND position <= ?"
            " AND arrived >= ? ORDER BY position LIMIT 1",
            (base, base + last, before),
        ).fetchone()
        end = (kept[0] if kept else base + last + 1) - 1
        deleted = db.execute(
            "DELETE FROM chunks WHERE position > ? AND position <= ?", (base, end)
        ).rowcount
        if deleted:
            (before_that,) = db.execute(
                "SELECT trimmed FROM shards WHERE number = ?", (number,)
            ).fetchone()
            db.execute("UPDATE shards SET trimmed = ? WHERE number = ?", (end - base, number))
            removed += end - base - before_that
    return removed


def sequence_of(number: int) -> str:
    """Spell a sequence number with 21 digits, so that text sorts as numbers do."""
    return str(_BASE + number)


def place_of(shards: Shards, position: int) -> tuple[str, str]:
    """Return the shard and the sequence number that a position means."""
    number, sequence = position >> _BITS, position & ((1 << _BITS) - 1)
    return shards.names[shards.numbers.index(number)], sequence_of(sequence)


def read_page(
    db: sqlite3.Connection, stream: str, shard: str, after: str | None, limit: int
) -> StreamPage:
    """
    Return at most `limit` records of a shard after a sequence number.

    Raises:
        PermanentError: S1101 no such shard; S1103 trimmed; S1109 no such position.
    """
    where = f"{stream}/{shard}"
    found = db.execute(
        "SELECT number, last, trimmed FROM shards WHERE stream = ? AND shard = ?", (stream, shard)
    ).fetchone()
    if found is None:
        raise unknown(where)
    number, last, trimmed = found
    start = trimmed if after is None else _number(after, last, where)
    if start < trimmed:
        raise gone(where, sequence_of(start + 1), sequence_of(trimmed), trimmed - start)
    taken = list(_slices(db, number << _BITS, start, last, limit))
    count = sum(len(s.keys) for s in taken)
    return StreamPage(
        sequences=tuple(map(sequence_of, range(start + 1, start + 1 + count))),
        arrivals=tuple(s.arrived for s in taken for _ in s.keys),
        keys=tuple(key for s in taken for key in s.keys),
        payloads=tuple(payload for s in taken for payload in s.payloads),
        behind=last - start - count,
    )


def _number(after: str, last: int, where: str) -> int:
    digits = after if len(after) == 21 and after.isascii() and after.isdecimal() else "0"
    number = int(digits) - _BASE
    if not 0 <= number <= last:
        raise beyond(where, sequence_of(last), after)
    return number


@dataclass(frozen=True, slots=True)
class _Slice:
    """Records of one chunk that a page takes."""

    arrived: int
    keys: list[str]
    payloads: list[bytes]


def _slices(
    db: sqlite3.Connection, base: int, start: int, last: int, limit: int
) -> Iterator[_Slice]:
    """Read chunks from the one after `start`, up to `limit` records or `PAGE_BYTES`."""
    room = PAGE_BYTES
    rows = db.execute(
        "SELECT position, arrived, count, keys, sizes, payloads FROM chunks WHERE position >="
        " (SELECT max(position) FROM chunks WHERE position > ? AND position <= ?)"
        " AND position <= ? ORDER BY position",
        (base, base + start + 1, base + last),
    )
    for position, arrived, count, keys, sizes, payloads in rows:
        names, values = unpack(Chunk(count, keys, sizes, payloads))
        skip = max(0, base + start + 1 - position)
        taken = values[skip : skip + limit]
        yield _Slice(arrived, names[skip : skip + limit], taken)
        limit -= len(taken)
        room -= len(payloads)
        if limit <= 0 or room <= 0:
            return
