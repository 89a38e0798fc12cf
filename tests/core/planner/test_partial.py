"""A policy covers what its clauses name, within their limits, approved and in time; else hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puntual.model.approval import Approval, Subject
from puntual.model.check import OnFail
from puntual.model.delivery import Completeness, Decision, Reason
from puntual.model.finding import Finding, Verdict
from puntual.model.policy import (
    Acceptance,
    Clause,
    Gap,
    Limits,
    Minimum,
    Policy,
    Sending,
    Signatures,
    Substitute,
)
from puntual.model.project import Project
from puntual.model.seal import ControlRecord, Landed, Seal, SealStatus
from puntual.planner.decide import Answers, decide
from puntual.planner.partial import Case, Shortfall, cover
from puntual.planner.policy import Governed, decide_by, govern, missing
from puntual.project.zones import zone

DAY = date(2026, 11, 20)
DUE = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
DECIDE_BY = DUE - timedelta(minutes=29)
ROLES = {"compliance": ("Ana", "Eva"), "operations": ("Luis",)}
BOTH = Signatures(roles=("compliance", "operations"), people=2)

ABSENT = Clause(id="absent", source="events", gaps=(Gap.ABSENT,))
SHORT = Clause(
    id="short",
    source="events",
    gaps=(Gap.SHORT,),
    limits=Limits(rows=5, share=Decimal("2.5")),
)


def make_policy(*clauses: Clause, **over: object) -> Policy:
    made = Policy(
        name="events",
        file="policies/events.yaml",
        report="credit_daily",
        author="Sara",
        valid_from=date(2026, 1, 1),
        valid_until=date(2026, 12, 31),
        approval=BOTH,
        sending=Sending.AUTOMATIC,
        signing=None,
        acceptance=Acceptance(
            reference="1/2026", accepted_on=date(2026, 1, 1), valid_until=date(2026, 12, 31)
        ),
        minimum=Minimum(),
        clauses=clauses,
        digest="a" * 64,
    )
    return replace(made, **over)  # type: ignore[arg-type]


def governed(
    policy: Policy | None, at: datetime = DUE, barred: tuple[Reason, ...] = ()
) -> Governed:
    return Governed(policy=policy, barred=barred, decide_by=DECIDE_BY, at=at, due_at=DUE)


def finding(rule: str, code: str, verdict: Verdict = Verdict.PASS, rows: int = 0) -> Finding:
    return Finding(code=code, rule=rule, dataset="events", verdict=verdict, rows=rows)


PASSES = (
    finding("has_id", "Q2001"),
    finding("events:raw-curated", "R2001"),
    finding("tie", "R3001"),
)


def answers(
    status: SealStatus = SealStatus.ABSENT,
    short: Shortfall | None = None,
    findings: tuple[Finding, ...] = PASSES,
    substituted: bool = False,
) -> Answers:
    record = ControlRecord(source="events", reference_date=DAY, count=100)
    seal = Seal(
        source="events",
        reference_date=DAY,
        status=status,
        landed=Landed(records=0),
        control=None if status is SealStatus.ABSENT else record,
    )
    return Answers(
        seals={"events": seal},
        findings=findings,
        set_aside={},
        shortfalls={"events": short or Shortfall()},
        substituted=frozenset({"events"} if substituted else ()),
    )


def codes(decision: Decision) -> set[str]:
    return {r.code for r in decision.reasons}


def test_an_absent_source_under_its_clause_is_partial_and_names_the_clause(
    project: Project,
) -> None:
    decision = decide(project, answers(), governed(make_policy(ABSENT)))
    assert decision.completeness is Completeness.PARTIAL
    assert [(a.clause, a.code) for a in decision.applied] == [("absent", "P2002")]
    assert decision.policy_digest == "a" * 64


def test_before_the_decision_time_the_day_waits(project: Project) -> None:
    early = governed(make_policy(ABSENT), DECIDE_BY - timedelta(seconds=1))
    decision = decide(project, answers(), early)
    assert (decision.completeness, decision.waits_until) == (None, DECIDE_BY)


@pytest.mark.parametrize(
    ("short", "expected"),
    [
        (Shortfall(rows=5, share=Decimal("2.5")), None),
        (Shortfall(rows=6, share=Decimal("2.5")), "P3005"),
        (Shortfall(rows=5, share=Decimal("2.5001")), "P3005"),
        (Shortfall(rows=5, share=None), "P3007"),
        (Shortfall(rows=None, share=Decimal(1)), "P3007"),
        (Shortfall(rows=0, share=Decimal(1)), "P3007"),
        (Shortfall(rows=-1, share=Decimal(0)), "P3007"),
    ],
)
def test_a_limit_holds_to_the_last_row_and_cent_and_only_if_it_was_measured(
    project: Project, short: Shortfall, expected: str | None
) -> None:
    decision = decide(project, answers(SealStatus.MISMATCHED, short), governed(make_policy(SHORT)))
    if expected is None:
        assert decision.completeness is Completeness.PARTIAL
    else:
        assert decision.completeness is None
        assert expected in codes(decision)


def test_a_policy_that_is_silent_on_the_case_holds(project: Project) -> None:
    decision = decide(project, answers(), governed(make_policy(SHORT)))
    assert decision.completeness is None
    assert "P3004" in codes(decision)


def test_a_check_that_fails_because_of_the_source_is_covered_only_if_it_is_named(
    project: Project,
) -> None:
    failed = (*PASSES[1:], finding("has_id", "Q2001", Verdict.FAIL, 2))
    silent = decide(project, answers(findings=failed), governed(make_policy(ABSENT)))
    named = make_policy(replace(ABSENT, covers=("has_id",)))
    covered = decide(project, answers(findings=failed), governed(named))
    assert silent.completeness is None
    assert covered.completeness is Completeness.PARTIAL


def test_the_minimum_content_holds_whatever_the_clauses_say(project: Project) -> None:
    policy = make_policy(ABSENT, minimum=Minimum(sources=("events",)))
    decision = decide(project, answers(), governed(policy))
    assert decision.completeness is None
    assert "P3006" in codes(decision)


def test_an_earlier_day_stands_in_only_up_to_its_age_and_only_if_one_does(
    project: Project,
) -> None:
    clause = replace(ABSENT, substitute=Substitute.LAST_KNOWN, limits=Limits(age=3))
    under = governed(make_policy(clause))
    old = Shortfall(age=3, stands_in=date(2026, 11, 17))
    assert (
        decide(project, answers(short=old, substituted=True), under).completeness
        is Completeness.PARTIAL
    )
    assert decide(project, answers(short=replace(old, age=4)), under).completeness is None
    assert decide(project, answers(short=old, substituted=False), under).completeness is None


@pytest.mark.parametrize("reason", ["R2001", "P3020"])
def test_plan_b_covers_what_cannot_be_proven_or_made(project: Project, reason: str) -> None:
    fault = Clause(id="fault", fault=True, substitute=Substitute.PLAN_B)
    broken = finding("events:raw-curated", "R2001", Verdict.FAIL)
    whole = answers(SealStatus.MATCHED, findings=(PASSES[0], broken, PASSES[2]))
    if reason == "P3020":
        why = Reason(code="P3020", about="full report", sentence="the warehouse is down")
        whole = replace(answers(SealStatus.MATCHED, findings=()), fault=why)
    decision = decide(project, whole, governed(make_policy(fault)))
    assert decision.completeness is Completeness.EMERGENCY
    assert decide(project, whole, governed(make_policy(ABSENT))).completeness is None


@pytest.mark.parametrize("code", ["R1001", "R1002", "R3001", "R3002", "R3003", "R3004", "R5001"])
def test_a_clause_about_a_fault_covers_no_control_no_source_and_no_fault_that_went_unseen(
    project: Project, code: str
) -> None:
    fault = Clause(id="fault", fault=True, substitute=Substitute.PLAN_B)
    verdict = Verdict.FAIL if code in ("R1001", "R3001", "R5001") else Verdict.UNKNOWN
    failed = replace(finding("tie", code, verdict), on_fail=OnFail.HOLD)
    whole = answers(SealStatus.MATCHED, findings=(*PASSES[:2], failed))
    decision = decide(project, whole, governed(make_policy(fault)))
    assert decision.completeness is None
    assert {code, "P3004"} <= codes(decision)


def test_a_control_is_covered_by_the_clause_that_names_it(project: Project) -> None:
    named = Clause(id="tie", check="tie")
    failed = replace(finding("tie", "R3001", Verdict.FAIL, 1), on_fail=OnFail.HOLD)
    whole = answers(SealStatus.MATCHED, findings=(*PASSES[:2], failed))
    decision = decide(project, whole, governed(make_policy(named)))
    assert decision.completeness is Completeness.PARTIAL
    assert [a.clause for a in decision.applied] == ["tie"]


def test_a_share_of_money_that_a_check_fails_is_not_measured_so_nothing_is_within_it(
    project: Project,
) -> None:
    limited = Clause(id="ids", check="has_id", limits=Limits(share=Decimal(50)))
    failed = replace(finding("has_id", "Q2001", Verdict.FAIL, 1), on_fail=OnFail.HOLD)
    whole = answers(SealStatus.MATCHED, findings=(failed, *PASSES[1:]))
    decision = decide(project, whole, governed(make_policy(limited)))
    assert decision.completeness is None
    assert "P3007" in codes(decision)


@pytest.mark.parametrize(
    ("accepted_on", "sending", "holds"),
    [
        (date(2026, 11, 23), Sending.AUTOMATIC, True),
        (date(2026, 11, 24), Sending.AUTOMATIC, False),
        (date(2026, 11, 24), Sending.SIGNED, True),
    ],
)
def test_what_leaves_by_itself_needs_an_acceptance_that_is_given_by_the_due_day(
    accepted_on: date, sending: Sending, holds: bool
) -> None:
    given_ = Acceptance(reference="1", accepted_on=accepted_on, valid_until=date(2027, 1, 1))
    policy = make_policy(ABSENT, acceptance=given_, sending=sending)
    assert policy.holds_on(date(2026, 11, 23)) is holds


def test_a_policy_that_does_not_count_holds_and_says_why(project: Project) -> None:
    expired = Reason(code="P3003", about="events", sentence="ended")
    decision = decide(project, answers(), governed(None, barred=(expired,)))
    assert decision.completeness is None
    assert {"P2002", "P3003"} <= codes(decision)


def _agree(person: str, role: str, digest: str = "a" * 64) -> Approval:
    at = datetime(2026, 2, 1, tzinfo=UTC)
    return Approval(
        subject=Subject.POLICY, name="events", digest=digest, person=person, role=role, at=at
    )


@pytest.mark.parametrize(
    ("given_", "code"),
    [
        ((_agree("Ana", "compliance"), _agree("Luis", "operations")), None),
        ((_agree("Ana", "compliance"),), "P3002"),
        ((_agree("Ana", "compliance"), _agree("Eva", "compliance")), "P3002"),
        ((_agree("Ana", "compliance", "b" * 64), _agree("Luis", "operations")), "P3002"),
    ],
    ids=["both", "one person", "two people of one role", "other bytes"],
)
def test_a_policy_counts_once_everybody_has_signed_these_bytes(
    project: Project, given_: tuple[Approval, ...], code: str | None
) -> None:
    whole = replace(project, policies={"events": make_policy(ABSENT)}, roles=ROLES)
    found = govern(whole, "credit_daily", DAY, approvals=given_, at=DUE, zones=zone)
    assert (found.policy is None) is (code is not None)
    assert [r.code for r in found.barred] == ([code] if code else [])


@pytest.mark.parametrize("until", [date(2026, 11, 22), date(2026, 11, 23)])
def test_a_policy_holds_by_the_due_day_and_not_by_the_day_it_is_asked(
    project: Project, until: date
) -> None:
    whole = replace(
        project, policies={"events": make_policy(ABSENT, valid_until=until)}, roles=ROLES
    )
    signed = (_agree("Ana", "compliance"), _agree("Luis", "operations"))
    later = DUE + timedelta(days=400)
    found = govern(whole, "credit_daily", DAY, approvals=signed, at=later, zones=zone)
    assert (found.policy is not None) is (until >= date(2026, 11, 23))


def test_the_author_of_a_policy_does_not_count_among_those_who_approve_it() -> None:
    given_ = (_agree("Ana", "compliance"), _agree("Luis", "operations"))
    assert missing(BOTH, given_, ROLES, maker="Sara") == ()
    assert missing(BOTH, given_, ROLES, maker="Luis") != ()


def test_the_decision_time_leaves_room_for_what_remains_and_the_reserve(project: Project) -> None:
    found = decide_by(project, "credit_daily", DAY, zone)
    # decide 130, report 250, attest 250, deliver 390 and 40 s of waits; reserve 900 s.
    assert timedelta(minutes=20) < DUE - found < timedelta(minutes=35)


LIMITS = st.tuples(st.integers(0, 20), st.decimals("0", "10", places=2))
MISSING = st.tuples(st.integers(1, 30), st.decimals("0", "12", places=4))


@given(limit=LIMITS, short=MISSING, more=st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_more_that_is_missing_never_turns_a_hold_into_a_partial(
    limit: tuple[int, Decimal], short: tuple[int, Decimal], more: tuple[int, int]
) -> None:
    clause = replace(SHORT, limits=Limits(rows=limit[0], share=limit[1]))
    less = Shortfall(rows=short[0], share=short[1])
    worse = Shortfall(rows=short[0] + more[0], share=short[1] + more[1])
    before, after = (_decided(clause, s) for s in (less, worse))
    assert not (before is None and after is Completeness.PARTIAL)
    assert before is None or (short[0] <= limit[0] and short[1] <= limit[1])


def _decided(clause: Clause, short: Shortfall) -> Completeness | None:
    sealed = answers(SealStatus.MISMATCHED, short)
    reason = Reason(code="P2003", about="events", sentence="short")
    case = Case(
        reasons=(reason,),
        seals=sealed.seals,
        shortfalls=sealed.shortfalls,
        quarantined={},
        findings=(),
    )
    return None if cover(make_policy(clause), case).uncovered else Completeness.PARTIAL
