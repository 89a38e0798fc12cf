"""
The exceptions document: every gap and break of a delivery, as data and as text.

It holds counts, sums and places, never values of rows (`evidence.md` 9 and 10). Numbers are
text; nothing is estimated; what is not known is null and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum

from puntual.evidence import canonical
from puntual.model.check import OnFail
from puntual.model.delivery import Decision, DeliveryId
from puntual.model.finding import Finding, Place, Verdict
from puntual.model.manifest import ObjectRef, Totals
from puntual.model.seal import Seal, SealStatus

SCHEMA = "puntual/exceptions/1"

LATE = "S2011"
"""Code of records that came for a day that was sealed already (design 4.12)."""


class ExceptionClass(StrEnum):
    """What kind of gap or break an exception is."""

    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"
    LATE = "late"
    ABSENT = "absent"
    MISMATCHED = "mismatched"
    UNVERIFIED = "unverified"
    CHECK = "check"
    CONTROL = "control"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One exception.

    Attributes:
        kind: Which class.
        about: Dataset, source, check or control.
        code: Product code, for `puntual explain CODE`; "" where the class says it all.
        reason: Why.
        rows: How many; None when not known.
        amounts: Sum of each measure; empty when not known.
        share: Of the day's money, by measure, in percent with four decimals; where known.
        expected: What should have been.
        observed: What was.
        known_by: How the expected was known.
        sample: The first places; never values.
        effect: What it means for the report.
    """

    kind: ExceptionClass
    about: str
    code: str = ""
    reason: str = ""
    rows: int | None = None
    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    share: Mapping[str, str] = field(default_factory=dict)
    expected: str = ""
    observed: str = ""
    known_by: str = ""
    sample: tuple[Place, ...] = ()
    effect: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceptional:
    """
    What a day has to tell.

    Attributes:
        seals: By source.
        findings: Of checks, controls, hops and landing; passes are left out.
        set_aside: Dataset → (class, reason) → totals, as curation made them.
        places: Dataset → (class, reason) → the first places.
        refused: Source → raw objects that were kept but not read (role `refused`).
    """

    seals: Mapping[str, Seal]
    findings: tuple[Finding, ...] = ()
    set_aside: Mapping[str, Mapping[tuple[str, str], Totals]] = field(default_factory=dict)
    places: Mapping[str, Mapping[tuple[str, str], tuple[Place, ...]]] = field(default_factory=dict)
    refused: Mapping[str, tuple[ObjectRef, ...]] = field(default_factory=dict)


def collect(day: Exceptional) -> tuple[Entry, ...]:
    """Return every exception of a day, sorted by class, subject and reason."""
    order = list(ExceptionClass)
    found = (
        *_of_seals(day.seals),
        *_of_rows(day),
        *_of_findings(day),
        *_of_refused(day.refused),
    )
    return tuple(sorted(found, key=lambda e: (order.index(e.kind), e.about, e.code, e.reason)))


def encode(delivery: DeliveryId, decision: Decision, entries: Iterable[Entry]) -> bytes:
    """
    Return the document as canonical bytes: `exceptions.json`.

    Raises:
        EvidenceError: V2001 a name is not ASCII where it is a key, or a sum is not finite.
    """
    completeness = decision.completeness
    return canonical.encode(
        {
            "schema": SCHEMA,
            "delivery": str(delivery),
            "completeness": None if completeness is None else completeness.value,
            "reasons": [
                {"code": r.code, "about": r.about, "sentence": r.sentence} for r in decision.reasons
            ],
            "exceptions": [{"id": name} | _value(entry) for name, entry in numbered(entries)],
        }
    )


def numbered(entries: Iterable[Entry]) -> Iterator[tuple[str, Entry]]:
    """Yield entries with their ids, from E-001 on."""
    for number, entry in enumerate(entries, 1):
        yield f"E-{number:03d}", entry


def _of_seals(seals: Mapping[str, Seal]) -> Iterator[Entry]:
    for source in sorted(seals):
        seal = seals[source]
        if seal.status is not SealStatus.MATCHED:
            yield _of_seal(source, seal)


def _of_seal(source: str, seal: Seal) -> Entry:
    control = seal.control
    missing = None if control is None else control.count - seal.landed.records
    return Entry(
        kind=ExceptionClass(seal.status.value),
        about=source,
        reason="; ".join(seal.differences) or "no control record",
        rows=None if missing is None else abs(missing),
        amounts={} if control is None else _differences(control.sums, seal.landed.sums),
        expected="unknown" if control is None else _counted(control.count, control.sums),
        observed=_counted(seal.landed.records, seal.landed.sums),
        known_by="unknown" if control is None else "control record of the source",
        effect="holds the delivery",
    )


def _of_rows(day: Exceptional) -> Iterator[Entry]:
    for dataset in sorted(day.set_aside):
        for key in sorted(day.set_aside[dataset]):
            totals = day.set_aside[dataset][key]
            if totals.records:
                yield _of_set_aside(dataset, key, totals, day)


_EFFECT = {
    "quarantined": "left out of the report",
    "duplicate": "counted once in the report",
    "late": "left out of this version; offered as the next version of its own day",
}


def _of_set_aside(dataset: str, key: tuple[str, str], totals: Totals, day: Exceptional) -> Entry:
    kind, reason = key
    return Entry(
        kind=ExceptionClass(kind),
        about=dataset,
        reason=reason,
        rows=totals.records,
        amounts=totals.sums,
        share=_shares(dataset, totals.sums, day.seals),
        expected="0 rows",
        observed=_counted(totals.records, totals.sums),
        known_by="contract",
        sample=day.places.get(dataset, {}).get(key, ()),
        effect=_EFFECT[kind],
    )


def _of_findings(day: Exceptional) -> Iterator[Entry]:
    unsealed = {s for s, seal in day.seals.items() if seal.status is not SealStatus.MATCHED}
    for finding in day.findings:
        said = finding.code in ("R1001", "R1002") and finding.dataset in unsealed
        if finding.verdict is not Verdict.PASS and not said:
            yield _of_finding(finding, day)


def _of_finding(finding: Finding, day: Exceptional) -> Entry:
    known = "contract" if finding.code.startswith("S") else "rule of the project"
    return Entry(
        kind=_class_of(finding),
        about=finding.rule,
        code=finding.code,
        reason=finding.message or finding.verdict.value,
        rows=finding.rows,
        amounts=finding.amounts,
        share=_shares(finding.dataset, finding.amounts, day.seals),
        expected=finding.expected,
        observed=finding.observed,
        known_by=known,
        sample=finding.sample,
        effect=_effect_of(finding),
    )


def _class_of(finding: Finding) -> ExceptionClass:
    if finding.code.startswith("R"):
        return ExceptionClass.CONTROL
    if finding.code == LATE:
        return ExceptionClass.LATE
    if finding.code.startswith("S"):
        return ExceptionClass.REFUSED
    return ExceptionClass.CHECK


def _effect_of(finding: Finding) -> str:
    if finding.code == LATE:
        return _EFFECT["late"]
    unknown = finding.verdict is Verdict.UNKNOWN
    if finding.on_fail is OnFail.QUARANTINE and not unknown:
        return _EFFECT["quarantined"]
    if finding.on_fail in (OnFail.HOLD, OnFail.QUARANTINE):
        return "holds the delivery"
    return "named here; nothing is left out"


def _of_refused(refused: Mapping[str, tuple[ObjectRef, ...]]) -> Iterator[Entry]:
    for source in sorted(refused):
        for ref in refused[source]:
            yield Entry(
                kind=ExceptionClass.REFUSED,
                about=source,
                reason=f"{ref.detail.get('reason', 'not in its declared form')} ({ref.short})",
                expected="a whole object of the day in its declared form",
                observed=f"an object of {ref.bytes:,} bytes, kept and not read",
                known_by="contract",
                effect="left out of the report",
            )


def _shares(
    dataset: str, amounts: Mapping[str, Decimal], seals: Mapping[str, Seal]
) -> dict[str, str]:
    whole = seals[dataset].landed.sums if dataset in seals else {}
    return {
        name: _percent(amounts[name], whole[name])
        for name in sorted(amounts)
        if whole.get(name, Decimal(0)) != 0
    }


def _percent(part: Decimal, whole: Decimal) -> str:
    context = Context(prec=60, rounding=ROUND_HALF_EVEN)
    ratio = context.divide(context.multiply(part.copy_abs(), Decimal(100)), whole.copy_abs())
    return format(ratio.quantize(Decimal("0.0001"), context=context), "f")


def _differences(
    expected: Mapping[str, Decimal], observed: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    exact = Context(prec=120)
    both = sorted(expected.keys() & observed.keys())
    return {name: exact.subtract(expected[name], observed[name]) for name in both}


def _counted(records: int, sums: Mapping[str, Decimal]) -> str:
    return ", ".join([f"{records:,} rows", *(f"{n} {sums[n]:,f}" for n in sorted(sums))])


def _value(entry: Entry) -> dict[str, object]:
    return {
        "class": entry.kind.value,
        "about": entry.about,
        "code": entry.code,
        "reason": entry.reason,
        "rows": None if entry.rows is None else str(entry.rows),
        "amounts": {k: canonical.number(v) for k, v in entry.amounts.items()},
        "share_percent": entry.share,
        "expected": entry.expected,
        "observed": entry.observed,
        "known_by": entry.known_by,
        "sample": [{"object": p.object, "position": str(p.position)} for p in entry.sample],
        "effect": entry.effect,
    }
