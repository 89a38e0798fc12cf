"""
Which clause of a policy covers what stands in the way of a full delivery, and within what limits.

A clause covers only what it names. What is not measured is not within a limit; more than what is
missing is never covered by a clause that allows less to be there (design 4.13).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_UP, Context, Decimal

from puntual.model.delivery import Reason
from puntual.model.finding import Finding, Verdict
from puntual.model.policy import Clause, Gap, Policy, Substitute
from puntual.model.seal import Seal, SealStatus

_EXACT = Context(prec=120, rounding=ROUND_UP)

GAP_OF = {
    SealStatus.ABSENT: Gap.ABSENT,
    SealStatus.MISMATCHED: Gap.SHORT,
    SealStatus.UNVERIFIED: Gap.UNVERIFIED,
}
_OF_SEAL = frozenset({"P2002", "P2003", "P2004"})
_OF_LIMIT = frozenset({"P2011", "P2012"})

NOT_MADE = "P3020"
"""Code of the reason that the full report could not be made at all."""

_OF_FAULT = (NOT_MADE, "R2", "R4")
"""
What plan B stands in for: no full report, or one that the hops from raw to warehouse do not prove.

Not a source that disagrees with raw (R1), a declared control (R3) or a fault that went unseen
(R5): plan B reads the same raw data, and makes none of them true.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """
    How much of a source is missing; None: not known.

    Attributes:
        rows: Records that were expected and are not there; negative if there are too many.
        share: Of the expected money, in percent with four decimals, rounded up.
        known_by: How the expected was known, in words; "" if it was not.
        stands_in: The last day of the source that was sealed as matched and curated.
        age: Days from that day to the reference date.
        amounts: What is missing of each measure, exact.
    """

    rows: int | None = None
    share: Decimal | None = None
    known_by: str = ""
    stands_in: date | None = None
    age: int | None = None
    amounts: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """
    What a policy is asked about.

    Attributes:
        reasons: What stands in the way of a full delivery.
        seals: By source.
        shortfalls: By source that is not matched.
        quarantined: Source → its shortfall by quarantine, where the contract's limit is passed.
        findings: Of checks and controls.
        substituted: Sources for which an earlier day stands in.
    """

    reasons: tuple[Reason, ...]
    seals: Mapping[str, Seal]
    shortfalls: Mapping[str, Shortfall]
    quarantined: Mapping[str, Shortfall]
    findings: tuple[Finding, ...]
    substituted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """
    What a policy says of a case.

    Attributes:
        clauses: Reason → the clause that covers it.
        uncovered: Why the others are not covered; none if all are.
    """

    clauses: Mapping[Reason, Clause]
    uncovered: tuple[Reason, ...]

    @property
    def needs_plan_b(self) -> bool:
        """Say whether one of the clauses asks for plan B."""
        return any(c.substitute is Substitute.PLAN_B for c in self.clauses.values())


def cover(policy: Policy, case: Case) -> Covered:
    """
    Find a clause for each reason.

    A clause about a source covers the seal's reason, what landing noticed of that source, and
    the checks and controls that it names in `covers`, as long as it applies within its limits.
    A clause about a check covers that check, if it was measured. A clause about a fault covers
    what cannot be made or proven between raw data and warehouse: plan B reads raw alone. A
    declared control is covered by a clause that names it, and by no other.
    """
    applied, beyond = _applied(policy, case)
    found: dict[Reason, Clause] = {}
    silent: list[Reason] = []
    for reason in case.reasons:
        clause = _clause_for(reason, policy, case, applied)
        if isinstance(clause, Clause):
            found[reason] = clause
        else:
            silent.append(clause or beyond.get(reason.about) or _silence(policy, reason))
    lacking = tuple(_lacking(policy, case))
    return Covered(clauses=found, uncovered=(*dict.fromkeys(silent), *lacking))


def shortfall(
    expected: Mapping[str, Decimal],
    landed: Mapping[str, Decimal],
    *,
    rows: int | None,
    measure: str,
) -> tuple[Decimal | None, dict[str, Decimal]]:
    """
    Return the share of money that is missing, in percent, and what is missing by measure.

    Args:
        expected: Sums by measure.
        landed: Sums by measure.
        rows: Missing records; where none is missing, money that differs is no shortfall.
        measure: The one that the share is taken of; "" for none.
    """
    amounts = {
        name: _EXACT.subtract(expected[name], landed.get(name, Decimal(0)))
        for name in sorted(expected)
    }
    if measure not in expected or rows is None or rows <= 0:
        return None, amounts
    return percent(amounts[measure], expected[measure]), amounts


def percent(part: Decimal, whole: Decimal) -> Decimal | None:
    """Return part of whole in percent, four decimals, rounded up; None of nothing unless zero."""
    if whole == 0:
        return Decimal("0.0000") if part == 0 else None
    ratio = _EXACT.divide(_EXACT.multiply(part.copy_abs(), Decimal(100)), whole.copy_abs())
    return ratio.quantize(Decimal("0.0001"), context=_EXACT)


def applies(clause: Clause, gap: Gap, short: Shortfall) -> Reason | None:
    """Return why a clause about a source does not apply to a gap; None if it does."""
    limits, where = clause.limits, f"{clause.source} ({clause.id})"
    if gap is Gap.SHORT and (short.rows is None or short.rows <= 0):
        return _beyond("P3007", clause, f"{where}: records are not merely missing")
    if gap is not Gap.ABSENT or clause.substitute is not Substitute.LAST_KNOWN:
        for name, limit, seen in (
            ("rows", limits.rows, short.rows),
            ("percent of the money", limits.share, short.share),
        ):
            if limit is None:
                continue
            if seen is None:
                return _beyond("P3007", clause, f"{where}: how many {name} are missing is unknown")
            if seen > limit:
                sentence = f"{where}: expected at most {limit} {name} missing, observed {seen}"
                return _beyond("P3005", clause, sentence)
    if clause.substitute is Substitute.LAST_KNOWN:
        if short.age is None:
            return _beyond("P3007", clause, f"{where}: no earlier day can stand in")
        if limits.age is not None and short.age > limits.age:
            sentence = (
                f"{where}: expected a day at most {limits.age} days old to stand in, "
                f"observed {short.age}"
            )
            return _beyond("P3005", clause, sentence)
    return None


def _applied(policy: Policy, case: Case) -> tuple[dict[tuple[str, Gap], Clause], dict[str, Reason]]:
    """Return the clauses that apply, by source and gap, and why the others do not, by source."""
    applied: dict[tuple[str, Gap], Clause] = {}
    beyond: dict[str, Reason] = {}
    for clause in policy.clauses:
        for gap, short in _gaps(clause.source, case):
            if gap not in clause.gaps:
                continue
            why = applies(clause, gap, short)
            stands_in = clause.substitute is Substitute.LAST_KNOWN
            if why is None and stands_in and clause.source not in case.substituted:
                why = _beyond("P3007", clause, f"{clause.source} ({clause.id}): no day stands in")
            if why is None:
                applied[clause.source, gap] = clause
            else:
                beyond[clause.source] = why
    return applied, beyond


def _gaps(source: str, case: Case) -> Iterable[tuple[Gap, Shortfall]]:
    seal = case.seals.get(source)
    if seal is not None and seal.status is not SealStatus.MATCHED:
        yield GAP_OF[seal.status], case.shortfalls.get(source, Shortfall())
    if source in case.quarantined:
        yield Gap.QUARANTINED, case.quarantined[source]


def _clause_for(
    reason: Reason, policy: Policy, case: Case, applied: Mapping[tuple[str, Gap], Clause]
) -> Clause | Reason | None:
    seal = case.seals.get(reason.about)
    if reason.code in _OF_LIMIT:
        return applied.get((reason.about, Gap.QUARANTINED))
    if reason.code in _OF_SEAL or (reason.code.startswith("S") and seal is not None):
        gap = GAP_OF.get(seal.status) if seal else None
        return applied.get((reason.about, gap)) if gap else None
    for clause in applied.values():
        if reason.about in clause.covers:
            return clause
    for clause in policy.clauses:
        if clause.check and clause.check == reason.about:
            return _of_check(clause, reason, case)
    if reason.code.startswith(_OF_FAULT):
        return next((c for c in policy.clauses if c.fault), None)
    return None


def _of_check(clause: Clause, reason: Reason, case: Case) -> Clause | Reason:
    found = [f for f in case.findings if f.rule == reason.about and f.verdict.is_open]
    rows = [f.rows for f in found if f.verdict is Verdict.FAIL]
    if not rows or len(rows) != len(found):
        return _beyond("P3007", clause, f"{clause.check} ({clause.id}) was not measured")
    if clause.limits.share is not None:
        sentence = f"{clause.check} ({clause.id}): what share of the money it fails is not measured"
        return _beyond("P3007", clause, sentence)
    total = None if None in rows else sum(r for r in rows if r is not None)
    limit = clause.limits.rows
    if limit is not None and (total is None or total > limit):
        seen = "an unknown number" if total is None else str(total)
        sentence = f"{clause.check} ({clause.id}): expected at most {limit} rows, observed {seen}"
        return _beyond("P3005", clause, sentence)
    return clause


def _lacking(policy: Policy, case: Case) -> Iterable[Reason]:
    for source in policy.minimum.sources:
        seal = case.seals.get(source)
        if seal is None or seal.status is not SealStatus.MATCHED:
            yield Reason(
                code="P3006",
                about=source,
                sentence=f"{source} must be there in any delivery ({policy.name}); expected it "
                f"matched, observed {seal.status.value if seal else 'no seal'}",
            )


def _silence(policy: Policy, reason: Reason) -> Reason:
    return Reason(
        code="P3004",
        about=reason.about,
        sentence=f"the policy {policy.name} is silent on {reason.code} {reason.about}",
    )


def _beyond(code: str, clause: Clause, sentence: str) -> Reason:
    return Reason(code=code, about=clause.source or clause.check, sentence=sentence)
