"""Control records are read strictly; a day is matched only when everything was compared."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puntual.landing.control import MAX_BYTES, Vouched, read_kept, spell
from puntual.landing.seal import Side, judge
from puntual.model.check import OnFail
from puntual.model.manifest import Totals
from puntual.model.seal import ControlRecord, Landed, SealStatus
from puntual.model.source import Control, ControlFile, NoControl

DAY = date(2026, 3, 2)
FILE = ControlFile(pattern="control.json")
NONE = NoControl(reason="the core system is old")


def landed(records: int, amount: str, unreadable: int = 0) -> Landed:
    return Landed(records=records, sums={"amount": Decimal(amount)}, unreadable=unreadable)


def record(count: int, sums: dict[str, str] | None = None, digest: str = "") -> Vouched:
    exact = {k: Decimal(v) for k, v in (sums or {}).items()}
    return Vouched(
        record=ControlRecord(
            source="pay", reference_date=DAY, count=count, sums=exact, digest=digest
        )
    )


A, B = "a" * 64, "b" * 64


@pytest.mark.row("f34", "f35")
@pytest.mark.parametrize(
    ("side", "vouched", "control", "status", "codes"),
    [
        (Side(landed=landed(2, "1.5")), record(2, {"amount": "1.50"}), FILE, "matched", []),
        (Side(landed=landed(2, "1.5")), record(2), FILE, "unverified", ["S2018"]),
        (Side(landed=landed(0, "0")), record(0, {"amount": "0.00"}), FILE, "matched", []),
        (Side(landed=landed(2, "1.5")), record(3), FILE, "mismatched", ["S2016"]),
        (Side(landed=landed(2, "1.5")), record(2, {"amount": "1"}), FILE, "mismatched", ["S2016"]),
        (Side(landed=landed(0, "0")), record(2), FILE, "mismatched", ["S2016"]),
        (Side(landed=landed(2, "1")), record(2, {"fee": "1"}), FILE, "unverified", ["S2018"]),
        (Side(landed=landed(2, "1")), record(3, {"fee": "1"}), FILE, "mismatched", ["S2016"]),
        (Side(landed=landed(2, "1"), digests=(A,)), record(2, {}, A), FILE, "matched", []),
        (
            Side(landed=landed(2, "1"), digests=(B,)),
            record(2, {}, A),
            FILE,
            "mismatched",
            ["S2016"],
        ),
        (
            Side(landed=landed(2, "1"), digests=(A, B)),
            record(2, {}, A),
            FILE,
            "mismatched",
            ["S2016"],
        ),
        (Side(landed=landed(2, "1"), came=True), Vouched(), FILE, "unverified", ["S2013"]),
        (Side(landed=landed(2, "1"), came=True), Vouched(), NONE, "unverified", ["S2014"]),
        (Side(landed=landed(0, "0")), Vouched(), FILE, "absent", ["S2017"]),
        (Side(landed=landed(0, "0")), Vouched(), NONE, "absent", ["S2017"]),
        (Side(landed=landed(0, "0"), came=True), Vouched(), NONE, "unverified", ["S2014"]),
        (
            Side(landed=landed(2, "1"), broken=("gap",)),
            record(2, {"amount": "1"}),
            FILE,
            "mismatched",
            [],
        ),
        (
            Side(landed=landed(2, "1"), unfinished=("half",)),
            record(2, {"amount": "1"}),
            FILE,
            "unverified",
            [],
        ),
    ],
)
def test_the_verdict_on_a_day(
    side: Side, vouched: Vouched, control: Control, status: str, codes: list[str]
) -> None:
    seal, findings = judge("pay", DAY, side, vouched, control)
    assert seal.status is SealStatus(status)
    assert [f.code for f in findings] == codes
    assert all(f.on_fail is OnFail.HOLD for f in findings)


def test_a_difference_is_a_sentence_with_both_sides() -> None:
    side = Side(landed=landed(9, "12.34", unreadable=1))
    seal, (finding,) = judge("pay", DAY, side, record(10, {"amount": "12.44"}), FILE)
    assert seal.differences == (
        "records: the source says 10, 9 landed (-1)",
        "sum of amount: the source says 12.44, 12.34 landed (-0.10);"
        " 1 unreadable records are not in it",
    )
    assert (finding.expected, finding.observed) == (
        "10 records, amount 12.44",
        "9 records, amount 12.34",
    )


@pytest.mark.row("f36")
@given(st.integers(0, 10**6), st.decimals("-1e20", "1e20", places=2), st.integers(0, 10**6))
def test_a_day_is_matched_only_when_count_and_sum_are_equal(
    count: int, amount: Decimal, other: int
) -> None:
    side = Side(landed=Landed(records=count, sums={"amount": amount}))
    seal, _ = judge("pay", DAY, side, record(other, {"amount": str(amount)}), FILE)
    assert (seal.status is SealStatus.MATCHED) == (count == other)


GOOD = {"source": "pay", "reference_date": "2026-03-02", "count": "2", "sums": {"amount": "1.50"}}


def read(text: str | bytes) -> Vouched:
    return read_kept("pay", DAY, text.encode() if isinstance(text, str) else text, ())


def test_a_control_record_is_read_exactly() -> None:
    found = read(json.dumps(GOOD | {"digest": A.upper(), "generated_at": "2026-03-03T00:10:00Z"}))
    assert found.findings == ()
    assert found.record == ControlRecord(
        source="pay", reference_date=DAY, count=2, sums={"amount": Decimal("1.50")}, digest=A
    )


def test_what_is_spelt_is_read_back() -> None:
    made = ControlRecord(
        source="pay", reference_date=DAY, count=7, sums={"amount": Decimal("-0.10")}
    )
    assert read(spell(made)).record == made


@pytest.mark.row("h11")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "S2020"),
        ("{", "S2020"),
        ("[]", "S2020"),
        (b"\xff\xfe", "S2020"),
        ("[" * 100_000, "S2020"),
        (json.dumps(GOOD | {"count": 2}), "S2020"),
        (json.dumps(GOOD | {"count": "2.0"}), "S2020"),
        (json.dumps(GOOD | {"count": "-1"}), "S2020"),
        (json.dumps(GOOD | {"count": "1" * 50}), "S2020"),
        (json.dumps(GOOD | {"sums": {"amount": 1.5}}), "S2020"),
        (json.dumps(GOOD | {"sums": {"amount": "1e99999999"}}), "S2020"),
        (json.dumps(GOOD | {"sums": {"amount": "NaN"}}), "S2020"),
        (json.dumps(GOOD | {"sums": []}), "S2020"),
        (json.dumps(GOOD | {"digest": "abc"}), "S2020"),
        (json.dumps(GOOD | {"more": "x"}), "S2020"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "sums"}), "S2020"),
        (json.dumps(GOOD)[:-1] + ', "count": "3"}', "S2020"),
        (json.dumps(GOOD | {"source": "other"}), "S2021"),
        (json.dumps(GOOD | {"reference_date": "2026-03-01"}), "S2021"),
        (json.dumps(GOOD | {"reference_date": None}), "S2021"),
    ],
)
def test_a_control_record_that_is_not_of_the_form_is_no_control_record(
    text: str | bytes, code: str
) -> None:
    found = read(text)
    assert found.record is None
    assert [f.code for f in found.findings] == [code]
    seal, findings = judge("pay", DAY, Side(landed=landed(2, "1.5"), came=True), found, FILE)
    assert seal.status is SealStatus.UNVERIFIED
    assert [f.code for f in findings] == [code]


def part(records: int, amount: str) -> Totals:
    return Totals(records=records, sums={"amount": Decimal(amount)})


PARTS = {"a.csv": {"count": "1", "sums": {"amount": "1.00"}}, "b.csv": {"count": "1", "sums": {}}}


def test_what_a_record_says_of_each_file_is_read_exactly() -> None:
    found = read(json.dumps(GOOD | {"parts": PARTS}))
    assert found.record is not None
    assert found.record.parts == {"a.csv": part(1, "1.00"), "b.csv": Totals(records=1)}


def test_a_file_with_a_letter_of_its_language_has_the_name_that_it_has_when_it_is_landed() -> None:
    found = read(json.dumps(GOOD | {"parts": {"niño.csv": PARTS["a.csv"]}}))
    assert found.record is not None
    assert found.record.parts == {"ni\\xf1o.csv": part(1, "1.00")}


@pytest.mark.parametrize(
    "parts",
    [
        [],
        {"a.csv": "1"},
        {"a.csv": {"count": "1"}},
        {"a.csv": {"count": 1, "sums": {}}},
        {"a.csv": {"count": "1", "sums": {"amount": "1e2"}}},
        {"ñ\n": {"count": "1", "sums": {}}},
        {"": {"count": "1", "sums": {}}},
        {"ñ": {"count": "1", "sums": {}}, "\\xf1": {"count": "1", "sums": {}}},
        {"a.csv": {"count": "1", "sums": {}, "digest": A}},
    ],
)
def test_parts_of_another_form_are_refused(parts: object) -> None:
    found = read(json.dumps(GOOD | {"parts": parts}))
    assert (found.record, [f.code for f in found.findings]) == (None, ["S2020"])


@pytest.mark.row("f32", "f36")
@pytest.mark.parametrize(
    ("landed_parts", "said"),
    [
        ({"a": part(2, "1.00"), "b": part(0, "0.50")}, "a: the source says 1 records, amount 1.00"),
        ({"a": part(1, "0.50"), "b": part(1, "1.00")}, "a: the source says 1 records, amount 1.00"),
        ({"a": part(2, "1.50")}, "b: the source says 1 records, amount 0.50, and it was not"),
        (
            {"a": part(1, "1.00"), "b": part(1, "0.50"), "c": part(0, "0")},
            "c: the source does not name it, and 0 records, amount 0 landed",
        ),
    ],
)
def test_files_that_offset_one_another_are_a_mismatch_though_the_day_agrees(
    landed_parts: dict[str, Totals], said: str
) -> None:
    vouched = record(2, {"amount": "1.50"})
    assert vouched.record is not None
    told = replace(vouched.record, parts={"a": part(1, "1.00"), "b": part(1, "0.50")})
    side = Side(landed=landed(2, "1.50"), parts=landed_parts)
    seal, (finding,) = judge("pay", DAY, side, replace(vouched, record=told), FILE)
    assert (seal.status, finding.code) == (SealStatus.MISMATCHED, "S2016")
    assert seal.differences[0 if said.startswith("a") else -1].startswith(said)
    assert seal.parts == landed_parts


def test_files_that_agree_are_matched_and_are_not_recorded_where_nobody_says_anything() -> None:
    ours = {"a": part(2, "1.50")}
    side = Side(landed=landed(2, "1.50"), parts=ours)
    vouched = record(2, {"amount": "1.50"})
    assert vouched.record is not None
    assert judge("pay", DAY, side, vouched, FILE)[0].parts == {}
    told = replace(vouched, record=replace(vouched.record, parts=ours))
    seal, _ = judge("pay", DAY, side, told, FILE)
    assert (seal.status, seal.parts) == (SealStatus.MATCHED, ours)


@pytest.mark.parametrize(
    ("sums", "said"),
    [
        ({"Amount": Decimal("350.50")}, "1 records, Amount 350.50"),
        ({"amount": Decimal("1.00"), "fee": Decimal(0)}, "1 records, amount 1.00, fee 0"),
        ({}, "1 records"),
    ],
)
def test_a_sum_of_a_file_that_one_side_only_has_is_never_matched(
    sums: dict[str, Decimal], said: str
) -> None:
    vouched = record(1, {"amount": "1.00"})
    assert vouched.record is not None
    told = replace(vouched.record, parts={"a": Totals(records=1, sums=sums)})
    side = Side(landed=landed(1, "1.00"), parts={"a": part(1, "1.00")})
    seal, (finding,) = judge("pay", DAY, side, Vouched(record=told), FILE)
    assert (seal.status, finding.code) == (SealStatus.UNVERIFIED, "S2018")
    assert seal.differences == (
        f"a: the source says {said}, and 1 records, amount 1.00 landed, "
        "with a sum that one side only has",
    )


def test_money_that_the_control_record_does_not_sum_is_not_matched_and_is_named() -> None:
    seal, (finding,) = judge("pay", DAY, Side(landed=landed(2, "1.5")), record(2), FILE)
    sentence = "sum of amount: the control record does not give it"
    assert (seal.status, seal.differences) == (SealStatus.UNVERIFIED, (sentence,))
    assert finding.message == f"2026-03-02 cannot be compared in full: {sentence}"


@pytest.mark.parametrize(("count", "code"), [("2", ["S2020"]), ("0", [])])
def test_a_record_that_names_no_file_says_that_none_was_sent(count: str, code: list[str]) -> None:
    found = read(json.dumps(GOOD | {"count": count, "parts": {}}))
    assert [f.code for f in found.findings] == code


def test_a_seal_names_the_first_files_that_do_not_agree_and_counts_the_others() -> None:
    vouched = record(50, {"amount": "50.00"})
    assert vouched.record is not None
    said = {f"{n:02}.csv": part(1, "1.00") for n in range(50)}
    seal, (finding,) = judge(
        "pay",
        DAY,
        Side(landed=landed(50, "50.00"), parts={"all.csv": part(50, "50.00")}),
        Vouched(record=replace(vouched.record, parts=said)),
        FILE,
    )
    assert "19.csv: the source says" in finding.message
    assert "20.csv" not in finding.message
    assert "31 more files or shards do not agree" in seal.differences


def test_a_record_of_ten_thousand_files_with_the_longest_names_is_read() -> None:
    sums = {"amount": "-12345678901234.50", "fee": "12345678901234.50", "tax": "0.00"}
    parts = {f"{n:05}".ljust(255, "x"): {"count": "123456", "sums": sums} for n in range(10_000)}
    text = json.dumps(GOOD | {"parts": parts})
    assert 64 * 1024 < len(text) <= MAX_BYTES
    found = read(text)
    assert found.record is not None
    assert len(found.record.parts) == 10_000
