"""
What may be delivered at this moment: full, partial, emergency, or nothing yet.

Less than full needs an approved policy whose clauses cover everything that stands in the way,
and is decided at the decision time, not before (design 4.13). Not measured is not passed: a
rule, a control, a seal or a hop without an answer stands in the way like one that failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import assert_never

from puntual.model.check import OnFail
from puntual.model.delivery import Applied, Completeness, Decision, Reason, Timeliness
from puntual.model.finding import Finding, Verdict
from puntual.model.manifest import Totals
from puntual.model.policy import Policy, Substitute
from puntual.model.project import Project
from puntual.model.seal import Seal, SealStatus
from puntual.planner.limits import Quarantine, over_limit, quarantined
from puntual.planner.partial import Case, Covered, Shortfall, cover, percent
from puntual.planner.policy import Governed

SetAside = Mapping[str, Mapping[tuple[str, str], Totals]]
"""Dataset → (class, reason) → totals of the rows that curation set aside."""

_HOP_OF_SOURCE = frozenset({"R1001", "R1002"})
_OF_HOPS = ("R1", "R2")
"""Families of codes that a dataset's hops are answered by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """
    Everything that was found out about a day.

    Attributes:
        seals: By source.
        findings: Of checks, controls, hops and landing; passes too.
        set_aside: What curation set aside.
        money: Source → sum of the absolute amounts, in its contract's first measure, of every
            row that is quarantined, by curation or by a check; each row once.
        shortfalls: Source that is not matched → how much of it is missing.
        substituted: Sources for which an earlier day stands in.
        fault: Why the full report could not be made at all: a technical fault, so that what
            `findings` do not answer nobody has measured; None if it could.
    """

    seals: Mapping[str, Seal]
    findings: tuple[Finding, ...]
    set_aside: SetAside
    money: Mapping[str, Decimal] = field(default_factory=dict)
    shortfalls: Mapping[str, Shortfall] = field(default_factory=dict)
    substituted: frozenset[str] = frozenset()
    fault: Reason | None = None


def decide(project: Project, answers: Answers, governed: Governed | None = None) -> Decision:
    """
    Choose what may be delivered at this moment.

    Full if nothing stands in the way; else partial, if the policy covers all that does; else
    emergency, if a clause of it says plan B; else held. Unapproved, expired, or silent on the
    case: held.

    Args:
        project: Its sources, checks, controls and tables must all have an answer.
        answers: What was found out so far.
        governed: The policy, if any counts, and the moment; None: less than full is held.

    Returns:
        What may be delivered, with the exceptions that its document names; or None to hold,
        with every reason that stands in the way. Both sorted.
    """
    aside = quarantined(project, answers.findings, answers.set_aside, answers.money)
    reasons = set(_standing(project, answers, aside))
    exceptions = {
        *(_reason(f) for f in answers.findings if _is_exception(f)),
        *_set_aside(answers.set_aside),
    }
    full = Decision(
        completeness=None if reasons else Completeness.FULL,
        reasons=_sorted(reasons),
        exceptions=_sorted(exceptions - reasons),
    )
    if not reasons or governed is None:
        return full
    if governed.policy is None:
        return replace(full, reasons=(*full.reasons, *governed.barred))
    case = Case(
        reasons=full.reasons,
        seals=answers.seals,
        shortfalls=answers.shortfalls,
        quarantined={q.dataset: _quarantine(q, answers) for q in aside if any(over_limit(q))},
        findings=answers.findings,
        substituted=answers.substituted,
    )
    return _under(full, governed.policy, cover(governed.policy, case), governed)


def _standing(
    project: Project, answers: Answers, aside: tuple[Quarantine, ...]
) -> Iterator[Reason]:
    """Yield what stands in the way; of a day that could not be measured, the fault for the rest."""
    yield from _unsealed(project, answers.seals)
    yield from (
        _reason(f) for f in answers.findings if _stands(f) and not _said_by_seal(f, answers)
    )
    yield from (r for q in aside for r in over_limit(q))
    if answers.fault is not None:
        yield answers.fault
    else:
        yield from _unanswered(project, answers)


def _under(full: Decision, policy: Policy, covered: Covered, governed: Governed) -> Decision:
    """Return the decision under a policy that counts; before the decision time, a wait for it."""
    if covered.uncovered:
        return replace(full, reasons=_once(full.reasons, covered.uncovered))
    emergency = covered.needs_plan_b
    if governed.at < governed.decide_by:
        return replace(full, waits_until=governed.decide_by)
    used = (Applied(clause=c.id, code=r.code, about=r.about) for r, c in covered.clauses.items())
    return replace(
        full,
        completeness=Completeness.EMERGENCY if emergency else Completeness.PARTIAL,
        policy=policy.name,
        policy_digest=policy.digest,
        applied=tuple(sorted(used, key=lambda a: (a.code, a.about, a.clause))),
        signing=policy.signing,
    )


def stand_ins(governed: Governed | None) -> frozenset[str]:
    """Return the sources for which a policy that counts lets an earlier day stand in."""
    if governed is None or governed.policy is None:
        return frozenset()
    clauses = governed.policy.clauses
    return frozenset(c.source for c in clauses if c.substitute is Substitute.LAST_KNOWN)


def _quarantine(found: Quarantine, answers: Answers) -> Shortfall:
    seal = answers.seals.get(found.dataset)
    sums = seal.landed.sums if seal else {}
    whole = next(iter(sums.values()), None)
    return Shortfall(
        rows=found.rows,
        share=None if whole is None else percent(found.amount, whole),
        known_by="what was landed",
    )


def _once(reasons: tuple[Reason, ...], more: tuple[Reason, ...]) -> tuple[Reason, ...]:
    return (*reasons, *(r for r in more if r not in reasons))


def timeliness(due_at: datetime, at: datetime, sent_at: datetime | None) -> Timeliness:
    """
    Say how a delivery stands to its deadline; the due instant itself is still on time.

    Before the deadline an unsent delivery is on time: nothing better is known without a forecast.
    """
    if sent_at is not None:
        return Timeliness.ON_TIME if sent_at <= due_at else Timeliness.LATE
    return Timeliness.ON_TIME if at <= due_at else Timeliness.MISSED


def _unsealed(project: Project, seals: Mapping[str, Seal]) -> Iterator[Reason]:
    for source in sorted(project.sources):
        seal = seals.get(source)
        if seal is None:
            yield _source("P2001", source, "was not sealed", "expected a seal, observed none")
            continue
        match seal.status:
            case SealStatus.MATCHED:
                pass
            case SealStatus.ABSENT:
                yield _source("P2002", source, "sent nothing", _seen(seal))
            case SealStatus.MISMATCHED:
                yield _source("P2003", source, "does not match its control record", _seen(seal))
            case SealStatus.UNVERIFIED:
                yield _source("P2004", source, "could not be verified", _seen(seal))
            case _:
                assert_never(seal.status)


def _source(code: str, source: str, what: str, detail: str) -> Reason:
    return Reason(code=code, about=source, sentence=f"{source} {what}: {detail}")


def _seen(seal: Seal) -> str:
    expected = "a control record" if seal.control is None else f"{seal.control.count:,} records"
    facts = (f"expected {expected}, observed {seal.landed.records:,} records", *seal.differences)
    return "; ".join(facts)


def _unanswered(project: Project, answers: Answers) -> Iterator[Reason]:
    answered = {f.rule for f in answers.findings}
    for check in sorted(project.checks.keys() - answered):
        if _must_pass(project.checks[check].on_fail):
            yield _silent("Q2002", check, "the check was not measured")
    for control in sorted(project.controls.keys() - answered):
        rule = project.controls[control]  # one that reads a report's file is asked once it is made
        if _must_pass(rule.on_fail) and not rule.reports:
            yield _silent("R3002", control, "the control was not measured")
    reconciled = {f.dataset for f in answers.findings if f.code.startswith(_OF_HOPS)}
    for name in sorted({*project.sources, *project.warehouse.tables}):
        if not reconciled & {name, _origin(project, name)}:
            yield _silent("R2003", name, "its hops were not reconciled")


def _silent(code: str, about: str, what: str) -> Reason:
    sentence = f"{about}: {what}; expected an answer, observed none"
    return Reason(code=code, about=about, sentence=sentence)


def _origin(project: Project, dataset: str) -> str:
    model = project.models.get(dataset)
    return dataset if model is None or model.carries is None else model.carries


def _must_pass(on_fail: OnFail) -> bool:
    return on_fail in (OnFail.HOLD, OnFail.QUARANTINE)


def _stands(finding: Finding) -> bool:
    """Say whether a finding holds the delivery; quarantine holds only when not measured."""
    match finding.verdict:
        case Verdict.PASS | Verdict.NOT_DUE:
            return False
        case Verdict.FAIL:
            return finding.on_fail is OnFail.HOLD
        case Verdict.UNKNOWN:
            return _must_pass(finding.on_fail)
        case _:
            assert_never(finding.verdict)


def _said_by_seal(finding: Finding, answers: Answers) -> bool:
    seal = answers.seals.get(finding.dataset)
    hops = {f"{finding.dataset}:source-raw", f"{finding.dataset}:raw-curated"}
    if finding.dataset in answers.substituted and finding.rule in hops:
        return True  # another day's rows stand in; the seal's reason says so
    if finding.code == "R1002" and finding.rows is not None:
        return False  # both sides came, and a sum was not compared: a missing record is no excuse
    return finding.code in _HOP_OF_SOURCE and (
        seal is None or seal.status is not SealStatus.MATCHED
    )


def _is_exception(finding: Finding) -> bool:
    return finding.verdict.is_open and not _stands(finding)


def _reason(finding: Finding) -> Reason:
    what = finding.message or f"{finding.rule}: {finding.verdict.value}"
    facts = [
        f"{word} {fact}"
        for word, fact in (("expected", finding.expected), ("observed", finding.observed))
        if fact
    ]
    sentence = f"{what.rstrip('.')}; {', '.join(facts)}" if facts else what
    return Reason(code=finding.code, about=finding.rule, sentence=sentence)


_ASIDE = {
    "quarantined": ("P2101", "quarantined"),
    "duplicate": ("P2102", "removed as duplicates"),
    "late": ("P2103", "kept for the next version, late"),
}


def _set_aside(set_aside: SetAside) -> Iterator[Reason]:
    for dataset, classes in set_aside.items():
        for (kind, reason), totals in classes.items():
            if totals.records:
                code, word = _ASIDE[kind]
                sentence = f"{dataset}: {totals.records:,} rows {word} ({reason})"
                yield Reason(code=code, about=dataset, sentence=sentence)


def _sorted(reasons: set[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda r: (r.code, r.about, r.sentence)))
