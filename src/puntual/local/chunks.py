"""Records of one shard and one moment, packed together, so that a batch is a few large rows."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

MAX_BYTES = 16 << 20
"""A chunk is closed once its payloads are this large; SQLite takes far larger rows."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """
    Packed records, in order.

    Attributes:
        count: How many.
        keys: Their partition keys, as a JSON list.
        sizes: The length of each payload, as unsigned 32-bit integers, little-endian.
        payloads: The payloads, one after the other.
    """

    count: int
    keys: str
    sizes: bytes
    payloads: bytes


def pack(records: Sequence[tuple[str, bytes]]) -> Iterator[Chunk]:
    """Pack (key, payload) records into chunks, in their order."""
    payloads = [payload for _, payload in records]
    begin = 0
    for end in _ends(payloads):
        part = payloads[begin:end]
        yield Chunk(
            count=end - begin,
            keys=json.dumps([key for key, _ in records[begin:end]], ensure_ascii=False),
            sizes=struct.pack(f"<{len(part)}I", *map(len, part)),
            payloads=b"".join(part),
        )
        begin = end


def unpack(chunk: Chunk) -> tuple[list[str], list[bytes]]:
    """Return the keys and the payloads of a chunk."""
    sizes = struct.unpack(f"<{chunk.count}I", chunk.sizes)
    marks = pairwise(accumulate(sizes, initial=0))
    return json.loads(chunk.keys), [chunk.payloads[a:b] for a, b in marks]


def _ends(payloads: Sequence[bytes]) -> Iterator[int]:
    """Yield the index at which each chunk ends; the last is the number of payloads."""
    size, last = 0, len(payloads)
    for index, payload in enumerate(payloads, 1):
        size += len(payload)
        if size >= MAX_BYTES or index == last:
            yield index
            size = 0
