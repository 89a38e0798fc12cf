"""The step `decide`: what was found out about a day, and what may be delivered of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date

from puntual.checks import reconcile
from puntual.evidence.accounted import Seen, Used, recorded, since, under
from puntual.evidence.exceptions import Entry, Exceptional, Usual, collect
from puntual.evidence.facts import from_json, list_from_json, to_json
from puntual.model.delivery import Decision, Reason
from puntual.model.finding import Finding, Verdict
from puntual.model.manifest import Digest, Manifest
from puntual.model.plan import Decide
from puntual.model.seal import Seal, SealStatus
from puntual.planner.calendar import due_of
from puntual.planner.decide import Answers, decide
from puntual.planner.partial import NOT_MADE, Shortfall, shortfall
from puntual.runner import aside, checkpoint, standin
from puntual.runner.aside import Aside
from puntual.runner.governing import APPROVALS, approvals, governing
from puntual.runner.sources import SEEN, findings_of, seal_of
from puntual.runner.work import manifest
from puntual.runner.world import DayRun

USUAL = "usual"
"""In a decide manifest: what sources without a control record last sent, as context."""

ENTRIES = "entries"
"""In a decide manifest: every exception of the day."""

GONE = "seen_before"
"""In a decide manifest: exceptions that earlier decisions of the day recorded and this does not."""

FAULT = "fault"
"""In a decide manifest: the technical fault for which the full report could not be made."""


def answers(
    run: DayRun, report: str, rows: Mapping[str, Aside], known: tuple[Finding, ...]
) -> Answers:
    """
    Return everything that was found out about the day, from the committed manifests.

    Of a day whose full report could not be made, that is what landing found out, what plan B
    leaves out of raw, and what rules had found of the same raw data before.

    Args:
        run: The day.
        report: Whose decision is taken.
        rows: What was set aside, by source.
        known: What is known of the raw data that plan B reads.
    """
    seals, findings = seals_of(run), findings_of_day(run, known)
    found = Answers(
        seals=seals,
        findings=findings,
        set_aside={name: one.totals for name, one in rows.items()},
        money={name: aside.money(run, name, one) for name, one in rows.items()},
        shortfalls=_shortfalls(run, seals) if run.project.policies else {},
    )
    if run.plan.without_warehouse:
        measured = {} if any(map(aside.sets_aside, findings)) else found.money
        return replace(found, money=measured, fault=fault_of(run))
    days = (standin.day_of(run.manifest(f"curate:{name}")) for name in rows)
    return replace(
        found,
        findings=findings + untied(run, report),
        substituted=frozenset(n for n, d in zip(rows, days, strict=True) if d is not None),
    )


def seals_of(run: DayRun) -> dict[str, Seal]:
    """Return the seal of every source, by name."""
    return {name: seal_of(run.manifest(f"land:{name}")) for name in run.project.contracts}


def findings_of_day(run: DayRun, known: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """
    Return what landing, validation and reconciliation found, in that order.

    Args:
        run: The day.
        known: For plan B, in place of the last two: what is known of the raw data that it reads.
    """
    lands = (f"land:{name}" for name in run.project.contracts)
    landed = tuple(f for step in lands for f in findings_of(run.manifest(step)))
    if run.plan.without_warehouse:
        return landed + known
    rules = ("validate", "reconcile")
    return landed + tuple(f for step in rules for f in findings_of(run.manifest(step)))


def untied(run: DayRun, report: str) -> tuple[Finding, ...]:
    """Return a finding where nothing compares a report's file with what it is made from."""
    return (reconcile.untied(report),) if report in run.project.untied else ()


def fault_of(run: DayRun) -> Reason:
    """Return why the full report could not be made; in a replay, why it could not on the day."""
    for step, made in run.recorded.items():
        if step.startswith("decide:") and FAULT in made.facts:
            return from_json(Reason, made.facts[FAULT])
    sentence = run.fault or "the full report could not be made"
    return Reason(code=NOT_MADE, about="full report", sentence=sentence)


def _shortfalls(run: DayRun, seals: Mapping[str, Seal]) -> dict[str, Shortfall]:
    return {
        name: _shortfall(run, name, seal)
        for name, seal in seals.items()
        if seal.status is not SealStatus.MATCHED
    }


def _shortfall(run: DayRun, source: str, seal: Seal) -> Shortfall:
    """
    Return how much of a source is missing, against its control record.

    Without one nothing is estimated: what was expected is not known.
    """
    earlier = _stands_in(run, source)
    known = Shortfall(stands_in=earlier, age=None if earlier is None else (run.date - earlier).days)
    if seal.control is None:
        return known
    rows = seal.control.count - seal.landed.records
    measures = run.measures(source)
    share, amounts = shortfall(
        seal.control.sums,
        seal.landed.sums,
        rows=rows,
        measure=measures[0] if measures else "",
    )
    return Shortfall(
        rows=rows,
        share=share,
        amounts=amounts,
        known_by="control record of the source",
        stands_in=known.stands_in,
        age=known.age,
    )


def _stands_in(run: DayRun, source: str) -> date | None:
    made = run.published.get(f"curate:{source}")
    return None if made is None else standin.day_of(made.manifest)


def decide_one(run: DayRun, step: Decide, inputs: Mapping[str, Digest]) -> Manifest:
    """
    Record what may be delivered, with its reasons and every exception of the day.

    Raises:
        EvidenceError: P3045 an approval was altered.
    """
    with aside.set_aside(run, step.id) as rows:
        known = aside.known(run, step.report, rows)
        found = answers(run, step.report, rows, known)
        usual = _usual(run, step.report, found.seals)
        entries = _entries(run, found, usual, rows)
    decision = decide(run.project, found, governing(run, step.report))
    used = Used(
        decision=decision,
        policy=run.project.policies.get(decision.policy),
        due_at=due_of(run.project, step.report, run.date, run.world.zone),
    )
    now = run.world.clock.now().astimezone(UTC).isoformat(timespec="seconds")
    named = under(entries, used)
    entries, gone = since(named, _seen(run, step.report), now)
    word = decision.completeness.value if decision.completeness else "held"
    if entries:
        word += f", {len(entries)} exceptions"
    facts: dict[str, object] = {
        "decision": to_json(decision),
        ENTRIES: to_json(entries),
        "word": word,
    }
    if gone:
        facts[GONE] = to_json(gone)
    if usual:
        facts[USUAL] = to_json(usual)
    if run.project.policies:
        facts[APPROVALS] = to_json(approvals(run, step.report))
    if found.fault is not None:
        facts[FAULT] = to_json(found.fault)
        facts[aside.KNOWN] = to_json(known)
    return manifest(run, step.id, dataset=step.report, inputs=inputs, facts=facts)


def _seen(run: DayRun, report: str) -> tuple[Seen, ...]:
    """Return what the decision before recorded; in a replay, what the one replayed did."""
    step = f"decide:{report}"
    made = run.recorded.get(step)
    if made is None:
        published = checkpoint.read(run.world, step, run.date)
        made = None if published is None else published.manifest
    if made is None:
        return ()
    before = recorded(list_from_json(Entry, made.facts[ENTRIES]))
    return (*list_from_json(Seen, made.facts.get(GONE, [])), *before)


def _owners(run: DayRun) -> dict[str, str]:
    """Return who answers for each dataset; for a model, who does for the source it carries."""
    owners = dict(run.project.owners)
    for name, model in run.project.models.items():
        if model.carries is not None and model.carries in owners:
            owners[name] = owners[model.carries]
    return owners


def is_due(run: DayRun, decided: Manifest) -> bool:
    """Say whether a decision that waited for its time has come to it, and is taken again."""
    until = from_json(Decision, decided.facts["decision"]).waits_until
    return until is not None and run.world.clock.now() >= until


def _entries(
    run: DayRun, found: Answers, usual: Mapping[str, Usual], rows: Mapping[str, Aside]
) -> tuple[Entry, ...]:
    names = tuple(run.project.contracts)
    curated = () if run.plan.without_warehouse else names
    measured = {f.rule for f in found.findings if f.verdict is not Verdict.UNKNOWN}
    days = {n: standin.day_of(run.manifest(f"curate:{n}")) for n in curated}
    lands = {n: run.manifest(f"land:{n}") for n in names}
    return collect(
        Exceptional(
            seals=found.seals,
            findings=found.findings,
            set_aside=found.set_aside,
            places={name: aside.places(run, one) for name, one in rows.items()},
            refused={n: m.of_role("refused") for n, m in lands.items()},
            usual=usual,
            stands_in={n: day for n, day in days.items() if day is not None},
            first_seen={n: str(m.facts[SEEN]) for n, m in lands.items() if SEEN in m.facts},
            owners=_owners(run),
            fault=found.fault,
            not_run=tuple(sorted({*run.project.checks, *run.project.controls} - measured)),
        )
    )


def _usual(run: DayRun, report: str, seals: Mapping[str, Seal]) -> dict[str, Usual]:
    """Return what a source without a control record sent on its last sealed day, if it had one."""
    recorded = run.recorded.get(f"decide:{report}")
    if recorded is not None:
        said = recorded.facts.get(USUAL, {})
        assert isinstance(said, Mapping)  # noqa: S101 - written by `decide_one`
        return {name: from_json(Usual, value) for name, value in said.items()}
    found = {}
    for name, seal in seals.items():
        if seal.control is None:
            last = _last_sealed(run, name)
            if last is not None:
                found[name] = last
    return found


def _last_sealed(run: DayRun, source: str) -> Usual | None:
    prefix = f"land:{source}/"
    for name in sorted(run.world.pointers.read_prefix(prefix), reverse=True):
        day = date.fromisoformat(name.removeprefix(prefix))
        landed = checkpoint.read(run.world, f"land:{source}", day) if day < run.date else None
        seal = seal_of(landed.manifest) if landed else None
        if seal is not None and seal.status is SealStatus.MATCHED:
            return Usual(day=day, records=seal.landed.records, sums=seal.landed.sums)
    return None
