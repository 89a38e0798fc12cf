"""Seals a day: what was landed against what the source says it sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Context, Decimal

from puntual.checks.parts import called
from puntual.checks.reconcile import DIGITS
from puntual.landing.control import Vouched
from puntual.landing.desk import Desk, notice
from puntual.model.contract import Contract
from puntual.model.finding import Finding
from puntual.model.manifest import ObjectRef, Totals
from puntual.model.seal import ControlRecord, Landed, Seal, SealStatus
from puntual.model.source import Control, NoControl
from puntual.ports.engine import RawDay, RawPart

_EXACT = Context(prec=DIGITS)

MOST_SAID = 20
"""Files and shards that a seal says a sentence of; its totals name them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """
    Our side of a seal.

    Attributes:
        landed: What was counted.
        digests: SHA-256 of the day's files, to compare with the one that a source may give.
        came: Whether anything came, though it held no record.
        broken: Why the day cannot agree whatever the totals say, such as a known gap.
        unfinished: Why the day has not been read to its end.
        parts: What was counted of each file or shard, by its path or its name.
    """

    landed: Landed
    digests: tuple[str, ...] = ()
    came: bool = False
    broken: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    parts: Mapping[str, Totals] = field(default_factory=dict)


def count(
    desk: Desk, contract: Contract, day: date, objects: Iterable[ObjectRef], *, stream: bool
) -> Landed:
    """
    Count and sum raw objects; nothing is asked of the engine where there are none.

    Raises:
        EvidenceError: V1001 an object is missing or has another size.
        PermanentError: T3001 the engine has no memory or temporary space left.
    """
    parts = tuple(RawPart(uri=desk.objects.locate(o), short=o.short) for o in objects)
    if not parts:
        return merge((), contract)
    raw = RawDay(contract=contract, reference_date=day, parts=parts, stream=stream)
    return desk.engine.count(raw)


def merge(several: Iterable[Landed], contract: Contract) -> Landed:
    """Add up what was counted file by file; of no file, every measure is zero."""
    records = unreadable = 0
    sums = {m.column: Decimal(0) for m in contract.measures}
    other: Counter[str] = Counter()
    for landed in several:
        records += landed.records
        unreadable += landed.unreadable
        other.update(landed.other_days)
        for column, amount in landed.sums.items():
            sums[column] = _EXACT.add(sums.get(column, Decimal(0)), amount)
    return Landed(records=records, sums=sums, unreadable=unreadable, other_days=dict(other))


def judge(
    source: str, day: date, side: Side, vouched: Vouched, control: Control
) -> tuple[Seal, tuple[Finding, ...]]:
    """
    Compare both sides of a day.

    What could not be compared is never `matched`, and silence is not a zero (`failures.md` 3).

    Args:
        source: Its name.
        day: The reference date.
        side: Ours.
        vouched: The source's.
        control: How the source said it would vouch.

    Returns:
        The seal, and a finding unless it is `matched` or another finding says why already.
    """
    side = replace(side, parts=_named(vouched.record, side.parts))
    against, unmeasured = _compare(side, vouched.record) if vouched.record else ((), ())
    status = _status(side, vouched.record, against, unmeasured)
    seal = Seal(
        source=source,
        reference_date=day,
        status=status,
        landed=side.landed,
        control=vouched.record,
        differences=tuple(sorted((*against, *unmeasured, *side.broken, *side.unfinished))),
        parts=side.parts,
    )
    if status is SealStatus.MATCHED or (vouched.findings and vouched.record is None):
        return seal, vouched.findings
    found = _finding(seal, against, unmeasured, control)
    return seal, (*vouched.findings, *found)


def _named(record: ControlRecord | None, landed: Mapping[str, Totals]) -> dict[str, Totals]:
    """Return what was landed by the source's names; nothing where it says nothing of parts."""
    if record is None or not record.parts:
        return {}
    names = called(record.parts, landed)
    return {names.get(name, name): totals for name, totals in landed.items()}


def _status(
    side: Side,
    record: ControlRecord | None,
    against: tuple[str, ...],
    unmeasured: tuple[str, ...],
) -> SealStatus:
    if record is None:
        nothing = side.landed.records == 0 and not side.came
        return SealStatus.ABSENT if nothing else SealStatus.UNVERIFIED
    if against or side.broken:
        return SealStatus.MISMATCHED
    if unmeasured or side.unfinished:
        return SealStatus.UNVERIFIED
    return SealStatus.MATCHED


def _compare(side: Side, record: ControlRecord) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what does not agree, and what could not be compared, in sentences."""
    against: list[str] = []
    unmeasured: list[str] = []
    landed = side.landed
    if landed.records != record.count:
        missing = landed.records - record.count
        against.append(
            f"records: the source says {record.count}, {landed.records} landed ({missing:+d})"
        )
    for column, expected in sorted(record.sums.items()):
        found = landed.sums.get(column)
        if found is None:
            unmeasured.append(f"sum of {column}: the contract does not list it as a measure")
        elif found != expected:
            against.append(_sum(column, expected, found, landed.unreadable))
    if not (record.digest and side.digests == (record.digest,)):  # its bytes are vouched for
        lacks = sorted(landed.sums.keys() - record.sums.keys())
        unmeasured += [f"sum of {column}: the control record does not give it" for column in lacks]
    if record.digest and side.digests != (record.digest,):
        seen = ", ".join(d[:12] for d in side.digests) or "no file"
        against.append(f"digest: the source says {record.digest[:12]}, landed is {seen}")
    if record.parts:
        wrong, unknown = _compare_parts(record.parts, side.parts)
        against += _first(wrong, "do not agree")
        unmeasured += _first(unknown, "cannot be compared in full")
    return tuple(against), tuple(unmeasured)


def _first(said: list[str], what: str) -> list[str]:
    """Return the first sentences, and how many more files there are to say the same of."""
    more = len(said) - MOST_SAID
    return [*said[:MOST_SAID], *([f"{more:,} more files or shards {what}"] if more > 0 else [])]


def _compare_parts(
    said: Mapping[str, Totals], landed: Mapping[str, Totals]
) -> tuple[list[str], list[str]]:
    """
    Return in sentences which files or shards do not agree, though the day as a whole may.

    And of which a sum stands on one side only: a measure that nobody compares is not equal.
    """
    found: list[str] = []
    unmeasured: list[str] = []
    for name in sorted(said.keys() | landed.keys()):
        theirs, ours = said.get(name), landed.get(name)
        if ours is None:
            found.append(f"{name}: the source says {_of(theirs)}, and it was not landed")
        elif theirs is None:
            found.append(f"{name}: the source does not name it, and {_of(ours)} landed")
        elif ours.records != theirs.records or any(
            ours.sums.get(column, amount) != amount for column, amount in theirs.sums.items()
        ):
            found.append(f"{name}: the source says {_of(theirs)}, and {_of(ours)} landed")
        elif theirs.sums.keys() != ours.sums.keys():
            unmeasured.append(
                f"{name}: the source says {_of(theirs)}, and {_of(ours)} landed, "
                "with a sum that one side only has"
            )
    return found, unmeasured


def _of(part: Totals | None) -> str:
    assert part is not None  # noqa: S101 - one of the two sides names it
    return ", ".join([f"{part.records} records", *(f"{k} {v:f}" for k, v in part.sums.items())])


def _sum(column: str, expected: Decimal, found: Decimal, unreadable: int) -> str:
    missing = _EXACT.subtract(found, expected)
    text = f"sum of {column}: the source says {expected:f}, {found:f} landed ({missing:+f})"
    return f"{text}; {unreadable} unreadable records are not in it" if unreadable else text


def _finding(
    seal: Seal, against: tuple[str, ...], unmeasured: tuple[str, ...], control: Control
) -> tuple[Finding, ...]:
    source, day = seal.source, seal.reference_date.isoformat()
    if against:
        return (
            notice(
                "S2016",
                source,
                f"{day} does not agree with the source's control record: {'; '.join(against)}",
                expected=totals(seal.control),
                observed=totals(seal.landed),
            ),
        )
    if unmeasured:
        message = f"{day} cannot be compared in full: {'; '.join(unmeasured)}"
        return (notice("S2018", source, message, expected="the same sums on both sides"),)
    if seal.status is SealStatus.ABSENT:
        message = f"nothing came for {day}, and no control record says that nothing was to come"
        return (notice("S2017", source, message, expected="records or a control record of 0"),)
    if seal.control is None and isinstance(control, NoControl):
        message = f"{day} cannot be verified: the source gives no control record"
        return (notice("S2014", source, message, observed=control.reason),)
    if seal.control is None:
        message = f"{day} cannot be verified: the control record has not come"
        return (notice("S2013", source, message, observed=totals(seal.landed)),)
    return ()


def totals(side: ControlRecord | Landed | None) -> str:
    """Return one side of a seal in words: records, then each sum; "" for none."""
    if side is None:
        return ""
    records = side.count if isinstance(side, ControlRecord) else side.records
    return ", ".join([f"{records} records", *(f"{k} {v:f}" for k, v in sorted(side.sums.items()))])
