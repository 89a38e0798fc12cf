"""What `check` and `run` say of a project's times: may a report be late, does the hour exist."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from puntual.errors import Complaint
from puntual.model.project import Project
from puntual.planner.deadline import Overrun, overruns
from puntual.planner.explain import length
from puntual.planner.schedule import skipped, unfinished
from puntual.project.places import Blame, complaints_of
from puntual.project.settings import FILE
from puntual.project.zones import zone


def complaints(root: Path, project: Project) -> tuple[Complaint, ...]:
    """
    Return what is wrong with the times of a project that is right otherwise.

    C1601, an error, for each report whose worst case ends after its due time less the margin;
    C1602, a warning, when the run starts at a time that does not exist on some day; C1607, a
    warning, for each report whose run starts before its reference date is over.
    """
    late = tuple(_late(project, overrun) for overrun in overruns(project, zone))
    return complaints_of(root, (*late, *_gap(project), *_unfinished(project)))


def _late(project: Project, overrun: Overrun) -> Blame:
    timing = overrun.timing
    name = timing.window.report
    starts = _wall(timing.window.starts_at, project.time_zone)
    due = _wall(timing.window.due_at, project.reports[name].time_zone)
    message = (
        f"'{name}' may be late: expected at most {length(max(0, timing.allowed))} "
        f"({starts} to {length(timing.margin)} before {due}), "
        f"observed a worst case of {length(timing.needed)}"
    )
    if timing.rescue:
        message += f", of which {length(timing.rescue)} of plan B after a fault"
    return Blame(
        code="C1601",
        message=message,
        hint=_what_fits(overrun),
        severity="error",
        file=f"reports/{name}/report.yaml",
        keys=("due", "time"),
        otherwise="due",
    )


def _what_fits(overrun: Overrun) -> str:
    earlier = "or start earlier (run.starts), or plan less time (run.steps)"
    if overrun.retries is not None:
        budget = overrun.retries
        return (
            f"the largest retry budget that fits is `retries: {budget}` for every step; {earlier}"
        )
    if overrun.timeout is not None:
        return (
            "no retry budget fits; without retries a timeout of at most "
            f"{overrun.timeout} s for every step does; {earlier}"
        )
    return "no retry budget and no timeout fits: start earlier (run.starts)"


def _gap(project: Project) -> tuple[Blame, ...]:
    days = skipped(project, zone)
    if not days:
        return ()
    at = project.run.starts.isoformat("minutes")
    blame = Blame(
        code="C1602",
        message=f"{at} does not exist in {project.time_zone} on {days[0].isoformat()}",
        hint="the run starts at the first instant after the gap; choose an hour that always exists",
        severity="warning",
        file=FILE,
        keys=("run", "starts"),
        otherwise="time_zone",
    )
    return (blame,)


def _unfinished(project: Project) -> Iterator[Blame]:
    """Yield a warning, no more: of a day with a cut-off the run may well start before its end."""
    for window in unfinished(project, zone):
        name, day = window.report, window.reference_date
        made = " and ".join(f"'{one}'" for one in window.together)
        starts = _wall(window.starts_at, project.time_zone)
        yield Blame(
            code="C1607",
            message=f"the run of {made} for {day.isoformat()} starts at {starts}, before that "
            "day is over: what comes later in it is not in the report",
            hint="`business_days_after: 1`; or, where the day has a cut-off, start after it "
            "(run.starts)",
            severity="warning",
            file=f"reports/{name}/report.yaml",
            keys=("due", "business_days_after"),
            otherwise="due",
        )


def _wall(at: datetime, zone_name: str) -> str:
    return at.astimezone(zone(zone_name)).strftime("%Y-%m-%d %H:%M %Z")
