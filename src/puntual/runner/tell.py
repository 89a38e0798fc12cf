"""Short sentences for the progress of a run, for the journal and for notices; never a value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import assert_never

from puntual.errors import PuntualError
from puntual.evidence.facts import list_from_json
from puntual.model.delivery import Delivery, DeliveryId, Reason, State
from puntual.model.finding import Finding, Verdict
from puntual.model.manifest import Manifest
from puntual.model.plan import (
    Attest,
    Build,
    Curate,
    Decide,
    Deliver,
    Land,
    Load,
    MakeReport,
    Reconcile,
    Rehearse,
    Step,
    Validate,
)
from puntual.runner import route
from puntual.runner.flow import Failed, Retried
from puntual.runner.packing import STAMPED
from puntual.runner.sources import holding, seal_of, set_aside_of
from puntual.runner.world import DayRun

WAITS, UNSIGNED = "P3001", "P3011"
"""Codes of what waits for the moment to decide, and of what waits for signatures."""


def summary(run: DayRun, step: Step) -> str:
    """Return what a committed step did; counts and names only, never values."""
    made = run.manifest(step.id)
    match step:
        case Land():
            return f"{step.source} {seal_of(made).status.value} {made.totals.records:,}"
        case Curate():
            return f"{step.dataset} {made.totals.records:,}{_aside(made)}"
        case Build() | Load():
            return f"{made.dataset} {made.totals.records:,}"
        case Validate() | Reconcile():
            return _verdicts(made)
        case Decide():
            return f"{step.report} {made.facts['word']}"
        case MakeReport():
            return _made(made)
        case Attest():
            return f"{step.report} {len(made.objects)} files"
        case Deliver():
            late = made.facts.get(STAMPED) == "none came"
            missing = ", no time stamp: none came in time" if late else ""
            return f"{step.report} → {made.facts['where']}{missing}"
        case Rehearse():
            return f"{step.report} plan B {made.facts['word']}"
        case _:
            assert_never(step)


def _made(made: Manifest) -> str:
    findings = list_from_json(Finding, made.facts["findings"])
    wrong = [f for f in findings if f.verdict.is_open]
    idle = sorted(f.rule for f in findings if f.verdict is Verdict.NOT_DUE)
    rows = f"{made.facts['file_name']} {made.totals.records:,} rows"
    if not wrong:
        not_due = f"; {', '.join(idle)} not due" if idle else ""
        return f"{rows}, read back{not_due}"
    word = "held" if holding(made) else "read back"
    what = f"{rows}, {word}" if made.of_role("report") else f"{made.facts['file_name']} not made"
    return f"{what}, {len(wrong)} findings: {', '.join(sorted({f.code for f in wrong})[:3])}"


def _aside(made: Manifest) -> str:
    by_class: dict[str, int] = {}
    for (kind, _), totals in set_aside_of(made).items():
        by_class[kind] = by_class.get(kind, 0) + totals.records
    named = ", ".join(f"{n:,} {kind}" for kind, n in sorted(by_class.items()))
    return f" ({named})" if named else ""


def _verdicts(made: Manifest) -> str:
    findings = list_from_json(Finding, made.facts["findings"])
    passed = sum(f.verdict is Verdict.PASS for f in findings)
    failed = tuple(f for f in findings if f.verdict is not Verdict.PASS)
    if not failed:
        return f"{passed} passed"
    names = ", ".join(sorted(f.rule for f in failed)[:3])
    return f"{passed} passed, {len(failed)} findings: {names}"


def retry(retried: Retried) -> str:
    """Return what is said of a retry: which, when, why."""
    return f"retry {retried.retry} of {retried.of} in {_seconds(retried.wait)}: {retried.cause}"


def code_of(failed: Failed) -> str:
    """Return the code of a known fault; T6003, a bug, of anything else."""
    return failed.fault.code if isinstance(failed.fault, PuntualError) else "T6003"


def after(attempts: int) -> str:
    """Return how often something was tried."""
    return "at the first attempt" if attempts == 1 else f"after {attempts} attempts"


def gave_up(report: str, day: date, step: str, attempts: int, failed: Failed) -> str:
    """Return the notice of a technical fault; at most four lines (ux.md 10)."""
    fault = failed.fault
    lines = [f"FAILED · {report} {day}", f"{step} failed {after(attempts)}: {failed.cause}"]
    if isinstance(fault, PuntualError) and fault.next_step:
        lines.append(fault.next_step)
    elif route.is_bug(failed):
        lines.append("A bug of puntual: nothing was taken for right that was not proven.")
    return "\n".join(lines)


def refused(report: str, day: date, fault: PuntualError) -> str:
    """Return the notice of a run that was refused before its first step."""
    lines = [f"REFUSED · {report} {day}", f"the run was not begun: {fault.code} {fault.message}"]
    return "\n".join([*lines, fault.next_step] if fault.next_step else lines)


def dated(text: str, due: datetime | None, at: datetime | None = None) -> str:
    """
    Return a notice's text with the due instant in its first line (ux.md 10).

    Args:
        text: As it is told here.
        due: With the report's zone; None where it is not known.
        at: UTC; how long is left then is said as well. None: it is sent already.
    """
    if due is None:
        return text
    first, *more = text.splitlines()
    left = "" if at is None else f" ({_left(due - at)})"
    return "\n".join([f"{first} · due {due.strftime('%Y-%m-%d %H:%M %Z')}{left}", *more])


def _left(time: timedelta) -> str:
    minutes = abs(time) // timedelta(minutes=1)
    days, hours = divmod(minutes // 60, 24)
    if days:
        length = f"{days} d {hours} h"
    else:
        length = f"{hours} h {minutes % 60:02d} min" if hours else f"{minutes} min"
    return length if time >= timedelta() else f"{length} ago"


def held(report: str, day: date, reasons: Sequence[Reason], away: str = "") -> str:
    """
    Return the notice of a delivery that is held, with what was in its way when that was told.

    Args:
        report: Its report.
        day: Its reference date.
        reasons: Why it is held.
        away: The environment in which a person asks, where it is not his machine.
    """
    return "\n".join([f"HELD · {report} {day}", *held_lines(reasons), _why(report, day, away)])


def held_lines(reasons: Sequence[Reason]) -> list[str]:
    """Return why a delivery is held, and what follows if nobody does anything."""
    waits = [r for r in reasons if r.code == WAITS]
    wrong = [r for r in reasons if r.code != WAITS]
    lines = [_first(wrong)] if wrong else []
    return [*lines, waits[0].sentence if waits else "nothing is sent as it stands"]


def unsigned(delivery: Delivery, away: str = "") -> str:
    """Return the notice of a delivery that is made and that people are to sign; see `held`."""
    report, day = delivery.id.report, delivery.id.reference_date
    title = f"NOT SIGNED · {report} {day}"
    return "\n".join([title, *unsigned_lines(delivery), _why(report, day, away)])


def unsigned_lines(delivery: Delivery, *, late: bool = False) -> list[str]:
    """Return that a delivery is made, what follows if nobody signs it, and who is to, and how."""
    how = delivery.completeness.value if delivery.completeness else "not full"
    said = [f"{r.code} {r.sentence}" for r in delivery.reasons if r.code == UNSIGNED]
    follows = "" if late else "; unsigned when due, it is missed"
    return [f"it is made ({how}) and not sent until it is signed{follows}", *said]


def is_unsigned(delivery: Delivery) -> bool:
    """Say whether a delivery is made and waits for people to sign it."""
    return delivery.state is State.READY and any(r.code == UNSIGNED for r in delivery.reasons)


def _why(report: str, day: date, away: str) -> str:
    env = f" --env {away}" if away else ""
    return f"why, and what to do: puntual explain{env} {report} -d {day}"


def not_allowed(report: str, day: date, reasons: Sequence[Reason], away: str = "") -> str:
    """Return the notice of a delivery that no policy allows at the moment to decide; see `held`."""
    return (
        f"NOT ALLOWED · {report} {day}\nheld at the moment to decide: {_first(reasons)}\n"
        f"{_why(report, day, away)}"
    )


def _first(reasons: Sequence[Reason]) -> str:
    first, more = reasons[0], len(reasons) - 1
    return f"{first.code} {first.sentence}" + (f" (and {more} more)" if more else "")


def not_full(sent: Delivery, away: str = "") -> str:
    """Return the notice of a delivery that was sent and is not full; see `held`."""
    report, day = sent.id.report, sent.id.reference_date
    how = sent.completeness.name if sent.completeness else ""
    lacks = [_first(sent.reasons)] if sent.reasons else []
    follows = "it is replaced in full as soon as it can be"
    return "\n".join([f"SENT {how} · {report} {day}", *lacks, follows, _why(report, day, away)])


def delivered(sent: Delivery) -> str:
    """Return what ends the notices of a report: that it was sent, and how."""
    how = sent.completeness.value if sent.completeness else ""
    stands = sent.timeliness.value.replace("_", " ")
    return f"delivered: v{sent.id.version}, {how}, {stands}"


def rejected(name: DeliveryId, identifier: str, away: str = "") -> str:
    """Return the notice of a delivery that its receiver has rejected; see `held`."""
    report, day = name.report, name.reference_date
    env = f" --env {away}" if away else ""
    return (
        f"REJECTED · {report} {day} v{name.version}\nby its receiver, {identifier}\n"
        f"what it answered: puntual ack{env} {report} -d {day}"
    )


def not_rehearsed(report: str, day: date) -> str:
    """Return the notice of a plan B that could not be rehearsed; the report itself is sent."""
    return (
        f"PLAN B · {report} {day}\nthe emergency report could not be made beside the full one, "
        f"which is delivered: puntual policy {report}"
    )


def _seconds(wait: float) -> str:
    return f"{wait:.0f} s" if wait >= 10 else f"{wait:.1f} s"
