"""The steps of a delivery after its decision: make the report, attest, deliver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from puntual.checks import reconcile as algebra
from puntual.checks.control import finding
from puntual.evidence.exceptions import Entry
from puntual.evidence.facts import from_json, list_from_json, to_json
from puntual.evidence.manifest import encode
from puntual.evidence.package import build_package
from puntual.evidence.statement import Claims
from puntual.failpoints import failpoint
from puntual.model.control import Hop
from puntual.model.delivery import (
    Completeness,
    Decision,
    Delivery,
    DeliveryId,
    Reason,
    State,
)
from puntual.model.finding import Finding, Verdict
from puntual.model.manifest import Digest, Manifest, ObjectRef, Totals
from puntual.model.plan import Attest, Deliver, MakeReport
from puntual.model.policy import Clause, Substitute
from puntual.model.report import Folder, Report, Tie
from puntual.planner.calendar import due_of
from puntual.planner.decide import timeliness
from puntual.ports.engine import Answer
from puntual.render.layout import lay_out
from puntual.render.problems import findings_of as findings_of_layout
from puntual.render.readback import compare, read_back
from puntual.render.templates import FileFacts, file_name
from puntual.runner import (
    aside,
    checkpoint,
    emergency,
    intact,
    packing,
    proven,
    restate,
    sending,
    signing,
    standin,
    ties,
    told,
)
from puntual.runner.acknowledge import answered, records
from puntual.runner.checkpoint import Published
from puntual.runner.compared import controls_of, report_rows
from puntual.runner.decision import findings_of_day, seals_of, untied
from puntual.runner.measure import ReportRows
from puntual.runner.sources import findings_of, holding
from puntual.runner.stated import stated_in, tie_of
from puntual.runner.work import key_of, manifest, prefix
from puntual.runner.world import DayRun

EVIDENCE = "evidence"
"""Folder of the evidence packages, relative to the project."""

UNSENT = frozenset(
    {State.SCHEDULED, State.COLLECTING, State.CHECKING, State.HELD, State.READY, State.SIGNED}
)
"""States of a delivery that nobody has been given yet."""

SENT_ONCE = frozenset({State.SENT, State.ACCEPTED, State.REJECTED, State.SUPERSEDED})
"""States of a delivery that somebody was given."""

LESS = frozenset({Completeness.PARTIAL, Completeness.EMERGENCY})
"""Completeness of a delivery that its receiver is told about beside it."""


def standing(run: DayRun, report: str) -> Decision:
    """Return the decision as it stands: a file that does not read back or tie holds itself."""
    return decision_of(run.manifest(f"decide:{report}"), run.published.get(f"report:{report}"))


def decision_of(decided: Manifest, made: Published | None) -> Decision:
    """Return the decision that stands, from what was decided and the file that was made since."""
    decision = from_json(Decision, decided.facts["decision"])
    if made is None or decision.completeness is None:
        return decision
    wrong = holding(made.manifest)
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

    An emergency report is made from raw instead, and tied to raw. What does not fit the layout
    or does not tie is recorded as a finding, which holds the delivery.

    Raises:
        PermanentError: Q1001 the report's SQL failed.
        TransientError: The warehouse does not answer.
    """
    report = run.project.reports[step.report]
    decided = run.manifest(f"decide:{report.name}")
    decision = from_json(Decision, decided.facts["decision"])
    answer, tied = _rows_and_ties(run, step, decision)
    facts = FileFacts(
        report=report.name,
        institution=report.institution,
        reference_date=run.date,
        version=restate.version(run, report.name),
        completeness=decision.completeness.value if decision.completeness else "",
        exceptions=len(list_from_json(Entry, decided.facts["entries"])),
        flags=_flags(run, decision),
    )
    shape = (report.layout, answer.names, answer.types)
    laid = lay_out(*shape, answer.columns, facts)
    problems = laid.problems
    objects: tuple[ObjectRef, ...] = ()
    rows: ReportRows | None = None
    failpoint("report.laid_out")
    if laid.data is not None:
        back = read_back(report.layout, laid.data, answer.names, answer.types)
        problems = compare(*shape, answer.columns, facts, back)
        rows = None if back.problems else report_rows(report.layout, back, facts.version)
        where = prefix(run, "reports", report.name, key_of(run, step.id, inputs))
        stored = run.world.objects.put_bytes(
            where, laid.data, suffix=".report", records=ties.records(answer), role="report"
        )
        objects = (stored,)
        failpoint("report.stored")
    results, compared = controls_of(run, step, inputs, rows) if tied.of_warehouse else ((), {})
    findings = (
        *findings_of_layout(report.name, problems),
        *algebra.findings_of(tied.hops),
        *map(finding, results),
        *(untied(run, report.name) if tied.of_warehouse else ()),
        *_too_few(run, step, decision, ties.records(answer)),
    )
    return manifest(
        run,
        step.id,
        dataset=report.name,
        inputs=inputs,
        objects=objects,
        totals=Totals(records=ties.records(answer), sums=_sums(report, answer)),
        facts={
            "file_name": file_name(report.layout, facts),
            "findings": to_json(findings),
            "ties": to_json(tied.hops),
            "columns": to_json(tuple(zip(answer.names, answer.types, strict=True))),
            "layout": to_json(report.layout),
            **compared,
            **restate.number(run, report.name),
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ties:
    """What ties the file to where its rows came from, and whether that is the warehouse."""

    hops: tuple[Hop, ...]
    of_warehouse: bool


def _rows_and_ties(run: DayRun, step: MakeReport, decision: Decision) -> tuple[Answer, _Ties]:
    report = run.project.reports[step.report]
    if decision.completeness is Completeness.EMERGENCY:
        with emergency.raw(run, step.id) as day:
            answer, hops = emergency.answer(run, report, day)
        return answer, _Ties(hops=hops, of_warehouse=False)
    params = {"reference_date": run.date}
    with stated_in(report.file):
        answer = run.world.warehouse.query(report.sql, params, limit=None)

    def ask(tie: Tie) -> Answer:
        with stated_in(tie_of(report.name, tie.column)):
            return run.world.warehouse.query(tie.query, params, limit=2)

    right = f"file {report.name}"
    hops = ties.hops(report.ties, answer, ask, left="warehouse", right=right)
    return answer, _Ties(hops=hops, of_warehouse=True)


def _flags(run: DayRun, decision: Decision) -> str:
    """
    Return what the clauses that were used have the file say, each once, in their order.

    An earlier day that stands in is marked with its date and age.
    """
    policy = run.project.policies.get(decision.policy)
    used = {a.clause for a in decision.applied}
    clauses = [c for c in policy.clauses if c.id in used and c.flag] if policy else []
    return "; ".join(dict.fromkeys(c.flag + _age(run, c) for c in clauses))


def _age(run: DayRun, clause: Clause) -> str:
    if clause.substitute is not Substitute.LAST_KNOWN:
        return ""
    made = run.published.get(f"curate:{clause.source}")
    earlier = standin.day_of(made.manifest) if made else None
    return "" if earlier is None else f" ({earlier.isoformat()}, {(run.date - earlier).days} d)"


def _too_few(run: DayRun, step: MakeReport, decision: Decision, rows: int) -> tuple[Finding, ...]:
    """Return a finding where a policy's delivery holds fewer rows than it must."""
    policy = run.project.policies.get(decision.policy)
    if policy is None or rows >= policy.minimum.rows:
        return ()
    return (
        Finding(
            code="P3012",
            rule=f"{step.report}_rows",
            dataset=step.report,
            verdict=Verdict.FAIL,
            message=f"{step.report} holds fewer rows than {policy.name} wants in any delivery",
            expected=f"at least {policy.minimum.rows} rows",
            observed=f"{rows}",
            rows=rows,
        ),
    )


def _sums(report: Report, answer: Answer) -> dict[str, Decimal]:
    columns = dict(zip(answer.names, answer.columns, strict=True))
    return {t.column: ties.total(columns[t.column]) for t in report.ties if t.column in columns}


def attest(run: DayRun, step: Attest, inputs: Mapping[str, Digest]) -> Manifest:
    """
    Make the evidence package: report, exceptions, manifests, statement, plain words.

    Raises:
        EvidenceError: V1001, V1002 an object is missing or altered, also a raw one that the
            statement would name; V3001 a manifest is.
    """
    intact.require_landed(run, inputs)
    declared = run.project.reports[step.report]
    made = run.manifest(f"report:{step.report}")
    (report,) = made.of_role("report")
    whole = not run.plan.without_warehouse
    hops = list_from_json(Hop, run.manifest("reconcile").facts["hops"]) if whole else ()
    decision = standing(run, step.report)
    due_at = due_of(run.project, declared.name, run.date, run.world.zone)
    entries = _entries(run, step.report)
    context = told.context(run, step.report, decision, due_at, entries)
    stated = {name: p for name, p in run.published.items() if _stated(name, step)}
    claims = Claims(
        delivery=restate.delivery_id(run, step.report),
        decision=decision,
        due_at=due_at,
        seals=tuple(seals_of(run).values()),
        findings=findings_of_day(run, aside.known(run, step.report)) + findings_of(made),
        hops=hops + list_from_json(Hop, made.facts["ties"]),
        manifests={name: p.digest for name, p in stated.items()},
        files=_project_files(run, step.report),
        code=run.world.code,
        project=run.project.digest,
        supersedes=restate.superseded(run, step.report),
    )
    noticed = decision.completeness in LESS or bool(context.supersedes)
    files = build_package(
        claims,
        file_name=str(made.facts["file_name"]),
        report=run.world.objects.read(report),
        entries=entries,
        context=context,
        titles=(declared.title, declared.institution) if noticed else None,
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
    return manifest(
        run,
        step.id,
        dataset=step.report,
        inputs=inputs,
        objects=stored,
        facts={**restate.facts(run, step.report), **told.facts(context)},
    )


def _stated(name: str, step: Attest) -> bool:
    """Say whether a step's manifest belongs to this report's statement."""
    _, _, about = name.partition(":")
    mine = name.startswith(("decide:", "report:")) and about == step.report
    others = ("decide:", "report:", "attest:", "deliver:", "rehearse:")
    return mine or not name.startswith(others)


def _suffix(name: str) -> str:
    return f".{name.rpartition('.')[2]}" if "." in name else ".txt"


def _entries(run: DayRun, report: str) -> tuple[Entry, ...]:
    """Return the exceptions, with what each changes in the file that was made."""
    decided = run.manifest(f"decide:{report}")
    entries = list_from_json(Entry, decided.facts["entries"])
    decision = from_json(Decision, decided.facts["decision"])
    if decision.completeness not in LESS:
        return entries
    return told.with_effects(run, report, entries)


def _project_files(run: DayRun, report: str) -> dict[str, Digest]:
    project = run.project
    declared = [(c.file, c.digest) for c in project.contracts.values()]
    declared += [(m.file, m.digest) for m in project.models.values()]
    declared.append((project.reports[report].file, project.reports[report].digest))
    declared += [(p.file, p.digest) for p in project.policies.values() if p.report == report]
    plan_b = project.reports[report].emergency
    declared += [] if plan_b is None else [(plan_b.file, plan_b.digest)]
    return dict(sorted(declared))


def deliver(run: DayRun, step: Deliver, inputs: Mapping[str, Digest]) -> Manifest:
    """
    Hand the report and its exceptions to each destination, and lay the package beside.

    Raises:
        PermanentError: D1001 a destination may not be written.
        EvidenceError: D1002 another file has that name; V1001, V1002 an object is missing or
            altered, also a raw one that the statement names; V3003 the package would not verify.
    """
    name = restate.delivery_id(run, step.report)
    attested = run.manifest(f"attest:{step.report}")
    intact.require_landed(run, attested.inputs)
    package = {o.detail["name"]: run.world.objects.read(o) for o in attested.of_role("package")}
    proven.require(name, package)
    package = packing.packed(run, step, package)
    file_name = str(run.manifest(f"report:{step.report}").facts["file_name"])
    stem = file_name.rpartition(".")[0] or file_name
    handed = {file_name: package[file_name], f"{stem}.exceptions.json": package["exceptions.json"]}
    handed |= {f"{stem}.{n}": data for n, data in package.items() if n.startswith("notice.")}
    declared = run.project.reports[step.report]
    sending.begin(run, step.report)
    for destination in declared.destinations:
        run.world.destinations.deliver(destination, name, handed)
        failpoint("deliver.received")
    pack = f"{name.report}_{name.reference_date:%Y%m%d}_v{name.version}"
    _make_room(run, step, pack, package)
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
            **restate.facts(run, step.report),
            **restate.first_sent(run, step.report),
            **signing.facts(run, step.report),
            **packing.stamp_facts(run, package),
        },
    )


def _make_room(run: DayRun, step: Deliver, pack: str, package: Mapping[str, bytes]) -> None:
    """
    Put a package aside that an attempt before laid out and did not commit, if it was another.

    A new version of the program, or other data, attests other bytes; what was sent stays.
    """
    if checkpoint.read(run.world, step.id, run.date) is None:
        run.world.destinations.put_aside(Folder(path=EVIDENCE), pack, package)
        failpoint("deliver.aside")


def project_state(run: DayRun, report: str, waits: Reason | None = None) -> None:
    """
    Write the delivery into the journal as the committed manifests have it; repeatable.

    What was sent stays sent: a run that has lost its lease and does not know that a later one
    has delivered takes nothing back (`failures.md` 27). A version that was sent takes the place
    of the one before, which is then superseded and otherwise as it was.

    Args:
        run: The day.
        report: Which report.
        waits: Why it is made and not sent.
    """
    name = restate.delivery_id(run, report)
    found = delivery_of(
        name,
        run.published,
        due_at=due_of(run.project, report, run.date, run.world.zone),
        now=run.world.clock.now(),
    )
    if waits is not None:
        found = replace(found, reasons=(*found.reasons, waits))
    found = answered(found, records(run.world, report, run.date))
    run.world.journal.save(found, replacing=None if found.sent_at else UNSENT)
    if found.sent_at is not None and name.version > 1:
        before = replace(name, version=name.version - 1)
        for one in run.world.journal.deliveries(report=report, reference_date=run.date):
            if one.id == before:
                over = replace(one, state=State.SUPERSEDED)
                run.world.journal.save(over, replacing=frozenset(SENT_ONCE))


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

    Returns:
        A later version is as timely as the first: the obligation was met when that was sent.
    """
    decided = published[f"decide:{name.report}"].manifest
    made = published.get(f"report:{name.report}")
    sent = published.get(f"deliver:{name.report}")
    if sent is not None and restate.version_of(sent.manifest) != name.version:
        sent = None
    decision = decision_of(decided, made)
    sent_at = _instant(sent, "sent_at")
    first = _instant(sent, restate.FIRST_SENT) or sent_at
    return Delivery(
        id=name,
        state=_state(decision, sent=sent is not None),
        completeness=decision.completeness,
        timeliness=timeliness(due_at, now, first),
        due_at=due_at,
        sent_at=sent_at,
        file_name=str(made.manifest.facts["file_name"]) if made and sent else "",
        sha256=made.manifest.objects[0].sha256 if made and sent else "",
        reasons=reasons_of(decision),
        exceptions=len(list_from_json(Entry, decided.facts["entries"])),
    )


def _instant(sent: Published | None, fact: str) -> datetime | None:
    found = sent.manifest.facts.get(fact) if sent else None
    return None if found is None else datetime.fromisoformat(str(found))


def reasons_of(decision: Decision) -> tuple[Reason, ...]:
    """Return a decision's reasons; of one that waits, first until when."""
    if decision.waits_until is None:
        return decision.reasons
    about = ", ".join(dict.fromkeys(r.about for r in decision.reasons))
    until = decision.waits_until.isoformat(timespec="minutes")
    sentence = f"waits for {about} until {until}; then the policy decides"
    return (Reason(code="P3001", about=about, sentence=sentence), *decision.reasons)


def _state(decision: Decision, *, sent: bool) -> State:
    if decision.completeness is None:
        return State.HELD
    return State.SENT if sent else State.READY
