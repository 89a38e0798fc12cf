"""How long a run waits for a source that does not answer (`failures.md` f33)."""

from __future__ import annotations

from puntual.errors import PermanentError, TransientError
from puntual.model.source import StreamSource
from puntual.planner.calendar import due_of
from puntual.planner.policy import decide_by
from puntual.ports.landing import is_unanswered
from puntual.runner.checkpoint import Published
from puntual.runner.world import DayRun


def is_over(run: DayRun, fault: TransientError | PermanentError) -> bool:
    """
    Say whether a source that does not answer is waited for no longer.

    Between the moment to decide of one of the run's reports and its due hour at once: what is
    left is what the decision, the report and the delivery take. After the due hour there is no
    hurry, and every retry that is worth one is made first; before the moment to decide it stays
    a fault.

    Raises:
        ProjectError: P1001 a calendar does not cover the reference date or the due day.
    """
    if not is_unanswered(fault):
        return False
    at, zones = run.world.clock.now(), run.world.zone
    for report in run.plan.reports:
        if decide_by(run.project, report, run.date, zones) <= at:
            hurry = at <= due_of(run.project, report, run.date, zones)
            if hurry or run.last or isinstance(fault, PermanentError):
                return True
    return False


def stands(run: DayRun, source: str, before: Published | None) -> bool:
    """
    Say whether what was landed of a source before is all that can be had of it now.

    A stream is sealed anew: more of it, or its control record, may have come since.
    """
    is_stream = isinstance(run.project.sources[source], StreamSource)
    return before is not None and bool(before.manifest.of_role("data")) and not is_stream
