"""The steps of a delivery: decide, make the report, attest, deliver."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from puntual.checks import reconcile as algebra
from puntual.evidence.facts import from_json, list_from_json, to_json
from puntual.model.control import Hop
from puntual.model.delivery import (
    Completeness,
    Decision,
    Delivery,
    DeliveryId,
    Reason,
    State,
)
from puntual.model.finding import Finding
from puntual.model.manifest import Digest, Manifest, Totals
from puntual.model.plan import Decide, MakeReport
from puntual.model.report import Report
from puntual.model.seal import Seal
from puntual.planner.calendar import due_instant
from puntual.planner.decide import Answers, decide, timeliness
from puntual.ports.engine import Answer
from puntual.render.layout import Context, check_back, file_name, lay_out
from puntual.runner.proofs import number
from puntual.runner.sources import findings_of, seal_of, set_aside_of
from puntual.runner.work import key_of, manifest, prefix
from puntual.runner.world import DayRun

VERSION = 1
"""Later versions are made by `puntual amend`, which is not built yet."""


def answers(run: DayRun) -> Answers:
    """Return everything that was found out about the day, from the committed manifests."""
    contracts = tuple(run.project.contracts)
    landed = {name: run.manifest(f"land:{name}") for name in contracts}
    found = [f for name in contracts for f in findings_of(landed[name])]
    found += [*findings_of(run.manifest("validate")), *findings_of(run.manifest("reconcile"))]
    return Answers(
        seals={name: seal_of(landed[name]) for name in contracts},
        findings=tuple(found),
        set_aside={name: set_aside_of(run.manifest(f"curate:{name}")) for name in contracts},
    )


def decide_one(run: DayRun, step: Decide, inputs: Mapping[str, Digest]) -> Manifest:
    """Record what may be delivered, with its reasons."""
    decision = decide(run.project, answers(run))
    word = decision.completeness.value if decision.completeness else "held"
    if decision.exceptions:
        word += f", {len(decision.exceptions)} exceptions"
    return manifest(
        run,
        step.id,
        dataset=step.report,
        inputs=inputs,
        facts={"decision": to_json(decision), "word": word},
    )


def standing(run: DayRun, report: str) -> Decision:
    """
    Return the decision as it stands: a report that does not read back or tie holds itself.
    """
    decision = from_json(Decision, run.manifest(f"decide:{report}").facts["decision"])
    made = run.published.get(f"report:{report}")
    if made is None or decision.completeness is None:
        return decision
    problems = list_from_json(Reason, made.manifest.facts["problems"])
    if not problems:
        return decision
    return Decision(completeness=None, reasons=problems, exceptions=decision.exceptions)


def make(run: DayRun, step: MakeReport, inputs: Mapping[str, Digest]) -> Manifest:
    """
    Query the warehouse, lay the rows out, read the bytes back, tie them to the warehouse.

    What does not fit the layout or does not tie is recorded as a problem, which holds the
    delivery; the file that was refused is not kept as a report.

    Raises:
        PermanentError: Q1001 the report's SQL failed.
        TransientError: The warehouse does not answer.
    """
    report = run.project.reports[step.report]
    answer = run.world.warehouse.query(report.sql, {"reference_date": run.date}, limit=None)
    context = Context(
        report=report.name,
        institution=report.institution,
        reference_date=run.date,
        version=VERSION,
    )
    laid = lay_out(report.layout, answer.names, answer.types, answer.columns, context)
    problems = list(laid.problems)
    objects = []
    if laid.data is not None:
        problems += check_back(report.layout, laid.data, answer, context)
        where = prefix(run, "reports", report.name, key_of(run, step.id, inputs))
        objects.append(
            run.world.objects.put_bytes(
                where, laid.data, suffix=".report", records=_rows(answer), role="report"
            )
        )
    ties = tuple(_tie(run, report, answer))
    problems += [_untied(hop) for hop in ties if algebra.is_broken(hop) or algebra.is_unknown(hop)]
    return manifest(
        run,
        step.id,
        dataset=report.name,
        inputs=inputs,
        objects=tuple(objects),
        totals=Totals(records=_rows(answer), sums=_sums(report, answer)),
        facts={
            "file_name": file_name(report.layout, context),
            "problems": to_json(tuple(problems)),
            "ties": to_json(ties),
        },
    )


def _rows(answer: Answer) -> int:
    return len(answer.columns[0]) if answer.columns else 0


def _sums(report: Report, answer: Answer) -> dict[str, Decimal]:
    return {
        tie.column: _sum(answer, tie.column) for tie in report.ties if tie.column in answer.names
    }


def _sum(answer: Answer, column: str) -> Decimal:
    values = answer.columns[answer.names.index(column)]
    return sum((Decimal(str(v)) for v in values if v is not None), Decimal(0))


def _tie(run: DayRun, report: Report, answer: Answer) -> list[Hop]:
    """Return warehouse → file, one hop for each declared tie."""
    hops = []
    for tie in report.ties:
        said = number(
            run.world.warehouse.query(tie.query, {"reference_date": run.date}, limit=2)
        )
        rows = _rows(answer)
        if tie.column == "*":
            before = None if said is None else Totals(records=int(said))
            after = Totals(records=rows)
        else:
            before = None if said is None else Totals(records=rows, sums={tie.column: said})
            after = Totals(records=rows, sums={tie.column: _sum(answer, tie.column)})
        hops.append(algebra.hop(tie.dataset, "warehouse", f"file {report.name}", before, after))
    return hops


def _untied(hop: Hop) -> Reason:
    (finding,) = algebra.findings_of((hop,))
    return Reason(
        code="R2004",
        about=hop.dataset,
        sentence=f"{finding.message}; expected {finding.expected}, observed {finding.observed}",
    )


def project_state(run: DayRun, report: str) -> None:
    """Write the delivery into the journal as the committed manifests have it; repeatable."""
    declared = run.project.reports[report]
    zone = run.world.zone(declared.time_zone)
    due_at = due_instant(declared, run.project.calendars[declared.calendar], run.date, zone)
    decision = standing(run, report)
    made = run.published.get(f"report:{report}")
    sent = run.published.get(f"deliver:{report}")
    now = run.world.clock.now()
    sent_at = now if sent else None
    run.world.journal.save(
        Delivery(
            id=DeliveryId(report=report, reference_date=run.date, version=VERSION),
            state=_state(decision, sent=sent is not None),
            completeness=decision.completeness,
            timeliness=timeliness(due_at, now, sent_at),
            due_at=due_at,
            sent_at=sent_at,
            file_name=str(made.manifest.facts["file_name"]) if made and sent else "",
            sha256=made.manifest.objects[0].sha256 if made and sent else "",
            reasons=decision.reasons,
            exceptions=len(decision.exceptions),
        )
    )


def _state(decision: Decision, *, sent: bool) -> State:
    if decision.completeness is None:
        return State.HELD
    return State.SENT if sent else State.READY


def seals(run: DayRun) -> tuple[Seal, ...]:
    """Return the seal of every source, in the order of the project."""
    return tuple(seal_of(run.manifest(f"land:{name}")) for name in run.project.contracts)


def all_findings(run: DayRun) -> tuple[Finding, ...]:
    """Return every finding of the day so far."""
    return answers(run).findings


def is_full(run: DayRun, report: str) -> bool:
    """Say whether nothing stands in the way of a full delivery."""
    return standing(run, report).completeness is Completeness.FULL
