"""The place of a watch on this machine: journal, child processes, clock, words."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from puntual.cli import lapsed, reading, telling, text
from puntual.cli.foreseen import Foresight, sentence
from puntual.cli.outlook import line, outlook
from puntual.cli.owed import span
from puntual.cli.shown import clock_of
from puntual.cli.standing import Table, began, stand_of
from puntual.cli.vantage import Here
from puntual.errors import EvidenceError, ProjectError
from puntual.local.child import Child
from puntual.model.delivery import Delivery, State
from puntual.model.notice import AT_RISK, MISSED, MISSED_START, Obligation
from puntual.model.project import Project
from puntual.planner.agenda import OwedDay, Stand
from puntual.ports.clock import Clock
from puntual.project.zones import zone
from puntual.runner import tell
from puntual.runner.execute import Desk
from puntual.runner.watch import Work

NAP = 0.25
"""Seconds between two looks at a child and at the wish to stop."""

_WORDS = {
    0: "delivered",
    1: "held",
    2: "wrong project or call",
    3: "technical failure",
    4: "delivered in part",
    5: "delivered late",
    6: "waits for a person, or for the moment to decide",
    130: "interrupted",
}


class SteppedClock:
    """A clock that stands at an instant until somebody moves it on: a night takes a second."""

    def __init__(self, at: datetime) -> None:
        self.at = at.astimezone(UTC)

    def now(self) -> datetime:
        """Return the instant at which it stands."""
        return self.at

    def monotonic(self) -> float:
        """Return seconds from some fixed start; for durations only."""
        return time.monotonic()


class LocalPlace:
    """A project's folder, watched; on a stepped clock each child ends before the next begins."""

    def __init__(
        self, root: Path, env: str | None, desk: Desk, clock: Clock, stop: Callable[[], bool]
    ) -> None:
        self._root, self._env, self._desk, self._clock = root, env, desk, clock
        self._stop = stop
        self._project = reading.to_run(root, env)
        self._table = Table(self._project)
        self._foresight = Foresight(Here(root=root), self._project)
        self._signed = _signature(root)
        self._tried: dict[str, Stand] = {}
        self._child: tuple[Work, Child] | None = None

    @property
    def project(self) -> Project:
        """The project as it was last read and found right."""
        return self._project

    def table(self, now: datetime) -> tuple[tuple[OwedDay, Stand], ...]:
        """Return the days with how each stands; a project that was changed is read again."""
        self._refresh()
        found = []
        for day in self._table.days(self._desk.journal, now):
            known = self._desk.journal.deliveries(reference_date=day.reference_date)
            tried = self._tried.get(day.reference_date.isoformat(), Stand())
            stand = stand_of(self._root, self._desk.journal, day, known, tried)
            found.append((day, stand))
        return tuple(found)

    def begin(self, work: Work, now: datetime) -> None:
        """Begin a child; on a stepped clock, wait for its end."""
        day = work.day.isoformat()
        before = self._tried.get(day, Stand())
        self._tried[day] = began(before, now, is_run=work.command == "run")
        arguments = ["-C", str(self._root), work.command, "-d", day]
        arguments += ["-e", self._env] if self._env else []
        stepped = isinstance(self._clock, SteppedClock)
        arguments += ["--as-of", now.isoformat()] if stepped else []
        if work.command == "run":
            self.say(f"run {day} starts")
        self._child = (work, Child(arguments))
        if stepped:
            self._child[1].wait()
            self.busy()

    def busy(self) -> bool:
        """Say whether a child is running, and say how one has ended."""
        if self._child is None:
            return False
        work, child = self._child
        code = child.code()
        if code is None:
            return True
        self._child = None
        if work.command == "run" or code:
            self.say(
                f"{work.command} {work.day.isoformat()} ended: {_WORDS.get(code, '')} ({code})"
            )
        return False

    def foresee(self, day: OwedDay, landed: datetime) -> dict[str, str]:
        """Return what is to be said of the streams that were not on their way."""
        try:
            found = self._foresight.assessments(day.reference_date, landed)
        except (EvidenceError, ProjectError) as fault:
            self.say(
                f"arrivals of {day.reference_date} are not known: {fault.code} {fault.message}"
            )
            return {}
        return {
            name: sentence(name, one, day.reference_date)
            for name, one in found.items()
            if one.alarm
        }

    def ended(self, now: datetime) -> Mapping[Obligation, str]:
        """Return what nobody knows to be owed, for its calendar has ended, with its words."""
        return lapsed.ended(self._project, now)

    def text(self, cause: str, report: str, day: OwedDay, now: datetime) -> str:
        """Return the words of a notice: what is due when, what, what to do (ux.md 10)."""
        due = day.due[report]
        place = zone(self._project.reports[report].time_zone)
        about = f"{report} {day.reference_date.isoformat()} · due {clock_of(due, place)}"
        left = (due - now) // timedelta(minutes=1)
        explain = f"puntual explain {report} -d {day.reference_date.isoformat()}"
        when = f"{about} ({span(max(left, 0))})"
        if cause == AT_RISK:
            lines = [
                f"AT RISK · {when}",
                *self._standing(report, day, now),
                *self._ahead(report, day, now),
                f"why, and what follows: {explain}",
            ]
        elif cause == MISSED:
            lines = [f"MISSED · {about}", *self._standing(report, day, now), f"why: {explain}"]
        elif cause == MISSED_START:
            late = span((now - day.starts_at) // timedelta(minutes=1))
            starts = self._at(day.starts_at, report)
            lines = [
                f"START MISSED · {about}",
                f"its run was to start at {starts}, {late} ago; it starts now",
            ]
        else:
            lines = [
                f"BEHIND · {when}",
                f"the policy decides at {self._at(day.decide_by[report], report)}",
                *self._ahead(report, day, now),
            ]
        return "\n".join(lines)

    def tell(self) -> Iterable[datetime]:
        """Send what is due, and return when it is to be tried again."""
        failing = telling.tell(self._root, self._project, self._clock)
        return [send.next_at for send in failing]

    def sleep(self, until: datetime) -> None:
        """Sleep; a stepped clock is moved on instead."""
        if isinstance(self._clock, SteppedClock):
            self._clock.at = until
            return
        was_busy = self._child is not None
        while not self._stop() and self._clock.now() < until:
            if was_busy and not self.busy():
                return
            time.sleep(NAP)

    def stopping(self) -> bool:
        """Say whether the watch is to stop."""
        return self._stop()

    def give_up(self) -> None:
        """Interrupt the child that is running; the next run continues from what is committed."""
        if self._child is not None:
            work, child = self._child
            self.say(f"{work.command} {work.day.isoformat()} is interrupted")
            child.interrupt()
            self._child = None

    def say(self, line: str) -> None:
        """Print a line of the watch's log, with the time in the project's zone."""
        at = self._clock.now().astimezone(zone(self._project.time_zone))
        text.say(f"{at.strftime('%Y-%m-%d %H:%M %Z')}  {line}")
        sys.stdout.flush()  # the children write to the same place

    def _newest(self, report: str, day: OwedDay) -> Delivery | None:
        known = self._desk.journal.deliveries(report=report, reference_date=day.reference_date)
        return known[0] if known else None

    def _standing(self, report: str, day: OwedDay, now: datetime) -> list[str]:
        """Return in two lines at most what keeps a report, and what follows."""
        found = self._newest(report, day)
        late = now > day.due[report]
        if found is not None and tell.is_unsigned(found):
            return tell.unsigned_lines(found, late=late)
        if found is not None and found.state is State.HELD:
            why, *follows = tell.held_lines(found.reasons)
            return [f"held: {why}", *follows]
        made = f"it is still made{', and will be late' if late else ''}"
        if found is not None and found.reasons:
            first = found.reasons[0]
            return [f"its last run failed: {first.code} {first.sentence}", made]
        return [made if late else f"not delivered at the last moment to decide: {made}"]

    def _ahead(self, report: str, day: OwedDay, now: datetime) -> list[str]:
        """Return the forecast of a report in a line; nothing where it is late or not known yet."""
        newest = self._newest(report, day)
        if newest is None or newest.state is State.READY:
            return []  # it is made: no step is left that a forecast would be of
        reserve = timedelta(seconds=self._project.reports[report].reserve)
        found = outlook(self._desk.journal, newest, now, reserve)
        return [] if found is None else [line(found, zone(self._project.reports[report].time_zone))]

    def _at(self, at: datetime, report: str) -> str:
        return at.astimezone(zone(self._project.reports[report].time_zone)).strftime("%H:%M %Z")

    def _refresh(self) -> None:
        signed = _signature(self._root)
        if signed == self._signed:
            return
        self._signed = signed
        try:
            self._project = reading.to_run(self._root, self._env)
        except ProjectError as fault:
            self.say(
                f"the project was changed and is wrong: {fault.observed or fault.message}; "
                "the one before is watched"
            )
            return
        self._table = Table(self._project)
        self._foresight = Foresight(Here(root=self._root), self._project)
        self.say("the project was changed: it is read again")


def _signature(root: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what changes when a file of the project does; its data is no file of the project."""
    files = [root / "puntual.yaml"]
    for pattern in ("calendars/*", "reports/*/*", "policies/*", "contracts/*"):
        files += sorted(root.glob(pattern))
    found = []
    for file in files:
        try:
            facts = os.stat(file)
        except FileNotFoundError:
            continue  # it went since it was listed, and is listed no more
        found.append((str(file), facts.st_mtime_ns, facts.st_size))
    return tuple(found)
