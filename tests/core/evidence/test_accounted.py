"""Which exceptions of a version the next one resolves, and how near plan B is said to have come."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from puntual.evidence.accounted import recorded, resolved, since
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


MORNING, NOON, NIGHT = (f"2026-03-03T{hour}:00:00+00:00" for hour in (11, 18, 23))


def test_an_exception_is_as_old_as_the_first_decision_that_recorded_it() -> None:
    first, _ = since(QUARANTINED, (), MORNING)
    assert [e.first_seen for e in first] == [MORNING, MORNING]
    again, gone = since(QUARANTINED, recorded(first), NIGHT)
    assert (again, gone) == (first, ())


def test_an_exception_that_went_and_came_back_is_as_old_as_it_was() -> None:
    first, _ = since(QUARANTINED, (), MORNING)
    less, gone = since(QUARANTINED[1:], recorded(first), NOON)
    assert [(g.about, g.reason, g.at) for g in gone] == [("cards", "amount: no number", MORNING)]
    back, none = since(QUARANTINED, (*gone, *recorded(less)), NIGHT)
    assert [e.first_seen for e in back] == [MORNING, MORNING]
    assert none == ()


def test_two_entries_of_one_subject_that_nothing_tells_apart_are_equally_old() -> None:
    two = tuple(Entry(kind=ExceptionClass.REFUSED, about="f", code="S2003") for _ in range(2))
    first, _ = since(two, (), MORNING)
    again, _ = since(two, recorded(first), NIGHT)
    assert [e.first_seen for e in again] == [MORNING, MORNING]


def test_a_gap_noticed_before_its_decision_keeps_that_hour_and_an_unwritten_one_stays_so() -> None:
    gap = Entry(kind=ExceptionClass.ABSENT, about="cards", first_seen=MORNING)
    assert since((gap,), (), NOON)[0] == (gap,)
    older = recorded((replace(gap, first_seen=""), QUARANTINED[0]))  # by an earlier program
    found, _ = since((gap, QUARANTINED[0]), older, NOON)
    assert [e.first_seen for e in found] == [MORNING, ""]


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
