"""`puntual status`: how every delivery stands, from the journal alone, in under 200 ms."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from puntual.cli import text
from puntual.cli.options import as_of_option, json_option, project_option, report_option, root_of
from puntual.cli.places import journal_path
from puntual.cli.shown import delivery_json, glyph
from puntual.errors import ProjectError
from puntual.local.journal import SqliteJournal
from puntual.model.delivery import Delivery, State, Timeliness

SHOWN = 20


@click.command(name="status", help="What is owed and how it stands.")
@project_option
@report_option
@as_of_option
@click.option("--all", "everything", is_flag=True, default=False, help="Not only the newest 20.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    report: str | None,
    as_of: datetime | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Show the deliveries, those that need a person first."""
    root = root_of(ctx, project)
    if not (root / "puntual.yaml").is_file():
        raise ProjectError(
            "C1002",
            "this folder holds no report project",
            where=str(root),
            expected="a file puntual.yaml",
            observed="none",
            next_step="puntual init NAME, or puntual -C FOLDER status",
        )
    now = as_of or datetime.now(UTC)
    found = [_at(d, now) for d in SqliteJournal(journal_path(root)).deliveries(report=report)]
    ordered = sorted(found, key=_urgency)
    shown = ordered if everything else ordered[:SHOWN]
    if as_json:
        data: dict[str, object] = {
            "deliveries": [delivery_json(d) for d in shown],
            "shown": str(len(shown)),
            "total": str(len(found)),
        }
        text.envelope("status", data, ok=not any(_needs_a_person(d) for d in found), at=now)
        return
    if not found:
        text.say(" ○ nothing has been run here yet        next: puntual run -d DATE")
    for delivery in shown:
        for line in _lines(delivery, now):
            text.say(line)
    if len(shown) < len(found):
        text.say(f" {len(shown)} of {len(found)} shown        all: puntual status --all")


def _at(delivery: Delivery, now: datetime) -> Delivery:
    """
    Return the delivery as it stands to its deadline now, not when it was written down.

    As `planner.decide.timeliness` has it, whose import alone would take a third of the time.
    """
    if delivery.sent_at is not None:
        return delivery
    missed = now > delivery.due_at
    return replace(delivery, timeliness=Timeliness.MISSED if missed else Timeliness.ON_TIME)


def _needs_a_person(delivery: Delivery) -> bool:
    return bool(delivery.reasons) or delivery.state in (State.HELD, State.REJECTED)


def _urgency(delivery: Delivery) -> tuple[int, int]:
    return (
        0 if _needs_a_person(delivery) else 1,
        -delivery.id.reference_date.toordinal(),
    )


def _lines(delivery: Delivery, now: datetime) -> list[str]:
    words = [delivery.state.value]
    if delivery.completeness:
        words.append(delivery.completeness.value)
    words.append(delivery.timeliness.value.replace("_", " "))
    due = delivery.due_at.strftime("%Y-%m-%d %H:%M %Z")
    left = ""
    if delivery.sent_at is None:
        minutes = int((delivery.due_at - now).total_seconds() // 60)
        left = f" ({_span(minutes)} left)" if minutes >= 0 else f" ({_span(-minutes)} ago)"
    lines = [
        f" {glyph(delivery)} {delivery.id.report}  {delivery.id.reference_date.isoformat()}"
        f" v{delivery.id.version}  {'  '.join(words)}  due {due}{left}"
    ]
    lines += [f"   {r.code}  {r.sentence}" for r in delivery.reasons[:3]]
    if len(delivery.reasons) > 3:
        more = len(delivery.reasons) - 3
        lines.append(
            f"   and {more} more: puntual explain {delivery.id.report} "
            f"-d {delivery.id.reference_date.isoformat()}"
        )
    return lines


def _span(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {rest:02d} min" if hours else f"{rest} min"
