"""
Puts lines into a Kinesis stream: nothing is lost, and records of one key keep their order.

`PutRecords` may refuse some entries of a call and take the others (`aws.md` K2), and promises
no order among those that it takes (K1): so no call holds two records of one key, and a record
that was refused is sent again before the next one of its key. A call whose answer was lost is
repeated by the SDK and may make second records (K3), which de-duplication by key removes.
"""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from puntual.aws.faults import translated
from puntual.aws.stream import FAULTS, SLOW
from puntual.landing.put import PutLines, key_reader, refusal, substitute, without_end

CALL_RECORDS = 500
CALL_BYTES = 5 << 20
"""What one `PutRecords` takes at most; keys count as well."""

_AHEAD = 10 * CALL_RECORDS
"""Records that are looked through for 500 of different keys."""

_ATTEMPTS = 20
"""Calls in a row that take nothing, after which the stream is said not to answer."""

Record = tuple[str, bytes]


class KinesisProducer:
    """Puts records of lines; one thread for one object."""

    def __init__(
        self, client: Any, *, pause: float = 0.1, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """
        Keep the client.

        Args:
            client: Of `kinesis`.
            pause: Seconds of the first wait after a call that took nothing, at random below
                that; doubled each time, up to 100 times as much. After a call that took some,
                as much less as it took.
            sleep: How to wait.
        """
        self._client = client
        self._pause = pause
        self._sleep = sleep

    def put_lines(self, stream: str, lines: Iterable[bytes], *, key: str) -> PutLines:
        """
        Put JSON lines, each as one record without its line end.

        A line that is no JSON or has no such field is put under the MD5 of its bytes, and
        counted; one that no stream could take is counted by its code. When a call fails for
        good, what was put before stays.

        Args:
            stream: Where to.
            lines: An open file, or any lines.
            key: JSON field that is the partition key; a dotted path reaches into objects.

        Raises:
            PermanentError: S1101 no such stream; T5004, T5005, T5007, T5008.
            TransientError: S1102 it takes nothing any more; T5001, T5002.
        """
        seen = _Seen()
        good = _records(lines, key, seen)
        waiting: deque[Record] = deque()
        put = resent = idle = 0
        while True:
            waiting.extend(islice(good, _AHEAD - len(waiting)))
            if not waiting:
                break
            call = _call(waiting)
            refused = self._put(stream, call)
            waiting.extendleft(reversed(refused))
            put += len(call) - len(refused)
            resent += len(refused)
            idle = idle + 1 if len(refused) == len(call) else 0
            if idle == _ATTEMPTS:
                raise SLOW.raised(stream, f"{_ATTEMPTS} calls took nothing; {put} records are put")
            if refused:
                share = len(refused) / len(call)
                self._sleep(random.uniform(0, self._pause * share * min(2**idle, 100)))  # noqa: S311
        return PutLines(
            put=put,
            without_key=seen.without_key,
            blank=seen.blank,
            errors=dict(seen.errors),
            resent=resent,
        )

    def _put(self, stream: str, call: list[Record]) -> list[Record]:
        """Put records of different keys; return those that were refused."""
        with translated(stream, service="kinesis", also=FAULTS):
            answer = self._client.put_records(
                StreamName=stream,
                Records=[{"PartitionKey": key, "Data": payload} for key, payload in call],
            )
        if not answer.get("FailedRecordCount"):
            return []
        return [
            record
            for record, entry in zip(call, answer["Records"], strict=True)
            if entry.get("ErrorCode")
        ]


@dataclass(slots=True)
class _Seen:
    """Counts lines while they are read."""

    without_key: int = 0
    blank: int = 0
    errors: Counter[str] = field(default_factory=Counter)


def _records(lines: Iterable[bytes], key: str, seen: _Seen) -> Iterator[Record]:
    read = key_reader(key)
    for line in without_end(iter(lines)):
        if not line or line.isspace():
            seen.blank += 1
            continue
        found = read(line)
        name = found or substitute(line)
        refused = refusal(name, line)
        if refused:
            seen.errors[refused] += 1
            continue
        seen.without_key += found is None
        yield name, line


def _call(waiting: deque[Record]) -> list[Record]:
    """
    Take records of different keys out of those that wait, each the first of its key.

    What is left stands in its order.
    """
    call: list[Record] = []
    held: list[Record] = []
    keys: set[str] = set()
    room = CALL_BYTES
    while waiting and len(call) < CALL_RECORDS:
        record = waiting.popleft()
        size = len(record[0].encode()) + len(record[1])
        if record[0] in keys:
            held.append(record)
        elif size > room:
            waiting.appendleft(record)
            break
        else:
            keys.add(record[0])
            call.append(record)
            room -= size
    waiting.extendleft(reversed(held))
    return call
