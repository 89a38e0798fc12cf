"""What producers put into a stream: lines, the partition keys in them, and what became of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from json import JSONDecoder
from typing import Any

MAX_KEY = 256
"""Longest partition key, in characters, as in Kinesis."""

MAX_RECORD = 1 << 20
"""Largest payload, in bytes: Kinesis's default (`aws.md` K8)."""

_SPACES = " \t\r\n"
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PutLines:
    """
    What became of the lines of a file.

    Attributes:
        put: Records that are durable.
        without_key: Of those, lines that are no JSON or lack the key: put under their MD5.
        blank: Lines of nothing but white space, which are no records.
        errors: Refused records, by code.
        resent: How often a record had to be sent again because the stream refused it at first.
    """

    put: int
    without_key: int
    blank: int
    errors: Mapping[str, int] = field(default_factory=dict)
    resent: int = 0

    @property
    def failed(self) -> int:
        """How many were refused."""
        return sum(self.errors.values())


def is_key(key: str) -> bool:
    """Say whether a text may be a partition key: 1 to 256 characters of Unicode."""
    return 0 < len(key) <= MAX_KEY and (key.isascii() or _SURROGATE.search(key) is None)


def refusal(key: str, payload: bytes) -> str:
    """Return why a stream cannot take a record: `S1106` too large, `S1107` its key; else ""."""
    if len(payload) > MAX_RECORD:
        return "S1106"
    return "" if is_key(key) else "S1107"


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
