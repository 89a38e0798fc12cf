"""One reference date of a run: carried out, written down, and said."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date

from puntual.cli import text
from puntual.cli.progress import Progress, Silent, watcher
from puntual.cli.shown import delivery_lines
from puntual.errors import EvidenceError, PermanentError, TransientError
from puntual.model.delivery import Delivery
from puntual.model.manifest import Digest
from puntual.model.notice import Obligation
from puntual.model.plan import Plan
from puntual.model.project import Project
from puntual.planner.flow import flow
from puntual.planner.plan import look, plan, plan_b
from puntual.planner.policy import decisions
from puntual.ports.approvals import Approvals
from puntual.project.zones import zone
from puntual.runner.again import newest_sent, rescued, to_complete, why
from puntual.runner.execute import Carried, Desk, Run, Waiting, execute, settle_sent
from puntual.runner.noted import note, run_id
from puntual.runner.step import DONE, Worker

WAITING = Waiting(sleep=time.sleep, uniform=random.uniform)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """
    A reference date, the reports that are owed for it, and what is published of it.

    Attributes:
        day: The reference date.
        reports: Owed for it.
        landed: The sources that are landed for it.
        sent: Report → digest of its `deliver:` manifest.
        unread: Report → why the record of what was sent cannot be read.
    """

    day: date
    reports: tuple[str, ...]
    landed: frozenset[str] = frozenset()
    sent: Mapping[str, Digest] = field(default_factory=dict)
    unread: Mapping[str, EvidenceError] = field(default_factory=dict)


class Shown:
    """The progress of the day that is being carried out; `tick` redraws it while a step runs."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self._progress: Progress | Silent = Silent()

    def tick(self) -> None:
        """Redraw the live line."""
        self._progress.tick()

    @contextmanager
    def day(self, day: date) -> Iterator[Progress | Silent]:
        """Show a day until it ends, however it ends."""
        self._progress = watcher(day, quiet=self.quiet)
        try:
            yield self._progress
        finally:
            self._progress.close()
            self._progress = Silent()


def one_day(
    project: Project,
    owed: Owed,
    worker: Worker,
    *,
    desk: Desk,
    epoch: int,
    anew: frozenset[str],
    shown: Shown,
    approvals: Approvals | None = None,
) -> list[Delivery]:
    """
    Carry out what is owed for a day and not sent yet, and return its deliveries.

    What was sent in part is made in full as its next version, if what was missing has come.
    Where a technical fault is left at the decision time, plan B is delivered of the reports
    whose approved policy says so; the fault is raised where nothing could be delivered.

    Raises:
        TransientError: A technical fault; the retries are spent.
        PermanentError: It will not pass by waiting.
        EvidenceError: Bytes are not what was recorded.
        ProjectError: The project is wrong in a way that only the world shows.
    """
    before = newest_sent(desk.journal, owed.day)
    due = tuple(r for r in owed.reports if r not in before)
    _resolve_sent(desk, owed, due)
    restatements = to_complete(before, dict(owed.sent))
    run = Run(
        id=run_id(owed.day, epoch),
        epoch=epoch,
        anew=anew,
        restatements=restatements,
        decide_by=decisions(project, due, owed.day, zone),
    )
    left: Mapping[str, Exception] = {}
    if due or restatements:
        left = _carry(project, replace(owed, reports=due), worker, desk, run, shown, approvals)
    else:
        _look(project, owed, worker, desk, run, shown)
    standing = standing_of(desk, owed.day) | newest_sent(desk.journal, owed.day)
    found = [standing[r] for r in owed.reports if r in standing]
    if not shown.quiet:
        for delivery in found:
            again = before.get(delivery.id.report) == delivery
            fault = owed.unread.get(delivery.id.report) if again else None
            if fault is not None:
                text.say(
                    f" ✗ {delivery.id.report}  {owed.day}  v{delivery.id.version}  by the journal "
                    f"it was {delivery.state.value}; its record cannot be read: {fault.code}"
                )
                continue
            for line in delivery_lines(delivery, already=again, zone=zone(project.time_zone)):
                text.say(line)
    for stopped in left.values():
        raise stopped
    return found


def _carry(
    project: Project,
    due: Owed,
    worker: Worker,
    desk: Desk,
    run: Run,
    shown: Shown,
    approvals: Approvals | None,
) -> Mapping[str, Exception]:
    """
    Carry out what is due and what is to be completed, then plan B of what could not be made.

    Returns:
        Report → what stopped it, of those of which nothing could be delivered.

    Raises:
        TransientError: What stopped all of them, where plan B is not what the policy says, or not
            yet.
        PermanentError: As for TransientError.
    """
    planned = plan(project, due.day, (*due.reports, *(r.report for r in run.restatements)))
    try:
        with shown.day(due.day) as watch, noted(project, desk, (due,)):
            carried = _execute(project, planned, worker, desk, run, watch)
    except (TransientError, PermanentError) as fault:
        faults = dict.fromkeys(due.reports, fault)
        left = _plan_b(project, due.day, faults, worker, desk, run, shown, approvals)
        if left.keys() == faults.keys():
            raise
        return left
    for report in carried.failed.keys() & due.reports:
        note(project, desk, due.day, (report,), carried.failed[report])
    if due.reports and not shown.quiet and not carried.count(DONE):
        text.say("  nothing to do: every step is committed for these inputs")
    # What was made and cannot be handed over is no case for plan B.
    unmade = {
        report: fault
        for report, fault in carried.failed.items()
        if report in due.reports and f"attest:{report}" not in carried.published
    }
    left = _plan_b(project, due.day, unmade, worker, desk, run, shown, approvals)
    return {r: f for r, f in carried.failed.items() if r not in unmade} | left


def _plan_b(
    project: Project,
    day: date,
    faults: Mapping[str, Exception],
    worker: Worker,
    desk: Desk,
    run: Run,
    shown: Shown,
    approvals: Approvals | None,
) -> dict[str, Exception]:
    """
    Deliver plan B where a technical fault is left and the approved policy says so.

    Args:
        project: As it was read.
        day: The reference date.
        faults: Report → why its full version could not be made.
        worker: Does steps.
        desk: Journal and notices.
        run: That failed.
        shown: Shows progress.
        approvals: Who approved what; None: nobody did.

    Returns:
        What is left: report → its fault, that of plan B where it was made and failed.
    """
    technical = {r: f for r, f in faults.items() if isinstance(f, TransientError | PermanentError)}
    if approvals is None or not technical:
        return dict(faults)
    at = desk.clock.now()
    reports = rescued(project, technical, day, approvals=approvals, at=at)
    left = {report: fault for report, fault in faults.items() if report not in reports}
    for reason in dict.fromkeys(why(technical[report]) for report in reports):
        group = tuple(report for report in reports if why(technical[report]) == reason)
        if not shown.quiet:
            text.say(f"  {reason}; plan B, by the policy")
        planned = plan_b(project, day, group)
        again = replace(run, fault=reason, restatements=())
        with shown.day(day) as watch:
            left |= _execute(project, planned, worker, desk, again, watch).failed
    return left


def standing_of(desk: Desk, day: date) -> dict[str, Delivery]:
    """Return the newest delivery of each report for a day."""
    return {d.id.report: d for d in reversed(desk.journal.deliveries(reference_date=day))}


def _resolve_sent(desk: Desk, owed: Owed, due: tuple[str, ...]) -> None:
    """A run that died after it delivered has said neither what is over nor what is left."""
    for report in owed.reports:
        if report not in due:
            settle_sent(desk, Obligation(report=report, reference_date=owed.day))


def _look(project: Project, owed: Owed, worker: Worker, desk: Desk, run: Run, shown: Shown) -> None:
    """Look for what came since a day was delivered (design 4.12); the delivery stays as it is."""
    planned = look(project, owed.day, owed.reports, owed.landed)
    if not planned.steps:
        return
    with shown.day(owed.day) as watch:
        _execute(project, planned, worker, desk, run, watch)


def carried(
    project: Project, planned: Plan, worker: Worker, desk: Desk, run: Run, shown: Shown
) -> Carried:
    """
    Carry one plan out, with its progress; see `execute`.

    Raises:
        PuntualError: As `execute`; also what stopped one report alone, when the others are done.
    """
    with shown.day(planned.reference_date) as watch:
        done = _execute(project, planned, worker, desk, run, watch)
    for fault in done.failed.values():
        raise fault
    return done


def _execute(
    project: Project,
    planned: Plan,
    worker: Worker,
    desk: Desk,
    run: Run,
    watch: Progress | Silent,
) -> Carried:
    return execute(
        planned,
        flow(project, planned),
        worker,
        desk=desk,
        run=run,
        watch=watch,
        waiting=WAITING,
    )


@contextmanager
def noted(
    project: Project, desk: Desk, days: tuple[Owed, ...], *, only_new: bool = False
) -> Iterator[None]:
    """
    Write down why deliveries were not come to, whatever stops the run: for `status`, `explain`.

    Args:
        project: Gives the due times.
        desk: The journal.
        days: What is owed.
        only_new: Write only where nothing is on record: another run may be at it.
    """
    try:
        yield
    except Exception as fault:
        for owed in days:
            note(project, desk, owed.day, owed.reports, fault, only_new=only_new)
        raise
