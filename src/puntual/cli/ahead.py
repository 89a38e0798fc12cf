"""What lies ahead of an open delivery, by its project: arrivals, forecast, last moments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from puntual.cli.outlook import as_json, lines, outlook
from puntual.cli.vantage import Vantage
from puntual.errors import PuntualError
from puntual.model.delivery import Delivery, State

if TYPE_CHECKING:
    from puntual.cli.foreseen import Foresight
    from puntual.model.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """
    What is told of it.

    Attributes:
        lines: For people; none of a delivery that is sent or late, or waits for a person.
        data: The same as JSON values; None of such a one.
        decides_at: When a policy decides by itself, by the wall clock; "" where none may.
    """

    lines: tuple[str, ...] = ()
    data: dict[str, object] | None = None
    decides_at: str = ""


def ahead_of(place: Vantage, delivery: Delivery, now: datetime) -> Ahead:
    """
    Return what lies ahead of a delivery; a project that cannot be read hides only this.

    Args:
        place: Where it was run.
        delivery: As it stands.
        now: The moment.
    """
    waits = {"P3011", "P3013"} & {reason.code for reason in delivery.reasons}
    if delivery.sent_at is not None or now > delivery.due_at or waits:
        return Ahead()
    try:
        return _told(place, delivery, now)
    except PuntualError as fault:
        return Ahead(lines=(f"  forecast  not known: {fault.code} {fault.message}",))


def arriving(
    foresight: Foresight, project: Project, day: date, now: datetime
) -> tuple[tuple[str, str, str], ...]:
    """
    Return how each source of a day stands that is not on its way, or has no history yet.

    Returns:
        Its name, the verdict, and a sentence with the guess at the cause; by name.

    Raises:
        EvidenceError: V1001, V1002 what was landed is missing or altered.
        ProjectError: P1001 a calendar does not cover the day.
    """
    from puntual.cli.foreseen import sentence
    from puntual.planner.arrivals import Verdict

    found = foresight.assessments(day, now)
    told = []
    for name in sorted(project.sources):
        one = found.get(name)
        if one is None:
            told.append((name, Verdict.NO_HISTORY.value, f"{name} {Verdict.NO_HISTORY.value}"))
        elif one.verdict is not Verdict.NORMAL:
            told.append((name, one.verdict.value, sentence(name, one, day)))
    return tuple(told)


def _may_decide(delivery: Delivery) -> bool:
    """Say whether a policy decides by itself: nothing is found out yet, or it covers what is."""
    undecided = delivery.state in (State.SCHEDULED, State.COLLECTING, State.CHECKING)
    return undecided or any(reason.code == "P3001" for reason in delivery.reasons)


def _told(place: Vantage, delivery: Delivery, now: datetime) -> Ahead:
    # What a project needs to be read; a code is explained without any of it.
    from puntual.cli.foreseen import Foresight
    from puntual.planner.policy import decide_by, policies_of
    from puntual.planner.schedule import start
    from puntual.project.zones import zone

    project = place.project()
    report, day = delivery.id.report, delivery.id.reference_date
    if report not in project.reports:
        return Ahead()
    where = zone(project.reports[report].time_zone)
    foresight = Foresight(place, project)
    arrivals = foresight.complete(day, now)
    with place.journal() as journal:
        found = outlook(
            journal,
            delivery,
            now,
            timedelta(seconds=project.reports[report].reserve),
            begins=start(project, (report,), day, zone),
            complete=arrivals.instants,
        )
    if found is None:
        return Ahead()
    told = [f"  arrivals  {arrivals.sentence(where)}"] if arrivals.instants else []
    told += [f"  source    {said}" for _, _, said in arriving(foresight, project, day, now)]
    told += lines(found, delivery.due_at, where)
    decides_at = ""
    if policies_of(project, report) and _may_decide(delivery):
        decides_at = decide_by(project, report, day, zone).astimezone(where).strftime("%H:%M %Z")
        told.append(f"            a policy decides by itself at {decides_at}: the worst case")
    return Ahead(lines=tuple(told), data=as_json(found), decides_at=decides_at)
