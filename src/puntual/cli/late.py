"""What came late for a day, as `run`, `status` and `exceptions` tell it, in words and JSON."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from puntual.cli.text import in_env
from puntual.evidence.facts import list_from_json
from puntual.model.finding import Finding
from puntual.runner import checkpoint
from puntual.runner.published import sent_reports
from puntual.runner.restate import steps_of

KEPT = frozenset({"S2008", "S2011", "S2022", "S2023"})
"""Codes of what is kept; the others say what a look could not see, or must see again."""

NOT_LOOKED = "S2024"


def late_findings(store: checkpoint.Store, day: date) -> tuple[Finding, ...]:
    """
    Return what came late for a day of every source, and what the last look noticed besides.

    What is in every delivery of the day by now, as its next version, is late no more.

    Raises:
        EvidenceError: V1001, V1002, V2001, V2002 a manifest is missing or altered.
    """
    suffix = f"/{day.isoformat()}"
    late = [d for n, d in store.pointers.read_prefix("late:").items() if n.endswith(suffix)]
    told = _told(store, day) if late else frozenset()
    found: list[Finding] = []
    for digest in late:
        kept = checkpoint.by_digest(store, digest)
        sent = kept.objects and all(o.sha256 in told for o in kept.objects)
        findings = list_from_json(Finding, kept.facts["findings"])
        found += [f for f in findings if not (sent and f.code in KEPT)]
    return tuple(found)


def _told(store: checkpoint.Store, day: date) -> frozenset[str]:
    """Return the raw objects that every delivery of a day, as it was sent last, was made from."""
    objects = []
    for report, sent in sent_reports(store, day).items():
        steps = steps_of(store, report, sent)
        lands = (checkpoint.by_digest(store, d) for s, d in steps.items() if s[:5] == "land:")
        objects.append({o.sha256 for land in lands for o in land.objects})
    return frozenset(set.intersection(*objects)) if objects else frozenset()


def late_lines(findings: Iterable[Finding], day: date) -> list[str]:
    """Return one line for each, and what becomes of it; none if nothing came late."""
    found = tuple(findings)
    lines = [f"   late {day.isoformat()}  {f.dataset}  {f.code}  {f.message}" for f in found]
    if any(f.code in KEPT for f in found):
        lines.append("   kept for the next version; what was sealed or delivered stays as it is")
    return lines


def late_summary(findings: Iterable[Finding], day: date, env: str | None = None) -> list[str]:
    """Return at most one line: how much is kept, of which sources, and who did not answer."""
    found = tuple(findings)
    kept = [f for f in found if f.code in KEPT]
    said = []
    if kept:
        said.append(f"{len(kept)} kept for the next version ({_sources(kept)})")
    silent = [f for f in found if f.code == NOT_LOOKED]
    if silent:
        said.append(f"not looked at: {_sources(silent)}")
    next_step = f"        next: {in_env('exceptions', env)} -d {day.isoformat()}"
    return [f"   late: {'; '.join(said)}{next_step}"] if said else []


def late_json(findings: Iterable[Finding], day: date) -> list[dict[str, object]]:
    """Return each as JSON values; `records` is a string, null where nothing is kept."""
    return [
        {
            "reference_date": day.isoformat(),
            "source": f.dataset,
            "code": f.code,
            "sentence": f.message,
            "records": str(f.rows) if f.rows is not None and f.code in KEPT else None,
            "kept": f.code in KEPT,
        }
        for f in findings
    ]


def _sources(findings: Iterable[Finding]) -> str:
    return ", ".join(sorted({f.dataset for f in findings}))
