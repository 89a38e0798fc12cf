"""When a day of files came, by its landings; a branch that is missing is told before the run."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

from support.landing import CALENDAR

from puntual.landing.observed import files
from puntual.model.source import FileSource, Marker, NoControl
from puntual.planner.arrivals import Cause, Verdict, assess
from puntual.planner.curve import Arrived, Curve
from puntual.ports.journal import FILES, StepEvent

FIRST = date(2026, 3, 2)
BRANCHES = ("001", "002", "003")
SOURCE = FileSource(
    name="pay",
    pattern="in/pay_{reference_date:%Y%m%d}*.csv",
    complete=Marker(suffix=".ok"),
    control=NoControl(reason="a test"),
)


def landing(day: date, hour: int, minute: int = 0, *branches: str) -> StepEvent:
    """Return what the journal holds of a landing that found 20 records in each branch's file."""
    named = {f"in/pay_{day:%Y%m%d}_{branch}.csv": 20 for branch in branches}
    return StepEvent(
        run="r",
        reference_date=day,
        step="land:pay",
        outcome="done" if branches else "skipped",
        seconds=0.1,
        at=datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC),
        summary="",
        facts={FILES: json.dumps(named)} if branches else {},
    )


def came(day: date, *landings: StepEvent) -> Arrived | None:
    return files(landings, SOURCE, day, UTC)


def test_a_file_came_when_a_landing_first_found_it_whole_and_later_ones_leave_that() -> None:
    found = came(
        FIRST,
        landing(FIRST, 18, 0, "001"),
        landing(FIRST, 19, 30, "001", "002"),
        landing(FIRST, 23),
    )
    assert found is not None
    assert found.curve == Curve(minutes=(18 * 60, 19 * 60 + 30), sums=(20, 40))
    assert {name: one.minutes for name, one in found.parts["file"].items()} == {
        "in/pay_*_001.csv": (18 * 60,),
        "in/pay_*_002.csv": (19 * 60 + 30,),
    }


def test_a_file_that_was_withdrawn_did_not_come() -> None:
    found = came(FIRST, landing(FIRST, 18, 0, "001", "002"), landing(FIRST, 19, 0, "001"))
    assert found is not None
    assert found.curve == Curve(minutes=(18 * 60,), sums=(20,))


def test_a_day_of_which_no_landing_is_known_has_no_curve() -> None:
    assert came(FIRST) is None
    assert came(FIRST, landing(FIRST, 18)) is None


def test_a_branch_whose_file_does_not_come_is_named_hours_before_the_run() -> None:
    history: list[Arrived] = []
    day = FIRST
    while len(history) < 8:
        if day.isoweekday() < 6:
            found = came(day, landing(day, 18, 0, *BRANCHES))
            assert found is not None
            history.append(found)
        day += timedelta(days=1)
    today = came(day, landing(day, 18, 0, *BRANCHES[:2]))
    assert today is not None
    at = datetime(day.year, day.month, day.day, 20, tzinfo=UTC)
    said = assess(history, today, at, CALENDAR)
    assert (said.verdict, said.cause) == (Verdict.PART_MISSING, Cause.PART_MISSING)
    assert said.missing == ("file=in/pay_*_003.csv",)
    assert assess(history[:3], today, at, CALENDAR).verdict is Verdict.NO_HISTORY
