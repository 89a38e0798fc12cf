"""Files: each kind of bad one is handled by its name, and nothing that came is lost."""

from __future__ import annotations

import gzip
import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.landing import Place, codes, open_place, total

from puntual.local.pointers import SqlitePointers
from puntual.model.check import OnFail
from puntual.model.contract import (
    Column,
    ColumnType,
    Contract,
    Csv,
    JsonLines,
    Kind,
    Measure,
    Parquet,
)
from puntual.model.seal import SealStatus
from puntual.model.source import ControlFile, FileSource, Marker, NoControl, Settled
from puntual.ports.landing import LandedDay, LateDay

DAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
HEADER = "id;amount;day\n"

SOURCE = FileSource(
    name="pay",
    pattern="in/pay_{reference_date:%Y%m%d}*",
    complete=Marker(suffix=".ok"),
    control=ControlFile(pattern="control/{reference_date:%Y%m%d}.json"),
)
CONTRACT = Contract(
    dataset="pay",
    version="1",
    file="contracts/pay.odcs.yaml",
    columns=(
        Column(name="id", source_name="id", type=ColumnType(kind=Kind.TEXT)),
        Column(
            name="amount",
            source_name="amount",
            type=ColumnType(kind=Kind.DECIMAL, precision=18, scale=2),
        ),
        Column(name="day", source_name="day", type=ColumnType(kind=Kind.DATE)),
    ),
    format=Csv(delimiter=";"),
    key=("id",),
    day_column="day",
    measures=(Measure(column="amount"),),
    digest="e" * 64,
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = open_place(tmp_path, SOURCE, CONTRACT, NOW)
    (tmp_path / "in").mkdir()
    yield made
    assert isinstance(made.pointers, SqlitePointers)
    made.pointers.close()


def drop(
    place: Place, data: str | bytes, name: str = "", day: date = DAY, *, marker: bool = True
) -> Path:
    path = place.root / "in" / f"pay_{day:%Y%m%d}{name}"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    if marker:
        path.with_name(path.name + ".ok").touch()
    return path


def csv(*rows: str) -> str:
    return HEADER + "".join(r + "\n" for r in rows)


ONE, TWO = "a;1.00;2026-03-02", "b;2.50;2026-03-02"


def kept(place: Place, landed: LandedDay | LateDay, role: str) -> list[tuple[str, bytes]]:
    return [
        (o.detail.get("reason", ""), place.objects.read(o))
        for o in landed.objects
        if o.role == role
    ]


def test_files_are_landed_byte_for_byte_by_name_and_matched(place: Place) -> None:
    drop(place, csv(TWO), "_2.csv")
    drop(place, csv(ONE), "_1.csv")
    place.vouch(DAY, 2, "3.50")
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.MATCHED, [])
    assert total(landed) == (2, Decimal("3.50"))
    assert kept(place, landed, "data") == [("", csv(ONE).encode()), ("", csv(TWO).encode())]
    assert [o.detail["name"] for o in landed.objects[:2]] == [
        "in/pay_20260302_1.csv",
        "in/pay_20260302_2.csv",
    ]
    assert [o.records for o in landed.objects[:2]] == [1, 1]
    assert place.land(DAY) == landed


@pytest.mark.row("f38")
def test_a_half_written_file_is_not_landed_and_the_day_is_not_complete(place: Place) -> None:
    drop(place, csv(ONE))
    half = drop(place, csv(TWO), "_2", marker=False)
    place.vouch(DAY, 1, "1.00")
    held = place.land(DAY)
    assert (held.seal.status, codes(held)) == (SealStatus.UNVERIFIED, ["S2001"])
    assert held.findings[0].on_fail is OnFail.HOLD
    half.with_name(half.name + ".ok").touch()
    place.vouch(DAY, 2, "3.50")
    assert place.land(DAY).seal.status is SealStatus.MATCHED


def test_a_file_that_has_not_settled_is_not_landed(place: Place) -> None:
    place.source = replace(SOURCE, complete=Settled(seconds=60))
    path = drop(place, csv(ONE), marker=False)
    place.vouch(DAY, 1)
    assert codes(place.land(DAY)) == ["S2001", "S2016"]
    os.utime(path, (time.time() - 61, time.time() - 61))
    assert place.land(DAY).seal.status is SealStatus.MATCHED


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<!DOCTYPE html>\n<html><title>403</title></html>\n", "S2003"),
        (b"\xef\xbb\xbf  \n<HTML></HTML>", "S2003"),
        (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', "S2003"),
        (gzip.compress(b"id;amount;day\n", mtime=0), "S2003"),
        (b"PK\x03\x04 and so on", "S2003"),
        (csv(ONE).encode("utf-16"), "S2012"),
        (b"id;importe;day\na;1.00;2026-03-02\n", "S2006"),
        (b"id,amount,day\na,1.00,2026-03-02\n", "S2006"),
        (b"id;amount;day;id\na;1.00;2026-03-02;b\n", "S2006"),
        (csv("a;1.00;2026-03-01", "b;2.50;2026-03-01").encode(), "S2005"),
        (csv(ONE, "b;1.50;2026-03-01", "c;1.00;2026-02-28").encode(), "S2005"),
    ],
)
def test_a_file_that_is_not_the_days_data_is_refused_by_name_and_kept(
    place: Place, data: bytes, code: str
) -> None:
    drop(place, data)
    place.vouch(DAY, 2, "3.50")
    landed = place.land(DAY)
    assert landed.seal.status is SealStatus.MISMATCHED
    assert codes(landed) == sorted([code, "S2016"])
    assert kept(place, landed, "refused") == [(code, data)]
    assert landed.seal.landed.records == 0
    (finding,) = [f for f in landed.findings if f.code == code]
    assert finding.on_fail is OnFail.HOLD
    assert finding.expected
    assert finding.observed


@pytest.mark.row("f40")
def test_the_difference_of_columns_is_named(place: Place) -> None:
    drop(place, "id;importe;day;\x1b[31mx\n")
    (finding,) = [f for f in place.land(DAY).findings if f.code == "S2006"]
    assert "lacks amount; has also importe, \\x1b[31mx" in finding.message


@pytest.mark.row("f40")
def test_a_column_more_is_noticed_and_the_file_is_read(place: Place) -> None:
    drop(place, "day;id;note;amount\n2026-03-02;a;hello;1.00\n")
    place.vouch(DAY, 1, "1.00")
    landed = place.land(DAY)
    assert landed.seal.status is SealStatus.MATCHED
    assert [(f.code, f.on_fail) for f in landed.findings] == [("S2006", OnFail.FLAG)]


@pytest.mark.row("f39")
def test_the_same_file_twice_counts_once(place: Place) -> None:
    drop(place, csv(ONE, TWO))
    drop(place, csv(ONE, TWO), "_again")
    place.vouch(DAY, 2, "3.50")
    landed = place.land(DAY)
    assert landed.seal.status is SealStatus.MATCHED
    assert [(f.code, f.on_fail) for f in landed.findings] == [("S2004", OnFail.FLAG)]
    assert kept(place, landed, "refused") == [("S2004", csv(ONE, TWO).encode())]


@pytest.mark.row("f39")
def test_the_file_of_an_earlier_day_under_todays_name_is_refused(place: Place) -> None:
    place.contract = replace(CONTRACT, day_column=None)
    drop(place, csv(ONE), day=date(2026, 3, 1))
    place.vouch(date(2026, 3, 1), 1)
    place.land(date(2026, 3, 1))
    drop(place, csv(ONE))
    place.vouch(DAY, 1)
    landed = place.land(DAY)
    assert codes(landed) == ["S2004", "S2016"]
    assert any("2026-03-01" in f.message for f in landed.findings)


def test_days_without_records_may_have_the_same_bytes(place: Place) -> None:
    for day in (date(2026, 3, 1), DAY):
        drop(place, HEADER, day=day)
        place.vouch(day, 0, "0")
        landed = place.land(day)
        assert (landed.seal.status, codes(landed)) == (SealStatus.MATCHED, [])


@pytest.mark.row("f18")
def test_an_empty_file_is_right_only_if_the_control_record_says_so(place: Place) -> None:
    drop(place, b"")
    place.vouch(DAY, 2)
    held = place.land(DAY)
    assert codes(held) == ["S2009", "S2016"]
    place.vouch(DAY, 0)
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.MATCHED, [])
    assert kept(place, landed, "empty") == [("S2009", b"")]


@pytest.mark.parametrize("last", ['b;"2.5', "b;2.50"])
def test_a_cut_off_last_line_is_landed_counted_and_said(place: Place, last: str) -> None:
    drop(place, csv(ONE) + last)
    place.vouch(DAY, 2, "1.00")
    landed = place.land(DAY)
    assert [(f.code, f.on_fail) for f in landed.findings if f.code == "S2002"] == [
        ("S2002", OnFail.FLAG)
    ]
    assert landed.seal.landed.records == 2
    assert kept(place, landed, "data") == [("", (csv(ONE) + last).encode())]
    assert "2.5" not in str(landed.findings)


def test_a_last_line_without_its_end_is_no_trouble_when_it_is_whole(place: Place) -> None:
    drop(place, csv(ONE) + TWO)
    place.vouch(DAY, 2, "3.50")
    assert codes(place.land(DAY)) == []


def test_nothing_that_was_landed_is_lost_when_the_folder_is_cleaned(place: Place) -> None:
    path = drop(place, csv(ONE))
    assert codes(place.land(DAY)) == ["S2013"]
    path.unlink()
    place.vouch(DAY, 1, "1.00")
    landed = place.land(DAY)
    assert landed.seal.status is SealStatus.MATCHED
    assert kept(place, landed, "data") == [("", csv(ONE).encode())]


def test_a_file_that_comes_again_with_other_bytes_replaces_the_one_before(place: Place) -> None:
    drop(place, csv(ONE))
    place.vouch(DAY, 2, "3.50")
    assert place.land(DAY).seal.status is SealStatus.MISMATCHED
    drop(place, csv(ONE, TWO))
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.MATCHED, ["S2007"])
    assert kept(place, landed, "refused") == [("S2007", csv(ONE).encode())]


def sealed_day(place: Place) -> LandedDay:
    drop(place, csv(ONE))
    place.vouch(DAY, 1, "1.00")
    landed = place.land(DAY)
    assert landed.seal.status is SealStatus.MATCHED
    return landed


def told(late: LateDay) -> list[tuple[str, str]]:
    return [(f.code, f.message) for f in late.findings]


@pytest.mark.row("f31")
def test_a_file_after_the_seal_is_kept_as_late_once_and_does_not_enter_the_day(
    place: Place,
) -> None:
    sealed = sealed_day(place)
    drop(place, csv(TWO), "_late")
    late = place.land_late(DAY)
    assert kept(place, late, "late") == [("", csv(TWO).encode())]
    assert told(late) == [("S2008", "in/pay_20260302_late came after the day was sealed: 1 record")]
    assert [(f.rows, f.on_fail) for f in late.findings] == [(1, OnFail.FLAG)]
    published = place.pointers.read_prefix("")
    place.now = datetime(2026, 3, 4, tzinfo=UTC)
    assert place.land_late(DAY) == late
    assert place.pointers.read_prefix("") == published
    assert place.land(DAY) == sealed
    drop(place, csv("c;9.00;2026-03-02"), "_later")
    assert [f.rows for f in place.land_late(DAY).findings] == [1, 1]


@pytest.mark.row("f31", "f38")
def test_a_sealed_file_that_is_replaced_is_kept_as_late_under_its_name(place: Place) -> None:
    sealed = sealed_day(place)
    drop(place, csv(ONE, TWO))
    late = place.land_late(DAY)
    assert kept(place, late, "late") == [("", csv(ONE, TWO).encode())]
    assert told(late) == [
        (
            "S2008",
            "in/pay_20260302 came again with other bytes after the day was sealed: 2 records",
        )
    ]
    assert [place.objects.read(o) for o in sealed.objects[:1]] == [csv(ONE).encode()]


def test_the_same_bytes_again_are_nothing_new_whatever_their_name(place: Place) -> None:
    sealed_day(place)
    drop(place, csv(ONE), "_copy")
    os.utime(place.root / "in" / "pay_20260302")
    late = place.land_late(DAY)
    assert (late.objects, late.findings) == ((), ())
    assert place.pointers.read_prefix("late:") == {}


@pytest.mark.row("f38")
def test_a_late_file_that_is_not_whole_is_said_and_kept_when_it_is(place: Place) -> None:
    sealed_day(place)
    half = drop(place, csv(TWO), "_late", marker=False)
    first = place.land_late(DAY)
    assert (first.objects, codes(first)) == ((), ["S2001"])
    assert first.findings[0].on_fail is OnFail.FLAG
    half.with_name(half.name + ".ok").touch()
    assert codes(place.land_late(DAY)) == ["S2008"]


def test_a_late_file_that_is_no_data_is_kept_and_its_sentence_says_so(place: Place) -> None:
    sealed_day(place)
    drop(place, b"<!DOCTYPE html>\n<html></html>\n", "_late")
    late = place.land_late(DAY)
    assert [o.records for o in late.objects] == [0]
    assert late.objects[0].detail["reason"] == "S2003"
    assert "(S2003)" in late.findings[0].message


@pytest.mark.row("f31")
def test_a_control_record_that_changes_after_the_seal_is_kept_and_the_seal_stays(
    place: Place,
) -> None:
    sealed = sealed_day(place)
    place.vouch(DAY, 2, "3.50")
    late = place.land_late(DAY)
    assert told(late) == [
        (
            "S2022",
            "the control record control/20260302.json is another than when the day was sealed: "
            "it says 2 records, amount 3.50, and said 1 records, amount 1.00",
        )
    ]
    assert place.land_late(DAY) == late
    assert place.land(DAY) == sealed


def test_a_control_record_that_cannot_be_read_is_kept_as_it_came(place: Place) -> None:
    sealed_day(place)
    (place.root / "control/20260302.json").write_bytes(b"{")
    late = place.land_late(DAY)
    assert kept(place, late, "late") == [("", b"{")]
    assert "it says the control record is no JSON" in late.findings[0].message


def test_a_folder_that_cannot_be_read_is_said_and_undoes_nothing(place: Place) -> None:
    sealed_day(place)
    place.source = replace(SOURCE, control=ControlFile(pattern="control/large.json"))
    (place.root / "control/large.json").write_bytes(b" " * 9_000_000)
    late = place.land_late(DAY)
    assert codes(late) == ["S2024"]
    assert "S1302" in late.findings[0].message


def test_a_day_that_was_never_landed_has_nothing_late(place: Place) -> None:
    drop(place, csv(ONE))
    assert place.land_late(DAY) == LateDay(objects=(), findings=())


@pytest.mark.row("f36")
def test_the_digest_that_the_source_gives_is_compared(place: Place) -> None:
    drop(place, csv(ONE))
    place.vouch(DAY, 1, "1.00", digest=hashlib.sha256(csv(ONE).encode()).hexdigest())
    assert place.land(DAY).seal.status is SealStatus.MATCHED
    other = date(2026, 3, 3)
    drop(place, csv("c;1.00;2026-03-03"), day=other)
    place.vouch(other, 1, "1.00", digest="0" * 64)
    assert place.land(other).seal.status is SealStatus.MISMATCHED


@pytest.mark.parametrize("folder", ["", "in/"])
def test_a_file_that_its_source_names_is_compared_with_what_was_landed_of_it(
    place: Place, folder: str
) -> None:
    drop(place, csv(ONE), "_1.csv")
    drop(place, csv(TWO), "_2.csv")
    one, two = (f"{folder}pay_20260302_{n}.csv" for n in (1, 2))
    place.vouch(DAY, 2, "3.50", parts={one: (1, "1.00"), two: (1, "2.50")})
    seal = place.land(DAY).seal
    assert (seal.status, seal.differences) == (SealStatus.MATCHED, ())
    assert sorted(seal.parts) == [one, two]


def test_the_short_file_and_the_one_that_never_came_are_named_as_their_source_names_them(
    place: Place,
) -> None:
    drop(place, csv(ONE), "_1.csv")
    parts = {f"pay_20260302_{n}.csv": (2, "3.50") for n in (1, 2)}
    place.vouch(DAY, 4, "7.00", parts=parts)
    seal = place.land(DAY).seal
    assert seal.status is SealStatus.MISMATCHED
    said = "the source says 2 records, amount 3.50"
    assert seal.differences[:2] == (
        f"pay_20260302_1.csv: {said}, and 1 records, amount 1.00 landed",
        f"pay_20260302_2.csv: {said}, and it was not landed",
    )
    assert sorted(seal.parts) == ["pay_20260302_1.csv"]


def test_a_declared_absence_of_a_control_record_is_unverified(place: Place) -> None:
    place.source = replace(SOURCE, control=NoControl(reason="the branch has none"))
    drop(place, csv(ONE))
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.UNVERIFIED, ["S2014"])
    assert landed.findings[0].observed == "the branch has none"


def test_nothing_at_all_is_absent(place: Place) -> None:
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.ABSENT, ["S2017"])
    assert landed.objects == ()


def test_a_control_record_that_is_too_large_is_said(place: Place) -> None:
    drop(place, csv(ONE))
    place.vouch(DAY, 1)
    (place.root / "control/20260302.json").write_bytes(b" " * 9_000_000)
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.UNVERIFIED, ["S2020"])
    assert landed.findings[0].message == (
        "control/20260302.json is too large for what it should be: it has 9,000,000 bytes, "
        "and at most 8,388,608 are read"
    )
    assert landed.findings[0].expected == "at most 8,388,608 bytes"
    assert landed.findings[0].observed == "9,000,000 bytes"


@pytest.mark.row("h9")
def test_a_name_that_is_no_ascii_is_kept_escaped_and_matters_to_nothing(place: Place) -> None:
    drop(place, csv(ONE), "_ñ\u202e\n.csv")
    place.vouch(DAY, 1, "1.00")
    landed = place.land(DAY)
    assert landed.seal.status is SealStatus.MATCHED
    assert landed.objects[0].detail["name"] == r"in/pay_20260302_\xf1\u202e\n.csv"
    assert place.land(DAY) == landed


def test_json_lines_are_landed_and_their_cut_off_line_is_said(place: Place) -> None:
    place.contract = replace(CONTRACT, format=JsonLines())
    line = b'{"id": "a", "amount": "1.00", "day": "2026-03-02"}\n'
    drop(place, line + line[:20])
    place.vouch(DAY, 2, "1.00")
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.MATCHED, ["S2002"])


def test_parquet_is_landed_and_what_is_not_parquet_refused(place: Place) -> None:
    place.contract = replace(CONTRACT, format=Parquet())
    table = pa.table(
        {
            "id": ["a"],
            "amount": pa.array([Decimal("1.00")], pa.decimal128(18, 2)),
            "day": pa.array([DAY], pa.date32()),
        }
    )
    whole = drop(place, b"", "_1")
    pq.write_table(table, whole)
    pq.write_table(table.drop_columns("amount"), drop(place, b"", "_2"))
    drop(place, whole.read_bytes()[:-30], "_3")
    drop(place, b"PAR1" + b"\0" * 40 + b"PAR1", "_4")
    drop(place, csv(ONE), "_5")
    drop(place, b"<html>", "_6")
    place.vouch(DAY, 1, "1.00")
    landed = place.land(DAY)
    assert landed.seal.status is SealStatus.MATCHED
    assert codes(landed) == ["S2003", "S2003", "S2003", "S2003", "S2006"]
    assert {f.on_fail for f in landed.findings} == {OnFail.FLAG}
    assert len(kept(place, landed, "refused")) == 5


def test_a_file_that_mostly_holds_another_day_is_told_with_its_figures(place: Place) -> None:
    drop(place, csv(ONE, *(f"x{n};1.00;2026-03-01" for n in range(9))))
    place.vouch(DAY, 10, "10.00")
    (finding,) = [f for f in place.land(DAY).findings if f.code == "S2005"]
    assert finding.message == "in/pay_20260302 mostly holds another day"
    assert finding.observed == "9 of 10 records of 2026-03-01 (9)"


def test_a_file_with_some_records_of_another_day_is_landed(place: Place) -> None:
    drop(place, csv(ONE, "b;2.50;2026-03-01"))
    place.vouch(DAY, 2, "3.50")
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.MATCHED, [])


def test_a_file_of_another_path_than_the_sources_does_not_stay_in_the_day(place: Place) -> None:
    drop(place, csv(ONE), "_a.csv")
    drop(place, csv(TWO), "_b.csv")
    place.vouch(DAY, 1, "2.50")
    place.source = replace(SOURCE, pattern="in/pay_{reference_date:%Y%m%d}_a*")
    assert place.land(DAY).seal.status is SealStatus.MISMATCHED
    place.source = replace(SOURCE, pattern="in/pay_{reference_date:%Y%m%d}_b*")
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.MATCHED, ["S2025"])
    assert kept(place, landed, "refused") == [("S2025", csv(ONE).encode())]
    (finding,) = landed.findings
    assert "in/pay_20260302_a.csv" in finding.message
    place.contract = replace(CONTRACT, digest="f" * 64)
    again = place.land(DAY)
    assert (again.seal, codes(again)) == (landed.seal, ["S2025"])
    assert kept(place, again, "refused") == kept(place, landed, "refused")


def test_a_control_file_that_is_declared_elsewhere_is_read_and_the_files_stay(place: Place) -> None:
    drop(place, csv(ONE))
    place.vouch(DAY, 1, "1.00")
    sealed = place.land(DAY)
    (place.root / "in/pay_20260302").unlink()
    place.source = replace(SOURCE, control=ControlFile(pattern="other/{reference_date:%d}.json"))
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.UNVERIFIED, ["S2013"])
    assert [o for o in landed.objects if o.role == "data"] == [
        o for o in sealed.objects if o.role == "data"
    ]


def test_an_earlier_version_of_a_file_stays_replaced_when_a_day_is_counted_again(
    place: Place,
) -> None:
    drop(place, csv(ONE))
    place.vouch(DAY, 1, "2.50")
    place.land(DAY)
    drop(place, csv(TWO))
    landed = place.land(DAY)
    assert (landed.seal.status, codes(landed)) == (SealStatus.MATCHED, ["S2007"])
    place.contract = replace(CONTRACT, digest="f" * 64)
    again = place.land(DAY)
    assert (again.seal, codes(again)) == (landed.seal, ["S2007"])
    assert sorted(o.sha256 for o in again.objects) == sorted(o.sha256 for o in landed.objects)
