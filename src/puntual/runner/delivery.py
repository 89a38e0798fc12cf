"""The steps of a delivery: decide, make the report, attest, deliver."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Context as ExactContext
from decimal import Decimal
from functools import reduce

from puntual.checks import reconcile as algebra
from puntual.evidence.exceptions import Entry, Exceptional, collect
from puntual.evidence.facts import from_json, list_from_json, to_json
from puntual.evidence.manifest import encode
from puntual.evidence.package import build_package
from puntual.evidence.statement import Claims
from puntual.failpoints import failpoint
from puntual.model.control import Hop
from puntual.model.delivery import Decision, Delivery, DeliveryId, Reason, State
from puntual.model.finding import Finding, Place, Verdict
from puntual.model.manifest import Digest, Manifest, ObjectRef, Totals
from puntual.model.plan import Attest, Decide, Deliver, MakeReport
from puntual.model.report import Folder, Report
from puntual.model.seal import Seal
from puntual.planner.calendar import due_of
from puntual.planner.decide import Answers, decide, timeliness
from puntual.ports.engine import Answer, Day
from puntual.render.layout import lay_out
from puntual.render.problems import findings_of as findings_of_layout
from puntual.render.readback import compare, read_back
from puntual.render.templates import FileFacts, file_name
from puntual.runner.load import without
from puntual.runner.proofs import number
from puntual.runner.sources import findings_of, seal_of, set_aside_of
from puntual.runner.work import key_of, manifest, prefix
from puntual.runner.world import DayRun, Published

EVIDENCE = "evidence"
"""Folder of the evidence packages, relative to the project."""

UNSENT = frozenset(
    {State.SCHEDULED, State.COLLECTING, State.CHECKING, State.HELD, State.READY, State.SIGNED}
)
"""States of a delivery that nobody has been given yet."""

VERSION = 1
"""Later versions are made by `puntual amend`, which is not built yet."""


def answers(run: DayRun) -> Answers:
    """Return everything that was found out about the day, from the committed manifests."""
    contracts = tuple(run.project.contracts)
    return Answers(
        seals=_seals(run),
        findings=_findings(run),
        set_aside={name: set_aside_of(run.manifest(f"curate:{name}")) for name in contracts},
        money={name: _money(run, name) for name in contracts},
    )


def _seals(run: DayRun) -> dict[str, Seal]:
    return {name: seal_of(run.manifest(f"land:{name}")) for name in run.project.contracts}


def _findings(run: DayRun) -> tuple[Finding, ...]:
    steps = (*(f"land:{name}" for name in run.project.contracts), "validate", "reconcile")
    return tuple(f for step in steps for f in findings_of(run.manifest(step)))


_MONEY = """
SELECT coalesce(sum(abs(amount)), 0) FROM (
  SELECT {measure} AS amount FROM set_aside WHERE class = 'quarantined'
  UNION ALL
  SELECT {measure} FROM kept SEMI JOIN offending USING (_object, _position)
)
"""
_MONEY_ASIDE = "SELECT coalesce(sum(abs({measure})), 0) FROM set_aside WHERE class = 'quarantined'"


def _money(run: DayRun, source: str) -> Decimal:
    """Return the absolute money that was quarantined of a source, each row once."""
    measures = run.measures(source)
    aside = run.manifest(f"curate:{source}").of_role("set_aside")
    by_checks = without(run, source)
    if not measures or not (by_checks or any(o.records for o in aside)):
        return Decimal(0)
    tables = {"set_aside": tuple(run.world.objects.locate(o) for o in aside)}
    if by_checks:
        tables |= {"kept": run.files(source), "offending": by_checks}
    day = Day(reference_date=run.date, zone=run.project.time_zone, tables=tables)
    sql = (_MONEY if by_checks else _MONEY_ASIDE).format(measure=f'"{measures[0]}"')
    return number(run.world.engine.query(sql, day, limit=2)) or Decimal(0)


def decide_one(run: DayRun, step: Decide, inputs: Mapping[str, Digest]) -> Manifest:
    """Record what may be delivered, with its reasons and every exception of the day."""
    found = answers(run)
    decision = decide(run.project, found)
    entries = collect(
        Exceptional(
            seals=found.seals,
            findings=found.findings,
            set_aside=found.set_aside,
            places={name: _places(run, name) for name in run.project.contracts},
            refused={
                name: run.manifest(f"land:{name}").of_role("refused")
                for name in run.project.contracts
            },
        )
    )
    word = decision.completeness.value if decision.completeness else "held"
    if entries:
        word += f", {len(entries)} exceptions"
    return manifest(
        run,
        step.id,
        dataset=step.report,
        inputs=inputs,
        facts={"decision": to_json(decision), "entries": to_json(entries), "word": word},
    )


_PLACES = """
SELECT class, reason, _object, _position FROM set_aside
QUALIFY row_number() OVER (PARTITION BY class, reason ORDER BY _object, _position) <= 20
ORDER BY class, reason, _object, _position
"""


def _places(run: DayRun, dataset: str) -> dict[tuple[str, str], tuple[Place, ...]]:
    """Return the first places of what curation set aside, by (class, reason)."""
    curated = run.manifest(f"curate:{dataset}")
    aside = curated.of_role("set_aside")
    if not any(o.records for o in aside):
        return {}
    files = tuple(run.world.objects.locate(o) for o in aside)
    day = Day(reference_date=run.date, zone=run.project.time_zone, tables={"set_aside": files})
    answer = run.world.engine.query(_PLACES, day, limit=None)
    found: dict[tuple[str, str], tuple[Place, ...]] = {}
    for kind, reason, name, position in zip(*answer.columns, strict=True):
        place = Place(object=str(name), position=int(str(position)))
        key = (str(kind), str(reason))
        found[key] = (*found.get(key, ()), place)
    return found


def standing(run: DayRun, report: str) -> Decision:
    """Return the decision as it stands: a file that does not read back or tie holds itself."""
    return decision_of(run.manifest(f"decide:{report}"), run.published.get(f"report:{report}"))


def decision_of(decided: Manifest, made: Published | None) -> Decision:
    """Return the decision that stands, from what was decided and the file that was made since."""
    decision = from_json(Decision, decided.facts["decision"])
    if made is None or decision.completeness is None:
        return decision
    wrong = [f for f in findings_of(made.manifest) if f.verdict is not Verdict.PASS]
    if not wrong:
        return decision
    reasons = tuple(
        Reason(
            code=f.code,
            about=f.rule,
            sentence=f"{f.message}; expected {f.expected}, observed {f.observed}",
        )
        for f in wrong
    )
    return Decision(completeness=None, reasons=reasons, exceptions=decision.exceptions)


def make(run: DayRun, step: MakeReport, inputs: Mapping[str, Digest]) -> Manifest:
    """
    Query the warehouse, lay the rows out, read the bytes back, tie them to the warehouse.

    What does not fit the layout or does not tie is recorded as a finding, which holds the
    delivery.

    Raises:
        PermanentError: Q1001 the report's SQL failed.
        TransientError: The warehouse does not answer.
    """
    report = run.project.reports[step.report]
    answer = run.world.warehouse.query(report.sql, {"reference_date": run.date}, limit=None)
    facts = FileFacts(
        report=report.name,
        institution=report.institution,
        reference_date=run.date,
        version=VERSION,
    )
    shape = (report.layout, answer.names, answer.types)
    laid = lay_out(*shape, answer.columns, facts)
    problems = laid.problems
    objects: tuple[ObjectRef, ...] = ()
    failpoint("report.laid_out")
    if laid.data is not None:
        back = read_back(report.layout, laid.data, answer.names, answer.types)
        problems = compare(*shape, answer.columns, facts, back)
        where = prefix(run, "reports", report.name, key_of(run, step.id, inputs))
        stored = run.world.objects.put_bytes(
            where, laid.data, suffix=".report", records=_rows(answer), role="report"
        )
        objects = (stored,)
        failpoint("report.stored")
    ties = tuple(_tie(run, report, answer))
    findings = findings_of_layout(report.name, problems) + algebra.findings_of(ties)
    return manifest(
        run,
        step.id,
        dataset=report.name,
        inputs=inputs,
        objects=objects,
        totals=Totals(records=_rows(answer), sums=_sums(report, answer)),
        facts={
            "file_name": file_name(report.layout, facts),
            "findings": to_json(findings),
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
    values = (v for v in answer.columns[answer.names.index(column)] if v is not None)
    exact = ExactContext(prec=algebra.DIGITS)
    return reduce(exact.add, map(_exact, values), Decimal(0))


def _exact(value: object) -> Decimal:
    assert isinstance(value, int | Decimal)  # noqa: S101 - `check` refuses another tie
    return Decimal(value)


def _tie(run: DayRun, report: Report, answer: Answer) -> list[Hop]:
    """Return warehouse → file, one hop for each declared tie."""
    hops = []
    for tie in report.ties:
        said = number(run.world.warehouse.query(tie.query, {"reference_date": run.date}, limit=2))
        rows = _rows(answer)
        if tie.column == "*":
            before = None if said is None else Totals(records=int(said))
            after = Totals(records=rows)
        else:
            before = None if said is None else Totals(records=rows, sums={tie.column: said})
            after = Totals(records=rows, sums={tie.column: _sum(answer, tie.column)})
        hops.append(algebra.hop(tie.dataset, "warehouse", f"file {report.name}", before, after))
    return hops


def attest(run: DayRun, step: Attest, inputs: Mapping[str, Digest]) -> Manifest:
    """
    Make the evidence package: report, exceptions, manifests, statement, plain words.

    Raises:
        EvidenceError: V1001, V1002 an object is missing or altered; V3001 a manifest is.
    """
    declared = run.project.reports[step.report]
    made = run.manifest(f"report:{step.report}")
    (report,) = made.of_role("report")
    hops = list_from_json(Hop, run.manifest("reconcile").facts["hops"])
    stated = {name: p for name, p in run.published.items() if _stated(name, step)}
    claims = Claims(
        delivery=delivery_id(run, step.report),
        decision=standing(run, step.report),
        due_at=due_of(run.project, declared.name, run.date, run.world.zone),
        seals=tuple(_seals(run).values()),
        findings=_findings(run) + findings_of(made),
        hops=hops + list_from_json(Hop, made.facts["ties"]),
        manifests={name: p.digest for name, p in stated.items()},
        files=_project_files(run, step.report),
        code=run.world.code,
        project=run.project.digest,
    )
    files = build_package(
        claims,
        file_name=str(made.facts["file_name"]),
        report=run.world.objects.read(report),
        entries=_entries(run, step.report),
        manifests={p.digest: encode(p.manifest) for p in stated.values()},
    )
    failpoint("package.built")
    where = prefix(run, "packages", step.report, key_of(run, step.id, inputs))
    stored = tuple(
        run.world.objects.put_bytes(
            where, data, suffix=_suffix(name), role="package", detail={"name": name}
        )
        for name, data in files.items()
    )
    failpoint("package.stored")
    return manifest(run, step.id, dataset=step.report, inputs=inputs, objects=stored)


def _stated(name: str, step: Attest) -> bool:
    """Say whether a step's manifest belongs to this report's statement."""
    _, _, about = name.partition(":")
    mine = name.startswith(("decide:", "report:")) and about == step.report
    return mine or not name.startswith(("decide:", "report:", "attest:", "deliver:"))


def _suffix(name: str) -> str:
    return f".{name.rpartition('.')[2]}" if "." in name else ".txt"


def _entries(run: DayRun, report: str) -> tuple[Entry, ...]:
    return list_from_json(Entry, run.manifest(f"decide:{report}").facts["entries"])


def _project_files(run: DayRun, report: str) -> dict[str, Digest]:
    project = run.project
    declared = [(c.file, c.digest) for c in project.contracts.values()]
    declared += [(m.file, m.digest) for m in project.models.values()]
    declared.append((project.reports[report].file, project.reports[report].digest))
    return dict(sorted(declared))


def deliver(run: DayRun, step: Deliver, inputs: Mapping[str, Digest]) -> Manifest:
    """
    Hand the report and its exceptions to each destination, and lay the package beside.

    Raises:
        PermanentError: D1001 a destination may not be written.
        EvidenceError: D1002 another file has that name; V1002 an object was altered.
    """
    name = delivery_id(run, step.report)
    package = {
        o.detail["name"]: run.world.objects.read(o)
        for o in run.manifest(f"attest:{step.report}").of_role("package")
    }
    file_name = str(run.manifest(f"report:{step.report}").facts["file_name"])
    stem = file_name.rpartition(".")[0] or file_name
    handed = {file_name: package[file_name], f"{stem}.exceptions.json": package["exceptions.json"]}
    declared = run.project.reports[step.report]
    for destination in declared.destinations:
        run.world.destinations.deliver(destination, name, handed)
        failpoint("deliver.received")
    pack = f"{name.report}_{name.reference_date:%Y%m%d}_v{name.version}"
    run.world.destinations.deliver(
        Folder(path=EVIDENCE), name, {f"{pack}/{file}": data for file, data in package.items()}
    )
    return manifest(
        run,
        step.id,
        dataset=step.report,
        inputs=inputs,
        facts={
            "sent_at": run.world.clock.now().isoformat(),
            "where": ", ".join(f"{d.path}/{file_name}" for d in declared.destinations),
            "evidence": f"{EVIDENCE}/{pack}",
        },
    )


def delivery_id(run: DayRun, report: str) -> DeliveryId:
    """Return which delivery a run makes of a report."""
    return DeliveryId(report=report, reference_date=run.date, version=VERSION)


def project_state(run: DayRun, report: str) -> None:
    """
    Write the delivery into the journal as the committed manifests have it; repeatable.

    What was sent stays sent: a run that has lost its lease and does not know that a later one
    has delivered takes nothing back (`failures.md` 27).
    """
    found = delivery_of(
        delivery_id(run, report),
        run.published,
        due_at=due_of(run.project, report, run.date, run.world.zone),
        now=run.world.clock.now(),
    )
    run.world.journal.save(found, replacing=None if found.sent_at else UNSENT)


def delivery_of(
    name: DeliveryId, published: Mapping[str, Published], *, due_at: datetime, now: datetime
) -> Delivery:
    """
    Return a delivery as its committed manifests have it.

    Args:
        name: Which.
        published: Its steps `decide`, and `report` and `deliver` where they are committed.
        due_at: With its zone.
        now: The instant at which it stands so.
    """
    decided = published[f"decide:{name.report}"].manifest
    made = published.get(f"report:{name.report}")
    sent = published.get(f"deliver:{name.report}")
    decision = decision_of(decided, made)
    sent_at = datetime.fromisoformat(str(sent.manifest.facts["sent_at"])) if sent else None
    return Delivery(
        id=name,
        state=_state(decision, sent=sent is not None),
        completeness=decision.completeness,
        timeliness=timeliness(due_at, now, sent_at),
        due_at=due_at,
        sent_at=sent_at,
        file_name=str(made.manifest.facts["file_name"]) if made and sent else "",
        sha256=made.manifest.objects[0].sha256 if made and sent else "",
        reasons=decision.reasons,
        exceptions=len(list_from_json(Entry, decided.facts["entries"])),
    )


def _state(decision: Decision, *, sent: bool) -> State:
    if decision.completeness is None:
        return State.HELD
    return State.SENT if sent else State.READY
