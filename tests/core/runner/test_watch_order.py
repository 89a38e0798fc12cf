"""What the watch begins first when several days wait for it, and what it tells and takes back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import pytest

from puntual.model.check import Severity
from puntual.model.notice import Notice, Obligation
from puntual.planner.agenda import OwedDay, Stand
from puntual.runner.watch import Watch, Work

TODAY = date(2026, 11, 26)
REPORT = "credit_daily"
NEVER = datetime(2027, 1, 1, tzinfo=UTC)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}:00+00:00")


class _Clock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0


class _Notices:
    """Keeps what is open, once for each obligation and cause, and what was resolved."""

    def __init__(self) -> None:
        self.opened: list[Notice] = []
        self.resolved: list[tuple[str, str]] = []

    def open(
        self, obligation: Obligation, cause: str, severity: Severity, text: str, at: datetime
    ) -> bool:
        if any((n.obligation, n.cause) == (obligation, cause) for n in self.opened):
            return False
        self.opened.append(
            Notice(obligation=obligation, cause=cause, severity=severity, text=text, opened_at=at)
        )
        return True

    def resolve(self, obligation: Obligation, cause: str, at: datetime, ended: str = "") -> bool:
        here = [n for n in self.opened if (n.obligation, n.cause) == (obligation, cause)]
        self.opened = [n for n in self.opened if n not in here]
        self.resolved += [(str(n.obligation), n.cause) for n in here]
        return bool(here)

    def open_ones(self, obligation: Obligation | None = None) -> tuple[Notice, ...]:
        return tuple(n for n in self.opened if obligation in (None, n.obligation))


@dataclass
class _Place:
    """Days that are due at 07:00 of the next one; every run takes some minutes of the clock."""

    clock: _Clock
    stands: dict[date, Stand]
    takes: timedelta
    delivers: frozenset[date] = frozenset({TODAY})
    begun: list[tuple[str, datetime, date]] = field(default_factory=list)
    endings: dict[Obligation, str] = field(default_factory=dict)
    prolonged_at: datetime = NEVER

    def table(self, now: datetime) -> tuple[tuple[OwedDay, Stand], ...]:
        return tuple((_day(d), self.stands[d]) for d in sorted(self.stands))

    def begin(self, work: Work, now: datetime) -> None:
        self.begun.append((work.command, now, work.day))
        if work.command == "run":
            done = frozenset({REPORT}) if work.day in self.delivers else frozenset[str]()
            stand = self.stands[work.day]
            self.stands[work.day] = replace(stand, done=done, ran_at=now, landed_at=now)
            self.clock.at = now + self.takes

    def busy(self) -> bool:
        return False

    def foresee(self, day: OwedDay, landed: datetime) -> dict[str, str]:
        return {}

    def ended(self, now: datetime) -> dict[Obligation, str]:
        return self.endings if now < self.prolonged_at else {}

    def text(self, cause: str, report: str, day: OwedDay, now: datetime) -> str:
        return cause

    def tell(self) -> Iterable[datetime]:
        return ()

    def sleep(self, until: datetime) -> None:
        self.clock.at = until

    def stopping(self) -> bool:
        return False


def _day(day: date) -> OwedDay:
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return OwedDay(
        reference_date=day,
        begins_at=end - timedelta(days=1),
        starts_at=end + timedelta(hours=2),
        due={REPORT: end + timedelta(hours=7)},
        decide_by={REPORT: end + timedelta(hours=6, minutes=30)},
    )


def _kept(place: _Place, until: datetime) -> _Notices:
    notices = _Notices()
    Watch(place=place, notices=notices, clock=place.clock, every=timedelta()).keep(until)
    return notices


def _old(days: int, stand: Stand) -> dict[date, Stand]:
    return {TODAY - timedelta(days=n): stand for n in range(1, days + 1)}


LATE = Stand(ran_at=_at("26T23:00"), landed_at=_at("26T23:00"))
PARTLY = replace(LATE, partly=frozenset({REPORT}))


@pytest.mark.parametrize("stand", [LATE, PARTLY], ids=["late", "sent in part"])
@pytest.mark.parametrize("minutes", [5, 20, 30])
def test_todays_run_starts_at_its_hour_however_many_old_days_are_open(
    stand: Stand, minutes: int
) -> None:
    clock = _Clock(_at("27T01:00"))
    place = _Place(clock, _old(12, stand) | {TODAY: Stand()}, timedelta(minutes=minutes))
    notices = _kept(place, _at("27T09:00"))
    assert [at for _, at, day in place.begun if day == TODAY] == [_at("27T02:00")]
    # The old ones have their turn all the same.
    assert {day for _, _, day in place.begun} >= set(_old(12, stand))
    today = [n.cause for n in notices.opened if n.obligation.reference_date == TODAY]
    assert today == []


def test_nothing_late_is_begun_in_the_half_hour_before_a_decision_so_that_it_is_taken_in_time() -> (
    None
):
    clock = _Clock(_at("27T05:00"))
    held = Stand(ran_at=_at("27T04:55"), landed_at=_at("27T04:55"))
    place = _Place(
        clock, _old(12, LATE) | {TODAY: held}, timedelta(minutes=30), delivers=frozenset()
    )
    _kept(place, _at("27T07:00"))
    decided = [at for _, at, day in place.begun if day == TODAY and at >= _at("27T06:00")]
    assert decided[0] == _at("27T06:00")
    assert [day for _, at, day in place.begun if at >= _at("27T06:00")] == [TODAY] * len(decided)


def test_of_two_days_in_time_the_one_that_is_due_first_is_run_first() -> None:
    clock = _Clock(_at("27T02:00"))
    month = date(2026, 10, 31)  # a month's report that is due late in November
    place = _Place(clock, {month: Stand(), TODAY: Stand()}, timedelta(minutes=5))
    slow = replace(
        _day(month),
        starts_at=_at("27T02:00"),
        due={REPORT: _at("27T09:00")},
        decide_by={REPORT: _at("27T08:30")},
    )
    days = {month: slow}
    place.table = lambda now: tuple(  # type: ignore[method-assign]
        (days.get(d, _day(d)), place.stands[d]) for d in sorted(place.stands)
    )
    place.delivers = frozenset({TODAY, month})
    _kept(place, _at("27T03:00"))
    assert [day for _, _, day in place.begun] == [TODAY, month]


def test_a_calendar_that_ended_is_told_once_to_operations_and_resolved_when_it_is_prolonged() -> (
    None
):
    unknown = Obligation(report=REPORT, reference_date=date(2027, 1, 1))
    place = _Place(
        _Clock(_at("27T10:00")),
        {},
        timedelta(minutes=5),
        endings={unknown: "the calendar has ended"},
        prolonged_at=_at("27T12:00"),
    )
    before = _kept(place, _at("27T11:00"))
    assert [(str(n.obligation), n.cause, n.severity) for n in before.opened] == [
        ("credit_daily/2027-01-01", "calendar_ended", Severity.ERROR)
    ]
    notices = before
    Watch(place=place, notices=notices, clock=place.clock, every=timedelta()).keep(_at("27T12:01"))
    assert notices.resolved == [("credit_daily/2027-01-01", "calendar_ended")]


DELIVERED = replace(LATE, done=frozenset({REPORT}))
GIVEN_UP = replace(DELIVERED, given_up=frozenset({REPORT}))


@pytest.mark.parametrize(
    ("stand", "still_open"),
    [
        (DELIVERED, {"rejected", "plan_b"}),
        (PARTLY, {"rejected", "plan_b", "not_full"}),
        (GIVEN_UP, {"rejected", "plan_b", "not_full", "not_allowed", "held", "T4003"}),
        (LATE, {"rejected", "plan_b", "not_full", "not_allowed", "held", "T4003", "missed"}),
    ],
    ids=["delivered", "in part", "given up", "not delivered"],
)
def test_what_a_run_that_sent_the_report_could_not_resolve_any_more_the_watch_resolves(
    stand: Stand, still_open: set[str]
) -> None:
    now = _at("27T08:00")
    place = _Place(_Clock(now), {TODAY: stand}, timedelta(), delivers=frozenset())
    notices = _Notices()
    of_runs = ("rejected", "plan_b", "not_full", "not_allowed", "held", "T4003")
    for cause in (*of_runs, "missed", "arrivals:cards"):
        obligation = Obligation(report=REPORT, reference_date=TODAY)
        notices.open(obligation, cause, Severity.ERROR, cause, now)

    Watch(place=place, notices=notices, clock=place.clock, every=timedelta()).keep(now)

    found = {n.cause for n in notices.open_ones()}
    assert found == still_open
