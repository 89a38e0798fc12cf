"""A source that does not answer, and a handler that raises: nothing is skipped, nothing guessed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from support.landing import Place, codes, open_place, total

from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.errors import PermanentError, TransientError
from puntual.local.pointers import SqlitePointers
from puntual.model.contract import Column, ColumnType, Contract, JsonLines, Kind, Measure
from puntual.model.seal import SealStatus
from puntual.model.source import ControlFile, FileSource, Marker, StreamSource
from puntual.ports.engine import DayPart, RawDay
from puntual.ports.landing import LandedDay, is_unanswered

DAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
CONTROL = ControlFile(pattern="control/{reference_date:%Y%m%d}.json")
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
        Column(name="paid_on", source_name="paid_on", type=ColumnType(kind=Kind.DATE)),
    ),
    format=JsonLines(),
    day_column="paid_on",
    measures=(Measure(column="amount"),),
    digest="e" * 64,
)
FAULT = TransientError(
    "S1102", "the stream does not answer", expected="records", observed="no connection"
)
DOWN = "the source did not answer: S1102 the stream does not answer"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = open_place(
        tmp_path, StreamSource(name="events", stream="s", control=CONTROL), CONTRACT, NOW
    )
    made.stream.create("s", shards=1, retention_days=7)
    yield made
    assert isinstance(made.pointers, SqlitePointers)
    made.pointers.close()


def put(place: Place, *names: str) -> None:
    records = [
        (name, json.dumps({"id": name, "amount": "1.00", "paid_on": DAY.isoformat()}).encode())
        for name in names
    ]
    place.stream.put("s", records)


def unanswered(place: Place) -> LandedDay:
    return place.landing.unanswered("events", DAY, FAULT)


@pytest.mark.row("f33")
def test_nothing_of_a_stream_that_is_down_is_absent_whatever_its_control_record_says(
    place: Place,
) -> None:
    place.vouch(DAY, 3, "3.00")
    landed = unanswered(place)
    assert (landed.seal.status, landed.seal.differences) == (SealStatus.ABSENT, (DOWN,))
    assert landed.seal.control is not None
    assert landed.seal.control.count == 3
    (finding,) = landed.findings
    assert (finding.code, finding.observed) == ("S1102", "no connection")


@pytest.mark.row("f33")
@pytest.mark.parametrize(
    ("said", "status"), [(2, SealStatus.UNVERIFIED), (3, SealStatus.MISMATCHED)]
)
def test_what_was_read_of_a_stream_before_it_went_down_is_counted_and_never_matched(
    place: Place, said: int, status: SealStatus
) -> None:
    put(place, "a", "b")
    place.land(DAY)
    place.vouch(DAY, said, f"{said}.00")
    landed = unanswered(place)
    assert (landed.seal.status, total(landed)[0]) == (status, 2)
    assert DOWN in landed.seal.differences
    assert "S1102" in codes(landed)


@pytest.mark.row("f33")
def test_a_drop_that_may_not_be_read_is_absent_though_its_control_record_lies_there_as_well(
    tmp_path: Path,
) -> None:
    source = FileSource(
        name="events", pattern="inbox/*", complete=Marker(suffix=".ok"), control=CONTROL
    )
    made = open_place(tmp_path, source, CONTRACT, NOW)
    made.vouch(DAY, 1, "1.00")
    fault = PermanentError("S1301", "inbox may not be read", observed="Permission denied")
    landed = made.landing.unanswered("events", DAY, fault)
    assert (landed.seal.status, codes(landed)) == (SealStatus.ABSENT, ["S1301"])
    assert isinstance(made.pointers, SqlitePointers)
    made.pointers.close()


@pytest.mark.parametrize(
    ("code", "silent"),
    [("S1101", True), ("S1102", True), ("S1201", True), ("S1203", True), ("S1301", True),
     ("S1103", False), ("S2030", False), ("T1001", False), ("T3001", False), ("V1001", False)],
)  # fmt: skip
def test_only_a_source_that_cannot_be_asked_counts_as_one_that_does_not_answer(
    code: str, silent: bool
) -> None:
    assert is_unanswered(TransientError(code, "x")) is silent


class Raises(DuckDBEngine):
    """An engine that cannot handle what it is given, so many times."""

    left = 2

    def split(self, raw: RawDay, folder: str) -> tuple[DayPart, ...]:
        if self.left:
            self.left -= 1
            raise KeyError("nobody expected this")
        return super().split(raw, folder)


@pytest.mark.row("f22")
def test_records_on_which_the_handler_raises_are_never_skipped(place: Place) -> None:
    put(place, "a", "b")
    place.vouch(DAY, 2, "2.00")
    place.engine = Raises()
    for _ in range(2):
        with pytest.raises(KeyError):
            place.land(DAY)
        assert place.pointers.read_prefix("") == {}, "the position has not moved"
    landed = place.land(DAY)
    assert (landed.seal.status, total(landed)[0]) == (SealStatus.MATCHED, 2)
