"""When the watch lands, runs, decides and speaks: from the table and the moment alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from puntual.model.notice import AT_RISK, MISSED, MISSED_START
from puntual.planner.agenda import (
    OwedDay,
    Stand,
    causes,
    instants,
    next_landing,
    next_run,
    wake,
)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}:00+00:00")


DAY = OwedDay(
    reference_date=date(2026, 11, 20),
    begins_at=_at("20T06:00"),
    starts_at=_at("23T08:00"),
    due={"list": _at("23T13:00"), "report": _at("23T14:00")},
    decide_by={"list": _at("23T12:40"), "report": _at("23T13:40")},
)
NEW = Stand()
QUARTER = timedelta(minutes=15)


def _ran(text: str, *done: str) -> Stand:
    return Stand(ran_at=_at(text), landed_at=_at(text), done=frozenset(done))


@pytest.mark.parametrize(
    ("stand", "expected"),
    [
        pytest.param(NEW, "23T08:00", id="at its hour"),
        pytest.param(_ran("20T20:00"), "23T08:00", id="a run by hand before does not replace it"),
        pytest.param(_ran("23T08:00"), "23T08:10", id="again while it is not delivered"),
        pytest.param(_ran("23T12:35"), "23T12:40", id="at the moment of decision"),
        pytest.param(_ran("23T12:40"), "23T12:45", id="the run that decided may have failed"),
        pytest.param(_ran("23T13:35", "list"), "23T13:40", id="of what is left"),
        pytest.param(_ran("23T12:35", "report"), "23T12:40", id="not for what is delivered"),
        pytest.param(_ran("23T13:10"), "23T13:20", id="one is late, one is not"),
        pytest.param(_ran("23T14:00"), "23T15:00", id="all are late: it is still made"),
        pytest.param(_ran("23T08:00", "list", "report"), None, id="delivered"),
        pytest.param(
            replace(_ran("23T13:40", "list"), partly=frozenset({"report"})),
            "23T14:40",
            id="sent in part: what is missing may come",
        ),
    ],
)
def test_a_day_is_run_next(stand: Stand, expected: str | None) -> None:
    assert next_run(DAY, stand) == (_at(expected) if expected else None)


def test_a_run_that_decides_and_fails_is_followed_by_another_however_seldom_the_day_is_run() -> (
    None
):
    seldom = timedelta(hours=2)
    assert next_run(DAY, _ran("23T12:40", "report"), seldom) == _at("23T12:45")
    assert next_run(DAY, _ran("23T12:30", "report"), seldom) == _at("23T12:40")
    assert next_run(DAY, _ran("23T13:00", "report"), seldom) == _at("23T14:00")


@pytest.mark.parametrize(
    ("stand", "expected"),
    [
        pytest.param(NEW, "20T06:00", id="from the first instant of the day"),
        pytest.param(Stand(landed_at=_at("21T10:00")), "21T10:15", id="every so often"),
        pytest.param(Stand(landed_at=_at("23T07:50")), None, id="not after the run has started"),
        pytest.param(replace(NEW, done=frozenset(DAY.due)), None, id="not when all is delivered"),
    ],
)
def test_a_day_is_landed_before_its_run(stand: Stand, expected: str | None) -> None:
    assert next_landing(DAY, stand, QUARTER) == (_at(expected) if expected else None)


def test_without_an_interval_nothing_is_landed_before_the_run() -> None:
    assert next_landing(DAY, NEW, timedelta(0)) is None


@pytest.mark.row("f70", "f71")
@pytest.mark.parametrize(
    ("stand", "now", "expected"),
    [
        pytest.param(NEW, "23T08:05", set(), id="its hour has just struck"),
        pytest.param(
            NEW, "23T08:06", {("list", MISSED_START), ("report", MISSED_START)}, id="it slept"
        ),
        pytest.param(_ran("23T08:00"), "23T12:39", set(), id="there is time"),
        pytest.param(_ran("23T08:00"), "23T12:40", set(), id="the run that decides comes first"),
        pytest.param(_ran("23T12:40"), "23T12:40", {("list", AT_RISK)}, id="it did not deliver"),
        pytest.param(_ran("23T08:00"), "23T12:46", {("list", AT_RISK)}, id="nothing has decided"),
        pytest.param(_ran("23T12:50"), "23T13:00", {("list", AT_RISK)}, id="due, and not past it"),
        pytest.param(
            _ran("23T13:45"), "23T13:50", {("list", MISSED), ("report", AT_RISK)}, id="each its own"
        ),
        pytest.param(_ran("23T08:00", "list"), "23T13:30", set(), id="delivered is not at risk"),
    ],
)
def test_what_is_told_of_a_day(stand: Stand, now: str, expected: set[tuple[str, str]]) -> None:
    assert set(causes(DAY, stand, _at(now))) == expected


def test_it_wakes_for_the_first_thing_to_do_and_never_sleeps_too_long() -> None:
    found = list(instants(DAY, _ran("23T08:00"), QUARTER))
    assert wake(found, _at("23T08:01"), timedelta(hours=1)) == _at("23T08:10")
    assert wake(found, _at("23T08:01"), timedelta(minutes=1)) == _at("23T08:02")
    assert wake([], _at("23T08:01"), timedelta(minutes=1)) == _at("23T08:02")


def test_the_moment_after_due_is_one_to_wake_for() -> None:
    moments = list(instants(DAY, _ran("23T12:55"), QUARTER))
    assert _at("23T13:00") + timedelta(seconds=1) in moments
    assert all(at.tzinfo is UTC for at in moments)
