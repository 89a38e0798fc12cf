"""What came of each branch and in which form is counted when it is landed, and told of in time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from support.landing import CALENDAR, Place, open_place

from puntual.landing import by_part, observed
from puntual.landing.publish import Job
from puntual.landing.stream import read_on
from puntual.local.pointers import SqlitePointers
from puntual.model.contract import Column, ColumnType, Contract, Csv, JsonLines, Kind
from puntual.model.source import ControlFile, FileSource, Marker, NoControl, StreamSource
from puntual.planner.arrivals import Cause, Verdict, assess
from puntual.planner.curve import Arrived
from puntual.ports.journal import FILES, StepEvent

FIRST = date(2026, 3, 2)
STREAM = StreamSource(name="events", stream="cards", control=NoControl(reason="a test"))
FILES_OF_A_DAY = FileSource(
    name="events",
    pattern="in/pay_{reference_date:%Y%m%d}*.csv",
    complete=Marker(suffix=".ok"),
    control=ControlFile(pattern="control/{reference_date:%Y%m%d}.json"),
)
CONTRACT = Contract(
    dataset="events",
    version="1",
    file="contracts/events.odcs.yaml",
    columns=(
        Column(name="id", source_name="id", type=ColumnType(kind=Kind.TEXT), required=True),
        Column(name="branch", source_name="branch", type=ColumnType(kind=Kind.TEXT)),
        Column(
            name="amount",
            source_name="amount",
            type=ColumnType(kind=Kind.DECIMAL, precision=18, scale=2),
            required=True,
        ),
        Column(name="at", source_name="at", type=ColumnType(kind=Kind.TIMESTAMP)),
    ),
    format=JsonLines(),
    day_column="at",
    arrival_parts=("branch",),
    digest="e" * 64,
)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = open_place(tmp_path, STREAM, CONTRACT, at(FIRST, 12))
    made.stream.create("cards", shards=1)
    with closing(cast(SqlitePointers, made.pointers)):
        yield made


def event(branch: str | None, day: date, amount: str = "amount") -> bytes:
    said = {"id": "x", amount: "1.00", "at": f"{day.isoformat()}T10:00:00Z"}
    return json.dumps(said | ({} if branch is None else {"branch": branch})).encode()


def land(place: Place, when: datetime, *payloads: bytes) -> None:
    """Put records that arrive at an instant, and land them as the watch does."""
    place.now = when
    place.stream.put("cards", [(f"k{i}", p) for i, p in enumerate(payloads)])
    desk = place.landing._desk
    read_on(Job(desk=desk, source=STREAM, contract=place.contract, day=when.date(), epoch=1))


def came(place: Place, day: date) -> Arrived:
    found = observed.arrived(place, "events", day, UTC)
    assert found is not None
    return found


def totals(found: Arrived) -> dict[str, dict[str, int]]:
    return {n: {v: c.total for v, c in parts.items()} for n, parts in found.parts.items()}


def test_a_stream_is_counted_by_branch_round_by_round_to_ten_minutes(place: Place) -> None:
    land(place, at(FIRST, 9, 3), *(event("A", FIRST),) * 3, event("B", FIRST))
    land(place, at(FIRST, 9, 8), event("A", FIRST))
    land(place, at(FIRST, 11, 50), *(event("A", FIRST),) * 10, event(None, FIRST))

    found = came(place, FIRST).parts["branch"]

    assert (found["A"].minutes, found["A"].sums) == ((9 * 60 + 9, 11 * 60 + 59), (4, 14))
    assert (found["B"].minutes, found["B"].sums) == ((9 * 60 + 9,), (1,))
    assert set(found) == {"A", "B"}, "a record that names no branch is of none"


def test_parts_are_counted_where_the_contract_names_columns_and_else_nothing_is_read(
    place: Place,
) -> None:
    place.contract = replace(CONTRACT, arrival_parts=())
    land(place, at(FIRST, 9), event("A", FIRST))
    assert set(came(place, FIRST).parts) == {"shard"}


def test_a_sealed_day_keeps_what_came_of_each_branch(place: Place) -> None:
    place.source = replace(
        STREAM, control=ControlFile(pattern="control/{reference_date:%Y%m%d}.json")
    )
    land(place, at(FIRST, 9), event("A", FIRST))
    place.vouch(FIRST, 1, None)
    place.now = at(FIRST + timedelta(days=1), 3)
    assert place.land(FIRST).seal.status == "matched"
    assert totals(came(place, FIRST))["branch"] == {"A": 1}


def test_a_column_with_a_value_for_nearly_every_record_is_no_part_for_the_rest_of_the_day(
    place: Place,
) -> None:
    land(place, at(FIRST, 9), *(event(f"{n:03}", FIRST) for n in range(by_part.MOST + 1)))
    assert came(place, FIRST).parts["branch"] == {}
    land(place, at(FIRST, 10), event("000", FIRST))
    assert came(place, FIRST).parts["branch"] == {}


def test_a_form_is_told_when_a_tenth_of_the_records_has_it_and_not_for_a_broken_one(
    place: Place,
) -> None:
    land(place, at(FIRST, 9), *(event("A", FIRST),) * 300, event("A", FIRST, "importe"))
    assert totals(came(place, FIRST))["schema"] == {"as declared": 300}
    land(place, at(FIRST, 10), *(event("A", FIRST, "importe"),) * 60)
    assert totals(came(place, FIRST))["schema"] == {"as declared": 300, "without amount": 61}


def days() -> list[date]:
    found: list[date] = []
    day = FIRST
    while len(found) < 9:
        if day.isoweekday() < 6:
            found.append(day)
        day += timedelta(days=1)
    return found


def history(place: Place) -> list[Arrived]:
    for day in days()[:-1]:
        for hour in (9, 12, 15):
            land(place, at(day, hour), *(event(b, day) for b in "ABC" for _ in range(20)))
    return [came(place, day) for day in days()[:-1]]


def test_a_branch_that_is_missing_within_a_stream_is_named_before_the_run(place: Place) -> None:
    before, today = history(place), days()[-1]
    for hour in (9, 12, 15):
        land(place, at(today, hour), *(event(b, today) for b in "AB" for _ in range(25)))

    said = assess(before, came(place, today), at(today, 18), CALENDAR)

    assert (said.verdict, said.cause) == (Verdict.PART_MISSING, Cause.PART_MISSING)
    assert said.missing == ("branch=C",)


def test_a_field_that_is_called_otherwise_is_a_changed_schema_before_the_run(place: Place) -> None:
    before, today = history(place), days()[-1]
    for hour in (9, 12, 15):
        named = "amount" if hour < 12 else "importe"
        land(place, at(today, hour), *(event(b, today, named) for b in "ABC" for _ in range(20)))

    said = assess(before, came(place, today), at(today, 18), CALENDAR)

    assert said.alarm
    assert said.cause is Cause.SCHEMA_CHANGED
    assert "schema=without amount" in said.missing


def test_a_branch_within_a_file_comes_with_its_file(tmp_path: Path) -> None:
    place = open_place(tmp_path, FILES_OF_A_DAY, replace(CONTRACT, format=Csv()), at(FIRST, 23))
    (tmp_path / "in").mkdir()
    for number, branches in ((1, "AAB"), (2, "BC")):
        path = tmp_path / f"in/pay_20260302_{number}.csv"
        lines = "".join(
            f"{number}{i},{b},1.00,2026-03-02T10:00:00Z\n" for i, b in enumerate(branches)
        )
        path.write_text("id,branch,amount,at\n" + lines)
        path.with_name(f"{path.name}.ok").touch()
    place.vouch(FIRST, 5, None)
    landed = place.land(FIRST)
    assert landed.seal.status == "matched"
    assert place.land(FIRST) == landed, "a sealed day is returned with its parts"

    events = [event_of(at(FIRST, 18), 1), event_of(at(FIRST, 20), 1, 2)]
    with closing(cast(SqlitePointers, place.pointers)):
        manifest = observed.landed_of(place, "events", FIRST)
        found = observed.files(events, FILES_OF_A_DAY, FIRST, UTC, manifest)

    assert found is not None
    by_branch: Mapping[str, tuple[int, ...]] = {
        b: c.minutes for b, c in found.parts["branch"].items()
    }
    assert by_branch == {"A": (18 * 60,), "B": (18 * 60, 20 * 60), "C": (20 * 60,)}
    assert set(found.parts) == {"file", "branch", "schema"}


def event_of(when: datetime, *numbers: int) -> StepEvent:
    return StepEvent(
        run="r",
        reference_date=FIRST,
        step="land:events",
        outcome="done",
        seconds=0.1,
        at=when,
        summary="",
        facts={FILES: json.dumps({f"in/pay_20260302_{n}.csv": 4 - n for n in numbers})},
    )
