"""What the watch knows of each reference date: what is owed of it, and how it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from puntual.cli import wiring
from puntual.cli.land import RUN as LANDING
from puntual.model.delivery import Completeness, Delivery, State, Timeliness
from puntual.model.notice import Obligation
from puntual.model.obligation import Owed
from puntual.model.project import Project
from puntual.planner import schedule
from puntual.planner.agenda import OwedDay, Stand
from puntual.planner.calendar import instant
from puntual.planner.obligation import longest_until_due, owed, unmet
from puntual.planner.policy import decide_by
from puntual.ports.journal import Journal, StepEvent
from puntual.project.zones import zone
from puntual.runner import acknowledge
from puntual.runner.refused import REFUSED

BACK = timedelta(days=31)
"""Due days that are looked back over; what was due before them is a person's."""

_MISSED = Timeliness.MISSED
_SENT = frozenset({State.SENT, State.ACCEPTED, State.REJECTED, State.SUPERSEDED})


class Table:
    """
    The obligations of a project, each day worked out once.

    What was seen before it was due stays owed, though nothing of it may ever get on record.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self._days: dict[tuple[date, tuple[str, ...]], OwedDay] = {}
        self._owed: tuple[date, tuple[Owed, ...]] | None = None
        self._seen: set[Obligation] = set()

    def days(self, journal: Journal, now: datetime) -> tuple[OwedDay, ...]:
        """
        Return the reference dates that have begun and are owed, oldest first.

        A date of which nothing is on record and that is past is there only since the report is
        owed: since its `owed_from`, or since the first date on record (`puntual status`).
        """
        today = now.astimezone(zone(self.project.time_zone)).date()
        known = journal.deliveries()
        terms = {name: report.terms for name, report in self.project.reports.items()}
        since: dict[str, date] = {}
        for delivery in known:
            name, day = delivery.id.report, delivery.id.reference_date
            since[name] = min(since.get(name, day), day)
        since |= {n: t.owed_from for n, t in terms.items() if t.owed_from is not None}
        every = self._owed_by(today)
        on_record = {(d.id.report, d.id.reference_date) for d in known}
        standing = (o if now <= o.due_at else replace(o, timeliness=_MISSED) for o in every)
        missing = {o.obligation for o in unmet(standing, (), since)}
        self._seen |= {o.obligation for o in every if now <= o.due_at and o.obligation in missing}
        missing |= self._seen
        by_day: dict[date, list[str]] = {}
        for one in every:
            key = (one.obligation.report, one.obligation.reference_date)
            if key in on_record or one.obligation in missing:
                by_day.setdefault(key[1], []).append(key[0])
        return tuple(self._day(day, tuple(sorted(by_day[day]))) for day in sorted(by_day))

    def _owed_by(self, today: date) -> tuple[Owed, ...]:
        """Return what is due in the days looked back over or later, none of it missed yet."""
        if self._owed is None or self._owed[0] != today:
            begins = datetime.min.replace(tzinfo=UTC)
            terms = (report.terms for report in self.project.reports.values())
            # Looked back from the due day: a month's report may be due a month after its date.
            first = today - BACK - max(map(longest_until_due, terms), default=timedelta())
            found = owed(self.project, first, today, begins, zones=zone)
            self._owed = (today, tuple(o for o in found if o.due_at.date() >= today - BACK))
        return self._owed[1]

    def _day(self, day: date, reports: tuple[str, ...]) -> OwedDay:
        found = self._days.get((day, reports))
        if found is None:
            found = self._days[(day, reports)] = _owed_day(self.project, day, reports)
        return found


def stand_of(
    root: Path, journal: Journal, day: OwedDay, known: Iterable[Delivery], tried: Stand
) -> Stand:
    """
    Return how a day stands.

    Args:
        root: The project's folder.
        journal: What happened.
        day: Which.
        known: Its deliveries, newest version first.
        tried: What this watch has itself begun, which may have died before it wrote anything.
    """
    newest: dict[str, Delivery] = {}
    for delivery in known:
        if delivery.state in _SENT:
            newest.setdefault(delivery.id.report, delivery)
    sent = {name: d.completeness is Completeness.FULL for name, d in newest.items()}
    done = {name for name, full in sent.items() if full}
    waiting = day.due.keys() - sent.keys()
    given_up = _told_otherwise(root, day, waiting) if waiting else set()
    # Every run begins by landing, or is refused; other events, such as a signature, are no run.
    steps = journal.steps(day.reference_date)
    landed = [e for e in steps if e.step.startswith("land:")]
    runs = [e for e in landed if not _is_landing(e)] + [e for e in steps if e.outcome == REFUSED]
    return Stand(
        done=frozenset(done | given_up),
        given_up=frozenset(given_up),
        partly=frozenset(n for n, full in sent.items() if not full and n in day.due),
        ran_at=_newest(_began(runs), tried.ran_at),
        landed_at=_newest(_began(landed), tried.landed_at),
    )


def _owed_day(project: Project, day: date, reports: tuple[str, ...]) -> OwedDay:
    due = {
        one.obligation.report: one.due_at.astimezone(UTC)
        for one in owed(project, day, day, datetime.min.replace(tzinfo=UTC), zones=zone)
        if one.obligation.report in reports
    }
    return OwedDay(
        reference_date=day,
        begins_at=instant(day, time(0, 0), zone(project.time_zone)).astimezone(UTC),
        starts_at=schedule.start(project, reports, day, zone),
        due=due,
        decide_by={n: decide_by(project, n, day, zone).astimezone(UTC) for n in due},
    )


def _told_otherwise(root: Path, day: OwedDay, reports: Iterable[str]) -> set[str]:
    """Return the reports of which a person has said that they are not to be tried again."""
    found = set()
    with wiring.open_store(root) as store:
        for name in reports:
            records = acknowledge.records(store, name, day.reference_date)
            if records and not records[-1].retry:
                found.add(name)
    return found


def _is_landing(event: StepEvent) -> bool:
    return event.run.startswith(LANDING)


def _began(events: Iterable[StepEvent]) -> datetime | None:
    """Return when the last of the runs began, nearly: when its first step, or it, had ended."""
    first: dict[str, datetime] = {}
    for event in events:
        first.setdefault(event.run, event.at)
    return max(first.values(), default=None)


def _newest(one: datetime | None, other: datetime | None) -> datetime | None:
    known = [at for at in (one, other) if at is not None]
    return max(known, default=None)


def began(tried: Stand, now: datetime, *, is_run: bool) -> Stand:
    """Return what this watch has itself begun, with one more."""
    return replace(tried, landed_at=now, ran_at=now if is_run else tried.ran_at)
