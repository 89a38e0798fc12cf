"""Extracts: the database's own count is the control record; a sealed day is not read again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.landing import Place, codes, open_place, total

from puntual.local.pointers import SqlitePointers
from puntual.model.check import OnFail
from puntual.model.contract import Column, ColumnType, Contract, Kind, Measure, Parquet
from puntual.model.seal import SealStatus
from puntual.model.source import ControlFile, ControlSnapshot, DatabaseSource, NoControl

DAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
SOURCE = DatabaseSource(
    name="credits",
    connection="sqlite:core.db",
    query="SELECT id, balance FROM credits WHERE day = :reference_date ORDER BY id",
    control=ControlSnapshot(),
)
CONTRACT = Contract(
    dataset="credits",
    version="1",
    file="contracts/credits.odcs.yaml",
    columns=(
        Column(name="id", source_name="id", type=ColumnType(kind=Kind.TEXT)),
        Column(
            name="amount",
            source_name="balance",
            type=ColumnType(kind=Kind.DECIMAL, precision=18, scale=2),
        ),
    ),
    format=Parquet(),
    measures=(Measure(column="amount"),),
    digest="e" * 64,
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with closing(sqlite3.connect(tmp_path / "core.db")) as db:
        db.execute("CREATE TABLE credits (id TEXT, balance TEXT, day TEXT)")
        db.commit()
    made = open_place(tmp_path, SOURCE, CONTRACT, NOW)
    yield made
    assert isinstance(made.pointers, SqlitePointers)
    made.pointers.close()


def insert(place: Place, *rows: tuple[str, str]) -> None:
    with closing(sqlite3.connect(place.root / "core.db")) as db:
        db.executemany("INSERT INTO credits VALUES (?, ?, '2026-03-02')", rows)
        db.commit()


def change(place: Place, statement: str) -> None:
    with closing(sqlite3.connect(place.root / "core.db")) as db:
        db.execute(statement)
        db.commit()


@pytest.mark.row("f37")
def test_a_snapshot_vouches_for_itself_and_is_kept(place: Place) -> None:
    insert(place, ("a", "0.10"), ("b", "-12.34"), ("c", "99999999999999.99"))
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.MATCHED, [])
    assert total(landed) == (3, Decimal("99999999999987.75"))
    data, control = landed.objects
    assert data.detail["query"] == SOURCE.query
    assert place.objects.read(control) == (
        b'{"count":"3","reference_date":"2026-03-02","source":"credits",'
        b'"sums":{"amount":"99999999999987.75"}}'
    )


def test_a_sealed_day_is_not_read_again(place: Place) -> None:
    insert(place, ("a", "0.10"))
    landed = place.land(DAY)
    insert(place, ("b", "7.00"))
    assert place.land(DAY) == landed


@pytest.mark.row("f31")
def test_rows_that_changed_after_the_seal_are_kept_once_and_the_day_stays(place: Place) -> None:
    insert(place, ("a", "0.10"))
    landed = place.land(DAY)
    assert place.land_late(DAY).findings == ()
    insert(place, ("b", "7.00"))
    late = place.land_late(DAY)
    assert [(f.code, f.rows, f.message) for f in late.findings] == [
        (
            "S2023",
            2,
            "the query gives 2 records, amount 7.1; when the day was sealed it gave 1 records, "
            "amount 0.1",
        )
    ]
    rows = pq.read_table(place.objects.locate(late.objects[0])).to_pylist()
    assert [r["id"] for r in rows] == ["a", "b"]
    published = place.pointers.read_prefix("")
    assert place.land_late(DAY) == late
    assert place.pointers.read_prefix("") == published
    assert place.land(DAY) == landed


@pytest.mark.row("f36")
@pytest.mark.row("f31")
def test_a_sum_that_changed_under_the_same_count_is_seen(place: Place) -> None:
    insert(place, ("a", "0.10"))
    place.land(DAY)
    change(place, "UPDATE credits SET balance = '0.20'")
    assert codes(place.land_late(DAY)) == ["S2023"]
    change(place, "UPDATE credits SET balance = '0.1'")
    assert codes(place.land_late(DAY)) == ["S2023"]


@pytest.mark.row("f33")
def test_a_database_that_does_not_answer_is_said_not_to_have_been_looked_at(place: Place) -> None:
    insert(place, ("a", "0.10"))
    place.land(DAY)
    (place.root / "core.db").rename(place.root / "gone.db")
    late = place.land_late(DAY)
    assert [(f.code, f.on_fail) for f in late.findings] == [("S2024", OnFail.FLAG)]
    (place.root / "gone.db").rename(place.root / "core.db")
    assert place.land_late(DAY).findings == ()


@pytest.mark.parametrize("control", [True, False])
def test_rows_are_compared_though_the_database_does_not_vouch_itself(
    place: Place, control: bool
) -> None:
    file = ControlFile(pattern="control/{reference_date:%Y%m%d}.json")
    place.source = replace(SOURCE, control=file if control else NoControl(reason="none"))
    insert(place, ("a", "0.10"), ("x", "1.005"))
    place.vouch(DAY, 2, "0.10")
    place.land(DAY)
    assert place.land_late(DAY).findings == ()
    insert(place, ("b", "7.00"))
    assert codes(place.land_late(DAY)) == ["S2023"]


def test_a_value_that_the_contract_cannot_hold_is_a_difference(place: Place) -> None:
    insert(place, ("a", "0.10"), ("b", "1.005"))
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.MISMATCHED, ["S2016"])
    assert landed.seal.landed.unreadable == 1


def test_no_row_holds_though_it_agrees_and_is_asked_for_again(place: Place) -> None:
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.UNVERIFIED, ["S2015"])
    assert landed.findings[0].on_fail is OnFail.HOLD
    assert total(landed) == (0, Decimal(0))
    insert(place, ("a", "0.10"))
    again = place.land(DAY)
    assert (again.seal.status, codes(again)) == (SealStatus.MATCHED, [])


def test_no_row_of_a_source_that_may_be_empty_is_said_and_holds_nothing(place: Place) -> None:
    place.source = replace(SOURCE, may_be_empty=True)
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.MATCHED, ["S2015"])
    assert landed.findings[0].on_fail is OnFail.FLAG


def test_no_row_is_matched_where_the_sources_own_record_says_none(place: Place) -> None:
    place.source = replace(
        SOURCE, control=ControlFile(pattern="control/{reference_date:%Y%m%d}.json")
    )
    place.vouch(DAY, 0, "0")
    assert place.land(DAY).seal.status is SealStatus.MATCHED


LIMIT = replace(CONTRACT, digest="f" * 64)
RATE = Column(name="rate", source_name="id", type=ColumnType(kind=Kind.TEXT))


@pytest.mark.parametrize(
    ("contract", "asked"),
    [
        (LIMIT, False),
        (replace(LIMIT, columns=(*CONTRACT.columns, RATE)), False),
        (replace(LIMIT, columns=CONTRACT.columns[1:]), False),
        (replace(LIMIT, columns=(replace(RATE, source_name="day"), *CONTRACT.columns)), True),
        (replace(LIMIT, measures=(), columns=CONTRACT.columns[:1]), False),
        (
            replace(
                LIMIT,
                columns=(
                    CONTRACT.columns[0],
                    replace(CONTRACT.columns[1], type=ColumnType(kind=Kind.TEXT)),
                ),
                measures=(),
            ),
            True,
        ),
    ],
    ids=["limit", "a column that is there", "less", "a column more", "no sums", "another type"],
)
def test_a_database_is_asked_again_only_where_its_extract_does_not_answer_the_contract(
    place: Place, contract: Contract, asked: bool
) -> None:
    place.source = replace(SOURCE, query=SOURCE.query.replace("id, balance", "*"))
    insert(place, ("a", "0.10"))
    before = place.land(DAY)
    change(place, "UPDATE credits SET balance = '7.00'")
    place.contract = contract
    after = place.land(DAY)
    assert (after.objects[0] != before.objects[0]) is asked
    aside = [o.sha256 for o in after.objects if o.detail.get("reason") == "S2025"]
    assert aside == ([before.objects[0].sha256] if asked else [])


def test_a_measure_that_the_databases_record_lacks_is_asked_for(place: Place) -> None:
    place.contract = replace(CONTRACT, measures=())
    insert(place, ("a", "0.10"))
    place.land(DAY)
    place.contract = CONTRACT
    after = place.land(DAY)
    assert after.seal.control is not None
    assert dict(after.seal.control.sums) == {"amount": Decimal("0.10")}


def test_a_query_that_was_corrected_is_asked_though_the_day_was_sealed(place: Place) -> None:
    insert(place, ("a", "0.10"), ("b", "2.00"))
    place.source = replace(SOURCE, query=SOURCE.query.replace("ORDER", "AND id = 'a' ORDER"))
    before = place.land(DAY)
    place.source = SOURCE
    after = place.land(DAY)
    assert (total(after), codes(after)) == ((2, Decimal("2.10")), ["S2025"])
    assert before.objects[0].sha256 in [o.sha256 for o in after.objects if o.role == "refused"]
    assert place.land(DAY) == after


def test_a_late_look_after_the_contract_changed_keeps_what_it_sees(place: Place) -> None:
    insert(place, ("a", "0.10"))
    place.land(DAY)
    insert(place, ("b", "2.00"))
    place.contract = LIMIT
    assert codes(place.land_late(DAY)) == ["S2023"]


def test_a_control_file_decides_where_one_is_declared(place: Place) -> None:
    place.source = replace(
        SOURCE, control=ControlFile(pattern="control/{reference_date:%Y%m%d}.json")
    )
    insert(place, ("a", "0.10"))
    assert codes(place.land(DAY)) == ["S2013"]
    place.vouch(DAY, 2, "0.10")
    assert place.land(DAY).seal.status is SealStatus.MISMATCHED
    insert(place, ("b", "0.00"))
    assert place.land(DAY).seal.status is SealStatus.MATCHED


def test_a_declared_absence_is_unverified(place: Place) -> None:
    place.source = replace(SOURCE, control=NoControl(reason="none"))
    insert(place, ("a", "0.10"))
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.UNVERIFIED, ["S2014"])
