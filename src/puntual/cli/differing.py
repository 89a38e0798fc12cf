"""How two versions of a delivery differ, in words and in JSON."""

from __future__ import annotations

from collections.abc import Mapping

from puntual.evidence.accounted import resolved
from puntual.evidence.diff import Diff, diff
from puntual.evidence.exceptions import Entry
from puntual.runner import checkpoint
from puntual.runner.restate import same_steps
from puntual.runner.versions import Version

SAME = ("inputs", "code", "rules", "layout")


def compared(
    store: checkpoint.Store, before: Version, after: Version
) -> tuple[Diff, Mapping[str, bool]]:
    """Return what two versions say differently, and what went into both alike."""
    return diff(before.columns, after.columns), same_steps(store, before.steps, after.steps)


def is_nothing(before: Version, after: Version, found: Diff, same: Mapping[str, bool]) -> bool:
    """
    Say whether the later version tells its receiver nothing new.

    A layout that is not the same makes another file of the same rows, and so does their order.
    """
    if not same["layout"] or dict(before.columns) != dict(after.columns):
        return False
    told = [_said(e) for e in before.entries] == [_said(e) for e in after.entries]
    whole = before.decision.completeness is after.decision.completeness
    return found.is_empty and told and whole


def lines(before: Version, after: Version, found: Diff, same: Mapping[str, bool]) -> list[str]:
    """Return what people read."""
    whole = [
        v.decision.completeness.value if v.decision.completeness else "held"
        for v in (before, after)
    ]
    said = [
        f" v{before.number} → v{after.number}   {before.file_name} → {after.file_name}",
        f"   completeness  {whole[0]} → {whole[1]}",
        f"   rows          {found.rows[0]:,} → {found.rows[1]:,}: {found.added:,} added, "
        f"{found.removed:,} removed, {found.changed:,} changed",
    ]
    for change in found.columns:
        if change.rows or change.difference:
            said.append(
                f"   {change.column:<16} {change.rows:,} rows   total {change.before:,f} → "
                f"{change.after:,f} ({change.difference:+,f})"
            )
    said += [f"   column added   {name}" for name in found.columns_added]
    said += [f"   column removed {name}" for name in found.columns_removed]
    words = ", ".join(f"{name} {'same' if same[name] else 'NOT same'}" for name in SAME)
    said.append(f"   {words}")
    said.append("   data as of then and what came late; rules and layout as of now")
    for gone in resolved(before.entries, after.entries):
        said.append(f"   resolved {gone.id}  {gone.kind}  {gone.about}")
    said.append(f"   exceptions     {len(before.entries)} → {len(after.entries)}")
    return said


def as_json(
    before: Version, after: Version, found: Diff, same: Mapping[str, bool]
) -> dict[str, object]:
    """Return it as JSON values; numbers are strings."""
    return {
        "from": before.number,
        "to": after.number,
        "files": [before.file_name, after.file_name],
        "completeness": [
            v.decision.completeness.value if v.decision.completeness else None
            for v in (before, after)
        ],
        "rows": [str(n) for n in found.rows],
        "added": str(found.added),
        "removed": str(found.removed),
        "changed": str(found.changed),
        "columns": [
            {
                "column": c.column,
                "rows": str(c.rows),
                "before": None if c.before is None else f"{c.before:f}",
                "after": None if c.after is None else f"{c.after:f}",
                "difference": None if c.difference is None else f"{c.difference:f}",
            }
            for c in found.columns
        ],
        "columns_added": list(found.columns_added),
        "columns_removed": list(found.columns_removed),
        "same": {name: same[name] for name in SAME},
        "resolved": [
            {"id": r.id, "class": r.kind, "about": r.about}
            for r in resolved(before.entries, after.entries)
        ],
        "exceptions": [str(len(before.entries)), str(len(after.entries))],
    }


def _said(entry: Entry) -> tuple[object, ...]:
    return entry.kind, entry.about, entry.code, entry.rows, entry.reason
