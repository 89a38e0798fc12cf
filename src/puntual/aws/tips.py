"""
When a shard was last read to its end: what tells a quiet shard from records that retention took.

Kinesis removes records in silence. If the end was reached after a record within what the shard
retains, nothing can have come and gone since. This is a hint beside the truth: losing it costs
a gap that is reported though there is none, never one that is not reported.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from puntual.aws.bucket import Bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """The last record of a shard, and an instant (UTC) at which none came after it."""

    sequence: str
    at: datetime


class Tips(Protocol):
    """One tip for each shard; the newest counts."""

    def read(self, stream: str, shard: str) -> Tip | None:
        """Return the tip that was kept last, if any."""

    def keep(self, stream: str, shard: str, tip: Tip) -> None:
        """Keep a tip in place of the one before."""


class S3Tips:
    """Tips as small objects that are written over; two writers may come in any order."""

    def __init__(self, bucket: Bucket) -> None:
        """Keep the folder of a bucket in which tips lie."""
        self._bucket = bucket

    def read(self, stream: str, shard: str) -> Tip | None:
        """
        Return the tip that was kept last; None where there is none, or none that can be read.

        Raises:
            PermanentError: T5004-T5008.
            TransientError: T5001, T5002, T5003.
        """
        found = self._bucket.read(_name(stream, shard))
        if found is None:
            return None
        try:
            kept = json.loads(found.data)
            return Tip(sequence=kept["sequence"], at=datetime.fromisoformat(kept["at"]))
        except (ValueError, KeyError, TypeError):
            return None

    def keep(self, stream: str, shard: str, tip: Tip) -> None:
        """
        Keep a tip.

        Raises:
            PermanentError: T5004-T5008.
            TransientError: T5001, T5002, T5003.
        """
        body = json.dumps({"sequence": tip.sequence, "at": tip.at.isoformat()}).encode()
        self._bucket.overwrite(_name(stream, shard), body)


def _name(stream: str, shard: str) -> str:
    return f"{stream}/{shard}.json"
