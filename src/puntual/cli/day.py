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
from puntual.model.delivery import Delivery, State
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
from puntual.runner.execute import Carried, Desk, Run, Waiting, carry_out, settle_sent
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
    left: tuple[Exception, ...] = ()
    if due or restatements:
        left = _carry(project, replace(owed, reports=due), worker, desk, run, shown, approvals)
    else:
        _look(project, owed, worker, desk, run, shown)
    standing = standing_of(desk, owed.day) | newest_sent(desk.journal, owed.day)
    found = [standing[r] for r in owed.reports if r in standing]
    if not shown.quiet:
        for delivery in found:
            if left and delivery.state is State.COLLECTING:
                continue  # what is raised says it
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
    if left:
        raise left[-1]
    return found


def _carry(
    project: Project,
    due: Owed,
    worker: Worker,
    desk: Desk,
    run: Run,
    shown: Shown,
    approvals: Approvals | None,
) -> tuple[Exception, ...]:
    """
    Carry out what is due and what is to be completed, then plan B of what could not be made.

    Returns:
        What is left, in the order of the flow: the faults of which nothing could be delivered, or
        which could not be told. The last one is the one by which the machine on AWS fails.

    Raises:
        Exception: A bug.
    """
    planned = plan(project, due.day, (*due.reports, *(r.report for r in run.restatements)))
    with shown.day(due.day) as watch, noted(project, desk, (due,)):
        carried = _execute(project, planned, worker, desk, run, watch)
    faults: dict[str, Exception] = dict(carried.failed)
    if carried.stopped is not None:
        rest = (r for r in planned.reports if r not in faults and not carried.is_settled(r))
        faults |= dict.fromkeys(rest, carried.stopped)
    for report in due.reports:
        if report in faults:
            note(project, desk, due.day, (report,), faults[report])
    if due.reports and not faults and not shown.quiet and not carried.count(DONE):
        text.say("  nothing to do: every step is committed for these inputs")
    # What was made and cannot be handed over is no case for plan B.
    unmade = {r: f for r, f in faults.items() if r in due.reports and not carried.is_settled(r)}
    saved = _plan_b(project, due.day, unmade, worker, desk, run, shown, approvals)
    left = {r: f for r, f in faults.items() if r not in unmade} | dict(saved.failed)
    by_report = [left[report] for report in planned.reports if report in left]
    # That all was well but for who is told of it is said where nothing else is.
    untold = carried.stopped if carried.stopped not in faults.values() else None
    ends: list[Exception | None] = [carried.unsettled, saved.unsettled, untold, *by_report]
    return tuple(fault for fault in ends if fault is not None)


def _plan_b(
    project: Project,
    day: date,
    faults: Mapping[str, Exception],
    worker: Worker,
    desk: Desk,
    run: Run,
    shown: Shown,
    approvals: Approvals | None,
) -> Carried:
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
        What came of it; `failed` holds all that is left: report → its fault, or that of plan B.
    """
    technical = {r: f for r, f in faults.items() if isinstance(f, TransientError | PermanentError)}
    reports: tuple[str, ...] = ()
    if approvals is not None and technical:
        at = desk.clock.now()
        reports = rescued(project, technical, day, approvals=approvals, at=at)
    left = {report: fault for report, fault in faults.items() if report not in reports}
    if not reports:
        return Carried(outcomes={}, published={}, failed=left)
    reasons = {report: why(technical[report]) for report in reports}
    for reason in () if shown.quiet else dict.fromkeys(reasons.values()):
        text.say(f"  {reason}; plan B, by the policy")
    planned = plan_b(project, day, reports)
    again = replace(run, fault=reasons[reports[0]], faults=reasons, restatements=())
    with shown.day(day) as watch:
        made = _execute(project, planned, worker, desk, again, watch)
    left |= made.failed
    if made.stopped is not None:
        unmade = (r for r in reports if r not in left and not made.is_settled(r))
        left |= dict.fromkeys(unmade, made.stopped)
    return replace(made, failed=left)


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
    if planned.steps:
        carried(project, planned, worker, desk, run, shown)


def carried(
    project: Project, planned: Plan, worker: Worker, desk: Desk, run: Run, shown: Shown
) -> Carried:
    """
    Carry one plan out, with its progress; see `carry_out`.

    Raises:
        PuntualError: What stopped all of it; what stopped one report, when the others are done.
        Exception: A bug.
    """
    with shown.day(planned.reference_date) as watch:
        done = _execute(project, planned, worker, desk, run, watch)
    for fault in (done.stopped, *reversed(tuple(done.failed.values())), done.unsettled):
        if fault is not None:
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
    return carry_out(
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
