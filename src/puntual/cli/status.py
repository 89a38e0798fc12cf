"""`puntual status`: how every delivery stands, from the journal alone, in under 200 ms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from puntual.cli import restored, telling, text
from puntual.cli.options import (
    as_of_option,
    env_option,
    json_option,
    project_option,
    report_option,
    root_of,
)
from puntual.cli.owed import ended as ended_now
from puntual.cli.owed import in_zones, owed_lines, owed_now, reserves, span
from puntual.cli.places import need_project
from puntual.cli.shown import at, axes, delivery_json, glyph, notice_json, notice_line
from puntual.cli.vantage import Vantage, vantage
from puntual.errors import EvidenceError, PermanentError, PuntualError
from puntual.model.delivery import Delivery, State, Timeliness
from puntual.model.finding import Finding
from puntual.model.notice import Notice

if TYPE_CHECKING:
    from puntual.cli.archive import Archive
    from puntual.cli.arriving import Told
    from puntual.cli.outlook import Outlook

SHOWN = 20
_NOTHING = "-"
"""A prefix that no published name has."""


@click.command(name="status", help="What is owed and how it stands.")
@project_option
@report_option
@env_option
@as_of_option
@click.option("--all", "everything", is_flag=True, default=False, help="Not only the newest 20.")
@click.option(
    "--arrivals",
    "arriving",
    is_flag=True,
    default=False,
    help="Also how the sources of each open day stand against a usual day, and a guess at why.",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    report: str | None,
    env: str | None,
    as_of: datetime | None,
    everything: bool,
    arriving: bool,
    as_json: bool,
) -> None:
    """Show the deliveries, those that need a person first."""
    root = root_of(ctx, project)
    need_project(root, "status")
    now = as_of or datetime.now(UTC)
    tell = text.complain if as_json else text.say
    with vantage(root, env) as place:
        known = [at(d, now) for d in _deliveries(place, report, now, tell)]
        found = _in_zones(root, known)
        ordered = sorted(found, key=_urgency)
        shown = ordered if everything else ordered[:SHOWN]
        notices, failing = _notices(place, report), place.failing()
        broken = _broken(place)
        late = _late(place, {d.id.reference_date for d in shown}, tell) if not broken else {}
        owed = _owed(root, report, now, found, tell)
        ended = _ended(root, report, now)
        ahead = _ahead(place, shown, now, tell)
        came = _arrivals(place, [*found, *owed], now, tell) if arriving else {}
    shown = [_risked(d, ahead.get(str(d.id)), now) for d in shown]
    for fault in broken:
        text.fault(fault, wants_json=False)
    if as_json:
        data: dict[str, object] = {
            "deliveries": [delivery_json(d) | _late_json(late, d) for d in shown],
            "outlook": _ahead_json(ahead),
            "arrivals": _arrivals_json(came),
            "shown": str(len(shown)),
            "total": str(len(found)),
            "owed": [delivery_json(d) for d in owed],
            "calendar_ended": list(ended),
            "notices": [notice_json(notice) for notice in notices],
            "not_told": str(failing),
            "faults": [{"code": f.code, "about": f.where, "sentence": f.message} for f in broken],
        }
        wrong = bool(broken or ended) or any(map(_needs_a_person, found))
        wrong = wrong or any(map(_is_missed, owed))
        text.envelope("status", data, ok=not wrong, at=now)
        ctx.exit(3 if broken else 0)
    for fault in broken:
        text.say(f" ✗ {fault.code} {fault.message}: what follows is the journal's word alone")
    missed, coming = owed_lines(owed, now, everything=everything, env=env)
    for line in missed:
        text.say(line)
    if not found:
        where = "there" if env else "here"
        again = text.in_env("run", env)
        text.say(f" ○ nothing has been run {where} yet        next: {again} -d DATE")
    for delivery in shown:
        lines = (
            *_lines(delivery, now, env),
            *_ahead_lines(ahead, delivery),
            *_late_lines(late, delivery, env),
        )
        for line in lines:
            text.say(line)
    if len(shown) < len(found):
        text.say(
            f" {len(shown)} of {len(found)} shown        all: {text.in_env('status', env)} --all"
        )
    for line in (*coming, *_arrivals_lines(came)):
        text.say(line)
    for name in ended:
        text.say(f" ! {name}  its calendar ends before it is due again (C1502): puntual check")
    for notice in notices:
        for line in _notice_lines(notice):
            text.say(line)
    if failing:
        text.say(telling.failing_line(failing))
    ctx.exit(3 if broken else 0)


def _broken(place: Vantage) -> tuple[EvidenceError, ...]:
    """Return that the commit log is not what was recorded, as a run would find it."""
    if not place.was_run:
        return ()
    try:
        place.names(_NOTHING)
    except EvidenceError as fault:
        return (fault,)
    except PuntualError:
        return ()  # what cannot be read now is said where it is needed
    return ()


def _notices(place: Vantage, report: str | None) -> tuple[Notice, ...]:
    return tuple(n for n in place.notices() if report in (None, n.obligation.report))


def _notice_lines(notice: Notice) -> list[str]:
    since = notice.opened_at.strftime("%Y-%m-%d %H:%M UTC")
    _, *more = notice.text.splitlines()
    first = f" ! {notice_line(notice)}  {notice.severity.value}  since {since}"
    return [first, *(f"   {line}" for line in more)]


def _deliveries(
    place: Vantage, report: str | None, now: datetime, tell: Callable[[str], None]
) -> tuple[Delivery, ...]:
    """Return what the journal holds, having made it again if it is gone or damaged."""
    if place.is_away or not restored.is_missing(place.root):
        try:
            return _on_record(place, report)
        except PermanentError as error:
            if error.code != "T2004":
                raise
    for line in restored.restore(place.root, place.project, now):
        tell(line)
    return _on_record(place, report)


def _on_record(place: Vantage, report: str | None) -> tuple[Delivery, ...]:
    with place.journal() as journal:
        return journal.deliveries(report=report)


def _owed(
    root: Path,
    report: str | None,
    now: datetime,
    found: list[Delivery],
    tell: Callable[[str], None],
) -> tuple[Delivery, ...]:
    """Return what is owed and nothing was run for; a wrong calendar hides no delivery."""
    try:
        owed = owed_now(root, now, found)
    except PuntualError as error:
        tell(f" ! what is owed is not shown: {error.code} {error.message}: puntual check")
        return ()
    return tuple(d for d in owed if report in (None, d.id.report))


def _ended(root: Path, report: str | None, now: datetime) -> tuple[str, ...]:
    """Return the reports whose calendar has ended; what is wrong is told with what is owed."""
    try:
        return tuple(name for name in ended_now(root, now) if report in (None, name))
    except PuntualError:
        return ()


def _ahead(
    place: Vantage, shown: list[Delivery], now: datetime, tell: Callable[[str], None]
) -> dict[str, Outlook]:
    """Return the outlook of each delivery that is open and not late yet, by its id."""
    waiting = [d for d in shown if d.sent_at is None and now <= d.due_at]
    if not waiting:
        return {}
    from puntual.cli.outlook import outlook

    try:
        kept = reserves(place.root)
        with place.journal() as journal:
            made = {
                str(d.id): outlook(journal, d, now, kept[d.id.report])
                for d in waiting
                if d.id.report in kept
            }
    except PuntualError as error:
        tell(f" ! no forecast is shown: {error.code} {error.message}")
        return {}
    return {name: one for name, one in made.items() if one is not None}


def _ahead_lines(ahead: dict[str, Outlook], delivery: Delivery) -> list[str]:
    if str(delivery.id) not in ahead:
        return []
    from puntual.cli.outlook import line

    return [f"   {line(ahead[str(delivery.id)], delivery.due_at.tzinfo)}"]


def _ahead_json(ahead: dict[str, Outlook]) -> dict[str, object]:
    """Return it by delivery; beside them, for it is lost with the journal and they are not."""
    if not ahead:
        return {}
    from puntual.cli.outlook import as_json

    return {name: as_json(one) for name, one in ahead.items()}


def _arrivals(
    place: Vantage, deliveries: list[Delivery], now: datetime, tell: Callable[[str], None]
) -> dict[date, Told]:
    """Return how the sources of the open days stand; asked for, since it reads what was landed."""
    from puntual.cli.arriving import arrivals, open_days

    return arrivals(place, open_days(deliveries, now), now, tell)


def _arrivals_lines(came: dict[date, Told]) -> list[str]:
    if not came:
        return []
    from puntual.cli.arriving import lines

    return list(lines(came))


def _arrivals_json(came: dict[date, Told]) -> dict[str, object]:
    if not came:
        return {}
    from puntual.cli.arriving import as_json

    return as_json(came)


def _is_missed(delivery: Delivery) -> bool:
    return delivery.timeliness is Timeliness.MISSED


def _late(
    place: Vantage, days: set[date], tell: Callable[[str], None]
) -> dict[date, tuple[Finding, ...]]:
    """Return what came late, by day; its manifests are read only where there is any."""
    if not place.was_run:
        return {}
    try:
        names = {name[-10:] for name in place.names("late:")}
        found = {day for day in days if day.isoformat() in names}
        if not found:
            return {}
        with place.store() as store:
            return _read_late(store, found)
    except PuntualError as error:
        tell(f" ! late data is not shown: {error.code} {error.message}")
        return {}


def _read_late(store: Archive, days: set[date]) -> dict[date, tuple[Finding, ...]]:
    from puntual.cli.late import late_findings

    return {day: late_findings(store, day) for day in days}


def _late_lines(
    late: dict[date, tuple[Finding, ...]], delivery: Delivery, env: str | None
) -> list[str]:
    day = delivery.id.reference_date
    if day not in late:
        return []
    from puntual.cli.late import late_summary

    return late_summary(late[day], day, env)


def _late_json(late: dict[date, tuple[Finding, ...]], delivery: Delivery) -> dict[str, object]:
    if delivery.id.reference_date not in late:
        return {"late": []}
    from puntual.cli.late import late_json

    day = delivery.id.reference_date
    return {"late": late_json(late[day], day)}


def _in_zones(root: Path, found: list[Delivery]) -> list[Delivery]:
    """Return deliveries in the zones of their reports; what is wrong is told with what is owed."""
    try:
        return in_zones(root, found)
    except PuntualError:
        return found


def _risked(delivery: Delivery, ahead: Outlook | None, now: datetime) -> Delivery:
    """
    Return a delivery as at risk once its last moment to decide has passed.

    That is the forecast's; without history, the beginning of the reserve, no later than which a
    delivery must begin.
    """
    if ahead is None or delivery.sent_at is not None or now > delivery.due_at:
        return delivery
    decide_by = ahead.decide_by or delivery.due_at - ahead.reserve
    return replace(delivery, timeliness=Timeliness.AT_RISK) if now > decide_by else delivery


def _needs_a_person(delivery: Delivery) -> bool:
    return bool(delivery.reasons) or delivery.state in (State.HELD, State.REJECTED)


def _urgency(delivery: Delivery) -> tuple[int, int]:
    return (
        0 if _needs_a_person(delivery) else 1,
        -delivery.id.reference_date.toordinal(),
    )


def _lines(delivery: Delivery, now: datetime, env: str | None) -> list[str]:
    due = delivery.due_at.strftime("%Y-%m-%d %H:%M %Z")
    left = ""
    if delivery.sent_at is None:
        minutes = int((delivery.due_at - now).total_seconds() // 60)
        left = f" ({span(minutes)} left)" if minutes >= 0 else f" ({span(-minutes)} ago)"
    lines = [
        f" {glyph(delivery)} {delivery.id.report}  {delivery.id.reference_date.isoformat()}"
        f" v{delivery.id.version}  {'  '.join(axes(delivery))}  due {due}{left}"
    ]
    lines += [f"   {r.code}  {r.sentence}" for r in delivery.reasons[:3]]
    if len(delivery.reasons) > 3:
        more = len(delivery.reasons) - 3
        lines.append(
            f"   and {more} more: {text.in_env('explain', env)} {delivery.id.report} "
            f"-d {delivery.id.reference_date.isoformat()}"
        )
    return lines
