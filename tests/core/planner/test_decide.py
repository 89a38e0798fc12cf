"""Full only when everything has an answer and nothing stands in the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from puntual.model.check import OnFail
from puntual.model.contract import Limit
from puntual.model.delivery import Completeness, Decision, Timeliness
from puntual.model.finding import Finding, Verdict
from puntual.model.manifest import Totals
from puntual.model.project import Project
from puntual.model.seal import ControlRecord, Landed, Seal, SealStatus
from puntual.planner.decide import Answers, decide, timeliness

DAY = date(2026, 11, 20)


def make_seal(status: SealStatus = SealStatus.MATCHED, count: int | None = 10) -> Seal:
    control = None if count is None else ControlRecord(source="e", reference_date=DAY, count=count)
    return Seal(
        source="events",
        reference_date=DAY,
        status=status,
        landed=Landed(records=10),
        control=control,
        differences=("count 11 against 10",) if status is SealStatus.MISMATCHED else (),
    )


def make_finding(
    rule: str = "has_id",
    verdict: Verdict = Verdict.PASS,
    on_fail: OnFail = OnFail.HOLD,
    code: str = "Q2001",
    dataset: str = "movements",
    rows: int | None = 0,
    amount: str = "0",
) -> Finding:
    return Finding(
        code=code,
        rule=rule,
        dataset=dataset,
        verdict=verdict,
        on_fail=on_fail,
        message=f"{rule} {verdict.value}",
        expected="0 rows",
        observed=f"{rows} rows",
        rows=rows,
        amounts={"amount": Decimal(amount)},
    )


HOP = make_finding(rule="events:raw-curated", code="R2001", dataset="events")
TIE = make_finding(rule="tie", code="R3001", dataset="business")
PASSES = (make_finding(), HOP, TIE)


def decided(
    project: Project,
    findings: tuple[Finding, ...] = PASSES,
    seal: Seal | None = None,
    set_aside: Mapping[tuple[str, str], Totals] | None = None,
) -> Decision:
    return decide(
        project,
        Answers(
            seals={"events": seal or make_seal()},
            findings=findings,
            set_aside={"events": set_aside or {}},
        ),
    )


def codes(decision: Decision) -> list[str]:
    return [r.code for r in decision.reasons]


def limited(project: Project, rows: int, amount: str) -> Project:
    limit = Limit(rows=rows, amount=Decimal(amount))
    contract = replace(project.contracts["events"], quarantine_limit=limit)
    return replace(project, contracts={"events": contract})


def test_a_day_on_which_everything_agrees_is_full(project: Project) -> None:
    assert decided(project) == Decision(completeness=Completeness.FULL, reasons=())


@pytest.mark.row("f34", "f35")
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (SealStatus.ABSENT, "P2002"),
        (SealStatus.MISMATCHED, "P2003"),
        (SealStatus.UNVERIFIED, "P2004"),
    ],
)
def test_a_source_that_is_not_matched_holds(
    project: Project, status: SealStatus, code: str
) -> None:
    decision = decided(project, seal=make_seal(status, None))
    assert decision.completeness is None
    assert codes(decision) == [code]
    assert "expected a control record, observed 10 records" in decision.reasons[0].sentence


def test_a_source_without_a_seal_holds(project: Project) -> None:
    decision = decide(project, Answers(seals={}, findings=PASSES, set_aside={}))
    assert codes(decision) == ["P2001"]


def test_a_mismatch_is_told_once_with_both_sides(project: Project) -> None:
    broken = make_finding("events:source-raw", Verdict.FAIL, code="R1001", dataset="events")
    decision = decided(project, (*PASSES, broken), make_seal(SealStatus.MISMATCHED, 11))
    (reason,) = decision.reasons
    assert reason.sentence == (
        "events does not match its control record: "
        "expected 11 records, observed 10 records; count 11 against 10"
    )


@pytest.mark.parametrize(("rows", "told"), [(0, ["P2004", "R1002"]), (None, ["P2004"])])
def test_money_that_one_side_only_sums_is_a_reason_and_a_missing_side_is_said_by_the_seal(
    project: Project, rows: int | None, told: list[str]
) -> None:
    hop = make_finding(
        "events:source-raw", Verdict.UNKNOWN, code="R1002", dataset="events", rows=rows
    )
    decision = decided(project, (*PASSES, hop), make_seal(SealStatus.UNVERIFIED))
    assert codes(decision) == told


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.UNKNOWN])
def test_a_holding_rule_that_failed_or_was_not_measured_holds(
    project: Project, verdict: Verdict
) -> None:
    decision = decided(project, (make_finding(verdict=verdict, rows=2), HOP, TIE))
    (reason,) = decision.reasons
    assert (reason.code, reason.about) == ("Q2001", "has_id")
    assert "expected 0 rows, observed 2 rows" in reason.sentence


def test_a_rule_with_a_pass_and_a_failure_has_not_passed(project: Project) -> None:
    both = (make_finding(), make_finding(verdict=Verdict.FAIL))
    assert codes(decided(project, (*both, HOP, TIE))) == ["Q2001"]


def test_a_rule_without_any_finding_was_not_measured(project: Project) -> None:
    assert codes(decided(project, (HOP, TIE))) == ["Q2002"]
    assert codes(decided(project, (make_finding(), HOP))) == ["R3002"]


def test_a_dataset_that_was_not_reconciled_holds(project: Project) -> None:
    assert codes(decided(project, (make_finding(), TIE))) == ["R2003", "R2003"]


def test_a_flag_is_an_exception_and_no_reason(project: Project) -> None:
    flag = make_finding(verdict=Verdict.FAIL, on_fail=OnFail.FLAG, rows=3)
    decision = decided(project, (flag, HOP, TIE))
    assert decision.completeness is Completeness.FULL
    assert [e.about for e in decision.exceptions] == ["has_id"]


def test_rows_set_aside_within_the_limit_are_exceptions(project: Project) -> None:
    aside = {("quarantined", "required"): Totals(records=2, sums={"amount": Decimal("5.00")})}
    decision = decided(limited(project, 2, "5.00"), set_aside=aside)
    assert decision.completeness is Completeness.FULL
    (told,) = decision.exceptions
    assert (told.code, told.sentence) == ("P2101", "events: 2 rows quarantined (required)")


def test_one_row_or_one_cent_beyond_the_limit_holds(project: Project) -> None:
    aside = {("quarantined", "required"): Totals(records=2, sums={"amount": Decimal("5.00")})}
    assert codes(decided(limited(project, 1, "5.00"), set_aside=aside)) == ["P2011"]
    assert codes(decided(limited(project, 2, "4.99"), set_aside=aside)) == ["P2012"]


def test_without_a_declared_limit_nothing_may_be_quarantined(project: Project) -> None:
    aside = {("quarantined", "not_json"): Totals(records=1)}
    assert codes(decided(project, set_aside=aside)) == ["P2011"]


def test_a_refund_does_not_hide_a_payment(project: Project) -> None:
    aside = {
        ("quarantined", "required"): Totals(records=1, sums={"amount": Decimal("100")}),
        ("quarantined", "pattern"): Totals(records=1, sums={"amount": Decimal("-100")}),
    }
    assert codes(decided(limited(project, 2, "199.99"), set_aside=aside)) == ["P2012"]


def test_what_a_check_sets_aside_counts_against_the_limit_of_its_source(project: Project) -> None:
    found = make_finding(verdict=Verdict.FAIL, on_fail=OnFail.QUARANTINE, rows=3, amount="9.00")
    assert codes(decided(project, (found, HOP, TIE))) == ["P2011", "P2012"]
    within = decided(limited(project, 3, "9.00"), (found, HOP, TIE))
    assert within.completeness is Completeness.FULL
    assert [e.code for e in within.exceptions] == ["Q2001"]


def test_a_quarantining_rule_that_was_not_measured_holds(project: Project) -> None:
    found = make_finding(verdict=Verdict.UNKNOWN, on_fail=OnFail.QUARANTINE)
    assert codes(decided(project, (found, HOP, TIE))) == ["Q2001"]


def test_duplicates_and_late_rows_are_exceptions_and_need_no_limit(project: Project) -> None:
    aside = {
        ("duplicate", "key"): Totals(records=4, sums={"amount": Decimal("1")}),
        ("late", "earlier_day"): Totals(records=2, sums={"amount": Decimal("1")}),
        ("quarantined", "required"): Totals(records=0),
    }
    decision = decided(project, set_aside=aside)
    assert decision.completeness is Completeness.FULL
    assert [e.code for e in decision.exceptions] == ["P2102", "P2103"]


@pytest.mark.row("f71")
def test_the_due_instant_itself_is_on_time() -> None:
    due = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
    later = due + timedelta(microseconds=1)
    assert timeliness(due, due, None) is Timeliness.ON_TIME
    assert timeliness(due, later, None) is Timeliness.MISSED
    assert timeliness(due, later, due) is Timeliness.ON_TIME
    assert timeliness(due, later, later) is Timeliness.LATE
