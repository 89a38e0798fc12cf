"""A delivery in words and in JSON: the same three axes in both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, tzinfo

from puntual.cli.text import in_env
from puntual.model.delivery import Completeness, Delivery, Reason, State, Timeliness
from puntual.model.notice import Notice

GLYPH = {
    Completeness.FULL: "●",
    Completeness.PARTIAL: "◐",
    Completeness.EMERGENCY: "▲",
}


def glyph(delivery: Delivery) -> str:
    """Return the sign of a delivery's state (ux.md section 8)."""
    if delivery.state is State.HELD:
        return "✕"
    if delivery.completeness is None:
        return "○"
    return GLYPH[delivery.completeness]


def axes(delivery: Delivery) -> list[str]:
    """Return a delivery's axes in words: state, completeness once decided, timeliness."""
    how = [delivery.completeness.value] if delivery.completeness else []
    return [delivery.state.value, *how, delivery.timeliness.value.replace("_", " ")]


def at(delivery: Delivery, now: datetime) -> Delivery:
    """
    Return the delivery as it stands to its deadline now, not when it was written down.

    As `planner.decide.timeliness` has it, whose import alone would take a third of the time.
    """
    if delivery.sent_at is not None:
        return delivery
    missed = now > delivery.due_at
    return replace(delivery, timeliness=Timeliness.MISSED if missed else Timeliness.ON_TIME)


def clock_of(instant: datetime, zone: tzinfo) -> str:
    """Return an instant as people read it: date, time, zone."""
    return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def delivery_lines(
    delivery: Delivery, *, already: bool, zone: tzinfo, env: str | None = None
) -> list[str]:
    """Return what a run says of a delivery: the three axes first, then why, then what next."""
    day = delivery.id.reference_date.isoformat()
    lines = [
        f" {glyph(delivery)} {delivery.id.report}  {day}  v{delivery.id.version}  "
        f"{', '.join(axes(delivery))}   due {clock_of(delivery.due_at, zone)}"
    ]
    if already:
        lines.append("   already delivered; nothing to do")
    if delivery.file_name:
        lines.append(f"   {delivery.file_name}   sha256 {delivery.sha256[:12]}…")
    lines += [f"   {r.code}  {r.sentence}" for r in delivery.reasons]
    if delivery.exceptions:
        entries = in_env("exceptions", env)
        lines.append(f"   {delivery.exceptions} exception(s)        next: {entries} -d {day}")
    if delivery.state is State.HELD:
        lines.append(f"   next: {in_env('explain', env)} {delivery.id.report} -d {day}")
    return lines


def tables_apart(reasons: Iterable[Reason]) -> tuple[str, ...]:
    """Return the tables that do not hold what was loaded, of the reasons for which one is held."""
    hop = ":curated-warehouse"
    apart = [r for r in reasons if r.code in ("R2001", "R2002") and r.about.endswith(hop)]
    return tuple(dict.fromkeys(r.about.removesuffix(hop) for r in apart))


def delivery_json(delivery: Delivery) -> dict[str, object]:
    """Return a delivery as JSON values; counts are strings, the version a small integer."""
    return {
        "id": str(delivery.id),
        "report": delivery.id.report,
        "reference_date": delivery.id.reference_date.isoformat(),
        "version": delivery.id.version,
        "state": delivery.state.value,
        "completeness": delivery.completeness.value if delivery.completeness else None,
        "timeliness": delivery.timeliness.value,
        "due_at": delivery.due_at.isoformat(),
        "sent_at": delivery.sent_at.isoformat() if delivery.sent_at else None,
        "file_name": delivery.file_name or None,
        "sha256": delivery.sha256 or None,
        "exceptions": str(delivery.exceptions),
        "reasons": [
            {"code": r.code, "about": r.about, "sentence": r.sentence} for r in delivery.reasons
        ],
    }


def notice_json(notice: Notice) -> dict[str, object]:
    """Return a notice as JSON values."""
    return {
        "obligation": str(notice.obligation),
        "cause": notice.cause,
        "severity": notice.severity.value,
        "text": notice.text,
        "opened_at": notice.opened_at.isoformat(),
    }


def notice_line(notice: Notice) -> str:
    """Return what is said of a notice that was opened or resolved."""
    word = "open" if notice.resolved_at is None else "resolved"
    return f"notice {word}: {notice.obligation}  {notice.cause}"
