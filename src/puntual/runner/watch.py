"""
The watch: looks at what is owed, starts what is due, says what threatens; and sleeps.

It holds no state that matters: a watch that is killed goes on from the journal. What is due is
`planner.agenda`'s answer, what is told is kept by `Notices`, the work is done by child processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol

from puntual.model.check import Severity
from puntual.model.notice import (
    ARRIVALS,
    AT_RISK,
    CALENDAR_ENDED,
    MISSED,
    MISSED_START,
    NOT_FULL,
    REJECTED,
    UNSIGNED,
    Obligation,
)
from puntual.planner.agenda import (
    AGAIN,
    OwedDay,
    Stand,
    Urgency,
    causes,
    instants,
    is_kept_clear,
    next_landing,
    next_run,
    open_reports,
    urgency,
    wake,
)
from puntual.planner.flow import PLAN_B
from puntual.ports.clock import Clock
from puntual.ports.notices import Notices

LONGEST_SLEEP = timedelta(minutes=1)
"""So long a stop of the machine, a new route or a changed calendar goes unseen."""

WATCHED = frozenset({AT_RISK, MISSED, MISSED_START})
OUTLASTING = frozenset({REJECTED, CALENDAR_ENDED, PLAN_B})
"""What is not over when the report is delivered."""

_OF_PART = frozenset({NOT_FULL, UNSIGNED})
"""What is not over when the report was sent in part: that, and a full version to be signed."""

_ENDED = {
    AT_RISK: "no longer at risk",
    MISSED: "no longer missed",
    MISSED_START: "its run has begun",
}
_OVERTAKEN = "not delivered: it is due, and missed"
"""What ends an alert of the time before the report was due."""

_SEVERITY = {AT_RISK: Severity.ERROR, MISSED: Severity.ERROR, MISSED_START: Severity.WARN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """
    What is begun for a day.

    Attributes:
        command: `run` or `land`.
        day: The reference date.
    """

    command: str
    day: date


class Place(Protocol):
    """The world of a watch: its table, its children, its words."""

    def table(self, now: datetime) -> tuple[tuple[OwedDay, Stand], ...]:
        """Return the days that are owed and have begun, oldest first, with how each stands."""

    def begin(self, work: Work, now: datetime) -> None:
        """Begin a child; on a clock that stands still it has ended when this returns."""

    def busy(self) -> bool:
        """Say whether a child is running; hear of one that has ended."""

    def foresee(self, day: OwedDay, landed: datetime) -> dict[str, str]:
        """Return source → sentence for each that was not on its way when it was landed."""

    def ended(self, now: datetime) -> Mapping[Obligation, str]:
        """Return what nobody knows to be owed, for its calendar has ended, with its words."""

    def text(self, cause: str, report: str, day: OwedDay, now: datetime) -> str:
        """Return the words of a notice of the watch."""

    def tell(self) -> Iterable[datetime]:
        """Send what is due to people; return when something is to be sent again."""

    def sleep(self, until: datetime) -> None:
        """Sleep, at most so long; less when a child ends or the watch is to stop."""

    def stopping(self) -> bool:
        """Say whether the watch is to stop."""


@dataclass(slots=True, kw_only=True)
class Watch:
    """
    A watch at its place.

    Attributes:
        place: The world.
        notices: What people are told.
        clock: The time.
        every: Between two landings before a run; zero: none.
        again: Between two runs of a day that is not delivered and not late.
        longest: The longest sleep.
    """

    place: Place
    notices: Notices
    clock: Clock
    every: timedelta
    again: timedelta = AGAIN
    longest: timedelta = LONGEST_SLEEP
    _looked: dict[date, datetime] = field(default_factory=dict)

    def keep(self, until: datetime | None, *, once: bool = False) -> None:
        """
        Watch until told to stop.

        Args:
            until: UTC; at the latest then. None: until it is stopped.
            once: Do what is due now, and stop.

        Raises:
            PermanentError: T1001, T1002, T1003, T2004 the journal cannot be written.
            TransientError: T2002.
        """
        while not self.place.stopping():
            now = self.clock.now()
            found = self._pass(now)
            again = tuple(self.place.tell())
            if (until is not None and now >= until) or (once and not self._due(found, now)):
                return
            moments = [
                at for day, stand in found for at in instants(day, stand, self.every, self.again)
            ]
            ends = () if until is None else (until,)
            if not self._due(found, now) or self.place.busy():
                self.place.sleep(wake((*moments, *again, *ends), now, self.longest))

    def _pass(self, now: datetime) -> tuple[tuple[OwedDay, Stand], ...]:
        """Say what is to be said, then begin what is due; one child at a time."""
        for day, stand in self.place.table(now):
            self._say(day, stand, now)
        self._say_ended(now)
        if not self.place.busy():
            due = self._due(self.place.table(now), now)
            if due:
                self.place.begin(due[0], now)
                self._looked.pop(due[0].day, None)
        after = self.place.table(now)
        for day, stand in after:
            self._say(day, stand, now)
            self._foresee(day, stand, now)
        return after

    def _due(self, found: tuple[tuple[OwedDay, Stand], ...], now: datetime) -> list[Work]:
        """Return what is to be begun now, the most urgent first; see `planner.agenda.urgency`."""
        due: list[tuple[Urgency, datetime, Work]] = []
        clear = is_kept_clear(found, now)
        for day, stand in found:
            run_at, land_at = next_run(day, stand, self.again), next_landing(day, stand, self.every)
            if run_at is not None and run_at <= now:
                how, by = urgency(day, stand, now)
                if how is Urgency.IN_TIME or not clear:
                    due.append((how, by, Work(command="run", day=day.reference_date)))
            elif land_at is not None and land_at <= now < day.starts_at:
                work = Work(command="land", day=day.reference_date)
                due.append((Urgency.LANDING, day.starts_at, work))
        return [work for _, _, work in sorted(due, key=lambda d: (d[0], d[1], d[2].day))]

    def _say(self, day: OwedDay, stand: Stand, now: datetime) -> None:
        """Open what holds and resolve what no longer does, of the causes that are the watch's."""
        holds = set(causes(day, stand, now))
        for report in open_reports(day, stand):
            obligation = Obligation(report=report, reference_date=day.reference_date)
            for cause in sorted(WATCHED):
                if (report, cause) in holds:
                    text = self.place.text(cause, report, day, now)
                    self.notices.open(obligation, cause, _SEVERITY[cause], text, now)
                else:
                    overtaken = cause == AT_RISK and now > day.due[report]
                    ended = _OVERTAKEN if overtaken else _ENDED[cause]
                    self.notices.resolve(obligation, cause, now, ended)
        for report in sorted(day.due.keys() - set(open_reports(day, stand))):
            obligation = Obligation(report=report, reference_date=day.reference_date)
            left = OUTLASTING | (_OF_PART if report in stand.partly else frozenset())
            self._over(obligation, now, left=None if report in stand.given_up else left)

    def _say_ended(self, now: datetime) -> None:
        """Open that a calendar has ended; resolve it when it is prolonged."""
        ended = self.place.ended(now)
        for obligation in sorted(ended, key=str):
            text = ended[obligation]
            self.notices.open(obligation, CALENDAR_ENDED, Severity.ERROR, text, now)
        for notice in self.notices.open_ones():
            if notice.cause == CALENDAR_ENDED and notice.obligation not in ended:
                self.notices.resolve(
                    notice.obligation, CALENDAR_ENDED, now, "its calendar is prolonged"
                )

    def _over(self, obligation: Obligation, now: datetime, left: frozenset[str] | None) -> None:
        """
        Resolve what the watch has said of a report that is delivered or given up.

        Of one that is delivered, what runs have said as well: the run that sent it may have died
        before it could, and no other follows.

        Args:
            obligation: Whose.
            now: UTC.
            left: Of one that is delivered, the causes that still hold; None of one given up.
        """
        for notice in self.notices.open_ones(obligation):
            of_the_watch = notice.cause in WATCHED or notice.cause.startswith(f"{ARRIVALS}:")
            if of_the_watch or (left is not None and notice.cause not in left):
                ended = "given up: a person has said so"
                if left is not None:
                    ended = "sent in part" if NOT_FULL in left else "delivered"
                self.notices.resolve(obligation, notice.cause, now, ended)

    def _foresee(self, day: OwedDay, stand: Stand, now: datetime) -> None:
        """Look at the arrivals once after each landing, before the day is delivered."""
        reports = open_reports(day, stand)
        landed = stand.landed_at
        if not reports or landed is None or self._looked.get(day.reference_date) == landed:
            return
        self._looked[day.reference_date] = landed
        behind = self.place.foresee(day, landed)
        for report in reports:
            obligation = Obligation(report=report, reference_date=day.reference_date)
            told = {n.cause for n in self.notices.open_ones(obligation)}
            for cause in sorted(told):
                source = cause.removeprefix(f"{ARRIVALS}:")
                if source != cause and source not in behind:
                    self.notices.resolve(obligation, cause, now, f"{source} is on its way")
            for source in sorted(behind):
                cause = f"{ARRIVALS}:{source}"
                text = f"{self.place.text(ARRIVALS, report, day, now)}\n{behind[source]}"
                self.notices.open(obligation, cause, Severity.WARN, text, now)
