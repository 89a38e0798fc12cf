"""What a day had landed and does not count any more: kept, and named by its reason."""

from __future__ import annotations

from dataclasses import replace

from puntual.landing.desk import notice
from puntual.model.manifest import Manifest, ObjectRef
from puntual.ports.landing import LandedDay

ELSEWHERE = "S2025"
"""Landed when the source was declared otherwise."""

REPLACED = "S2007"
"""Another version of the file has come since."""


def is_aside(ref: ObjectRef) -> bool:
    """Say whether an object was landed when its source was declared otherwise."""
    return ref.detail.get("reason") == ELSEWHERE


def is_replaced(ref: ObjectRef) -> bool:
    """Say whether an object is an earlier version of a file that came again."""
    return ref.detail.get("reason") == REPLACED


def apart(source: str, before: Manifest | None, day: LandedDay, *, moved: bool) -> LandedDay:
    """
    Name what a day had landed before and does not hold now, since the source was declared anew.

    Args:
        source: Its name.
        before: The `land:` manifest that the day had.
        day: As it is landed now.
        moved: Source or contract are declared otherwise than for `before`.

    Returns:
        The day, with what is kept apart as `refused` (S2025) and a finding that names it.
    """
    held = {o.sha256 for o in day.objects}
    gone = [
        o
        for o in (before.objects if before else ())
        if o.role != "control" and o.sha256 not in held and (moved or is_aside(o))
    ]
    if not gone:
        return day
    kept = tuple(replace(o, role="refused", detail={**o.detail, "reason": ELSEWHERE}) for o in gone)
    names = ", ".join(o.detail.get("name", o.short) for o in kept[:5])
    more = f" and {len(kept) - 5} more" if len(kept) > 5 else ""
    message = (
        f"what was landed before {source} was declared otherwise is kept and does not count: "
        f"{names}{more}"
    )
    said = notice(ELSEWHERE, source, message, observed=f"{len(kept)} objects", warn=True)
    return replace(day, objects=(*day.objects, *kept), findings=(*day.findings, said))
