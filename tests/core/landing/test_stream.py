"""Streams: every record is landed once, on its day, whatever happens in between."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.landing import Place, codes, open_place, total

from puntual.errors import PermanentError, TransientError
from puntual.landing import stream as landing_stream
from puntual.landing.aggregated import apart
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqlitePointers
from puntual.model.check import OnFail
from puntual.model.contract import Column, ColumnType, Contract, JsonLines, Kind, Measure
from puntual.model.manifest import ObjectRef
from puntual.model.seal import SealStatus
from puntual.model.source import ControlFile, StreamSource
from puntual.ports.stream import StreamPage

DAY = date(2026, 11, 20)
NEXT = date(2026, 11, 21)
MORNING = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

SOURCE = StreamSource(
    name="events",
    stream="card-events",
    control=ControlFile(pattern="control/{reference_date:%Y%m%d}.json"),
)
CONTRACT = Contract(
    dataset="events",
    version="1",
    file="contracts/events.odcs.yaml",
    columns=(
        Column(name="id", source_name="id", type=ColumnType(kind=Kind.TEXT)),
        Column(
            name="amount",
            source_name="amount",
            type=ColumnType(kind=Kind.DECIMAL, precision=18, scale=2),
        ),
        Column(name="at", source_name="at", type=ColumnType(kind=Kind.TIMESTAMP)),
    ),
    format=JsonLines(),
    key=("id",),
    day_column="at",
    time_zone="America/Mexico_City",
    measures=(Measure(column="amount", unit="MXN"),),
    digest="e" * 64,
)


@contextmanager
def place_in(root: Path, now: datetime = MORNING, shards: int = 2) -> Iterator[Place]:
    place = open_place(root, SOURCE, CONTRACT, now)
    place.stream.create("card-events", shards=shards)
    try:
        yield place
    finally:
        assert isinstance(place.pointers, SqlitePointers | FailingPointers)
        place.pointers.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with place_in(tmp_path) as made:
        yield made


def event(number: int, day: date = DAY, amount: str = "1.00") -> bytes:
    return json.dumps(
        {"id": f"e{number}", "amount": amount, "at": f"{day.isoformat()}T10:00:00-06:00"}
    ).encode()


def put(place: Place, *payloads: bytes, arrived: datetime | None = None) -> None:
    now, place.now = place.now, arrived or place.now
    done = place.stream.put("card-events", [(f"k{i}", p) for i, p in enumerate(payloads)])
    place.now = now
    assert done.failed == 0


def rows(place: Place, objects: tuple[ObjectRef, ...], role: str = "data") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for ref in objects:
        if ref.role == role:
            found += pq.read_table(place.objects.locate(ref)).to_pylist()
    return found


def test_a_day_is_landed_verbatim_and_matched(place: Place) -> None:
    put(place, event(1), event(2, amount="2.50"), event(3, NEXT))
    place.vouch(DAY, 2, "3.50")
    landed = place.land(DAY)
    assert landed.seal.status is SealStatus.MATCHED
    assert total(landed) == (2, Decimal("3.50"))
    assert codes(landed) == []
    found = rows(place, landed.objects)
    assert sorted(r["payload"] for r in found) == [event(1), event(2, amount="2.50")]
    assert {r["arrived_at"] for r in found} == {MORNING}
    assert all(r["shard"].startswith("shardId-") and r["sequence"].isdecimal() for r in found)
    assert [o.role for o in landed.objects] == ["data", "control"]


@pytest.mark.row("f20")
def test_landing_again_lands_nothing_twice_and_gives_the_same_bytes(place: Place) -> None:
    put(place, *(event(i) for i in range(10)))
    place.vouch(DAY, 10)
    first = place.land(DAY)
    again = place.land(DAY)
    assert again == first
    assert len(rows(place, again.objects)) == 10


def test_new_records_join_a_day_that_is_not_sealed(place: Place) -> None:
    place.vouch(DAY, 3, "3.00")
    put(place, event(1))
    held = place.land(DAY)
    assert held.seal.status is SealStatus.MISMATCHED
    assert codes(held) == ["S2016"]
    put(place, event(2), event(3))
    assert place.land(DAY).seal.status is SealStatus.MATCHED


@pytest.mark.row("f31")
def test_records_after_the_seal_are_kept_as_late_and_do_not_enter_the_day(place: Place) -> None:
    put(place, event(1))
    place.vouch(DAY, 1)
    assert place.land(DAY).seal.status is SealStatus.MATCHED
    put(place, event(2), event(3, NEXT))
    place.vouch(NEXT, 1)
    place.now = MORNING + timedelta(days=1)
    following = place.land(NEXT)
    assert following.seal.status is SealStatus.MATCHED
    (late,) = [f for f in following.findings if f.code == "S2011"]
    assert (late.rows, late.on_fail) == (1, OnFail.FLAG)
    assert "2026-11-20" in late.message
    assert [f.code for f in place.land(NEXT).findings] == ["S2011"]
    again = place.land(DAY)
    assert again.seal.status is SealStatus.MATCHED
    assert [r["payload"] for r in rows(place, again.objects)] == [event(1)]
    late_day = place.land_late(DAY)
    assert [r["payload"] for r in rows(place, late_day.objects, "late")] == [event(2)]
    assert [(f.code, f.rows) for f in late_day.findings] == [("S2011", 1)]


def test_a_record_without_a_day_belongs_to_the_day_of_its_arrival_in_the_contracts_zone(
    place: Place,
) -> None:
    put(place, b"no json", b"{}", arrived=datetime(2026, 11, 21, 5, 59, 59, tzinfo=UTC))
    put(place, b'{"id": "x", "at": "soon"}', arrived=datetime(2026, 11, 21, 6, 0, tzinfo=UTC))
    put(place, event(1), b"", arrived=datetime(2026, 11, 20, 6, 0, tzinfo=UTC))
    landed = place.land(DAY)
    assert landed.seal.landed.records == 4
    assert sorted(r["payload"] for r in rows(place, landed.objects)) == sorted(
        [b"", b"no json", b"{}", event(1)]
    )
    assert place.land(NEXT).seal.landed.records == 1


@pytest.mark.row("f32")
def test_a_day_that_is_not_over_is_not_sealed(place: Place) -> None:
    put(place, event(1))
    place.vouch(DAY, 1)
    place.now = datetime(2026, 11, 21, 5, 59, 59, tzinfo=UTC)
    early = place.land(DAY)
    assert (early.seal.status, codes(early)) == (SealStatus.UNVERIFIED, ["S2010"])
    place.now = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
    assert place.land(DAY).seal.status is SealStatus.MATCHED


@pytest.mark.row("f32")
def test_silence_is_absent_and_a_control_of_zero_is_matched(place: Place) -> None:
    silent = place.land(DAY)
    assert (silent.seal.status, codes(silent)) == (SealStatus.ABSENT, ["S2017"])
    place.vouch(DAY, 0, "0.00")
    assert place.land(DAY).seal.status is SealStatus.MATCHED
    put(place, event(1))
    place.land(NEXT)
    assert len(rows(place, place.land_late(DAY).objects, "late")) == 1


@pytest.mark.row("f34")
def test_without_its_control_record_a_day_is_unverified(place: Place) -> None:
    put(place, event(1))
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.UNVERIFIED, ["S2013"])


@pytest.mark.row("f17")
def test_a_day_far_ahead_is_kept_and_said(place: Place) -> None:
    put(place, event(1), event(2, date(9999, 1, 1)))
    place.vouch(DAY, 1)
    landed = place.land(DAY)
    assert landed.seal.status is SealStatus.MATCHED
    assert [(f.code, f.rows) for f in landed.findings] == [("S1104", 1)]
    assert place.land(date(9999, 1, 1)).seal.landed.records == 1


@pytest.mark.row("f26")
def test_a_gap_is_named_and_the_day_is_never_matched(place: Place) -> None:
    place.now = datetime(2026, 11, 10, tzinfo=UTC)
    put(place, event(0, date(2026, 11, 9)))
    place.land(date(2026, 11, 9))
    put(place, *(event(i) for i in range(20)))
    place.now = MORNING
    put(place, *(event(i) for i in range(20, 40)))
    place.vouch(DAY, 20)
    landed = place.land(DAY)
    assert landed.seal.landed.records == 20
    assert landed.seal.status is SealStatus.MISMATCHED
    assert set(codes(landed)) == {"S1103"}
    assert any("removed by retention" in d for d in landed.seal.differences)
    again = place.land(DAY)
    assert (again.seal, codes(again)) == (landed.seal, codes(landed))
    put(place, event(50, NEXT))
    place.vouch(NEXT, 1)
    place.now = MORNING + timedelta(days=1)
    assert place.land(NEXT).seal.status is SealStatus.MATCHED


def test_a_stream_that_was_never_made_is_a_permanent_fault(tmp_path: Path) -> None:
    made = open_place(tmp_path, SOURCE, CONTRACT, MORNING)
    assert isinstance(made.pointers, SqlitePointers)
    try:
        with pytest.raises(PermanentError, match="S1101"):
            made.land(DAY)
    finally:
        made.pointers.close()


@pytest.mark.row("f28")
def test_pages_and_rounds_make_no_difference_to_what_is_landed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing_stream, "ROWS", 7)
    monkeypatch.setattr(landing_stream, "PAGES", 3)
    put(place, *(event(i, NEXT if i % 5 == 0 else DAY) for i in range(100)))
    place.vouch(DAY, 80)
    landed = place.land(DAY)
    assert landed.seal.status is SealStatus.MATCHED
    assert len(rows(place, landed.objects)) == 80
    assert place.land(NEXT).seal.landed.records == 20


@pytest.mark.row("f31")
def test_a_look_at_a_sealed_day_reads_on_and_lands_each_record_once_on_its_day(
    place: Place,
) -> None:
    put(place, event(1))
    place.vouch(DAY, 1)
    sealed = place.land(DAY)
    put(place, event(2), event(3), event(4, NEXT))
    first = place.land_late(DAY)
    published = place.pointers.read_prefix("")
    again = place.land_late(DAY)
    assert again == first
    assert place.pointers.read_prefix("") == published
    assert [(f.code, f.rows, f.on_fail) for f in first.findings] == [("S2011", 2, OnFail.FLAG)]
    found = rows(place, first.objects, "late")
    assert sorted(r["payload"] for r in found) == [event(2), event(3)]
    assert all(o.name.startswith("late/events/reference_date=2026-11-20/") for o in first.objects)
    assert place.land(DAY) == sealed
    place.vouch(NEXT, 1)
    place.now = MORNING + timedelta(days=1)
    following = place.land(NEXT)
    assert following.seal.status is SealStatus.MATCHED
    assert [r["payload"] for r in rows(place, following.objects)] == [event(4, NEXT)]


def test_what_a_look_notices_is_added_to_what_the_day_landed_last_has_noticed(
    place: Place,
) -> None:
    put(place, event(1))
    place.vouch(DAY, 1)
    place.land(DAY)
    place.now = MORNING + timedelta(days=1)
    put(place, event(2), event(3, NEXT))
    place.vouch(NEXT, 9)
    assert codes(place.land(NEXT)) == ["S2011", "S2016"]
    put(place, event(4))
    place.land_late(DAY)
    (late,) = [f for f in place.land(NEXT).findings if f.code == "S2011"]
    assert late.rows == 2


@pytest.mark.row("f26")
def test_a_gap_that_a_look_meets_is_known_to_the_days_that_are_not_sealed(place: Place) -> None:
    old = date(2026, 11, 9)
    place.now = datetime(2026, 11, 10, 12, tzinfo=UTC)
    put(place, event(0, old))
    place.vouch(old, 1)
    assert place.land(old).seal.status is SealStatus.MATCHED
    put(place, *(event(i) for i in range(1, 4)))
    place.now = MORNING
    put(place, event(5), event(6))
    late = place.land_late(old)
    assert set(codes(late)) == {"S1103"}
    place.vouch(DAY, 2)
    landed = place.land(DAY)
    assert landed.seal.status is SealStatus.MISMATCHED
    assert "S1103" in codes(landed)


def test_records_that_joined_a_day_landed_without_a_match_are_late_to_that_version(
    place: Place,
) -> None:
    put(place, event(1))
    place.vouch(DAY, 2)
    assert place.land(DAY).seal.status is SealStatus.MISMATCHED
    put(place, event(2))
    first = place.land_late(DAY)
    assert [r["payload"] for r in rows(place, first.objects, "late")] == [event(2)]
    assert [(f.code, f.rows) for f in first.findings] == [("S2011", 1)]
    assert place.land_late(DAY) == first


class KilledError(BaseException):
    """Stands for the death of the process at one point."""


class FailingPointers:
    """Real pointers; dies before or after a switch, or loses the race for it."""

    def __init__(self, path: Path, faults: Iterator[str]) -> None:
        self._real = SqlitePointers(path)
        self._faults = faults
        self.read = self._real.read
        self.read_prefix = self._real.read_prefix
        self.close = self._real.close

    def switch(
        self, changes: Mapping[str, str], *, seen: Mapping[str, str | None], epoch: int
    ) -> bool:
        fault = next(self._faults, "")
        if fault == "before":
            raise KilledError
        if fault == "race":
            return False
        done = self._real.switch(changes, seen=seen, epoch=epoch)
        if fault == "after":
            raise KilledError
        return done


class FailingObjects(LocalObjects):
    """A real store; dies before the n-th object, of the numbers given."""

    def __init__(self, root: Path, deaths: set[int]) -> None:
        super().__init__(root)
        self._deaths = deaths
        self._stored = 0

    def put_file(self, *args: Any, **more: Any) -> ObjectRef:
        self._stored += 1
        if self._stored in self._deaths:
            raise KilledError
        return super().put_file(*args, **more)


@pytest.mark.row("f20", "f22")
@settings(max_examples=8, deadline=None)
@given(
    batches=st.lists(
        st.lists(st.sampled_from([DAY, NEXT, date(2026, 11, 19)]), max_size=5),
        min_size=1,
        max_size=4,
    ),
    faults=st.lists(st.sampled_from(["", "before", "after", "race"]), max_size=6),
    deaths=st.sets(st.integers(1, 8), max_size=3),
)
def test_killed_anywhere_each_record_is_landed_once_on_its_day(
    batches: list[list[date]], faults: list[str], deaths: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder, place_in(Path(folder)) as place:
        real = place.pointers
        assert isinstance(real, SqlitePointers)
        real.close()
        place.pointers = FailingPointers(Path(folder) / "pointers.db", iter(faults))
        place.objects = FailingObjects(Path(folder) / "lake", deaths)
        place.now = MORNING + timedelta(days=1)
        sent: list[tuple[date, bytes]] = []
        for batch in batches:
            records = [(day, event(len(sent) + i, day)) for i, day in enumerate(batch)]
            put(place, *(payload for _, payload in records))
            sent += records
            land_until_done(place, DAY)
        for day in (DAY, NEXT, date(2026, 11, 19)):
            landed = land_until_done(place, day)
            assert Counter(r["payload"] for r in rows(place, landed)) == Counter(
                payload for at, payload in sent if at == day
            )


def land_until_done(place: Place, day: date) -> tuple[ObjectRef, ...]:
    while True:
        try:
            return place.land(day).objects
        except (KilledError, AssertionError):
            continue


@pytest.mark.row("f57")
def test_a_race_that_is_always_lost_ends_as_a_transient_fault(tmp_path: Path) -> None:
    with place_in(tmp_path) as place:
        assert isinstance(place.pointers, SqlitePointers)
        place.pointers.close()
        place.pointers = FailingPointers(tmp_path / "pointers.db", iter(["race"] * 9))
        put(place, event(1))
        with pytest.raises(TransientError, match="S2030"):
            place.land(DAY)


def worth(records: list[dict[str, Any]]) -> str:
    return str(sum(Decimal(json.loads(r["payload"])["amount"]) for r in records))


def test_a_sealed_stream_is_counted_again_by_a_changed_contract_and_not_read(place: Place) -> None:
    put(place, event(1), event(2, amount="2.50"))
    record = {"source": SOURCE.name, "reference_date": DAY.isoformat(), "count": "2"}
    shards = sorted({r["shard"] for r in rows(place, place.land(DAY).objects)})
    by_shard = {
        shard: {"count": str(len(those)), "sums": {"amount": worth(those)}}
        for shard in shards
        if (those := [r for r in rows(place, place.land(DAY).objects) if r["shard"] == shard])
    }
    path = place.root / f"control/{DAY:%Y%m%d}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record | {"sums": {"amount": "3.50"}, "parts": by_shard}))
    sealed = place.land(DAY)
    assert sealed.seal.status is SealStatus.MATCHED
    put(place, event(3))
    place.contract = replace(CONTRACT, digest="f" * 64)
    again = place.land(DAY)
    assert again == sealed
    assert codes(place.land_late(DAY)) == ["S2011"]


def test_another_stream_under_the_same_source_is_refused_for_a_day_that_was_landed(
    place: Place,
) -> None:
    put(place, event(1))
    place.vouch(DAY, 1, "1.00")
    place.land(DAY)
    place.source = replace(SOURCE, stream="other-events")
    with pytest.raises(PermanentError, match="S1110"):
        place.land(DAY)


GOLDEN = bytes.fromhex(
    "f3899ac20a026b310a026b321a0f08001a0b7b226964223a226531227d1a0f08011a0b7b226964223a226532227d"
    "1a0408001a000ff386b65f4fe8f47c50f7cfc191e482"
)
"""Made by Amazon's aws-kinesis-agg 1.2.3: (k1, {"id":"e1"}), (k2, {"id":"e2"}), (k1, nothing)."""


def varint(number: int) -> bytes:
    low = number & 0x7F
    return bytes([low]) if number < 0x80 else bytes([low | 0x80]) + varint(number >> 7)


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def packed(users: list[tuple[str, bytes]]) -> bytes:
    """Pack records as Amazon's producer library does, with what it may add."""
    keys = sorted({key for key, _ in users})
    message = b"".join(field(1, key.encode()) for key in keys) + field(2, b"0" * 38)
    for key, data in users:
        tag = field(4, field(1, b"tag"))
        message += field(3, b"\x08" + varint(keys.index(key)) + b"\x10\x00" + field(3, data) + tag)
    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message, usedforsecurity=False).digest()


@pytest.mark.row("f29")
def test_records_that_a_producer_packed_into_one_are_landed_each_by_itself(place: Place) -> None:
    users = [("k1", event(1)), ("k2", event(2, amount="2.50")), ("k1", event(3, NEXT))]
    put(place, packed(users), event(4))
    place.vouch(DAY, 3, "4.50")
    place.vouch(NEXT, 1, "1.00")
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.MATCHED, [])
    found = rows(place, landed.objects)
    assert [(r["partition_key"], r["payload"]) for r in found if r["payload"] != event(4)] == [
        ("k1", event(1)),
        ("k2", event(2, amount="2.50")),
    ]
    assert place.land(DAY) == landed
    place.now = MORNING + timedelta(days=1)
    assert place.land(NEXT).seal.status is SealStatus.MATCHED


@pytest.mark.row("f29")
def test_what_amazons_own_library_packed_is_taken_apart() -> None:
    page = StreamPage(
        sequences=("7", "8"), arrivals=(1, 2), keys=("k0", "k9"), payloads=(GOLDEN, b"x"), behind=3
    )
    assert apart(page) == StreamPage(
        sequences=("7", "7", "7", "8"),
        arrivals=(1, 1, 1, 2),
        keys=("k1", "k2", "k1", "k9"),
        payloads=(b'{"id":"e1"}', b'{"id":"e2"}', b"", b"x"),
        behind=3,
    )


@pytest.mark.row("f29")
@given(
    users=st.lists(st.tuples(st.sampled_from(["a", "ñ", ""]), st.binary(max_size=300)), max_size=9)
)
def test_any_packed_records_come_out_as_they_went_in_and_in_their_order(
    users: list[tuple[str, bytes]],
) -> None:
    page = StreamPage(
        sequences=("7",), arrivals=(1,), keys=("k",), payloads=(packed(users),), behind=0
    )
    found = apart(page)
    if users:
        assert list(zip(found.keys, found.payloads, strict=True)) == users
        assert set(found.sequences) == {"7"}
    else:
        assert found is page


@pytest.mark.row("f29")
@given(at=st.integers(0, len(GOLDEN) - 1), bits=st.integers(1, 255), cut=st.integers(0, 90))
def test_what_only_looks_packed_is_a_record_like_any_other(at: int, bits: int, cut: int) -> None:
    broken = bytearray(GOLDEN)
    broken[at] ^= bits
    for payload in (bytes(broken), GOLDEN[: min(cut, len(GOLDEN) - 1)]):
        page = StreamPage(
            sequences=("7",), arrivals=(1,), keys=("k",), payloads=(payload,), behind=0
        )
        assert apart(page) is page


@pytest.mark.row("f29")
@given(message=st.binary(max_size=60))
def test_a_message_of_any_bytes_under_a_right_checksum_gives_its_records_or_stays_whole(
    message: bytes,
) -> None:
    checksum = hashlib.md5(message, usedforsecurity=False).digest()
    payload = b"\xf3\x89\x9a\xc2" + message + checksum
    page = StreamPage(sequences=("7",), arrivals=(1,), keys=("k",), payloads=(payload,), behind=0)
    found = apart(page)
    assert found.payloads
    assert found is page or all(data in message for data in found.payloads)
