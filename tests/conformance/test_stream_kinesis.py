"""`StreamReader` and the producer on Kinesis: the rows K1-K10 of `aws.md`, on the stage."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from support.aws import client_on, on
from support.s3 import LAKE, lake_of
from support.spark import QUIET_SOCKETS, spark
from support.stage import faults

from puntual.aws.fanned import FannedStream, Got, Want
from puntual.aws.producer import CALL_BYTES, KinesisProducer
from puntual.aws.stage.standing import Standing
from puntual.aws.stream import KinesisStream, reading_client
from puntual.aws.tips import S3Tips, Tip
from puntual.errors import PermanentError, TransientError
from puntual.landing.put import MAX_RECORD
from puntual.ports.stream import StreamReader

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["faults", "spark"]

pytestmark = QUIET_SOCKETS

Answers = dict[str, Any]


class Clock:
    """The real instant, and so many days."""

    def __init__(self, days: int = 0) -> None:
        self.ahead = timedelta(days=days)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Tampering:
    """Changes what Kinesis answers, as the service would answer and no emulator does."""

    def __init__(self, client: Any) -> None:
        self._events = client.meta.events
        self.calls: Counter[str] = Counter()
        self.asked: list[Answers] = []
        self._held: list[tuple[str, Callable[..., Any]]] = []
        self._add("before-parameter-build.kinesis", self._count)

    def _count(self, params: Answers, model: Any, **_: Any) -> None:
        self.calls[model.name] += 1
        self.asked.append({"operation": model.name, **params})

    def answers(self, operation: str, change: Callable[[Answers], None]) -> None:
        """Change each answer of an operation before it is read."""
        name = f"after-call.kinesis.{operation}"
        self._add(name, lambda parsed, **_: change(parsed))

    def refuse(self, operation: str, code: str, times: int = 1) -> None:
        """Answer the next calls of an operation with an error."""
        left = [times]

        def refused(**_: Any) -> None:
            if left[0]:
                left[0] -= 1
                said = {"Error": {"Code": code, "Message": "injected"}}
                raise self._client.exceptions.from_code(code)(said, operation)

        self._add(f"provide-client-params.kinesis.{operation}", refused)

    def _add(self, name: str, handler: Callable[..., Any]) -> None:
        self._held.append((name, handler))
        self._events.register(name, handler)

    def close(self) -> None:
        for name, handler in self._held:
            self._events.unregister(name, handler)

    def use(self, client: Any) -> Tampering:
        self._client = client
        return self


@pytest.fixture(scope="module")
def kinesis(stage: Standing) -> Any:
    return on(stage, reading_client)


@pytest.fixture
def tampering(kinesis: Any) -> Iterator[Tampering]:
    made = Tampering(kinesis).use(kinesis)
    yield made
    made.close()


@pytest.fixture
def name(kinesis: Any) -> str:
    """A stream of two shards of this test's own."""
    made = f"s-{uuid.uuid4().hex[:12]}"
    kinesis.create_stream(StreamName=made, ShardCount=2)
    return made


def reader(kinesis: Any, **more: Any) -> KinesisStream:
    given: dict[str, Any] = {"clock": Clock(), "sleep": lambda _: None}
    return KinesisStream(kinesis, **(given | more))


def producer(kinesis: Any) -> KinesisProducer:
    return KinesisProducer(kinesis, sleep=lambda _: None)


def put(kinesis: Any, name: str, count: int, *, keys: int = 97, first: int = 0) -> None:
    lines = (b'{"k": "c%d", "n": %d}\n' % (i % keys, i) for i in range(first, first + count))
    done = producer(kinesis).put_lines(name, lines, key="k")
    assert (done.put, done.failed) == (count, 0)


def everything(stream: KinesisStream, name: str, limit: int) -> list[tuple[str, str, bytes]]:
    found: list[tuple[str, str, bytes]] = []
    for shard in stream.shards(name):
        after: str | None = None
        behind = 1
        while behind:
            page = stream.read(name, shard, after=after, limit=limit)
            found += [(shard, s, p) for s, p in zip(page.sequences, page.payloads, strict=True)]
            after = page.sequences[-1] if page.sequences else after
            behind = page.behind
    return found


def in_turns(
    stream: StreamReader, generations: tuple[tuple[str, ...], ...], name: str, limit: int
) -> list[tuple[str, str, bytes]]:
    """Read as landing does: a page of each shard of a generation, then the next of each."""
    found: list[tuple[str, str, bytes]] = []
    for generation in generations:
        after: dict[str, str] = {}
        left = list(generation)
        while left:
            for shard in tuple(left):
                page = stream.read(name, shard, after=after.get(shard), limit=limit)
                found += [(shard, s, p) for s, p in zip(page.sequences, page.payloads, strict=True)]
                after |= {shard: page.sequences[-1]} if page.sequences else {}
                if not page.behind:
                    left.remove(shard)
    return found


def by_key(found: list[tuple[str, str, bytes]]) -> dict[str, list[int]]:
    order: dict[str, list[int]] = {}
    for _, _, payload in found:
        record = json.loads(payload)
        order.setdefault(record["k"], []).append(record["n"])
    return order


def test_what_was_put_is_read_once_by_shard_in_order_of_its_sequences(
    kinesis: Any, name: str
) -> None:
    put(kinesis, name, 2_500)
    found = everything(reader(kinesis), name, limit=700)
    assert sorted(json.loads(p)["n"] for _, _, p in found) == list(range(2_500))
    for shard in {s for s, _, _ in found}:
        sequences = [int(q) for s, q, _ in found if s == shard]
        assert sequences == sorted(set(sequences))


def test_reading_repeats_itself_and_goes_on_in_another_process(kinesis: Any, name: str) -> None:
    put(kinesis, name, 40, keys=1)
    first_reader = reader(kinesis)
    shard = next(s for s in first_reader.shards(name) if _records(kinesis, name, s))
    first = first_reader.read(name, shard, after=None, limit=15)
    assert (len(first.payloads), first.behind) == (15, 1)
    assert reader(kinesis).read(name, shard, after=None, limit=15) == first
    rest = reader(kinesis).read(name, shard, after=first.sequences[-1], limit=100)
    assert [json.loads(p)["n"] for p in (*first.payloads, *rest.payloads)] == list(range(40))
    tip = reader(kinesis).read(name, shard, after=rest.sequences[-1], limit=100)
    assert (rest.behind, tip.payloads, tip.behind) == (0, (), 0)


def test_arrivals_are_microseconds_of_the_epoch(kinesis: Any, name: str) -> None:
    put(kinesis, name, 1)
    shard = next(s for s in reader(kinesis).shards(name) if _records(kinesis, name, s))
    (arrived,) = reader(kinesis).read(name, shard, after=None, limit=1).arrivals
    assert abs(arrived / 1e6 - time.time()) < 60


@pytest.mark.row("f30")
def test_k2_a_tenth_of_the_entries_is_refused_and_none_is_lost_or_out_of_order(
    kinesis: Any, name: str, faults: Callable[[Answers], None]
) -> None:
    faults({"kinesis": {name: {"share": 0.1}}})
    drawn = random.Random(30)
    lines = [b'{"k": "c%d", "n": %d}\n' % (drawn.randrange(50), i) for i in range(100_000)]
    done = producer(kinesis).put_lines(name, lines, key="k")
    assert (done.put, done.failed) == (100_000, 0)
    assert done.resent > 6_000
    order = by_key(everything(reader(kinesis), name, limit=10_000))
    assert sorted(n for ns in order.values() for n in ns) == list(range(100_000))
    assert all(ns == sorted(ns) for ns in order.values())


def test_a_stream_that_takes_nothing_is_said_not_to_answer(
    kinesis: Any, name: str, faults: Callable[[Answers], None]
) -> None:
    faults({"kinesis": {name: {"share": 1.0}}})
    with pytest.raises(TransientError, match="S1102"):
        producer(kinesis).put_lines(name, [b'{"k": "a"}\n'], key="k")


def test_k8_calls_hold_at_most_500_records_and_5_mib(
    kinesis: Any, name: str, tampering: Tampering
) -> None:
    large = b'{"k": "%d", "x": "' + b"x" * (MAX_RECORD - 60) + b'"}\n'
    lines = [b'{"k": "s%d"}\n' % i for i in range(1_200)] + [large % i for i in range(7)]
    assert producer(kinesis).put_lines(name, lines, key="k").put == 1_207
    calls = [c["Records"] for c in tampering.asked if c["operation"] == "PutRecords"]
    assert max(map(len, calls)) == 500
    sizes = [sum(len(r["Data"]) + len(r["PartitionKey"]) for r in c) for c in calls]
    assert max(sizes) <= CALL_BYTES


def test_what_no_stream_takes_is_counted_and_the_rest_is_put(kinesis: Any, name: str) -> None:
    large = b'{"k": "a", "x": "' + b"x" * MAX_RECORD + b'"}\n'
    done = producer(kinesis).put_lines(
        name, [large, b"no json\n", b"\n", b'{"k": "b"}\r\n', b'{"k": 7}'], key="k"
    )
    assert (done.put, done.without_key, done.blank) == (3, 1, 1)
    assert dict(done.errors) == {"S1106": 1}


@pytest.mark.row("f25")
def test_k4_an_iterator_that_expires_is_replaced_behind_the_last_record(
    kinesis: Any, name: str, tampering: Tampering
) -> None:
    put(kinesis, name, 40, keys=1)
    stream = reader(kinesis)
    shard = next(s for s in stream.shards(name) if _records(kinesis, name, s))
    first = stream.read(name, shard, after=None, limit=15)
    tampering.refuse("GetRecords", "ExpiredIteratorException")
    rest = stream.read(name, shard, after=first.sequences[-1], limit=1_000)
    assert [json.loads(p)["n"] for p in (*first.payloads, *rest.payloads)] == list(range(40))
    tampering.refuse("GetRecords", "ExpiredIteratorException", times=100)
    with pytest.raises(TransientError, match="S1102"):
        stream.read(name, shard, after=None, limit=1)


@pytest.mark.row("f28")
def test_k5_an_empty_answer_is_not_the_end(kinesis: Any, name: str, tampering: Tampering) -> None:
    put(kinesis, name, 10, keys=1)
    shard = next(s for s in reader(kinesis).shards(name) if _records(kinesis, name, s))
    empty = [3]

    def sparse(parsed: Answers) -> None:
        if empty[0]:
            empty[0] -= 1
            parsed |= {"Records": [], "MillisBehindLatest": 5_000, "NextShardIterator": _again()}

    def _again() -> str:
        found = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )
        return str(found["ShardIterator"])

    tampering.answers("GetRecords", sparse)
    page = reader(kinesis).read(name, shard, after=None, limit=100)
    assert (len(page.payloads), page.behind) == (10, 0)
    empty[0] = 10**9
    patient = reader(kinesis, patience=0.0)
    assert (patient.read(name, shard, after=None, limit=9).payloads, empty[0] > 0) == ((), True)
    assert patient.read(name, shard, after=None, limit=9).behind == 1


@pytest.mark.row("f28", "f67")
def test_k6_a_busy_shard_is_asked_again_with_growing_waits(
    kinesis: Any, name: str, tampering: Tampering
) -> None:
    put(kinesis, name, 5, keys=1)
    waits: list[float] = []
    stream = reader(kinesis, sleep=waits.append)
    shard = next(s for s in stream.shards(name) if _records(kinesis, name, s))
    tampering.refuse("GetRecords", "ProvisionedThroughputExceededException", times=3)
    assert len(stream.read(name, shard, after=None, limit=9).payloads) == 5
    assert [w <= 0.2 * 2**i for i, w in enumerate(waits)] == [True] * 3
    tampering.refuse("GetRecords", "ProvisionedThroughputExceededException", times=99)
    with pytest.raises(TransientError, match="S1102"):
        reader(kinesis).read(name, shard, after=None, limit=9)


@pytest.mark.row("f26")
def test_k7_records_that_retention_removed_are_a_gap_and_reading_goes_on_behind_it(
    kinesis: Any, name: str, tampering: Tampering
) -> None:
    """As documented: an iterator at a removed record begins at the oldest that is left."""
    put(kinesis, name, 30, keys=1)
    stream = reader(kinesis)
    shard = next(s for s in stream.shards(name) if _records(kinesis, name, s))
    sequences = stream.read(name, shard, after=None, limit=100).sequences

    def trimmed(parsed: Answers) -> None:
        parsed["Records"] = [r for r in parsed["Records"] if r["SequenceNumber"] >= sequences[20]]

    tampering.answers("GetRecords", trimmed)
    with pytest.raises(PermanentError, match="S1103") as gone:
        reader(kinesis).read(name, shard, after=sequences[9], limit=100)
    assert gone.value.observed == f"{sequences[9]}..{sequences[20]} are gone"
    assert len(reader(kinesis).read(name, shard, after=None, limit=100).payloads) == 10
    last = reader(kinesis).read(name, shard, after=sequences[20], limit=100)
    assert last.sequences == sequences[21:]


def test_a_shard_that_was_quiet_for_longer_than_it_retains_has_no_gap(
    stage: Standing, kinesis: Any, name: str, tampering: Tampering
) -> None:
    """Retention is 24 hours; the tip was seen an hour, then two days before."""
    put(kinesis, name, 3, keys=1)
    tips = S3Tips(lake_of(client_on(stage, "s3")))
    shard = next(s for s in reader(kinesis).shards(name) if _records(kinesis, name, s))
    old = reader(kinesis, tips=tips).read(name, shard, after=None, limit=9).sequences[-1]
    kept = tips.read(name, shard)
    assert kept is not None
    assert kept.sequence == old
    put(kinesis, name, 3, keys=1, first=3)

    def trimmed(parsed: Answers) -> None:
        parsed["Records"] = [r for r in parsed["Records"] if r["SequenceNumber"] > old]

    tampering.answers("GetRecords", trimmed)
    assert len(reader(kinesis, tips=tips).read(name, shard, after=old, limit=9).payloads) == 3
    tips.keep(name, shard, Tip(sequence=old, at=datetime.now(UTC) - timedelta(days=2)))
    with pytest.raises(PermanentError, match="S1103"):
        reader(kinesis, tips=tips).read(name, shard, after=old, limit=9)


@pytest.mark.row("f24")
def test_k9_after_a_split_and_a_merge_parents_come_before_children_and_nothing_is_lost(
    kinesis: Any, name: str
) -> None:
    put(kinesis, name, 200)
    first = kinesis.list_shards(StreamName=name)["Shards"][0]
    low, high = (int(first["HashKeyRange"][f"{e}HashKey"]) for e in ("Starting", "Ending"))
    kinesis.split_shard(
        StreamName=name,
        ShardToSplit=first["ShardId"],
        NewStartingHashKey=str((low + high) // 2),
    )
    put(kinesis, name, 200, first=200)
    stream = reader(kinesis)
    shards = stream.shards(name)
    parents = {
        s["ShardId"]: s.get("ParentShardId") for s in kinesis.list_shards(StreamName=name)["Shards"]
    }
    assert len(shards) == 4
    assert all(p is None or shards.index(p) < shards.index(s) for s, p in parents.items())
    order = by_key(everything(stream, name, limit=37))
    assert sorted(n for ns in order.values() for n in ns) == list(range(400))
    assert all(ns == sorted(ns) for ns in order.values())


def test_k9_children_that_are_listed_first_still_come_last(
    kinesis: Any, tampering: Tampering
) -> None:
    shards = [
        {"ShardId": "a", "ParentShardId": "z", "AdjacentParentShardId": "y"},
        {"ShardId": "y"},
        {"ShardId": "z", "ParentShardId": "expired"},
        {"ShardId": "b", "ParentShardId": "a"},
    ]
    name = f"s-{uuid.uuid4().hex[:12]}"
    kinesis.create_stream(StreamName=name, ShardCount=1)
    tampering.answers("ListShards", lambda parsed: parsed.update(Shards=shards))
    assert reader(kinesis).generations(name, after={}) == (("y", "z"), ("a",), ("b",))


def test_k9_executors_of_spark_fetch_the_pages_of_several_shards(
    kinesis: Any, name: str, stage: Standing, spark: SparkSession
) -> None:
    put(kinesis, name, 400)
    kinesis.split_shard(
        StreamName=name,
        ShardToSplit=kinesis.list_shards(StreamName=name)["Shards"][0]["ShardId"],
        NewStartingHashKey=str(2**125),
    )
    put(kinesis, name, 400, first=400)
    from puntual.aws.jobs.fetch import Executors

    # As the environment of a job, in which Spark is begun.
    spark.sparkContext.environment.update(stage.environment())
    lake_of(client_on(stage, "s3"))
    executors = Executors(LAKE, name, region=kinesis.meta.region_name)
    asked: list[list[Want]] = []

    def fetch(wants: Sequence[Want]) -> Sequence[Got]:
        asked.append(list(wants))
        return executors(wants)

    fanned = FannedStream(reader(kinesis), fetch)
    born = fanned.generations(name, after={})
    assert [len(shards) for shards in born] == [2, 2]
    order = by_key(in_turns(fanned, born, name, limit=37))
    assert sorted(n for ns in order.values() for n in ns) == list(range(800))
    assert all(ns == sorted(ns) for ns in order.values())
    assert len(asked) > 2
    assert all(len(wants) == 2 for wants in asked)

    lost = [Want(stream=name, shard=s, after="1", limit=9, size=1 << 20) for s in born[0]]
    for got in executors(lost):
        assert isinstance(got, PermanentError)
        assert got.code == "S1109"


def test_k10_sequences_of_56_digits_stay_text(
    kinesis: Any, name: str, tampering: Tampering
) -> None:
    put(kinesis, name, 2, keys=1)
    shard = next(s for s in reader(kinesis).shards(name) if _records(kinesis, name, s))
    long = ["4" * 55 + "1", "4" * 55 + "2"]

    def lengthened(parsed: Answers) -> None:
        for record, sequence in zip(parsed["Records"], long, strict=False):
            record["SequenceNumber"] = sequence

    tampering.answers("GetRecords", lengthened)
    assert reader(kinesis).read(name, shard, after=None, limit=9).sequences == tuple(long)


def test_a_position_that_the_shard_never_gave_is_refused(kinesis: Any, name: str) -> None:
    (shard, _) = reader(kinesis).shards(name)
    for position in ("latest", "1", "½"):
        with pytest.raises(PermanentError, match="S1109"):
            reader(kinesis).read(name, shard, after=position, limit=5)


def test_a_stream_that_is_not_there_is_named(kinesis: Any) -> None:
    with pytest.raises(PermanentError, match="S1101") as caught:
        reader(kinesis).shards("nowhere")
    assert caught.value.where == "nowhere"
    with pytest.raises(PermanentError, match="S1101"):
        producer(kinesis).put_lines("nowhere", [b'{"k": "a"}'], key="k")


def test_a_refused_permission_is_named(kinesis: Any, name: str, tampering: Tampering) -> None:
    def denied(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetShardIterator")

    tampering._add("provide-client-params.kinesis.GetShardIterator", denied)
    (shard, _) = reader(kinesis).shards(name)
    with pytest.raises(PermanentError, match="T5004") as caught:
        reader(kinesis).read(name, shard, after=None, limit=5)
    assert "kinesis:GetShardIterator" in caught.value.observed


def _records(kinesis: Any, name: str, shard: str) -> bool:
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    return bool(kinesis.get_records(ShardIterator=iterator, Limit=1)["Records"])
