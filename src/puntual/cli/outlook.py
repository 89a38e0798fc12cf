"""
When an open delivery will be finished, and until when one may decide, from the journal's days.

What each step took is read from earlier days as they were; with fewer than `forecast.FEWEST` of
them there is no history, and nothing is guessed (issue: forecast and decision time).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from puntual.model.delivery import Delivery, State
from puntual.planner.forecast import FEWEST, Forecast, Remaining, Took, forecast, no_history
from puntual.planner.forecast import remaining as remaining_of
from puntual.ports.journal import Journal, StepEvent

DAYS = 20
"""Earlier reference dates that are looked at, the newest."""

_MADE = frozenset({State.READY, State.SIGNED})
_GONE = frozenset({State.SENT, State.ACCEPTED, State.REJECTED, State.SUPERSEDED})
_OF_REPORTS = frozenset({"decide", "report", "attest", "deliver", "rehearse"})
_OF_DECISION = ("decide", "report", "attest", "deliver")
_COUNTED = frozenset({"done", "failed", "timed out", "died", "retried"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """
    What is to be said of an open delivery.

    Attributes:
        days: Earlier days that it rests on; fewer than `FEWEST`: no history.
        found: From what these took, if all data is there now; None without history.
        deciding: The steps from the decision on; None without history.
        decide_by: Due less their p95 less the reserve, UTC; None without history.
        reserve: Of the decision.
    """

    days: int
    found: Forecast | None = None
    deciding: Remaining | None = None
    decide_by: datetime | None = None
    reserve: timedelta = timedelta()


def outlook(
    journal: Journal,
    delivery: Delivery,
    now: datetime,
    reserve: timedelta,
    *,
    begins: datetime | None = None,
    complete: Sequence[datetime] = (),
) -> Outlook | None:
    """
    Return the outlook of a delivery; None of one that is sent, or past its deadline.

    Args:
        journal: What the steps of earlier days took.
        delivery: As it stands.
        now: The moment.
        reserve: The decision reserve of its report.
        begins: When its run starts, if that is later than now.
        complete: When its data may be complete; none: now.

    Raises:
        PermanentError: T1002, T1003, T2004 the journal cannot be read.
        TransientError: T2002.
    """
    if delivery.state in _GONE or now > delivery.due_at:
        return None
    report = delivery.id.report
    past = history(journal, report, delivery.id.reference_date)
    if len(past) < FEWEST:
        return Outlook(days=len(past), reserve=reserve)
    deciding = tuple(f"{kind}:{report}" for kind in _OF_DECISION)
    steps = deciding[-1:] if delivery.state in _MADE else tuple(sorted(past[0]))
    if sum(all(step in day for step in steps) for day in past) < FEWEST:
        return Outlook(days=0, reserve=reserve)
    # Never the worst case: there are days enough.
    found = forecast(
        steps,
        past,
        worst=timedelta(),
        now=now,
        due_at=delivery.due_at,
        reserve=reserve,
        begins=begins,
        complete=complete,
    )
    left = remaining_of(deciding, past, timedelta())
    return Outlook(
        days=found.runs,
        found=found,
        deciding=left,
        decide_by=delivery.due_at - left.p95 - reserve,
        reserve=reserve,
    )


def history(journal: Journal, report: str, before: date) -> tuple[Took, ...]:
    """Return what the steps of the newest earlier days took on which a report was delivered."""
    days = {d.id.reference_date for d in journal.deliveries(report=report) if d.sent_at}
    chosen = sorted((day for day in days if day < before), reverse=True)[:DAYS]
    found = (_took(journal.steps(day), report) for day in chosen)
    return tuple(took for took in found if f"deliver:{report}" in took)


def _took(events: Iterable[StepEvent], report: str) -> Took:
    """Return what each step took in the last run of a day that did it, retries included."""
    by_run: dict[tuple[str, str], float] = {}
    done: dict[str, str] = {}
    for event in events:
        kind, _, about = event.step.partition(":")
        if event.outcome not in _COUNTED or kind == "rehearse":
            continue
        if kind in _OF_REPORTS and about != report:
            continue
        name = (event.step, event.run)
        by_run[name] = by_run.get(name, 0.0) + event.seconds
        if event.outcome == "done" and not event.run.startswith("land-"):
            done[event.step] = event.run
    return {step: timedelta(seconds=by_run[step, run]) for step, run in done.items()}


def line(found: Outlook, zone: tzinfo | None) -> str:
    """Return the outlook in one line, for `status` and for notices."""
    if found.found is None or found.decide_by is None:
        return f"forecast: {no_history(found.days)}"
    ends = f"{_clock(found.found.low, zone)}–{_clock(found.found.high, zone)}"
    return (
        f"if all is there now: done {ends}; {found.found.sentence()}; "
        f"decide by {_clock(found.decide_by, zone)}"
    )


def lines(found: Outlook, due_at: datetime, zone: tzinfo | None) -> list[str]:
    """Return the outlook as `explain` tells it: a range, the chance of a miss, the last moment."""
    if found.found is None or found.deciding is None or found.decide_by is None:
        return [f"  forecast  {no_history(found.days)}"]
    last, left = found.found, found.deciding
    when = "" if last.days else " if all is there now"
    return [
        f"  forecast  done {_clock(last.mid, zone)} ({_clock(last.low, zone)}–"
        f"{_clock(last.high, zone)}){when}; the steps left take {_span(last.remaining.p50)}, "
        f"p95 {_span(last.remaining.p95)}",
        f"  miss      {last.sentence()}",
        f"  decide by {_clock(found.decide_by, zone)} = due {_clock(due_at, zone)} − "
        f"{_span(left.p95)} (p95 from the decision to the delivery) − {_span(found.reserve)} "
        "reserve",
    ]


def as_json(found: Outlook | None) -> dict[str, object] | None:
    """Return the outlook as JSON values; `forecast` is null without history."""
    if found is None:
        return None
    told: dict[str, object] = {"days": str(found.days), "forecast": None}
    if found.found is not None and found.decide_by is not None and found.deciding is not None:
        last = found.found
        told["forecast"] = {
            "low": last.low.isoformat(),
            "mid": last.mid.isoformat(),
            "high": last.high.isoformat(),
            "miss": None if last.miss is None else f"{last.miss.numerator}/{last.miss.denominator}",
            "decide_by": found.decide_by.isoformat(),
            "deciding_p95_seconds": str(round(left.total_seconds(), 3))
            if (left := found.deciding.p95)
            else "0",
            "reserve_seconds": str(int(found.reserve.total_seconds())),
        }
    return told


def _clock(at: datetime, zone: tzinfo | None) -> str:
    return at.astimezone(zone).strftime("%H:%M")


def _span(length: timedelta) -> str:
    seconds = length.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 300 else f"{seconds / 60:.0f} min"
