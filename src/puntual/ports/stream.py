"""A sharded stream with Kinesis's semantics, as its reader sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPage:
    """
    Records of one shard in the order of their sequence numbers, as parallel columns.

    Attributes:
        sequences: Decimal text, strictly increasing.
        arrivals: Microseconds since the epoch, UTC, as the stream stamped them.
        keys: Partition keys.
        payloads: The exact bytes.
        behind: How many records remain after this page; 0 at the tip. An empty page with
            `behind` > 0 is not the end.
    """

    sequences: tuple[str, ...]
    arrivals: tuple[int, ...]
    keys: tuple[str, ...]
    payloads: tuple[bytes, ...]
    behind: int


class StreamReader(Protocol):
    """Reads; never removes. Repeating a read gives the same records while they are retained."""

    def generations(self, stream: str, *, after: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
        """
        Return the shards by generation: no shard before its parents.

        Args:
            stream: Its name.
            after: Shard → the sequence number after which it is read next; one that is not
                named is read from its oldest record. A reader may fetch pages together by it.

        Raises:
            PermanentError: S1101 no such stream.
            TransientError: S1102 the stream does not answer.
        """

    def read(self, stream: str, shard: str, *, after: str | None, limit: int) -> StreamPage:
        """
        Return at most `limit` records after a sequence number (None: from the oldest).

        Raises:
            PermanentError: S1103 records after `after` were trimmed by retention; says which
                range is gone.
            TransientError: S1102.
        """
