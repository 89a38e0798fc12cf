"""Which exceptions of a version the next one resolves, and how near plan B is said to have come."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from puntual.evidence.accounted import resolved
from puntual.evidence.exceptions import Entry, ExceptionClass
from puntual.runner.emergency import near

QUARANTINED = (
    Entry(kind=ExceptionClass.QUARANTINED, about="cards", reason="amount: no number", rows=5),
    Entry(kind=ExceptionClass.QUARANTINED, about="cards", reason="date: no date", rows=7),
)


def test_of_two_reasons_to_set_rows_aside_the_one_that_is_gone_is_resolved() -> None:
    assert [r.id for r in resolved(QUARANTINED, QUARANTINED[1:])] == ["E-001"]
    assert resolved(QUARANTINED, QUARANTINED) == ()


def test_a_source_that_is_short_by_fewer_rows_is_still_short() -> None:
    three, one = (
        Entry(kind=ExceptionClass.MISMATCHED, about="cards", reason=f"{n} rows are missing")
        for n in (3, 1)
    )
    assert resolved((three,), (one,)) == ()
    assert [r.id for r in resolved((three,), ())] == ["E-001"]


def test_a_day_on_which_plan_b_failed_is_named_and_the_number_of_lines_is_compared() -> None:
    days = [date(2026, 2, 25), date(2026, 2, 27)]
    found = near(
        {"total": [(d, Decimal(0)) for d in days], "*": [(d, Decimal(d.day - 25)) for d in days]},
        [date(2026, 2, 26)],
    )
    assert [(a.column, a.days, a.worst, a.failed) for a in found] == [
        ("*", 2, "2", (date(2026, 2, 26),)),
        ("total", 2, "0", ()),
    ]


def test_a_plan_b_that_has_only_ever_failed_says_so() -> None:
    (only,) = near({}, [date(2026, 2, 26)])
    assert (only.column, only.days, only.worst, only.failed) == ("*", 0, "", (date(2026, 2, 26),))
    assert near({}, []) == ()
