"""`puntual explain`: what a code means, or why a delivery is not full and what happens next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

import click

from puntual.cli import dates, restored, text
from puntual.cli.ahead import Ahead, ahead_of
from puntual.cli.options import (
    as_of_option,
    date_option,
    env_option,
    json_option,
    project_option,
    root_of,
)
from puntual.cli.owed import in_zones, scheduled
from puntual.cli.shown import at, axes, delivery_json, glyph, tables_apart
from puntual.cli.vantage import Vantage, vantage
from puntual.errors import ProjectError, PuntualError
from puntual.model.codes import CODES, Code
from puntual.model.delivery import Completeness, Delivery, Reason, State, Timeliness

LESS = frozenset({Completeness.PARTIAL, Completeness.EMERGENCY})


@click.command(name="explain", help="Why a delivery is not full, or what a code means.")
@project_option
@click.argument("what", metavar="CODE|REPORT")
@date_option(required=False, one=True)
@env_option
@as_of_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    what: str,
    when: str | None,
    env: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """
    Explain a message code such as R3001, or a report's delivery of a date.

    Exits 1 when something stands in the way of the delivery, 0 otherwise.
    """
    if what.upper() in CODES:
        _code(CODES[what.upper()], as_json)
        return
    if when is None:
        raise _unknown(what)
    root, now = root_of(ctx, project), as_of or datetime.now(UTC)
    with vantage(root, env) as place:
        delivery = at(_delivery(place, what, when, now), now)
        ahead = ahead_of(place, delivery, now)
        policy = _policy(place, delivery)
    nothing_ran = delivery.state is State.SCHEDULED
    wrong = bool(delivery.reasons) or (nothing_ran and delivery.timeliness is Timeliness.MISSED)
    if as_json:
        data: dict[str, object] = {"delivery": delivery_json(delivery), "outlook": ahead.data}
        text.envelope("explain", data, ok=not wrong)
    else:
        for line in (*_why(delivery, ahead, policy, env), *ahead.lines):
            text.say(line)
    ctx.exit(1 if wrong else 0)


def _unknown(what: str) -> ProjectError:
    near = get_close_matches(what.upper(), CODES, 1)
    return ProjectError(
        "C1006",
        f"{what!r} is no message code, and a report needs its date",
        expected="a code such as R3001, or REPORT -d DATE",
        observed=what,
        next_step=f"did you mean {near[0]}?" if near else f"puntual explain {what} -d DATE",
    )


def _code(code: Code, as_json: bool) -> None:
    if as_json:
        text.envelope(
            "explain",
            {
                "code": code.code,
                "title": code.title,
                "meaning": code.meaning,
                "repair": code.repair,
            },
        )
        return
    text.say(f" {code.code}  {code.title}")
    text.say(f"  meaning  {code.meaning}")
    text.say(f"  repair   {code.repair}")


def _delivery(place: Vantage, report: str, when: str, now: datetime) -> Delivery:
    """Return the delivery on record; before anything ran, the one that is owed."""
    root = place.root
    day = dates.one(when, root, now)
    if not place.is_away:
        restored.at_hand(root, now)
    with place.journal() as journal:
        found = journal.deliveries(report=report, reference_date=day)
        known = [] if found else sorted({d.id.report for d in journal.deliveries()})
    if found:
        return _in_zone(root, found[0])
    owed = scheduled(root, report, day, now) if (root / "puntual.yaml").is_file() else None
    if owed is not None:
        return owed
    near = [] if report in known else get_close_matches(report, known, 1)
    raise ProjectError(
        "C1005",
        f"no delivery {report}/{day.isoformat()} is on record",
        expected=", ".join(known) or "a run",
        observed="none",
        next_step=f"did you mean {near[0]!r}?"
        if near
        else f"{text.in_env('run', place.env)} -d {day.isoformat()}",
    )


def _in_zone(root: Path, delivery: Delivery) -> Delivery:
    try:
        return in_zones(root, [delivery])[0]
    except PuntualError:
        return delivery  # a project that is wrong hides only the name of the zone


def _policy(place: Vantage, delivery: Delivery) -> list[str]:
    """Return by which policy it was decided; what reads it is not needed for a full delivery."""
    if delivery.completeness not in LESS:
        return []
    from puntual.cli.decided import policy_lines

    return policy_lines(place, delivery)


def _why(delivery: Delivery, ahead: Ahead, policy: Iterable[str], env: str | None) -> Iterable[str]:
    day = delivery.id.reference_date.isoformat()
    due = delivery.due_at.strftime("%Y-%m-%d %H:%M %Z")
    lines = [f" {glyph(delivery)} {delivery.id}  {', '.join(axes(delivery))}  due {due}"]
    if delivery.state is State.SCHEDULED:
        missed = delivery.timeliness is Timeliness.MISSED
        lines.append(f"  Nothing was run for it{'; it is missed' if missed else ' yet'}.")
        watch = "the schedule" if env else "puntual watch"
        lines.append(f"  next      {text.in_env('run', env)} -d {day}, or {watch}")
        return lines
    if not delivery.reasons:
        what = delivery.completeness.value if delivery.completeness else "undecided"
        lines.append(f"  It is {what}; {delivery.exceptions} exception(s) are documented.")
        if delivery.exceptions:
            lines.append(f"  next      {text.in_env('exceptions', env)} -d {day}")
        return lines
    if delivery.state is State.HELD:
        return [*lines, *_held(delivery, ahead, env)]
    waiting = [r for r in delivery.reasons if r.code in _FOR_A_PERSON]
    left = [r for r in delivery.reasons if r not in waiting]
    if delivery.sent_at is not None:
        return [*lines, *_not_full(left, policy, env), *_sent(delivery, env)]
    if delivery.state is State.READY and waiting:
        return [*lines, *_waiting(delivery, waiting), *_not_full(left, policy, env)]
    again = f"{text.in_env('run', env)} -d {day} again: it continues where it stopped"
    return [
        *lines,
        "  The run stopped because:",
        *_reasons(left, day, env),
        f"  next      {again}",
    ]


_FOR_A_PERSON = frozenset({"P3011", "P3013"})
"""Codes of what keeps a delivery that is made: a person's word, which no run stands in for."""


def _reasons(reasons: Iterable[Reason], day: str, env: str | None) -> Iterator[str]:
    for reason in reasons:
        yield f"   {reason.code}  {reason.about}: {reason.sentence}"
        if reason.code in CODES:
            yield f"          {CODES[reason.code].repair}"
        for table in tables_apart([reason]):
            anew = f"{text.in_env('run', env)} --from load:{table} -d {day}"
            yield f"          altered after it was loaded: {anew}"


def _held(delivery: Delivery, ahead: Ahead, env: str | None) -> Iterator[str]:
    day = delivery.id.reference_date.isoformat()
    yield "  Held because:"
    yield from _reasons(delivery.reasons, day, env)
    yield f"  What happens next: {_next(delivery, ahead)}"
    yield f"  next      {_repair(delivery)}, then {text.in_env('run', env)} -d {day}"
    hops, entries = text.in_env("reconcile", env), text.in_env("exceptions", env)
    yield f"            {hops} -d {day}      {entries} -d {day}"


def _not_full(reasons: list[Reason], policy: Iterable[str], env: str | None) -> Iterator[str]:
    """Say what is missing of a delivery that was made all the same, and by which policy."""
    if reasons:
        yield "  Not full because:"
        for reason in reasons:
            yield f"   {reason.code}  {reason.about}: {reason.sentence}"
    yield from policy


def _waiting(delivery: Delivery, waiting: list[Reason]) -> Iterator[str]:
    """Say for whose word a delivery that is made waits; every sentence ends with the command."""
    yield "  Made, and not sent:"
    yield from (f"   {r.code}  {r.about}: {r.sentence.rpartition(': ')[0]}" for r in waiting)
    missed = delivery.timeliness is Timeliness.MISSED
    follows = "it is missed already" if missed else "unsigned when it is due, it is missed"
    signed = any(r.code == "P3011" for r in waiting)
    yield f"  What happens next: nothing is sent without it{f'; {follows}' if signed else ''}."
    for reason in waiting:
        yield f"  next      {reason.sentence.rpartition(': ')[2]}"


def _sent(delivery: Delivery, env: str | None) -> Iterator[str]:
    day = delivery.id.reference_date.isoformat()
    if delivery.state in (State.SENT, State.ACCEPTED) and delivery.completeness in LESS:
        yield "  What happens next: a run that finds what was missing replaces it in full."
    if delivery.state is State.REJECTED:
        yield f"  next      {text.in_env('ack', env)} {delivery.id.report} -d {day}"
    if delivery.exceptions:
        yield f"  next      {text.in_env('exceptions', env)} -d {day}"


def _next(delivery: Delivery, ahead: Ahead) -> str:
    """Return what follows if nobody does anything."""
    waits = any(reason.code == "P3001" for reason in delivery.reasons)
    if waits and ahead.decides_at:
        return f"at {ahead.decides_at} the policy decides what is delivered."
    return "nothing is delivered as it stands."


_REPAIRS = {
    "P": "repair the source",
    "S": "repair the source",
    "Q": "correct the data or the check",
    "R": "correct the data or the control",
    "L": "correct the report or its layout",
}


_UNANSWERED = frozenset({"Q2002", "R2003", "R3002"})
"""Not measured: most often because of another reason, which is then the one to repair."""


def _repair(delivery: Delivery) -> str:
    """Return what is to be repaired, by the families of the reasons' codes."""
    codes = [r.code for r in delivery.reasons]
    causes = [c for c in codes if c not in _UNANSWERED] or codes
    families = dict.fromkeys(_REPAIRS.get(c[:1], "") for c in causes)
    return ", ".join(f for f in families if f) or "do what is said above"
