"""A run that was refused before its first step: on record as begun, and told until one passes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from puntual.errors import PuntualError
from puntual.model.check import Severity
from puntual.model.notice import Obligation
from puntual.ports.journal import StepEvent
from puntual.runner import tell
from puntual.runner.again import last_sent
from puntual.runner.execute import Desk

RUN, REFUSED = "run", "refused"
"""Step and outcome of such a run in the journal: it did start, and no step of it did."""


def refuse(desk: Desk, day: date, reports: Iterable[str], fault: PuntualError) -> None:
    """
    Record that a run of a day was refused, and open the notice of it for what is not sent.

    Args:
        desk: Journal and notices.
        day: The reference date.
        reports: Those that the run owed.
        fault: What it was refused for.

    Raises:
        PermanentError: T1001, T1002, T1003, T2004 it cannot be written down.
        TransientError: T2002.
    """
    at = desk.clock.now()
    for report in reports:
        if last_sent(desk.journal, report, day) is None:
            obligation = Obligation(report=report, reference_date=day)
            due = desk.due(report, day) if desk.due else None
            text = tell.dated(tell.refused(report, day, fault), due, at)
            desk.notices.open(obligation, fault.code, Severity.ERROR, text, at)
    desk.journal.record(
        StepEvent(
            run=f"{REFUSED}-{day.isoformat()}-{at.isoformat()}",
            reference_date=day,
            step=RUN,
            outcome=REFUSED,
            seconds=0.0,
            at=at,
            summary=f"{fault.code} {fault.message}",
            facts={"error": fault.code},
        )
    )
