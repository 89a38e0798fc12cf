"""
How a run begins and ends on AWS: what is owed, the lease, plan B, what people are told.

`puntual run` does the same around the flow on a laptop. Whatever runs, by schedule or by hand,
begins here, and the lease keeps two from working on a project at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from puntual.aws.runs import Kind, Outcome, RunOrder, published, words
from puntual.aws.tasks import PLAN_B, Office, carrier_of, of_walk, plan_of
from puntual.aws.wire import RunRef, amendment_in, instant_in
from puntual.errors import PermanentError, ProjectError, PuntualError, TransientError
from puntual.model.delivery import Delivery
from puntual.model.flow import DIED, TIMEOUT, Notify, Task
from puntual.model.notice import Obligation
from puntual.model.plan import Attest, Decide, Deliver, MakeReport
from puntual.model.project import Project
from puntual.planner.flow import GAVE_UP, GOES_ON, flow
from puntual.planner.obligation import longest_until_due, owed_on
from puntual.planner.plan import look, plan
from puntual.planner.schedule import start
from puntual.ports.approvals import Approvals
from puntual.project.zones import zone
from puntual.runner import again
from puntual.runner.amend import Amendment, Part, next_versions, refuse_unexplained
from puntual.runner.anew import steps_from
from puntual.runner.checkpoint import Store
from puntual.runner.execute import settle_sent
from puntual.runner.flow import Failed
from puntual.runner.noted import note, run_id
from puntual.runner.published import committed_steps, landed_sources, sent_reports
from puntual.runner.step import Worker
from puntual.runner.wire import failed_out

BACK = timedelta(days=45)
"""How far before its start a reference date may lie, and farther if a report is due later."""


def day_of(project: Project, said: Mapping[str, Any]) -> date | None:
    """
    Return the reference date that an execution is for; None if none is owed.

    Args:
        project: Its calendars say which day a schedule means.
        said: `reference_date`, else `scheduled`: the instant that the schedule names.

    Raises:
        ProjectError: C1911 neither is there, or it is no date or instant.
    """
    try:
        if said.get("reference_date"):
            return date.fromisoformat(str(said["reference_date"]))
        at = instant_in(str(said.get("scheduled", "")))
    except ValueError as error:
        raise _no_day(said) from error
    if at is None:
        raise _no_day(said)
    return scheduled(project, at)


def scheduled(project: Project, at: datetime) -> date | None:
    """Return the newest reference date whose run starts on the local day of an instant."""
    today = at.astimezone(zone(project.time_zone)).date()
    farthest = max([BACK, *(longest_until_due(r.terms) for r in project.reports.values())])
    for back in range(farthest.days):
        day = today - timedelta(days=back)
        try:
            reports = owed_on(project, sorted(project.reports), day)
            begins = start(project, reports, day, zone) if reports else None
        except ProjectError:
            continue  # a day that no calendar covers is not owed by any
        if begins is None or begins > at + timedelta(hours=1):
            continue
        return day if begins.astimezone(zone(project.time_zone)).date() == today else None
    return None


def _no_day(said: Mapping[str, Any]) -> ProjectError:
    return ProjectError(
        "C1911",
        "an execution was started without a day",
        where="the state machine's input",
        expected='{"reference_date": "2026-11-20", "attempt": 1, "from_step": "", "as_of": ""}',
        observed=", ".join(sorted(map(str, said))) or "nothing",
        next_step="puntual run --env ENV -d DATE starts it as it is meant",
    )


def prepare(
    office: Office, store: Store, said: Mapping[str, Any], day: date, *, epoch: int, execution: str
) -> RunOrder:
    """
    Decide what a run is to do for a day, and lay it down.

    Args:
        office: See there.
        store: What is published.
        said: The execution's input.
        day: The reference date.
        epoch: Of the lease that it holds.
        execution: ARN of the execution.

    Raises:
        ProjectError: P1001, P1004, P1005, P1006, C1911.
        TransientError: The store did not answer.
        PermanentError: It refuses.
    """
    project, desk = office.project, office.desk
    owed = owed_on(project, sorted(project.reports), day)
    ref = RunRef(
        id=run_id(day, epoch),
        reference_date=day,
        attempt=int(said.get("attempt") or 1),
        epoch=epoch,
        as_of=instant_in(str(said.get("as_of") or "")),
        from_step=str(said.get("from_step") or ""),
    )
    before = again.newest_sent(desk.journal, day)
    due = tuple(report for report in owed if report not in before)
    for report in owed:
        if report in before:
            settle_sent(desk, Obligation(report=report, reference_date=day))
    order = RunOrder(ref=ref, kind=Kind.NOTHING, execution=execution)
    asked = amendment_in(said)
    restatements = again.to_complete(before, sent_reports(store, day))
    named = tuple(r.report for r in restatements)
    standing = {d.id.report: d for d in reversed(desk.journal.deliveries(reference_date=day))}
    if asked is not None:
        order = _amended(project, store, order, asked)
    elif due or (owed and ref.from_step):
        # Of a day that was sent it says so: P1006.
        anew = _anew(project, store, day, due or owed, ref.from_step, standing)
        order = replace(
            order, kind=Kind.DAY, reports=(*due, *named), restatements=restatements, anew=anew
        )
    elif restatements:
        order = replace(order, kind=Kind.COMPLETE, reports=named, restatements=restatements)
    elif owed and (landed := tuple(sorted(landed_sources(store, day)))):
        order = replace(order, kind=Kind.LOOK, reports=owed, landed=landed)
    office.runs.begin(order)
    return order


def _amended(project: Project, store: Store, order: RunOrder, asked: Amendment) -> RunOrder:
    """
    Return what a run is to do for a person who replaces what was sent.

    Raises:
        ProjectError: P1002, P1004, P1005, P3032, P3033, P3034, P3047.
        EvidenceError: V1001, V1002.
    """
    day, step = order.ref.reference_date, order.ref.from_step
    refuse_unexplained(project, asked, day, command=f"puntual amend --env {project.away}")
    made = next_versions(store, asked, day, run=f"puntual run --env {project.away}")
    if asked.part is Part.LOOK:
        landed = tuple(sorted(landed_sources(store, day)))
        found = look(project, day, asked.reports, landed)
        kind = Kind.LOOK if found.steps else Kind.NOTHING
        return replace(order, kind=kind, reports=asked.reports, landed=landed)
    # What was sent forbids no step of the version after it.
    anew = _anew(project, store, day, asked.reports, step, {})
    return replace(
        order,
        kind=Kind.AMEND,
        reports=asked.reports,
        restatements=made,
        anew=anew,
        send=asked.part is Part.SEND,
    )


def _anew(
    project: Project,
    store: Store,
    day: date,
    reports: tuple[str, ...],
    step: str,
    standing: Mapping[str, Delivery],
) -> tuple[str, ...]:
    """Return the steps that are done even if they are committed, in plan order."""
    if not step:
        return ()
    committed = frozenset(committed_steps(store, day))
    found = steps_from(project, day, reports, step, committed=committed, standing=standing)
    return tuple(s.id for s in plan(project, day, reports).steps if s.id in found)


def rescue(
    office: Office, run: RunOrder, error: Mapping[str, Any], approvals: Approvals
) -> dict[str, object]:
    """
    Say of which reports plan B is delivered where a technical fault is left.

    Returns:
        `fault`: why the full report could not be made, "" where nothing is rescued; `reports`;
        `whole`: whether that is everything that the run owes.

    Raises:
        EvidenceError: P3045 an approval was altered.
    """
    nothing: dict[str, object] = {"fault": "", "reports": [], "whole": False}
    if run.kind is not Kind.DAY:
        return nothing
    kept = office.runs.outcomes(run.ref.id)
    alone, is_told = told_alone(kept), any(one.failed == f"{GAVE_UP}:" for one in kept)
    sent = again.newest_sent(office.desk.journal, run.ref.reference_date)
    settled = _settled(run, of_walk(run, kept))
    faults = {report: failed.fault for report, failed in alone.items()}
    if not alone or is_told:
        stopped = last_failure(run, kept, error).fault
        faults |= {r: stopped for r in run.reports if r not in faults and r not in settled}
    technical = {
        report: fault
        for report, fault in faults.items()
        # What was made and cannot be handed over is no case for plan B.
        if isinstance(fault, TransientError | PermanentError)
        and report not in sent
        and report not in settled
    }
    found = again.rescued(
        office.project,
        technical,
        run.ref.reference_date,
        approvals=approvals,
        at=office.desk.clock.now(),
    )
    if not found:
        return nothing
    whole = set(faults) == set(found) and not (alone and is_told)
    return {"fault": again.why(technical[found[0]]), "reports": list(found), "whole": whole}


def told_alone(kept: Iterable[Outcome]) -> dict[str, Failed]:
    """Return report → what has stopped it alone, as the states that told of it have kept it."""
    found = {
        one.failed.partition(":")[2]: one.raised()
        for one in kept
        if one.failed.startswith(f"{GAVE_UP}:") and not one.task.startswith(PLAN_B)
    }
    return {report: failed for report, failed in found.items() if report and failed is not None}


def _settled(run: RunOrder, done: tuple[Outcome, ...]) -> frozenset[str]:
    """Return the reports of which it is known what becomes of them: made, held, or not owed."""
    said = words(done)
    ended = {s: a for one in done for s, a in one.answers.items()}
    held = {
        report
        for report in run.reports
        for step in (f"decide:{report}", f"report:{report}")
        if step in ended and ended[step].completeness not in GOES_ON
    }
    return frozenset(held | {r for r in run.reports if f"attest:{r}" in said})


def tell(
    office: Office, run: RunOrder, worker: Worker, said: Mapping[str, Any]
) -> dict[str, object]:
    """
    Open the notices of a notification state, once for each obligation and cause.

    Args:
        office: See there.
        run: Which run.
        worker: Not asked for anything.
        said: `about`; `report`, or "" for all; `error` then.

    Raises:
        Failed: They could not be written down.
    """
    planned = plan_of(office.project, run)
    report, about = str(said.get("report") or ""), str(said["about"])
    if report and report not in run.reports:
        return {"notices": 0}  # it is not owed by this run
    carrier, _ = carrier_of(office, run, planned, worker)
    notice = Notify(name=str(said.get("task", "")), report=report, about=about, timeout=1)
    error = dict(said.get("error") or {})
    if about == GAVE_UP:
        before = office.runs.outcomes(run.ref.id)
        failed = last_failure(run, before, error, report)
        told = Outcome(
            task=notice.name,
            by=f"{GAVE_UP}:{report}",
            at=office.machine.now(),
            failed=f"{GAVE_UP}:{report}",
            fault=failed_out(failed),
        )
        office.runs.keep(run.ref.id, told)  # first: plan B is asked for by it
        alone = told_alone((*before, told))
        step, attempts = _failed_step(run, before, report)
        states = flow(office.project, planned).states
        task = states.get(step)
        if isinstance(task, Task):
            carrier.last = (task, attempts, failed)
        carrier.failed |= {r: f for r, f in alone.items() if r != report}
        stopped = (report,) if report else tuple(r for r in run.reports if r not in alone)
        due = [r for r in stopped if not carrier.is_sent(r)]
        if isinstance(failed.fault, Exception):
            note(office.project, office.desk, run.ref.reference_date, due, failed.fault)
    carrier.notify(notice, {"error": error})
    return {"notices": len(office.desk.notices.open_ones())}


def settle(office: Office, run: RunOrder, worker: Worker) -> None:
    """
    Resolve what no longer holds of a run that ended, however: what it has sent is sent.

    Raises:
        TransientError: The notices cannot be written; run again.
        PermanentError: They never will be.
    """
    if run.kind is Kind.NOTHING:
        return
    carrier, _ = carrier_of(office, run, plan_of(office.project, run), worker)
    # Plan B's walk as well: its deliveries are the run's.
    carrier.published |= published(office.runs.outcomes(run.ref.id))
    carrier.settle()


def judged(
    office: Office, run: RunOrder, task: str, steps: tuple[str, ...], job: Mapping[str, Any]
) -> Outcome:
    """
    Return what a run of a job has come to, as it left it in the lake.

    Args:
        office: See there.
        run: Which run.
        task: The job's state.
        steps: What it was to do.
        job: `id` of the job run that succeeded; else `Error` and `Cause` of what the machine saw.

    Returns:
        The outcome that this very run of the job has kept.

    Raises:
        Failed: What the job failed by, by its class; `States.Timeout` or `Runtime.ExitError`
            where the process ended without a word; what the service said where no job ran.
    """
    error, cause = str(job.get("Error", "")), str(job.get("Cause", ""))
    by = str(job.get("id") or _run_of(cause))
    kept = [o for o in office.runs.outcomes(run.ref.id, task) if not by or o.by == by]
    found = kept[-1] if kept else None
    if found is not None and (error == "" or found.failed):
        failed = found.raised()
        if failed is not None:
            raise failed
        return found
    if error.startswith("Glue.") or error == "States.Permissions":
        raise _refused(task, error, cause)
    raise _without_a_word(task, error, steps)


def last_failure(
    run: RunOrder, kept: tuple[Outcome, ...], error: Mapping[str, Any], report: str = ""
) -> Failed:
    """
    Return what a run failed by: as the state kept it, else as the machine tells it.

    Args:
        run: Which run.
        kept: What its states have kept.
        error: `Error` and `Cause` of the machine.
        report: Which report's step failed; "" for one of all.
    """
    found = _failures(kept, report)
    failed = found[-1].raised() if found else None
    name = str(error.get("Error", "")) or "Unknown"
    if failed is not None and failed.name == name:
        return failed
    kinds = {"TransientError": TransientError, "PermanentError": PermanentError}
    fault: PuntualError | None = None
    if name in (TIMEOUT, DIED) or name.startswith(("Lambda.", "Sandbox.")) or name in kinds:
        kind = kinds.get(name, TransientError)
        code = "T6001" if name == TIMEOUT else "T6002"
        fault = kind(
            code,
            "a state of the machine ended without saying why",
            where=f"run {run.ref.id}",
            expected="an outcome in the lake",
            observed=name,
            next_step="The execution's history and the log of the function or job say more.",
        )
    return Failed(name, _said(error), fault=fault)


def _failures(kept: tuple[Outcome, ...], report: str) -> list[Outcome]:
    """Return the outcomes of failed steps: of one report's own, or of those of no report told."""
    steps = [one for one in kept if one.failed and not one.failed.startswith(f"{GAVE_UP}:")]
    if report:
        return [one for one in steps if one.failed in _own(report)]
    told = {step for name in told_alone(kept) for step in _own(name)}
    return [one for one in steps if one.failed not in told]


def _own(report: str) -> tuple[str, ...]:
    """Return the ids of the steps that one report alone needs, in their order."""
    steps = (
        Decide(report=report),
        MakeReport(report=report),
        Attest(report=report),
        Deliver(report=report),
    )
    return tuple(step.id for step in steps)


def _failed_step(run: RunOrder, kept: tuple[Outcome, ...], report: str) -> tuple[str, int]:
    """Return the step that failed last, and how often it was tried."""
    failed = [one.failed for one in _failures(kept, report)]
    if failed:
        return failed[-1], failed.count(failed[-1])
    # A function that died has kept nothing: it is the first of its report's that did not end.
    ended = words(of_walk(run, kept))
    return next((s for s in _own(report) if report and s not in ended), ""), 1


def _said(error: Mapping[str, Any]) -> str:
    """Return the cause of an error; of a function's the message alone, without its trace."""
    cause = str(error.get("Cause", ""))
    try:
        found = json.loads(cause)
    except ValueError:
        return cause[:500]
    told = found.get("errorMessage") if isinstance(found, dict) else None
    return str(told or error.get("Error", ""))[:500]


def _run_of(cause: str) -> str:
    """Return the id of the job run that a Cause is; "" if it is none."""
    try:
        found = json.loads(cause)
    except ValueError:
        return ""
    return str(found.get("Id", "")) if isinstance(found, dict) else ""


def _without_a_word(task: str, error: str, steps: tuple[str, ...]) -> Failed:
    timed_out = error == TIMEOUT
    fault = TransientError(
        "T6001" if timed_out else "T6002",
        f"the job of {task} did not end in time" if timed_out else f"the job of {task} died",
        where=", ".join(steps[:4]),
        expected="an outcome in the lake",
        observed=error or "none, though the job is said to have succeeded",
        next_step="Its log says what it did last; more memory or more time, then run again.",
    )
    return Failed(TIMEOUT if timed_out else DIED, f"{fault.code} {fault.message}", fault=fault)


def _refused(task: str, error: str, cause: str) -> Failed:
    fault = PermanentError(
        "T6005",
        f"the job of {task} cannot be started",
        where=task,
        expected="a job that this machine may start",
        observed=f"{error}: {cause[:200]}",
        next_step="Deploy the project again; look at the role of the state machine.",
    )
    return Failed("PermanentError", f"{fault.code} {fault.message}", fault=fault)
