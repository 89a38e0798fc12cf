"""Why a delivery was not come to, written down for `status` and `explain`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime

from puntual.errors import ProjectError, PuntualError
from puntual.evidence.digest import sha256
from puntual.model.delivery import Delivery, DeliveryId, Reason, State
from puntual.model.project import Project
from puntual.planner.calendar import due_of
from puntual.planner.decide import timeliness
from puntual.project.zones import zone
from puntual.runner.execute import Desk


def note(
    project: Project,
    desk: Desk,
    day: date,
    reports: Iterable[str],
    fault: Exception,
    *,
    only_new: bool = False,
) -> None:
    """
    Write down what stopped a run, for every report of a day that it owed.

    That it could not be written down is not told: the fault is.

    Args:
        project: Gives the due times.
        desk: The journal.
        day: The reference date.
        reports: Those that are not sent.
        fault: What stopped it; of a bug only its class is written.
        only_new: Write only where nothing is on record: another run may be at it.
    """
    code, where, sentence = _told(fault)
    with suppress(PuntualError):
        for name in reports:
            reason = Reason(code=code, about=where or name, sentence=sentence)
            _note_one(project, desk, day, name, reason, only_new=only_new)


def _told(fault: Exception) -> tuple[str, str, str]:
    if not isinstance(fault, PuntualError):
        name = getattr(fault, "name", type(fault).__name__)
        return "T6003", "", f"{name}: a bug of puntual; its traceback was printed by the run"
    facts = [
        f"{w} {f}" for w, f in (("expected", fault.expected), ("observed", fault.observed)) if f
    ]
    sentence = f"{fault.message.rstrip('.')}; {', '.join(facts)}" if facts else fault.message
    return fault.code, fault.where, sentence


def _note_one(
    project: Project, desk: Desk, day: date, name: str, reason: Reason, *, only_new: bool
) -> None:
    before = desk.journal.deliveries(report=name, reference_date=day)
    if before and before[0].state is State.READY and not only_new:
        ready = replace(before[0], reasons=(reason,))
        desk.journal.save(ready, replacing=frozenset({State.READY}))
        return
    delivery = collecting(project, desk, day, name, reasons=(reason,))
    replaced = frozenset() if only_new else frozenset({State.COLLECTING})
    desk.journal.save(delivery, replacing=replaced)


def collecting(
    project: Project, desk: Desk, day: date, report: str, *, reasons: tuple[Reason, ...] = ()
) -> Delivery:
    """
    Return the delivery of a day of which nothing has been decided.

    Raises:
        ProjectError: P1001 the calendar does not cover the due day.
    """
    due_at = due_of(project, report, day, zone)
    return Delivery(
        id=DeliveryId(report=report, reference_date=day, version=1),
        state=State.COLLECTING,
        completeness=None,
        timeliness=timeliness(due_at, desk.clock.now(), None),
        due_at=due_at,
        reasons=reasons,
    )


def due_in(project: Project) -> Callable[[str, date], datetime | None]:
    """Return what says when a report of a day is due, with its zone; None where nobody knows."""

    def due(report: str, day: date) -> datetime | None:
        with suppress(ProjectError):
            return due_of(project, report, day, zone) if report in project.reports else None
        return None

    return due


def run_id(day: date, epoch: int) -> str:
    """Return what names a run in the journal: the day and the epoch of its lease."""
    return sha256(f"{day.isoformat()}/{epoch}".encode())[:12]
