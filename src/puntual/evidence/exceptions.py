"""
The exceptions of a day: every gap and break, with what was expected and how that was known.

They hold counts, sums and places, never values of rows (`evidence.md` 9 and 10). Nothing is
estimated; what is not known is left empty, and the document says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum

from puntual.model.check import OnFail
from puntual.model.delivery import Reason
from puntual.model.finding import Finding, Place, Verdict
from puntual.model.manifest import ObjectRef, Totals
from puntual.model.seal import Seal, SealStatus

LATE = "S2011"
CONFLICT = "Q2004"
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
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """
    What a gap means for one column of the report.

    Attributes:
        column: Its name in the file.
        total: The sum of what was delivered in it, as text; "" if it is no number.
        lines: (line of the file's details, from 1; what was delivered there), at most `SHOWN`.
        more: How many further lines there are.
        sure: The source's values are in the column; False: its rows may change it, as a count.
    """

    column: str
    total: str
    lines: tuple[tuple[int, str], ...] = ()
    more: int = 0
    sure: bool = True


MOST_PARTS = 20
"""Files or shards of a source that an entry names as short."""


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
        missing: Which ranges or parts are missing, in sentences; empty when not known.
        not_run: Checks and controls that could not hold or be measured because of it.
        cause: Why it happened, as far as it was noticed; "" when not known.
        owner: Who repairs it, by the policy or the contract; "" when nobody is named.
        first_seen: When it was first recorded for this obligation, RFC 3339 in UTC; "" when not
            known.
        expected_repair: When it is expected to be repaired, RFC 3339; "" when not known.
        clause: `policy/clause` that lets it be; "" if none was needed or none does.
        effects: On each column and line of the report.
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
    missing: tuple[str, ...] = ()
    not_run: tuple[str, ...] = ()
    cause: str = ""
    owner: str = ""
    first_seen: str = ""
    expected_repair: str = ""
    clause: str = ""
    effects: tuple[Effect, ...] = ()


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
        usual: Source → its last day that was sealed as matched, for one that gives no control
            record; as context, never as a measure.
        stands_in: Source → the earlier day that stands in for it.
        first_seen: Source → when its gap was first noticed, RFC 3339 in UTC.
        owners: Dataset → who answers for it; of a model, who answers for what it carries.
        fault: Why the full report could not be made; None if it could.
        not_run: Checks and controls that were not run for that.
    """

    seals: Mapping[str, Seal]
    findings: tuple[Finding, ...] = ()
    set_aside: Mapping[str, Mapping[tuple[str, str], Totals]] = field(default_factory=dict)
    places: Mapping[str, Mapping[tuple[str, str], tuple[Place, ...]]] = field(default_factory=dict)
    refused: Mapping[str, tuple[ObjectRef, ...]] = field(default_factory=dict)
    usual: Mapping[str, Usual] = field(default_factory=dict)
    stands_in: Mapping[str, date] = field(default_factory=dict)
    first_seen: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    fault: Reason | None = None
    not_run: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """An earlier day of a source and what it held."""

    day: date
    records: int
    sums: Mapping[str, Decimal] = field(default_factory=dict)


def collect(day: Exceptional) -> tuple[Entry, ...]:
    """Return every exception of a day, sorted by class, subject and reason."""
    order = list(ExceptionClass)
    found = (
        *_of_seals(day),
        *_of_rows(day),
        *_of_findings(day),
        *_of_refused(day),
        *_of_fault(day),
    )
    return tuple(sorted(found, key=lambda e: (order.index(e.kind), e.about, e.code, e.reason)))


def numbered(entries: Iterable[Entry]) -> Iterator[tuple[str, Entry]]:
    """Yield entries with their ids, from E-001 on."""
    for number, entry in enumerate(entries, 1):
        yield f"E-{number:03d}", entry


def _of_seals(day: Exceptional) -> Iterator[Entry]:
    for source in sorted(day.seals):
        if day.seals[source].status is not SealStatus.MATCHED:
            yield _of_seal(source, day.seals[source], day)


def _of_seal(source: str, seal: Seal, day: Exceptional) -> Entry:
    control = seal.control
    missing = None if control is None else control.count - seal.landed.records
    expected, known_by = _expected(source, seal, day)
    amounts = {} if control is None else _differences(control.sums, seal.landed.sums)
    noticed = [f for f in day.findings if f.code.startswith("S") and f.dataset == source]
    return Entry(
        kind=ExceptionClass(seal.status.value),
        about=source,
        reason="; ".join(seal.differences) or "no control record",
        rows=None if missing is None else abs(missing),
        amounts=amounts,
        share={} if control is None else _shares_of(amounts, control.sums),
        expected=expected,
        observed=_counted(seal.landed.records, seal.landed.sums),
        known_by=known_by,
        effect=_effect_of_gap(source, day),
        missing=_missing(seal, noticed),
        cause="; ".join(f"{f.code} {f.message}" for f in noticed),
        owner=day.owners.get(source, ""),
        first_seen=day.first_seen.get(source, ""),
    )


def _expected(source: str, seal: Seal, day: Exceptional) -> tuple[str, str]:
    """Return what was expected, and how that was known."""
    if seal.control is not None:
        return _counted(seal.control.count, seal.control.sums), "control record of the source"
    usual = day.usual.get(source)
    if usual is None:
        return "unknown", "unknown"
    counted = _counted(usual.records, usual.sums)
    return (
        f"unknown; on {usual.day.isoformat()} it sent {counted}",
        f"not vouched for: the source's last day that was sealed, {usual.day.isoformat()}",
    )


def _effect_of_gap(source: str, day: Exceptional) -> str:
    earlier = day.stands_in.get(source)
    if earlier is None:
        return "holds the delivery"
    age = (day.seals[source].reference_date - earlier).days
    return f"the day {earlier.isoformat()} of the source stands in ({age} d)"


def _missing(seal: Seal, noticed: list[Finding]) -> tuple[str, ...]:
    """Return which parts of a source's day are missing; nothing where that is not known."""
    if seal.status is SealStatus.ABSENT:
        return (f"the whole day {seal.reference_date.isoformat()}",)
    ranges = {"S1103", "S2001", "S2002", "S2003", "S2005"}
    return (*sorted(f.message for f in noticed if f.code in ranges), *_short(seal))


def _short(seal: Seal) -> tuple[str, ...]:
    """Return what the source says it sent and did not land, by its files or shards if it can."""
    if seal.control is None:
        return ()
    named = seal.control.parts
    found = []
    for name in sorted(named):
        came = seal.parts[name].records if name in seal.parts else 0
        if came < named[name].records:
            found.append(f"{named[name].records - came} of {named[name].records} records of {name}")
    more = len(found) - MOST_PARTS
    if more > 0:
        return (*found[:MOST_PARTS], f"records of {more} more files or shards")
    lacking = seal.control.count - seal.landed.records
    if not found and lacking > 0:
        return (f"{lacking} of {seal.control.count} records; which ones is not known",)
    return tuple(found)


def _of_rows(day: Exceptional) -> Iterator[Entry]:
    for dataset in sorted(day.set_aside):
        for key in sorted(day.set_aside[dataset]):
            totals = day.set_aside[dataset][key]
            if totals.records:
                yield _of_set_aside(dataset, key, totals, day)


_EFFECT = {
    "quarantined": "left out of the report",
    "duplicate": "counted once in the report",
    "late": "in no report: kept in raw; its own day has it once the source sends it for that day",
}

_ONE_OF_EACH = "one row of each key is in the report; those that differ from it are not"
_WITHOUT_CHECKS = "is in the report: plan B applies no check"


def _of_set_aside(dataset: str, key: tuple[str, str], totals: Totals, day: Exceptional) -> Entry:
    kind, reason = key
    differ = any(f.code == CONFLICT and f.dataset == dataset for f in day.findings)
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
        effect=_ONE_OF_EACH if kind == "duplicate" and differ else _EFFECT[kind],
        owner=day.owners.get(dataset, ""),
    )


_SAID_BY_SEAL = frozenset({"R1001", "R1002", "S2013", "S2014", "S2016", "S2017", "S2018"})
"""Codes that say of a source what its seal says; they stand in the cause of that entry."""


def _of_findings(day: Exceptional) -> Iterator[Entry]:
    unsealed = {s for s, seal in day.seals.items() if seal.status is not SealStatus.MATCHED}
    replaced = {f"{s}:{hop}" for s in day.stands_in for hop in ("source-raw", "raw-curated")}
    for finding in day.findings:
        said = finding.code in _SAID_BY_SEAL and finding.dataset in unsealed
        said = said or finding.rule in replaced
        if finding.verdict.is_open and not said:
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
        effect=_effect_of(finding, day),
        owner=_owner_of(finding, day),
    )


def _owner_of(finding: Finding, day: Exceptional) -> str:
    """Return who answers for the dataset of a finding; a control compares several."""
    is_hop = finding.rule.startswith(f"{finding.dataset}:")
    is_control = finding.code.startswith("R") and not is_hop
    return "" if is_control else day.owners.get(finding.dataset, "")


def _class_of(finding: Finding) -> ExceptionClass:
    if finding.code.startswith("R"):
        return ExceptionClass.CONTROL
    if finding.code == LATE:
        return ExceptionClass.LATE
    if finding.code.startswith("S"):
        return ExceptionClass.REFUSED
    return ExceptionClass.CHECK


def _effect_of(finding: Finding, day: Exceptional) -> str:
    if finding.code == LATE:
        return _EFFECT["late"]
    if finding.code == CONFLICT:
        return _ONE_OF_EACH
    unknown = finding.verdict is Verdict.UNKNOWN
    if finding.on_fail is OnFail.QUARANTINE and not unknown:
        return _EFFECT["quarantined"] if day.fault is None else _WITHOUT_CHECKS
    if finding.on_fail in (OnFail.HOLD, OnFail.QUARANTINE):
        return "holds the delivery"
    return "named here; nothing is left out"


def _of_refused(day: Exceptional) -> Iterator[Entry]:
    for source in sorted(day.refused):
        for ref in day.refused[source]:
            yield Entry(
                kind=ExceptionClass.REFUSED,
                about=source,
                reason=f"{ref.detail.get('reason', 'not in its declared form')} ({ref.short})",
                expected="a whole object of the day in its declared form",
                observed=f"an object of {ref.bytes:,} bytes, kept and not read",
                known_by="contract",
                effect="left out of the report",
                owner=day.owners.get(source, ""),
            )


def _of_fault(day: Exceptional) -> Iterator[Entry]:
    if day.fault is not None:
        yield Entry(
            kind=ExceptionClass.FAULT,
            about=day.fault.about,
            code=day.fault.code,
            reason=day.fault.sentence,
            expected="the full report, from curated data and the warehouse",
            observed="none",
            known_by="the run of the day",
            cause=day.fault.sentence,
            not_run=day.not_run,
            effect="holds the delivery",
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


def _shares_of(amounts: Mapping[str, Decimal], whole: Mapping[str, Decimal]) -> dict[str, str]:
    return {n: _percent(amounts[n], whole[n]) for n in sorted(amounts) if whole[n] != 0}


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
