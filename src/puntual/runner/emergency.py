"""
Plan B: the report made from raw alone, when it is needed, and beside every full one (design 4.14).

Raw is parsed anew by its contracts into a scratch folder: nothing that curation committed, no
model and no warehouse is read. What a contract refuses or counts twice is left out, as it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal

from puntual.checks import reconcile as algebra
from puntual.errors import PermanentError
from puntual.evidence.document import ROWS, Accuracy
from puntual.evidence.facts import list_from_json, to_json
from puntual.model.check import OnFail, Severity
from puntual.model.control import Hop
from puntual.model.finding import Finding, Verdict
from puntual.model.manifest import Digest, Manifest
from puntual.model.plan import Rehearse
from puntual.model.report import PlanB, Report, Tie
from puntual.ports.engine import Answer, Curated, Day
from puntual.render.readback import read_back
from puntual.runner import checkpoint, ties
from puntual.runner.sources import raw_day
from puntual.runner.stated import stated_in, tie_of
from puntual.runner.work import manifest, scratch
from puntual.runner.world import DayRun

COMPARED = "compared"
"""In a rehearse manifest: the total of each column in both reports."""

LINES = 200
"""Lines that differ which one manifest lists; how many there are is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One column's total in plan B and in the full report, exact; of `ROWS` the number of lines."""

    column: str
    plan_b: Decimal
    full: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDifference:
    """A number that differs in one line of both reports, from 1, and by how much."""

    line: int
    column: str
    difference: Decimal


def plan_b_of(report: Report) -> PlanB:
    """
    Return a report's plan B.

    Raises:
        PermanentError: P3021 it has none; `puntual check` refuses a policy that says so.
    """
    if report.emergency is None:
        raise PermanentError(
            "P3021",
            f"{report.name} has no plan B",
            where=f"reports/{report.name}/",
            expected="emergency.sql",
            observed="none",
            next_step="puntual check",
        )
    return report.emergency


@contextmanager
def parsed(run: DayRun, step: str) -> Iterator[dict[str, Curated]]:
    """
    Lend each source's raw day as its contract reads it, in a folder of a step.

    Raises:
        PermanentError: The engine cannot.
        EvidenceError: V1001 a raw object is missing.
    """
    with scratch(run, step) as folder:
        yield {
            name: run.world.engine.curate(raw_day(run, contract), folder)
            for name, contract in run.project.contracts.items()
        }


@contextmanager
def raw(run: DayRun, step: str) -> Iterator[Day]:
    """
    Lend the raw day as tables: each source's records under its name, with its contract's types.

    Raises:
        PermanentError: The engine cannot.
        EvidenceError: V1001 a raw object is missing.
    """
    with parsed(run, step) as made:
        tables = {name: tuple(file.path for file in one.files) for name, one in made.items()}
        yield Day(reference_date=run.date, zone=run.project.time_zone, tables=tables)


def answer(run: DayRun, report: Report, day: Day) -> tuple[Answer, tuple[Hop, ...]]:
    """
    Return the rows of plan B, and raw → rows for each of its ties.

    Raises:
        PermanentError: Q1001 its SQL failed; T3001.
    """
    plan_b = plan_b_of(report)
    with stated_in(plan_b.file):
        found = run.world.engine.query(plan_b.sql, day, limit=None)

    def ask(tie: Tie) -> Answer:
        with stated_in(tie_of(report.name, tie.column)):
            return run.world.engine.query(tie.query, day, limit=2)

    hops = ties.hops(plan_b.ties, found, ask, left="raw", right=f"plan B {report.name}")
    return found, hops


def rehearse(run: DayRun, step: Rehearse, inputs: Mapping[str, Digest]) -> Manifest:
    """
    Make plan B beside the full report, and record how near it came; it never fails for good.

    SQL that fails, or a tie that does not hold, is a finding of this manifest: everything is
    delivered by now, and nothing of it is touched.

    Raises:
        TransientError: Something may pass by waiting.
        EvidenceError: V1001, V1002 the report or a raw object is missing or altered.
    """
    report = run.project.reports[step.report]
    try:
        with raw(run, step.id) as day:
            made, hops = answer(run, report, day)
    except PermanentError as fault:
        return _told(run, step, inputs, (), (), (_failed(step, fault),))
    full = _full(run, report)
    totals = tuple(_compared(made, full))
    lines = tuple(_lines(made, full))
    findings = algebra.findings_of(hops)
    return _told(run, step, inputs, totals, lines, findings, hops=hops)


def accuracy(run: DayRun, report: str) -> tuple[Accuracy, ...]:
    """Return how near plan B came to the full report on earlier days, by column; see `near`."""
    by_column: dict[str, list[tuple[date, Decimal]]] = {}
    failed: list[date] = []
    for name, digest in run.world.pointers.read_prefix(f"rehearse:{report}/").items():
        day = date.fromisoformat(name.rpartition("/")[2])
        if day >= run.date:
            continue
        made = checkpoint.by_digest(run.world, digest)
        if wrong(made):
            failed.append(day)
        for one in list_from_json(Compared, made.facts[COMPARED]):
            difference = Context(prec=algebra.DIGITS).subtract(one.plan_b, one.full)
            by_column.setdefault(one.column, []).append((day, difference.copy_abs()))
    return near(by_column, failed)


def near(
    by_column: Mapping[str, Sequence[tuple[date, Decimal]]], failed: Iterable[date]
) -> tuple[Accuracy, ...]:
    """
    Return how near plan B came, by column; a day on which it failed is named, never left out.

    Args:
        by_column: Column → (day, difference without sign) of each day on which both were made.
        failed: Days on which it could not be made, or did not hold its own ties.
    """
    bad = tuple(sorted(failed))
    known = dict(by_column)
    if bad:
        known.setdefault(ROWS, [])
    return tuple(
        Accuracy(
            column=column,
            days=len(found),
            first=min((day for day, _ in found), default=min(bad, default=date.min)),
            last=max((day for day, _ in found), default=max(bad, default=date.max)),
            worst=f"{max(d for _, d in found):f}" if found else "",
            failed=bad if column == ROWS else (),
        )
        for column, found in sorted(known.items())
    )


def wrong(made: Manifest) -> tuple[Finding, ...]:
    """Return what a rehearsal found to be wrong with plan B."""
    found = list_from_json(Finding, made.facts["findings"])
    return tuple(f for f in found if f.verdict is not Verdict.PASS)


def _full(run: DayRun, report: Report) -> Mapping[str, tuple[object, ...]]:
    """Return the columns of the full report, as its file reads back."""
    made = run.manifest(f"report:{report.name}")
    columns = made.facts["columns"]
    assert isinstance(columns, list)  # noqa: S101 - written when the report was made
    names, types = [name for name, _ in columns], [kind for _, kind in columns]
    (file,) = made.of_role("report")
    back = read_back(report.layout, run.world.objects.read(file), names, types)
    fields = [field.name for field in report.layout.detail]
    return dict(zip(fields, back.columns, strict=True))


def _compared(made: Answer, full: Mapping[str, tuple[object, ...]]) -> Iterator[Compared]:
    """Yield the number of lines in both reports, and the total of each column of numbers."""
    counted = (len(next(iter(columns), ())) for columns in (made.columns, full.values()))
    yield Compared(column=ROWS, plan_b=Decimal(next(counted)), full=Decimal(next(counted)))
    for name, values in zip(made.names, made.columns, strict=True):
        other = full.get(name, ())
        if _is_number(values) and _is_number(other):
            yield Compared(column=name, plan_b=ties.total(values), full=ties.total(other))


def _lines(made: Answer, full: Mapping[str, tuple[object, ...]]) -> Iterator[LineDifference]:
    """Yield the numbers that differ, line by line; none of reports of other lengths."""
    rows = ties.records(made)
    exact = Context(prec=algebra.DIGITS)
    for name, values in zip(made.names, made.columns, strict=True):
        other = full.get(name, ())
        if len(other) != rows or not (_is_number(values) and _is_number(other)):
            continue
        for line, (one, two) in enumerate(zip(values, other, strict=True), 1):
            difference = exact.subtract(_number(one), _number(two))
            if difference:
                yield LineDifference(line=line, column=name, difference=difference)


def _told(
    run: DayRun,
    step: Rehearse,
    inputs: Mapping[str, Digest],
    totals: tuple[Compared, ...],
    lines: tuple[LineDifference, ...],
    findings: tuple[Finding, ...],
    *,
    hops: tuple[Hop, ...] = (),
) -> Manifest:
    bad = [f for f in findings if f.verdict is not Verdict.PASS]
    other = [c.column for c in totals if c.plan_b != c.full]
    word = f"{len(totals)} totals, {len(other)} differ" if not bad else f"failed: {bad[0].code}"
    return manifest(
        run,
        step.id,
        dataset=step.report,
        inputs=inputs,
        facts={
            COMPARED: to_json(totals),
            "lines": to_json(lines[:LINES]),
            "lines_that_differ": str(len(lines)),
            "findings": to_json(findings),
            "ties": to_json(hops),
            "word": word,
        },
    )


def _failed(step: Rehearse, fault: PermanentError) -> Finding:
    return Finding(
        code="P3021",
        rule=f"{step.report}_plan_b",
        dataset=step.report,
        verdict=Verdict.UNKNOWN,
        severity=Severity.WARN,
        on_fail=OnFail.CONTINUE,
        message=f"plan B could not be made: {fault.code} {fault.message}",
        expected=fault.expected,
        observed=fault.observed,
    )


def _is_number(values: tuple[object, ...]) -> bool:
    known = [v for v in values if v is not None]
    return all(isinstance(v, int | Decimal) and not isinstance(v, bool) for v in known) and (
        bool(known) or not values
    )


def _number(value: object) -> Decimal:
    return Decimal(value) if isinstance(value, int | Decimal) else Decimal(0)
