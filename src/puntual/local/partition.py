"""Which shard a record belongs to: the MD5 of its partition key, and hash-key ranges."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence

_SPACE = 1 << 128


def ranges(shards: int) -> tuple[bytes, ...]:
    """Return the lowest hash key of each of so many equal shards, as 16 bytes, ascending."""
    return tuple((i * _SPACE // shards).to_bytes(16, "big") for i in range(shards))


def shard_of(lows: Sequence[bytes], key: str) -> int:
    """Return the index of the shard whose range holds the MD5 of a key."""
    digest = hashlib.md5(key.encode(), usedforsecurity=False).digest()
    return bisect_right(lows, digest) - 1
