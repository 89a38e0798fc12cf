"""Whether each source of a day is on its way to a usual day, as the watch tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from puntual.cli.text import number
from puntual.cli.vantage import Vantage
from puntual.model.project import Project
from puntual.model.source import DatabaseSource, StreamSource
from puntual.planner.arrivals import Assessment, Cause, Verdict, assess, completions
from puntual.planner.curve import Arrived, Curve
from puntual.planner.forecast import quantile
from puntual.project.zones import zone

if TYPE_CHECKING:
    from puntual.runner.checkpoint import Store

HISTORY = timedelta(days=120)
"""Reference dates whose arrivals a day is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """
    When the data of a day may be complete.

    Attributes:
        source: The source that is last; "" if nothing is known of any.
        instants: One for each earlier day that was like it, ascending.
    """

    source: str = ""
    instants: tuple[datetime, ...] = ()

    def sentence(self, where: tzinfo) -> str:
        """Return it in words, by the wall clock of a zone."""
        low, mid, high = (
            quantile(self.instants, percent).astimezone(where).strftime("%H:%M")
            for percent in (5, 50, 95)
        )
        return f"{self.source} complete {mid} ({low}–{high}), from {len(self.instants)} days"


class Foresight:
    """How the sources of a project usually arrive; a day that has passed is read once."""

    def __init__(self, place: Vantage, project: Project) -> None:
        self._place = place
        self._project = project
        self._days: dict[tuple[str, date], Arrived | None] = {}

    def assessments(self, day: date, now: datetime) -> dict[str, Assessment]:
        """
        Return how each source with a past stands now, by its own history.

        Raises:
            EvidenceError: V1001, V1002 what was landed is missing or altered.
            ProjectError: P1001 a calendar does not cover the day.
        """
        found = {}
        calendar = self._project.calendars[
            self._project.reports[min(self._project.reports)].calendar
        ]
        for name in sorted(self._project.sources):
            where = zone(self._project.contracts[name].time_zone)
            history = [one for one in self._past(name, day) if one is not None]
            if history:
                today = self._read(name, day) or Arrived(day=day, curve=Curve())
                found[name] = assess(history, today, now.astimezone(where), calendar)
        return found

    def complete(self, day: date, now: datetime) -> Complete:
        """
        Return when the last source of a day may be complete, from days like it.

        A database is asked by the run itself: when it answers follows the run, not leads it.

        Raises:
            EvidenceError: V1001, V1002 what was landed is missing or altered.
            ProjectError: P1001 a calendar does not cover the day.
        """
        found = Complete()
        calendar = self._project.calendars[
            self._project.reports[min(self._project.reports)].calendar
        ]
        for name, source in sorted(self._project.sources.items()):
            if not isinstance(source, DatabaseSource):
                where = zone(self._project.contracts[name].time_zone)
                history = [one for one in self._past(name, day) if one is not None]
                today = self._read(name, day) or Arrived(day=day, curve=Curve())
                ends = completions(history, today, now.astimezone(where), calendar)
                last = quantile(ends, 95) if ends else None
                known = quantile(found.instants, 95) if found.instants else None
                if last is not None and (known is None or last > known):
                    found = Complete(source=name, instants=tuple(max(now, e) for e in ends))
        return found

    def _past(self, source: str, day: date) -> list[Arrived | None]:
        first = day - HISTORY
        with self._place.store() as store:
            names = store.pointers.read_prefix(f"{self._named(source)}:{source}/")
            days = sorted(date.fromisoformat(name[-10:]) for name in names)
            past = [one for one in days if first <= one < day]
            for one in past:
                if (source, one) not in self._days:
                    self._days[(source, one)] = self._observed(store, source, one)
        return [self._days[(source, one)] for one in past]

    def _named(self, source: str) -> str:
        """Return under which name a source's day is published while it arrives."""
        return "raw" if isinstance(self._project.sources[source], StreamSource) else "land"

    def _read(self, source: str, day: date) -> Arrived | None:
        with self._place.store() as store:
            return self._observed(store, source, day)

    def _observed(self, store: Store, source: str, day: date) -> Arrived | None:
        from puntual.landing import observed  # pyarrow: only where arrivals are looked at

        contract, found = self._project.contracts[source], self._project.sources[source]
        where = zone(contract.time_zone)
        if isinstance(found, StreamSource):
            return observed.arrived(store, source, day, where)
        if isinstance(found, DatabaseSource):
            return observed.database(store, source, day, where)
        landed = observed.landed_of(store, source, day) if contract.arrival_parts else None
        with self._place.journal() as journal:
            return observed.files(journal.steps(day), found, day, where, landed)


def sentence(source: str, found: Assessment, day: date) -> str:
    """Return what is said of a source that is not on its way; counts and names only."""
    share = f", {found.received * 100 // found.total} % of a usual day" if found.total else ""
    what = {
        Verdict.SILENT: f"silent since {_clock(day, found.last)}",
        Verdict.BEHIND: f"{found.lag} min behind",
        Verdict.PART_MISSING: f"missing {', '.join(found.missing[:3])}",
    }.get(found.verdict, found.verdict.value)
    if found.cause is not Cause.NONE and found.cause.value != found.verdict.value:
        what += f", it looks like: {found.cause.value}"
    if found.verdict is Verdict.NO_HISTORY:
        return f"{source} no history"
    usual = f"usual by now {number(found.low)} to {number(found.high)} ({found.basis})"
    return f"{source} {what}: {number(found.received)} records{share}; {usual}"


def _clock(day: date, minute: int | None) -> str:
    if minute is None:
        return "the beginning of the day"
    later, rest = divmod(minute, 1440)
    on = f"{(day + timedelta(days=later)).isoformat()} " if later else ""
    return f"{on}{rest // 60:02d}:{rest % 60:02d}"
