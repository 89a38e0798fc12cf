"""A declared control: two sides, exact and signed; silence, nothing and null agree with nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puntual.checks.control import MOST_GROUPS, Group, Key, Measured, Value, added, finding, judge
from puntual.evidence.facts import from_json, to_json
from puntual.model.check import OnFail
from puntual.model.control import (
    Asked,
    Cause,
    ControlKind,
    ControlMeasure,
    ControlResult,
    ControlRule,
    ControlState,
    MeasureKind,
    QuerySide,
    SideResult,
    Stage,
    StagedSide,
    Term,
)
from puntual.model.finding import Verdict

DAY = date(2026, 11, 20)
D = Decimal
SUM = ControlMeasure(name="sum amount", kind=MeasureKind.SUM, unit="MXN")
COUNT = ControlMeasure(name="count", kind=MeasureKind.COUNT, unit="rows")


def rule(*measures: ControlMeasure, **over: object) -> ControlRule:
    given = {
        "id": "ledger_tie",
        "kind": ControlKind.BUSINESS,
        "left": (),
        "right": (),
        "measures": measures or (SUM,),
    }
    return ControlRule(**(given | over))  # type: ignore[arg-type]


def side(name: str, groups: Mapping[Key, tuple[Value, ...]], rows: int | None = 1) -> Measured:
    return Measured(
        side=SideResult(name=name, queries=(f"SELECT {name}",), rows=rows),
        groups={key: Group(rows=rows, values=values) for key, values in groups.items()},
    )


def lacking(state: ControlState) -> Measured:
    return Measured(side=SideResult(name="right", reason="it was not there"), lacks=state)


def day(value: Value, rows: int | None = 1, name: str = "left") -> Measured:
    return side(name, {(): (value,)}, rows)


def judged(
    left: Measured,
    right: Measured,
    declared: ControlRule | None = None,
    explained: Mapping[Cause, Mapping[Key, Group]] | None = None,
) -> ControlResult:
    result = judge(declared or rule(), left, right, explained or {}, DAY)
    assert from_json(ControlResult, to_json(result)) == result
    return result


@pytest.mark.parametrize(
    ("left", "right", "tolerance", "state"),
    [
        ("10.00", "10.00", "0", ControlState.MATCHED),
        ("10.00", "10.01", "0", ControlState.MISMATCHED),
        ("10.01", "10.00", "0.01", ControlState.MATCHED),
        ("10.00", "10.01", "0.01", ControlState.MATCHED),
        ("10.02", "10.00", "0.01", ControlState.MISMATCHED),
        ("1", "1.000", "0", ControlState.MATCHED),
        ("-0.00", "0", "0", ControlState.MATCHED),
        ("9" * 38, "9" * 37 + "8", "0", ControlState.MISMATCHED),
        ("1E+37", "10000000000000000000000000000000000000.01", "0", ControlState.MISMATCHED),
    ],
)
def test_the_difference_is_exact_and_the_tolerance_is_in_units(
    left: str, right: str, tolerance: str, state: ControlState
) -> None:
    loose = ControlMeasure(name="sum", kind=MeasureKind.SUM, unit="MXN", tolerance=D(tolerance))
    result = judged(day(D(left)), day(D(right)), rule(loose))
    assert result.state is state
    assert result.totals[0].residual == D(left) - D(right)


def test_the_finding_says_both_sides_the_difference_and_the_unit() -> None:
    found = finding(
        judged(day(D("1010.00")), day(D("1010.01"), name="right"), rule(basis="Art. 7"))
    )
    assert (found.code, found.verdict, found.basis) == ("R3001", Verdict.FAIL, "Art. 7")
    assert found.observed == ("sum amount 1,010.00 MXN against 1,010.01 MXN, difference -0.01 MXN")
    assert found.amounts == {"sum amount": D("-0.01")}
    assert found.expected == "left = right"


def test_what_left_is_taken_away_by_cause_and_the_rest_is_the_residual() -> None:
    gone: Mapping[Cause, Mapping[Key, Group]] = {
        Cause.QUARANTINED: {(): Group(rows=2, values=(D("2"), D("-5.00")))},
        Cause.DUPLICATES: {(): Group(rows=1, values=(D("1"), D("7.25")))},
        Cause.LATE: {},
    }
    left, right = side("left", {(): (D(10), D("100.00"))}), side("right", {(): (D(7), D("97.74"))})
    result = judged(left, right, rule(COUNT, SUM), gone)
    count, amount = result.totals
    assert count.explained == {"quarantined": D(2), "duplicates": D(1), "late": D(0)}
    assert (count.residual, amount.difference, amount.residual) == (D(0), D("2.26"), D("0.01"))
    assert result.state is ControlState.MISMATCHED


@pytest.mark.parametrize("state", [ControlState.UNKNOWN, ControlState.UNVERIFIED])
@pytest.mark.row("f34")
def test_a_side_that_was_not_measured_is_never_equal(state: ControlState) -> None:
    for sides in ((day(D(0)), lacking(state)), (lacking(state), day(D(0))), (lacking(state),) * 2):
        result = judged(*sides)
        assert (result.state, finding(result).verdict) == (state, Verdict.UNKNOWN)
        assert "it was not there" in finding(result).observed
    assert result.totals[0].left is None


def test_unknown_weighs_more_than_unverified() -> None:
    sides = (lacking(ControlState.UNVERIFIED), lacking(ControlState.UNKNOWN))
    assert judged(*sides).state is ControlState.UNKNOWN


LATEST = ControlMeasure(name="max paid_on", kind=MeasureKind.MAX)
DIGEST = ControlMeasure(name="digest id", kind=MeasureKind.DIGEST)


@pytest.mark.parametrize(
    ("left", "right", "state"),
    [
        ((D(0), D(0), None), (D(0), D(0), None), ControlState.MATCHED),
        ((D(0), D("100.00"), None), (D(0), D(0), None), ControlState.MISMATCHED),
        ((D(0), None, None), (D(0), D(0), None), ControlState.UNKNOWN),
    ],
)
def test_two_agreed_empty_sides_excuse_what_has_no_answer_and_no_difference(
    left: tuple[Value, ...], right: tuple[Value, ...], state: ControlState
) -> None:
    declared = rule(COUNT, SUM, LATEST, may_be_empty=True)
    result = judged(side("left", {(): left}, 0), side("right", {(): right}, 0), declared)
    assert result.state is state


def test_what_left_is_taken_away_from_sums_and_not_from_a_digest() -> None:
    gone: Mapping[Cause, Mapping[Key, Group]] = {
        Cause.QUARANTINED: {(): Group(rows=1, values=(None, D(1)))}
    }
    left, right = side("left", {(): ("x:1", D(4))}), side("right", {(): ("x:1", D(3))})
    result = judged(left, right, rule(DIGEST, COUNT), gone)
    assert result.state is ControlState.MATCHED
    assert [m.explained for m in result.totals] == [{}, {"quarantined": D(1)}]


def test_a_null_equals_nothing_not_even_a_null() -> None:
    value = ControlMeasure(name="value", kind=MeasureKind.VALUE)
    for left, right in ((None, D(0)), (D(0), None), (None, None)):
        result = judged(day(left), day(right), rule(value))
        assert result.state is ControlState.UNKNOWN
        assert "no answer" in finding(result).observed


def nulled(
    name: str, value: str, nulls: int | None, *, origin: str = "", key: Key = ()
) -> Measured:
    """A side of three rows, some of which hold a null in place of an amount."""
    counted = None if nulls is None else (nulls,)
    group = Group(rows=3, values=(D(value),), nulls=counted)
    return Measured(side=SideResult(name=name, rows=3), groups={key: group}, origin=origin)


def test_a_null_in_a_summed_column_is_no_zero_and_the_sentence_counts_it() -> None:
    """+250.50 and -250.50 in the movements; the balance is null."""
    result = judged(nulled("movements", "0.00", 0), nulled("balances", "0", 1))
    assert (result.state, finding(result).code) == (ControlState.UNKNOWN, "R3002")
    assert finding(result).observed == (
        "no answer: sum amount 0.00 MXN against no answer (nulls on the right: 1), "
        "difference no answer"
    )
    both = judged(nulled("movements", "0.00", 2), nulled("balances", "0", 2))
    assert both.state is ControlState.UNKNOWN
    assert (
        "no answer (nulls on the left: 2) against no answer (nulls on the right: 2)" in both.reason
    )


def test_sums_that_differ_beside_a_null_are_no_agreement_and_keep_their_difference() -> None:
    result = judged(nulled("raw", "9.99", 1), nulled("movements", "0.00", 0))
    assert (result.state, result.totals[0].residual) == (ControlState.MISMATCHED, D("9.99"))
    assert result.reason == (
        "sum amount 9.99 MXN (nulls on the left: 1) against 0.00 MXN, difference 9.99 MXN"
    )


def test_a_group_with_a_null_has_no_answer_and_the_other_groups_keep_theirs() -> None:
    groups: dict[Key, Group] = {
        ("c1",): Group(rows=1, values=(D(1),)),
        ("c3",): Group(rows=2, values=(D(0),), nulls=(1,)),
    }
    left = Measured(side=SideResult(name="left", rows=3), groups=groups)
    right = side("right", {("c1",): (D(1),), ("c3",): (D(0),)})
    result = judged(left, right, rule(by=("client_id",)))
    assert result.counts == {"matched": 1, "unknown": 1}
    assert result.reason.startswith("no answer: client_id c3: sum amount no answer (nulls on the")
    assert result.totals[0].left is None, "what a part of has no answer has none in total"


@pytest.mark.parametrize(
    ("left", "right", "left_origin", "right_origin", "gone", "state"),
    [
        (2, 2, "payments", "payments", 0, ControlState.MATCHED),
        (2, 1, "payments", "payments", 1, ControlState.MATCHED),
        (None, 2, "payments", "payments", 0, ControlState.MATCHED),
        (2, 1, "payments", "payments", 0, ControlState.UNKNOWN),
        (0, 1, "payments", "payments", 0, ControlState.UNKNOWN),
        (2, 2, "payments", "loans", 0, ControlState.UNKNOWN),
        (2, 2, "payments", "", 0, ControlState.UNKNOWN),
        (2, 2, "", "", 0, ControlState.UNKNOWN),
    ],
    ids=[
        "travelled_through",
        "one_was_set_aside",
        "a_record_counts_no_nulls",
        "one_was_filled",
        "one_was_emptied",
        "of_two_sources",
        "of_a_total",
        "of_nobody",
    ],
)
def test_a_null_agrees_only_where_it_travels_with_the_rows_of_one_source(
    left: int | None,
    right: int,
    left_origin: str,
    right_origin: str,
    gone: int,
    state: ControlState,
) -> None:
    explained: Mapping[Cause, Mapping[Key, Group]] = (
        {Cause.QUARANTINED: {(): Group(rows=1, values=(D(0),), nulls=(gone,))}} if gone else {}
    )
    before = nulled("raw payments", "5.00", left, origin=left_origin)
    after = nulled("warehouse movements", "5.00", right, origin=right_origin)
    assert judged(before, after, explained=explained).state is state


def test_a_null_of_one_term_leaves_the_whole_side_without_an_answer() -> None:
    """Yesterday 250.50, a movement of -250.50, and a balance of today that is null."""
    yesterday: dict[Key, Group] = {(): Group(rows=1, values=(D("250.50"),))}
    moved: dict[Key, Group] = {(): Group(rows=2, values=(D("-250.50"),), nulls=(1,))}
    for minus in (False, True):
        found = added(((yesterday, False), (moved, minus)))
        assert found[()].nulls == (1,)
    assert added(((yesterday, False), (yesterday, False)))[()].nulls == ()


def test_a_number_does_not_agree_with_a_text() -> None:
    last = ControlMeasure(name="max paid_on", kind=MeasureKind.MAX)
    assert judged(day("2026-11-20"), day(D(20261120)), rule(last)).state is ControlState.MISMATCHED
    same = judged(day("2026-11-20"), day("2026-11-20"), rule(last))
    assert (same.state, same.totals[0].difference) == (ControlState.MATCHED, None)
    broken = finding(judged(day("2026-11-20"), day("2026-11-19"), rule(last)))
    assert "max paid_on 2026-11-20 against 2026-11-19" in broken.observed


@pytest.mark.parametrize("rows", [(0, 0), (0, 1), (1, 0)])
def test_nothing_agrees_with_nothing_only_where_that_is_declared(rows: tuple[int, int]) -> None:
    left, right = day(D(0), rows[0]), day(D(0), rows[1], "right")
    result = judged(left, right)
    assert (result.state, finding(result).code) == (ControlState.EMPTY, "R3004")
    assert finding(result).verdict is Verdict.UNKNOWN
    assert judged(left, right, rule(may_be_empty=True)).state is ControlState.MATCHED


@pytest.mark.parametrize(
    ("value", "over", "state", "on_fail"),
    [
        ("5.00", {}, ControlState.EMPTY, OnFail.HOLD),
        ("5.00", {"may_be_empty": True}, ControlState.MATCHED, OnFail.HOLD),
        ("5.00", {"first_day": DAY}, ControlState.EMPTY, OnFail.FLAG),
        ("5.00", {"first_day": date(2026, 11, 19)}, ControlState.EMPTY, OnFail.HOLD),
        ("4.99", {}, ControlState.MISMATCHED, OnFail.HOLD),
        ("4.99", {"first_day": DAY}, ControlState.MISMATCHED, OnFail.HOLD),
    ],
)
def test_a_side_whose_yesterday_has_no_row_agrees_with_nothing(
    value: str, over: dict[str, object], state: ControlState, on_fail: OnFail
) -> None:
    """Movements of 5.00 upon a yesterday that holds nothing."""
    left = replace(day(D("5.00"), 3, "yesterday + movements"), empty=("yesterday",))
    result = judged(left, day(D(value), 3, "today"), rule(**over))
    assert (result.state, result.on_fail) == (state, on_fail)
    if state is ControlState.EMPTY:
        assert result.reason == "no row in yesterday: nothing of it was compared"


def test_a_whole_side_without_a_row_is_named_and_not_its_parts() -> None:
    left = replace(day(D(0), 0, "a + b"), empty=("a", "b"))
    assert judged(left, day(D(0), 1, "c")).reason == "no row in a + b: nothing was compared"


RAW, LOADED = (
    (Term(side=StagedSide(stage=stage, dataset=name), asked=(Asked(kind=MeasureKind.SUM),)),)
    for stage, name in ((Stage.RAW, "payments"), (Stage.WAREHOUSE, "movements"))
)
REFUNDS = tuple(replace(term, where="refund") for term in LOADED)
QUERY = (Term(side=QuerySide(sql="SELECT 1 AS amount"), asked=RAW[0].asked),)
GONE: Mapping[Cause, Mapping[Key, Group]] = {
    Cause.LATE: {(): Group(rows=2, values=(D("40.00"),))},
    Cause.DUPLICATES: {(): Group(rows=1, values=(D("-40.00"),))},
}


@pytest.mark.parametrize(
    ("rows", "over", "explained", "state"),
    [
        ((3, 0), {}, {}, ControlState.MISMATCHED),
        ((0, 3), {}, {}, ControlState.MISMATCHED),
        ((0, 0), {}, {}, ControlState.MATCHED),
        ((3, 0), {"explained_by": tuple(GONE)}, GONE, ControlState.MATCHED),
        ((4, 0), {"explained_by": tuple(GONE)}, GONE, ControlState.MISMATCHED),
        ((3, 0), {"right": REFUNDS}, {}, ControlState.MATCHED),
        ((3, 0), {"left": REFUNDS, "right": REFUNDS}, {}, ControlState.MISMATCHED),
        ((3, 0), {"right": QUERY}, {}, ControlState.MATCHED),
        ((3, 0), {"absent_is_zero": True}, {}, ControlState.MATCHED),
    ],
    ids=[
        "right_has_none",
        "left_has_none",
        "both_have_none",
        "all_are_explained",
        "three_of_four_are_explained",
        "another_condition",
        "the_same_condition",
        "a_query",
        "absent_is_zero",
    ],
)
def test_what_may_be_empty_excuses_two_sides_without_a_row_and_not_one(
    rows: tuple[int, int],
    over: dict[str, object],
    explained: Mapping[Cause, Mapping[Key, Group]],
    state: ControlState,
) -> None:
    """A sum of 0 on both sides, as of +100 and -100 against nothing."""
    left = replace(day(D(0), rows[0]), carried=True)
    right = replace(day(D(0), rows[1], "right"), carried=True)
    declared = rule(**({"left": RAW, "right": LOADED, "may_be_empty": True} | over))
    result = judged(left, right, declared, explained)
    assert result.state is state, result.reason
    if state is ControlState.MISMATCHED:
        assert f"{max(rows)} rows in" in finding(result).observed


def test_a_row_that_a_model_may_have_made_of_nothing_is_no_row_that_was_lost() -> None:
    """A model's one line of zeros, made of a source without a row."""
    made = day(D(0), 1, "right")
    declared = rule(left=RAW, right=LOADED, may_be_empty=True)
    assert judged(day(D(0), 0), made, declared).state is ControlState.MATCHED


def test_the_maximum_of_no_row_on_both_sides_is_agreed_where_both_may_be_empty() -> None:
    last = ControlMeasure(name="max n", kind=MeasureKind.MAX)
    empty = rule(last, may_be_empty=True)
    assert judged(day(None, 0), day(None, 0), empty).state is ControlState.MATCHED
    assert judged(day(None, 3), day(None, 3), empty).state is ControlState.UNKNOWN


def test_a_group_on_one_side_only_is_a_break_whatever_its_sum_is() -> None:
    left = side("left", {("a",): (D(1),), ("b",): (D(0),)})
    right = side("right", {("a",): (D(1),), (None,): (D(0),)})
    result = judged(left, right, rule(by=("branch",)))
    assert result.state is ControlState.MISMATCHED
    assert result.counts == {"matched": 1, "missing": 1, "extra": 1}
    assert [(g.key, g.state.value) for g in result.groups] == [
        ((None,), "extra"),
        (("b",), "missing"),
        (("a",), "matched"),
    ]
    assert result.reason.startswith("2 of 3 groups; the first, branch null: on the right only")
    zero = judged(left, right, rule(by=("branch",), absent_is_zero=True))
    assert zero.state is ControlState.MATCHED


def test_a_group_that_left_in_full_is_explained_and_a_doubled_one_is_not() -> None:
    left = side("left", {("a",): (D(2),), ("b",): (D(5),)})
    right = side("right", {("a",): (D(2),)})
    gone: dict[Cause, dict[Key, Group]] = {
        Cause.QUARANTINED: {("b",): Group(rows=1, values=(D(5),))}
    }
    by = rule(by=("branch",))
    assert judged(left, right, by, gone).state is ControlState.MATCHED
    assert judged(right, left, by, gone).state is ControlState.MISMATCHED


def test_groups_that_offset_one_another_break_though_the_total_agrees() -> None:
    left = side("left", {("a",): (D(1),), ("b",): (D(2),)})
    right = side("right", {("a",): (D(2),), ("b",): (D(1),)})
    result = judged(left, right, rule(by=("k",)))
    assert (result.state, result.totals[0].residual) == (ControlState.MISMATCHED, D(0))


def test_the_offending_groups_come_first_and_the_others_are_counted() -> None:
    keys = [(f"{i:04}",) for i in range(500)]
    left = side("left", {k: (D(1),) for k in keys})
    right = side("right", {k: (D(1 if k != ("0499",) else 2),) for k in keys})
    result = judged(left, right, rule(by=("k",)))
    assert len(result.groups) == MOST_GROUPS
    assert result.groups[0].key == ("0499",)
    assert result.counts == {"matched": 499, "mismatched": 1}


def test_a_measure_that_does_not_add_up_has_no_total_over_groups() -> None:
    keys = ControlMeasure(name="distinct client", kind=MeasureKind.DISTINCT, unit="keys")
    groups: Mapping[Key, tuple[Value, ...]] = {("a",): (D(1), D(3)), ("b",): (D(1), D(3))}
    result = judged(side("l", groups), side("r", groups), rule(COUNT, keys, by=("k",)))
    assert [m.name for m in result.totals] == ["count"]


def test_a_roll_forward_without_yesterday_holds_from_its_second_day_on() -> None:
    first = rule(first_day=DAY)
    unverified = lacking(ControlState.UNVERIFIED)
    assert judged(day(D(1)), unverified, first).on_fail is OnFail.FLAG
    assert judged(day(D(1)), unverified, rule(first_day=date(2026, 11, 19))).on_fail is OnFail.HOLD
    assert judged(day(D(1)), day(D(2)), first).on_fail is OnFail.HOLD


def test_terms_are_added_up_and_what_has_no_answer_has_none_in_sum() -> None:
    one: dict[Key, Group] = {(): Group(rows=2, values=(D("1.10"), None))}
    two: dict[Key, Group] = {
        (): Group(rows=3, values=(D("0.20"), D(1))),
        ("x",): Group(rows=1, values=(D(7), D(1))),
    }
    found = added(((one, False), (two, True)))
    assert found[()] == Group(rows=5, values=(D("0.90"), None))
    assert found[("x",)] == Group(rows=1, values=(D(-7), D(-1)))


CENTS = st.integers(-(10**38), 10**38).map(Decimal)
SIDES = st.dictionaries(
    st.tuples(st.sampled_from(["a", "b", "c", None])), st.tuples(CENTS, CENTS), max_size=4
)


@given(SIDES, SIDES, st.lists(SIDES, max_size=3))
def test_residual_is_left_less_right_less_explained_in_every_group(
    left: dict[Key, tuple[Value, ...]],
    right: dict[Key, tuple[Value, ...]],
    gone: list[dict[Key, tuple[Value, ...]]],
) -> None:
    causes = {
        cause: {k: Group(rows=1, values=v) for k, v in part.items()}
        for cause, part in zip(Cause, gone, strict=False)
    }
    result = judge(rule(COUNT, SUM, by=("k",)), side("l", left), side("r", right), causes, DAY)
    zero = (D(0), D(0))
    for group in result.groups:
        for i, measure in enumerate(group.measures):
            expected = sum(
                (-int(str(part.get(group.key, zero)[i])) for part in gone),
                int(str(left.get(group.key, zero)[i])) - int(str(right.get(group.key, zero)[i])),
            )
            assert measure.residual == expected
            assert measure.matched == (expected == 0)
    agree = {g.key for g in result.groups if g.state.value == "matched"}
    assert (result.state is ControlState.MISMATCHED) == (len(agree) < len({*left, *right}))
