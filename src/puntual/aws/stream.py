"""
Port `StreamReader` on Kinesis: by shard, from a position, parents before children.

Sequence numbers are strings of up to 56 digits here and everywhere (`aws.md` K10); an answer
without records is not the end (K5); an iterator that has expired is replaced by one after the
last record that was read (K4).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.session
from botocore.utils import parse_timestamp

from puntual.aws.clients import client
from puntual.aws.faults import DENIED, Fault, translated
from puntual.aws.tips import Tip, Tips
from puntual.errors import PermanentError, TransientError
from puntual.ports.clock import Clock
from puntual.ports.stream import StreamPage

PAGE_RECORDS = 10_000
"""What one `GetRecords` gives at most; it may give fewer, for it ends at 10 MiB."""

PAGE_BYTES = 64 << 20
"""A page ends with the answer that brings it to this size, whatever its limit of records; one
answer has at most `ANSWER_BYTES`."""

ANSWER_BYTES = 10 << 20

_ATTEMPTS = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

NO_STREAM = Fault(
    kind=PermanentError,
    code="S1101",
    message="no such stream or shard",
    expected="a stream that `puntual deploy` has made",
    next_step="Deploy the project, or correct `stream:` in puntual.yaml.",
)
SLOW = Fault(
    kind=TransientError,
    code="S1102",
    message="the stream does not answer",
    expected="an answer within the shard's limits (5 reads a second)",
    next_step="Run again; if it stays, see who else reads the stream, or give it more shards.",
)
NO_POSITION = Fault(
    kind=PermanentError,
    code="S1109",
    message="no such position in the shard",
    expected="a sequence number that this shard has given",
    next_step="The stream was made anew: land it under another source.",
)
FAULTS: Mapping[str, Fault] = {
    "ResourceNotFoundException": NO_STREAM,
    "ProvisionedThroughputExceededException": SLOW,
    "LimitExceededException": SLOW,
    "KMSThrottlingException": SLOW,
    "InvalidArgumentException": NO_POSITION,
    "KMSAccessDeniedException": DENIED,
}
"""Codes of Kinesis that mean something of their own here."""


def reading_client() -> Any:
    """
    Return a client of `kinesis` that reads instants as UTC at once.

    Botocore's own way through the machine's time zone takes two fifths of the time of reading.
    """
    session = botocore.session.get_session()
    factory = session.get_component("response_parser_factory")
    factory.set_parser_defaults(timestamp_parser=_instant)
    return client("kinesis", session=boto3.Session(botocore_session=session))


def _instant(value: Any) -> datetime:
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    found: datetime = parse_timestamp(value)
    return found


@dataclass(slots=True)
class _Place:
    """Where a read stands: an iterator, and the record that it must give first, if one."""

    iterator: str | None
    awaited: str | None = None


@dataclass(slots=True)
class _Taken:
    """Records of a page while it is read."""

    sequences: list[str] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, records: list[dict[str, Any]]) -> None:
        self.sequences += [r["SequenceNumber"] for r in records]
        self.arrivals += [_micros(r["ApproximateArrivalTimestamp"]) for r in records]
        self.keys += [r["PartitionKey"] for r in records]
        payloads = [r["Data"] for r in records]
        self.size += sum(map(len, payloads))
        self.payloads += payloads


class KinesisStream:
    """
    Streams of the account and region of a client.

    Kinesis does not say how many records remain: `behind` is 1 where some do. A page that goes
    on where this object's last one ended costs no new iterator.
    """

    def __init__(
        self,
        client: Any,
        clock: Clock,
        *,
        tips: Tips | None = None,
        page_bytes: int = PAGE_BYTES,
        patience: float = 60.0,
        pause: float = 0.2,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Keep the client; nothing is asked yet.

        Args:
            client: Of `kinesis`.
            clock: Says when the end of a shard was reached.
            tips: Where that is kept from run to run; None: what retention has removed behind a
                quiet shard's last record cannot be told from what was never sent, and is
                reported as a gap.
            page_bytes: A page ends with the answer that brings it to this size.
            patience: Seconds in which a page must begin though answers come without records.
            pause: Seconds between two answers without records (K6: 5 reads a second).
            sleep: How to wait.
        """
        self._client = client
        self._clock = clock
        self._tips = tips
        self._page_bytes = page_bytes
        self._patience = patience
        self._pause = pause
        self._sleep = sleep
        self._next: dict[tuple[str, str, str | None], str] = {}

    def shards(self, stream: str) -> tuple[str, ...]:
        """
        Return the shards, parents before children (K9).

        Raises:
            PermanentError: S1101 no such stream; T5004, T5005, T5007, T5008.
            TransientError: S1102, T5001, T5002.
        """
        return tuple(name for shards in self.generations(stream, after={}) for name in shards)

    def generations(self, stream: str, *, after: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
        """
        Return the shards by generation; see the port (K9).

        Raises:
            PermanentError: S1101 no such stream; T5004, T5005, T5007, T5008.
            TransientError: S1102, T5001, T5002.
        """
        found = self._list(stream)
        left = {name: {p for p in _parents(shard) if p in found} for name, shard in found.items()}
        generations: list[tuple[str, ...]] = []
        while left:
            born = sorted(name for name, parents in left.items() if not parents & left.keys())
            generations.append(tuple(born))
            left = {name: parents for name, parents in left.items() if name not in born}
        return tuple(generations)

    def read(self, stream: str, shard: str, *, after: str | None, limit: int) -> StreamPage:
        """
        Return at most `limit` records after a sequence number; see the port.

        Raises:
            PermanentError: S1101 no such stream or shard; S1103 records after `after` may have
                been removed by retention; S1109 `after` is no position of this shard; T5004,
                T5005, T5007, T5008.
            TransientError: S1102, T5001, T5002.
        """
        taken, whole = _Taken(), False
        place = self._begin(stream, shard, after)
        until = time.monotonic() + self._patience
        while not whole and len(taken.sequences) < limit and taken.size < self._page_bytes:
            asked = min(PAGE_RECORDS, limit - len(taken.sequences) + (place.awaited is not None))
            answer = self._answer(stream, shard, place, taken, after, asked)
            records = answer["Records"]
            short = len(records) < asked
            place.iterator = answer.get("NextShardIterator")
            if records and place.awaited is not None:
                records = self._behind(stream, shard, records, place.awaited)
                place.awaited = None
            taken.add(records)
            at_tip = answer.get("MillisBehindLatest", 0) == 0 and short
            whole = place.iterator is None or at_tip
            if not records and not whole:
                if time.monotonic() > until:
                    break
                self._sleep(self._pause)
        last = taken.sequences[-1] if taken.sequences else after
        if whole:
            self._arrived(stream, shard, after, last)
        elif place.iterator is not None and place.awaited is None:
            self._next[stream, shard, last] = place.iterator
        return StreamPage(
            sequences=tuple(taken.sequences),
            arrivals=tuple(taken.arrivals),
            keys=tuple(taken.keys),
            payloads=tuple(taken.payloads),
            behind=0 if whole else 1,
        )

    def _begin(self, stream: str, shard: str, after: str | None) -> _Place:
        """
        Find where a page begins.

        It begins *at* the record that was read last: where another comes first, retention
        has removed that one, and perhaps records behind it.
        """
        known = self._next.pop((stream, shard, after), None)
        if known is not None:
            return _Place(known)
        if after is None:
            return _Place(self._iterator(stream, shard, "TRIM_HORIZON", None))
        if not (after.isascii() and after.isdecimal()):
            raise NO_POSITION.raised(f"{stream}/{shard}", after[:60])
        return _Place(self._iterator(stream, shard, "AT_SEQUENCE_NUMBER", after), after)

    def _answer(
        self,
        stream: str,
        shard: str,
        place: _Place,
        taken: _Taken,
        after: str | None,
        asked: int,
    ) -> dict[str, Any]:
        """Ask for records; an expired iterator is replaced (K4), a busy shard waited for (K6)."""
        for attempt in range(_ATTEMPTS):
            try:
                with self._translated(f"{stream}/{shard}"):
                    found: dict[str, Any] = self._client.get_records(
                        ShardIterator=place.iterator, Limit=asked
                    )
                    return found
            except self._client.exceptions.ExpiredIteratorException:
                if taken.sequences:
                    last = taken.sequences[-1]
                    place.iterator = self._iterator(stream, shard, "AFTER_SEQUENCE_NUMBER", last)
                else:
                    fresh = self._begin(stream, shard, after)
                    place.iterator, place.awaited = fresh.iterator, fresh.awaited
            except TransientError as exc:
                if exc.code != SLOW.code or attempt + 1 == _ATTEMPTS:
                    raise
                # Full jitter: readers of one shard must not come back together.
                self._sleep(random.uniform(0, self._pause * 2**attempt))  # noqa: S311
        raise SLOW.raised(f"{stream}/{shard}", f"{_ATTEMPTS} iterators that expired at once")

    def _behind(
        self, stream: str, shard: str, records: list[dict[str, Any]], awaited: str
    ) -> list[dict[str, Any]]:
        """Return the records behind the awaited one, having made sure that none is missing."""
        first = str(records[0]["SequenceNumber"])
        if first == awaited:
            return records[1:]
        if not self._was_quiet(stream, shard, awaited):
            raise _gone(f"{stream}/{shard}", awaited, first)
        return records

    def _was_quiet(self, stream: str, shard: str, after: str) -> bool:
        """Say whether the shard was read to its end after `after` within what it retains."""
        tip = self._tips.read(stream, shard) if self._tips is not None else None
        if tip is None or tip.sequence != after:
            return False
        with self._translated(stream):
            found = self._client.describe_stream_summary(StreamName=stream)
        hours = found["StreamDescriptionSummary"]["RetentionPeriodHours"]
        return bool(tip.at > self._clock.now() - timedelta(hours=hours))

    def _arrived(self, stream: str, shard: str, after: str | None, last: str | None) -> None:
        """Refuse a position beyond the shard's own; remember when its end was reached."""
        if last is None:
            return
        if last == after:
            bounds = self._list(stream).get(shard, {}).get("SequenceNumberRange", {})
            first = bounds.get("StartingSequenceNumber", "0")
            ends = bounds.get("EndingSequenceNumber", last)
            if not int(first) <= int(last) <= int(ends):
                raise NO_POSITION.raised(f"{stream}/{shard}", last)
        if self._tips is not None:
            self._tips.keep(stream, shard, Tip(sequence=last, at=self._clock.now()))

    def _iterator(self, stream: str, shard: str, kind: str, sequence: str | None) -> str:
        start = {} if sequence is None else {"StartingSequenceNumber": sequence}
        with self._translated(f"{stream}/{shard}"):
            answer = self._client.get_shard_iterator(
                StreamName=stream, ShardId=shard, ShardIteratorType=kind, **start
            )
        return str(answer["ShardIterator"])

    def _list(self, stream: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        asked: dict[str, str] = {"StreamName": stream}
        while True:
            with self._translated(stream):
                answer = self._client.list_shards(**asked)
            found.update({s["ShardId"]: s for s in answer["Shards"]})
            if not answer.get("NextToken"):
                return found
            asked = {"NextToken": answer["NextToken"]}

    def _translated(self, where: str) -> Any:
        return _Translated(where, self._client.exceptions.ExpiredIteratorException)


class _Translated:
    """Translates Kinesis's errors, and lets one pass that the reader mends itself."""

    def __init__(self, where: str, passing: type[Exception]) -> None:
        self._inner = translated(where, service="kinesis", also=FAULTS)
        self._passing = passing

    def __enter__(self) -> None:
        self._inner.__enter__()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool | None:
        if isinstance(error, self._passing):
            return None
        return self._inner.__exit__(kind, error, trace)


def _parents(shard: Mapping[str, Any]) -> tuple[str, ...]:
    names = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
    return tuple(name for name in names if name)


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _gone(where: str, after: str, first: str) -> PermanentError:
    return PermanentError(
        "S1103",
        f"{where}: records may have been removed by retention before they were read",
        where=where,
        expected=f"the record {after}, which was read last, or what came after it",
        observed=f"{after}..{first} are gone",
        next_step="Have the source send them again, lengthen the stream's retention, and land "
        "more often than it.",
    )
