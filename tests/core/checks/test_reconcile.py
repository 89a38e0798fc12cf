"""Two sides: exact, signed, explained; an absent side is never equal."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puntual.checks.reconcile import findings_of, first_break, hop, is_broken, parts, tie
from puntual.evidence.facts import from_json, to_json
from puntual.model.control import Explanation, Hop
from puntual.model.finding import Verdict
from puntual.model.manifest import Totals


def totals(records: int, amount: str = "0", digest: str = "", algorithm: str = "x") -> Totals:
    return Totals(
        records=records,
        sums={"amount": Decimal(amount)},
        key_digest=digest,
        algorithm=algorithm if digest else "",
    )


def test_what_left_is_explained_and_the_rest_is_the_residual() -> None:
    gone = Explanation(cause="quarantined: required", totals=totals(14, "2.00"))
    found = hop("credits", "raw", "curated", totals(100, "50.00"), totals(85, "47.99"), [gone])
    assert found.residual_records == 1
    assert found.residual_sums == {"amount": Decimal("0.01")}
    assert is_broken(found)


def test_an_explained_hop_is_no_break() -> None:
    gone = Explanation(cause="duplicate", totals=totals(14, "-2.00"))
    found = hop("credits", "raw", "curated", totals(100, "50.00"), totals(86, "52.00"), [gone])
    assert not is_broken(found)
    (finding,) = findings_of([found])
    assert (finding.code, finding.verdict) == ("R2001", Verdict.PASS)
    assert "14 rows explained" in finding.observed


@pytest.mark.parametrize(("left", "code"), [("source", "R1002"), ("raw", "R2003")])
def test_an_absent_side_is_unknown_and_never_equal(left: str, code: str) -> None:
    for before, after in ((None, totals(0)), (totals(0), None), (None, None)):
        found = hop("credits", left, "next", before, after)
        (finding,) = findings_of([found])
        assert (finding.code, finding.verdict, finding.rows) == (code, Verdict.UNKNOWN, None)
        assert first_break([found]) is None


@pytest.mark.row("f50")
def test_a_cent_is_a_break_at_any_size() -> None:
    before = totals(1, "999999999999999999999999999999999999.99")
    after = totals(1, "999999999999999999999999999999999999.98")
    assert hop("c", "raw", "curated", before, after).residual_sums == {"amount": Decimal("0.01")}


def test_a_source_that_says_another_count_is_a_break_of_its_own_code() -> None:
    (finding,) = findings_of([hop("credits", "source", "raw", totals(3), totals(2))])
    assert (finding.code, finding.verdict, finding.rows) == ("R1001", Verdict.FAIL, 1)
    assert finding.rule == "credits:source-raw"


@pytest.mark.row("f36", "f50")
def test_keys_that_differ_are_found_though_counts_and_sums_agree() -> None:
    found = hop("c", "curated", "warehouse", totals(2, "1", "aa"), totals(2, "1", "bb"))
    (finding,) = findings_of([found])
    assert (found.keys_agree, finding.code, finding.verdict) == (False, "R2002", Verdict.FAIL)


def test_keys_are_not_compared_when_rows_left_or_digests_are_of_two_kinds() -> None:
    gone = Explanation(cause="late", totals=totals(1, "0"))
    left = hop("c", "a", "b", totals(3, "1", "aa"), totals(2, "1", "bb"), [gone])
    kinds = hop("c", "a", "b", totals(2, "1", "aa"), totals(2, "1", "bb", "y"))
    none = hop("c", "a", "b", totals(2, "1"), totals(2, "1"))
    assert [h.keys_agree for h in (left, kinds, none)] == [None, None, None]


def test_keys_are_compared_when_the_left_digest_is_of_the_rows_that_stayed() -> None:
    gone = Explanation(cause="late", totals=totals(1, "0"))
    sides = totals(3, "1", "aa"), totals(2, "1", "bb")
    assert hop("c", "a", "b", *sides, [gone], digest_of_rest=True).keys_agree is False


def test_a_sum_that_one_side_has_not_is_not_compared_and_so_not_passed() -> None:
    (finding,) = findings_of([hop("c", "raw", "curated", totals(1, "5"), Totals(records=1))])
    assert (finding.verdict, finding.code) == (Verdict.UNKNOWN, "R2003")
    assert "amount not compared" in finding.observed


def test_a_control_record_without_the_money_of_the_contract_is_not_passed() -> None:
    (finding,) = findings_of([hop("c", "source", "raw", Totals(records=1), totals(1, "5"))])
    assert (finding.verdict, finding.code) == (Verdict.UNKNOWN, "R1002")


def test_a_measure_that_a_model_adds_needs_no_left_side() -> None:
    (finding,) = findings_of([hop("c", "curated x", "curated", Totals(records=1), totals(1, "5"))])
    assert finding.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("said", "verdict", "observed"),
    [
        ("2", Verdict.PASS, "residual 0 rows"),
        ("2.00", Verdict.PASS, "residual 0 rows"),
        ("3", Verdict.FAIL, "residual 1 rows"),
        ("2.75", Verdict.FAIL, "a count of 2.75, which is no whole number, against 2"),
        ("null", Verdict.UNKNOWN, "the tie's SELECT answered no number: null"),
    ],
)
def test_a_count_is_never_cut_to_the_number_of_lines_of_a_file(
    said: str, verdict: Verdict, observed: str
) -> None:
    counted = said if said == "null" else Decimal(said)
    after = Totals(records=2)
    found = tie("c", "warehouse", "file daily", column="*", said=counted, after=after)
    (finding,) = findings_of([found])
    assert (finding.verdict, observed in finding.observed) == (verdict, True), finding.observed


def test_a_tie_of_a_column_compares_its_sum() -> None:
    after = totals(2, "7.50")
    found = tie("c", "warehouse", "file daily", column="amount", said=Decimal("7.51"), after=after)
    assert found.residual_sums == {"amount": Decimal("0.01")}


def test_a_tie_of_a_column_counts_no_rows_on_its_left() -> None:
    found = tie("c", "warehouse", "file daily", column="amount", said=Decimal("7.50"),
                after=totals(2, "7.50"))  # fmt: skip
    (finding,) = findings_of([found])
    assert (found.counted, found.residual_records, finding.rows) == (False, None, None)
    assert finding.observed == "residual amount 0.00, count not compared, keys not compared"


@pytest.mark.parametrize(
    ("said", "verdict", "code"),
    [("7.50", Verdict.UNKNOWN, "R2003"), ("7.51", Verdict.FAIL, "R2001")],
)
def test_a_sum_with_nulls_in_it_agrees_with_nothing(said: str, verdict: Verdict, code: str) -> None:
    found = tie("c", "warehouse", "file daily", column="amount", said=Decimal(said),
                after=totals(3, "7.50"), nulls=1)  # fmt: skip
    (finding,) = findings_of([found])
    assert (finding.verdict, finding.code) == (verdict, code)
    assert "nulls in amount of file daily: 1 of 3 values (a null is no zero)" in finding.observed


def test_a_hop_is_read_back_from_a_manifest_of_before_rows_could_be_uncounted() -> None:
    made = to_json(hop("c", "raw", "curated", totals(2), totals(2)))
    assert isinstance(made, dict)
    before = {k: v for k, v in made.items() if k not in ("counted", "lacks")}
    assert from_json(Hop, before).counted


def test_the_first_hop_that_broke_is_named() -> None:
    good = hop("c", "source", "raw", totals(2), totals(2))
    bad = hop("c", "raw", "curated", totals(2), totals(1))
    worse = hop("c", "curated", "warehouse", totals(1), totals(9))
    assert first_break([good, bad, worse]) == bad
    assert first_break([good]) is None


def test_a_file_that_differs_breaks_the_hop_though_the_day_agrees() -> None:
    said = {"a.csv": totals(2, "5.00"), "b.csv": totals(2, "7.00")}
    landed = {"a.csv": totals(2, "7.00"), "b.csv": totals(2, "5.00")}
    day = hop("c", "source", "raw", totals(4, "12.00"), totals(4, "12.00"))
    assert not is_broken(day)
    found = replace(day, parts=parts(said, landed))
    (finding,) = findings_of([found])
    assert (finding.code, finding.verdict) == ("R1001", Verdict.FAIL)
    assert "2 of 2 parts differ: a.csv, b.csv" in finding.observed
    assert found.parts[0].residual_sums == {"amount": Decimal("-2.00")}


@pytest.mark.parametrize("missing", ["said", "landed"])
def test_a_file_that_only_one_side_names_breaks_the_hop(missing: str) -> None:
    both, one = {"a": totals(1), "b": totals(0)}, {"a": totals(1)}
    sides = (one, both) if missing == "said" else (both, one)
    day = hop("c", "source", "raw", totals(1), totals(1))
    assert is_broken(replace(day, parts=parts(*sides)))


CENTS = st.integers(-(10**36), 10**36)


@given(st.lists(st.tuples(st.integers(0, 10**9), CENTS), max_size=5), CENTS)
def test_what_is_explained_in_full_leaves_exactly_nothing(
    parts: list[tuple[int, int]], rest: int
) -> None:
    before = totals(sum(n for n, _ in parts) + 7, f"{sum(c for _, c in parts) + rest}E-2")
    gone = [
        Explanation(cause=f"cause {i}", totals=totals(n, f"{c}E-2"))
        for i, (n, c) in enumerate(parts)
    ]
    found = hop("c", "raw", "curated", before, totals(7, f"{rest}E-2"), gone)
    assert not is_broken(found)
