"""A measurement becomes a finding; what was not measured is not a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import pytest

from puntual.checks.judge import judge
from puntual.model.check import (
    AcceptedValues,
    Check,
    Fresh,
    NotNull,
    OnFail,
    Reference,
    RowRule,
    Rule,
    Severity,
    SqlRows,
    SumEquals,
    Unique,
)
from puntual.model.finding import Place, Verdict


@dataclass(frozen=True, kw_only=True)
class Found:
    rows: int
    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    sample: tuple[Place, ...] = ()
    observed: str = ""


def make_check(rule: Rule = NotNull(columns=("client_id",)), description: str = "") -> Check:  # noqa: B008
    return Check(
        id="client_exists",
        dataset="credits",
        rule=rule,
        severity=Severity.WARN,
        on_fail=OnFail.QUARANTINE,
        basis="CUB art. 207",
        description=description,
    )


def test_no_offending_row_is_a_pass() -> None:
    finding = judge(make_check(), Found(rows=0), 1000)
    assert (finding.code, finding.verdict) == ("Q2001", Verdict.PASS)
    assert (finding.expected, finding.observed) == ("0 rows", "0 of 1,000 rows")


def test_an_offending_row_is_a_failure_with_its_count_sums_and_places() -> None:
    place = Place(object="0123456789ab", position=7)
    found = Found(rows=14, amounts={"amount": Decimal("2.00")}, sample=(place,))
    finding = judge(make_check(), found, 1_990_412)
    assert finding.verdict is Verdict.FAIL
    assert finding.observed == "14 of 1,990,412 rows, amount 2.00"
    assert (finding.rows, finding.amounts, finding.sample) == (14, found.amounts, (place,))
    assert (finding.severity, finding.on_fail) == (Severity.WARN, OnFail.QUARANTINE)
    assert finding.basis == "CUB art. 207"


def test_an_unmeasured_rule_is_not_a_pass() -> None:
    finding = judge(make_check(), None, 1000)
    assert (finding.code, finding.verdict, finding.rows) == ("Q2002", Verdict.UNKNOWN, None)


def test_a_row_rule_on_an_empty_dataset_says_that_it_was_measured_on_nothing() -> None:
    finding = judge(make_check(), Found(rows=0), 0)
    assert (finding.verdict, finding.observed) == (Verdict.PASS, "0 rows, measured on 0 rows")


@pytest.mark.parametrize(
    "rule",
    [Fresh(column="at", max_age=timedelta(hours=24)), SumEquals(column="amount", query="SELECT 0")],
)
def test_a_rule_about_values_has_no_answer_on_an_empty_dataset(rule: Rule) -> None:
    finding = judge(make_check(rule), Found(rows=0), 0)
    assert (finding.code, finding.verdict) == ("Q2002", Verdict.UNKNOWN)


def test_what_the_engine_observed_is_kept_where_the_answer_is_no_row() -> None:
    rule = SumEquals(column="amount", query="SELECT 1")
    finding = judge(make_check(rule), Found(rows=1, observed="12.00 against 12.01"), 5)
    assert (finding.verdict, finding.observed) == (Verdict.FAIL, "12.00 against 12.01")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (NotNull(columns=("a", "b")), "a, b of credits must not be null"),
        (Unique(columns=("a", "b")), "(a, b) of credits must be unique"),
        (AcceptedValues(column="kind", values=("A", "B")), "kind of credits must be one of A, B"),
        (Reference(column="a", dataset="d", to_column="c"), "a of credits must stand in d.c"),
        (RowRule(expression="a > 0"), "every row of credits must satisfy a > 0"),
        (SqlRows(sql="SELECT 1", file="checks/x.sql"), "checks/x.sql must return no row"),
        (
            Fresh(column="at", max_age=timedelta(hours=24)),
            "the newest at must lie within 24 hours before the end of the day",
        ),
        (SumEquals(column="a", query=""), "the sum of a must equal its control query"),
    ],
)
def test_every_rule_says_what_it_demands(rule: Rule, words: str) -> None:
    assert judge(make_check(rule), None, None).message == f"client_exists has no answer: {words}"


def test_a_description_speaks_in_place_of_the_rule() -> None:
    check = make_check(description="Every credit has a client.")
    assert judge(check, Found(rows=1), None).message == (
        "client_exists failed: Every credit has a client"
    )
