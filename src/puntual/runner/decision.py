"""The step `decide`: what was found out about a day, and what may be delivered of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date
from decimal import Decimal

from puntual.evidence.accounted import Seen, Used, recorded, since, under
from puntual.evidence.exceptions import Entry, Exceptional, Usual, collect
from puntual.evidence.facts import from_json, list_from_json, to_json
from puntual.model.delivery import Decision, Reason
from puntual.model.finding import Finding, Place
from puntual.model.manifest import Digest, Manifest
from puntual.model.plan import Decide
from puntual.model.seal import Seal, SealStatus
from puntual.planner.calendar import due_of
from puntual.planner.decide import Answers, decide
from puntual.planner.partial import NOT_MADE, Shortfall, shortfall
from puntual.ports.engine import Day
from puntual.runner import checkpoint, standin
from puntual.runner.governing import APPROVALS, approvals, governing
from puntual.runner.load import without
from puntual.runner.proofs import number
from puntual.runner.sources import SEEN, findings_of, seal_of, set_aside_of
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


def answers(run: DayRun) -> Answers:
    """
    Return everything that was found out about the day, from the committed manifests.

    Of a day whose full report could not be made, that is what landing found out.
    """
    seals = seals_of(run)
    contracts = tuple(run.project.contracts)
    if run.plan.without_warehouse:
        return Answers(
            seals=seals,
            findings=findings_of_day(run),
            set_aside={},
            shortfalls=_shortfalls(run, seals),
            fault=fault_of(run),
        )
    return Answers(
        seals=seals,
        findings=findings_of_day(run),
        set_aside={name: set_aside_of(run.manifest(f"curate:{name}")) for name in contracts},
        money={name: _money(run, name) for name in contracts},
        shortfalls=_shortfalls(run, seals) if run.project.policies else {},
        substituted=frozenset(
            n for n in contracts if standin.day_of(run.manifest(f"curate:{n}")) is not None
        ),
    )


def seals_of(run: DayRun) -> dict[str, Seal]:
    """Return the seal of every source, by name."""
    return {name: seal_of(run.manifest(f"land:{name}")) for name in run.project.contracts}


def findings_of_day(run: DayRun) -> tuple[Finding, ...]:
    """Return what landing, validation and reconciliation found, in that order."""
    steps = [f"land:{name}" for name in run.project.contracts]
    steps += [] if run.plan.without_warehouse else ["validate", "reconcile"]
    return tuple(f for step in steps for f in findings_of(run.manifest(step)))


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
    """
    Record what may be delivered, with its reasons and every exception of the day.

    Raises:
        EvidenceError: P3045 an approval was altered.
    """
    found = answers(run)
    decision = decide(run.project, found, governing(run, step.report))
    usual = _usual(run, step.report, found.seals)
    used = Used(
        decision=decision,
        policy=run.project.policies.get(decision.policy),
        due_at=due_of(run.project, step.report, run.date, run.world.zone),
    )
    now = run.world.clock.now().astimezone(UTC).isoformat(timespec="seconds")
    named = under(_entries(run, found, usual), used)
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


def _entries(run: DayRun, found: Answers, usual: Mapping[str, Usual]) -> tuple[Entry, ...]:
    names = tuple(run.project.contracts)
    curated = () if run.plan.without_warehouse else names
    days = {n: standin.day_of(run.manifest(f"curate:{n}")) for n in curated}
    lands = {n: run.manifest(f"land:{n}") for n in names}
    return collect(
        Exceptional(
            seals=found.seals,
            findings=found.findings,
            set_aside=found.set_aside,
            places={name: _places(run, name) for name in curated},
            refused={n: m.of_role("refused") for n, m in lands.items()},
            usual=usual,
            stands_in={n: day for n, day in days.items() if day is not None},
            first_seen={n: str(m.facts[SEEN]) for n, m in lands.items() if SEEN in m.facts},
            owners=_owners(run),
            fault=found.fault,
            not_run=tuple(sorted({*run.project.checks, *run.project.controls})),
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
