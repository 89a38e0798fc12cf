"""Which shard a record belongs to: partition keys, their MD5, and hash-key ranges."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from json import JSONDecoder
from typing import Any

MAX_KEY = 256
"""Longest partition key, in characters, as in Kinesis."""

_SPACE = 1 << 128
_SPACES = " \t\r\n"
_SURROGATE = re.compile("[\ud800-\udfff]")


def ranges(shards: int) -> tuple[bytes, ...]:
    """Return the lowest hash key of each of so many equal shards, as 16 bytes, ascending."""
    return tuple((i * _SPACE // shards).to_bytes(16, "big") for i in range(shards))


def shard_of(lows: Sequence[bytes], key: str) -> int:
    """Return the index of the shard whose range holds the MD5 of a key."""
    digest = hashlib.md5(key.encode(), usedforsecurity=False).digest()
    return bisect_right(lows, digest) - 1


def is_key(key: str) -> bool:
    """Say whether a text may be a partition key: 1 to 256 characters of Unicode."""
    return 0 < len(key) <= MAX_KEY and (key.isascii() or _SURROGATE.search(key) is None)


def substitute(line: bytes) -> str:
    """Return the key of a line that has none of its own: the MD5 of its bytes."""
    return hashlib.md5(line, usedforsecurity=False).hexdigest()


def key_reader(path: str) -> Callable[[bytes], str | None]:
    """
    Return a function that finds a partition key in a JSON line.

    Args:
        path: Name of the field; a dotted path reaches into nested objects.

    Returns:
        A function of a line that returns the field's text, or the spelling of its number; None
        where the line is no JSON or has no usable key there.
    """
    *outer, name = path.split(".")
    decoder = JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
    scan: Callable[[str, int], tuple[Any, int]] = decoder.scan_once  # type: ignore[attr-defined]

    def read(line: bytes) -> str | None:
        try:
            text = line.decode().strip(_SPACES)
            value, end = scan(text, 0)
            for step in outer:
                value = value[step]
            found = value[name]
        except (ValueError, RecursionError, StopIteration, KeyError, TypeError):
            return None
        whole = end == len(text) and isinstance(found, str) and is_key(found)
        return found if whole else None

    return read


def without_end(lines: Iterator[bytes]) -> Iterator[bytes]:
    r"""Take the line end (`\\n` or `\\r\\n`) off each line."""
    for line in lines:
        yield line.removesuffix(b"\n").removesuffix(b"\r")
