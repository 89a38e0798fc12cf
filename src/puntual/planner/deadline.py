"""
Whether the worst case of a run ends before each report is due, and what would make it fit.

Design 4.10: `puntual check` refuses a project whose worst case ends after the due time less the
margin. The bound is that of `planner.worst`; the windows are those of `planner.schedule`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from puntual.model.flow import Choice, Flow, Notify, State, Task
from puntual.model.plan import Deliver
from puntual.model.project import Project
from puntual.model.run import LONGEST_TIMEOUT, MOST_RETRIES, StepTimes
from puntual.planner.flow import ENDED, failed, flow, held
from puntual.planner.plan import plan, plan_b
from puntual.planner.schedule import Window, Zones, narrowest, windows
from puntual.planner.worst import worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """
    A report's window beside what the run needs of it.

    Attributes:
        window: From the start of the run to the due time.
        margin: Seconds before the due time at which all must have ended.
        needed: Seconds of the worst case until the report is delivered; exact.
        rescue: Seconds of plan B, which follows where a fault is left; 0 where no policy says so.
            They are in `needed` as far as that way is the longest.
    """

    window: Window
    margin: int
    needed: Fraction
    rescue: Fraction = Fraction(0)

    @property
    def allowed(self) -> int:
        """Seconds of the window less the margin."""
        return self.window.seconds - self.margin

    @property
    def slack(self) -> Fraction:
        """Seconds to spare; negative if the report may be late."""
        return self.allowed - self.needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun:
    """
    A report that may not be delivered in time although every limit of the run is kept.

    Attributes:
        timing: Of the date with the least slack, which is negative.
        retries: The largest number of retries of every step with which all reports fit; None if
            even without retries they do not.
        timeout: Then the longest timeout of every step, in seconds, with which they fit without
            retries; None if there is none, or if it is not needed.
    """

    timing: Timing
    retries: int | None
    timeout: int | None


def overruns(project: Project, zones: Zones) -> tuple[Overrun, ...]:
    """
    Return the reports that may be late on a date of the calendars, by name.

    Args:
        project: Its times, plan and calendars.
        zones: Builds a zone.
    """
    found = narrowest(project, zones)
    late = _late(project, found)
    if not late:
        return ()
    retries = _largest(lambda n: not _late(_with_retries(project, n), found), 0, MOST_RETRIES)
    timeout = None if retries is not None else _longest_timeout(project, found)
    return tuple(Overrun(timing=t, retries=retries, timeout=timeout) for t in late)


def timings(
    project: Project, reports: Iterable[str], reference_date: date, zones: Zones
) -> tuple[Timing, ...]:
    """
    Return the timing of each report of a run, in the order of the reports' names.

    Raises:
        ProjectError: P1001 a calendar does not cover the reference date or the due day.
    """
    return _timings(project, windows(project, reports, reference_date, zones))


def needed(project: Project, reports: Iterable[str], reference_date: date) -> dict[str, Fraction]:
    """
    Return the seconds within which a run has delivered each report, told of it, or failed.

    What comes after a report's delivery (other reports) does not count for it. Where a policy
    has plan B delivered after a fault, that comes after the longest way to a fault; to one of the
    report's own, after the other reports.
    """
    together = tuple(sorted(set(reports)))
    whole = flow(project, plan(project, reference_date, together))
    after = rescues(project, together, reference_date)
    return {
        name: worst(until(whole, name, rescued=bool(after[name])), failing=after[name])
        for name in together
    }


def rescues(project: Project, reports: Iterable[str], reference_date: date) -> dict[str, Fraction]:
    """
    Return the seconds within which plan B of each report is delivered after a fault; 0 of none.

    All of them are made in one run, as they are in the worst case.
    """
    together = tuple(sorted(set(reports)))
    rescued = [name for name in together if _has_plan_b(project, name)]
    if not rescued:
        return dict.fromkeys(together, Fraction(0))
    whole = flow(project, plan_b(project, reference_date, rescued))
    return {n: worst(until(whole, n)) if n in rescued else Fraction(0) for n in together}


def _has_plan_b(project: Project, report: str) -> bool:
    """Say whether a policy, approved or not, has plan B delivered after a technical fault."""
    return any(
        policy.report == report and any(clause.fault for clause in policy.clauses)
        for policy in project.policies.values()
    )


def until(whole: Flow, report: str, *, rescued: bool = False) -> Flow:
    """
    Return a flow that ends when a report is delivered, or its holding or failing is told.

    Args:
        whole: The flow of all reports.
        report: Which.
        rescued: Plan B follows where it fails, after the other reports.
    """
    ends: dict[str, State] = {}
    chosen = whole.states[ENDED]
    if isinstance(chosen, Choice):  # what is rehearsed then keeps no report waiting
        ends[ENDED] = replace(chosen, branches={"": chosen.default})
    for name in (Deliver(report=report).id, held(report), failed(report)):
        state = whole.states[name]
        if isinstance(state, Task):
            ends[name] = replace(state, next=None)
        elif isinstance(state, Notify) and not (rescued and name == failed(report)):
            catch = state.catch if name == held(report) else ()
            ends[name] = replace(state, next=None, catch=catch)
    return replace(whole, states={**whole.states, **ends})


def _timings(project: Project, found: tuple[Window, ...]) -> tuple[Timing, ...]:
    days = {w.together: w.reference_date for w in found}
    bounds = {names: needed(project, names, day) for names, day in days.items()}
    after = {names: rescues(project, names, day) for names, day in days.items()}
    return tuple(
        Timing(
            window=w,
            margin=project.run.margin,
            needed=bounds[w.together][w.report],
            rescue=after[w.together][w.report],
        )
        for w in found
    )


def _late(project: Project, found: tuple[Window, ...]) -> tuple[Timing, ...]:
    """Return the reports without slack, each with its worst date, by name."""
    late: dict[str, Timing] = {}
    for timing in _timings(project, found):
        name = timing.window.report
        if timing.slack < 0 and (name not in late or timing.slack < late[name].slack):
            late[name] = timing
    return tuple(late[name] for name in sorted(late))


def _longest_timeout(project: Project, found: tuple[Window, ...]) -> int | None:
    without = _with_retries(project, 0)
    return _largest(lambda s: not _late(_with_timeout(without, s), found), 1, LONGEST_TIMEOUT)


def _with_retries(project: Project, retries: int) -> Project:
    return _with(project, lambda times: replace(times, retries=retries))


def _with_timeout(project: Project, timeout: int) -> Project:
    return _with(project, lambda times: replace(times, timeout=timeout))


def _with(project: Project, change: Callable[[StepTimes], StepTimes]) -> Project:
    def every(times: Mapping[str, StepTimes]) -> dict[str, StepTimes]:
        return {name: change(one) for name, one in times.items()}

    run = replace(project.run, kinds=every(project.run.kinds), steps=every(project.run.steps))
    return replace(project, run=run)


def _largest(fits: Callable[[int], bool], low: int, high: int) -> int | None:
    """Return the largest number that fits, where every smaller one fits too; None if none does."""
    if not fits(low):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
