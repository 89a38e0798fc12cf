"""
The controls that read a report's file, measured when the last of their reports is made.

Of two reports that tie, the one that is made last (by name) is held when they do not agree; the
other may have been delivered by then.
"""

from __future__ import annotations

from puntual.evidence.canonical import encode
from puntual.evidence.digest import sha256
from puntual.evidence.facts import to_json
from puntual.model.control import ControlResult, ControlRule
from puntual.model.manifest import Digest, Manifest
from puntual.model.plan import MakeReport
from puntual.model.report import Layout
from puntual.render.readback import ReadBack, read_back
from puntual.runner import checkpoint
from puntual.runner.measure import ReportRows
from puntual.runner.reconcile import measure
from puntual.runner.world import DayRun


def controls_of(
    run: DayRun, step: MakeReport, rows: ReportRows | None
) -> tuple[tuple[ControlResult, ...], dict[str, object]]:
    """
    Measure and judge the controls that are due when this report is made.

    Args:
        run: The day.
        step: Makes the report.
        rows: Its file as it was read back; None where it could not be written or read.

    Returns:
        The results, and what the step's manifest says of them; nothing where none are due.
    """
    rules = _due(run, step.report)
    if not rules:
        return (), {}
    files = {step.report: rows, **{n: _rows_of(run, m) for n, m in _others(run, step.report)}}
    known = {name: found for name, found in files.items() if found is not None}
    return measure(run, rules, step=step.id, reports=known)


def files_compared(run: DayRun, report: str) -> dict[str, Digest]:
    """Return what a report's controls depend on: themselves, and the other reports' files."""
    rules = _due(run, report)
    if not rules:
        return {}
    files = {f"file:{n}": m.of_role("report")[0].sha256 for n, m in _others(run, report)}
    return files | {"controls": sha256(encode(to_json({r.id: r for r in rules})))}


def report_rows(layout: Layout, back: ReadBack) -> ReportRows:
    """Return the rows of a file that was read back, by the names of its fields."""
    names = [field.name for field in layout.detail]
    columns = dict(zip(names, back.columns, strict=True))
    return ReportRows(columns=columns, records=len(back.columns[0]) if back.columns else 0)


def _due(run: DayRun, report: str) -> tuple[ControlRule, ...]:
    """Return the controls of which this is the last report that the plan makes, by id."""
    planned = set(run.plan.reports)
    return tuple(
        rule
        for _, rule in sorted(run.project.controls.items())
        if max(rule.reports & planned, default=None) == report
    )


def _others(run: DayRun, report: str) -> list[tuple[str, Manifest]]:
    """Return the other reports that this one's controls read and that have a file."""
    names = {n for rule in _due(run, report) for n in rule.reports} - {report}
    found = [(name, _made(run, name)) for name in sorted(names)]
    return [(name, m) for name, m in found if m is not None and m.of_role("report")]


def _made(run: DayRun, report: str) -> Manifest | None:
    """Return what made a report's file: in this run, or else before it."""
    step = MakeReport(report=report).id
    if report in run.plan.reports:
        made = run.published.get(step)
    else:
        made = checkpoint.read(run.world, step, run.date)
    return None if made is None else made.manifest


def _rows_of(run: DayRun, made: Manifest) -> ReportRows | None:
    layout = run.project.reports[made.dataset].layout
    columns = made.facts["columns"]
    assert isinstance(columns, list)  # noqa: S101 - written when the report was made
    names, types = [name for name, _ in columns], [kind for _, kind in columns]
    back = read_back(layout, run.world.objects.read(made.of_role("report")[0]), names, types)
    return None if back.problems else report_rows(layout, back)
