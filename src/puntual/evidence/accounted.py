"""Completes the exceptions of a day: who owns each, which clause lets it be, what it changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Context as ExactContext
from decimal import Decimal

from puntual.evidence.document import Resolved
from puntual.evidence.exceptions import Effect, Entry, ExceptionClass, numbered
from puntual.model.delivery import Decision
from puntual.model.policy import Clause, Policy, Substitute

SHOWN = 200
"""Lines of the report that one effect names; how many more there are is told."""

_EFFECT = {
    Substitute.OMIT: "left out of the report by the policy",
    Substitute.LAST_KNOWN: "an earlier day stands in by the policy",
    Substitute.PLAN_B: "the report is made from raw alone, by the policy",
}
_LET_BE = "does not hold the delivery, by the policy"
_OF_RULES = frozenset({ExceptionClass.CHECK, ExceptionClass.CONTROL})
_GAPS = frozenset({ExceptionClass.ABSENT, ExceptionClass.MISMATCHED, ExceptionClass.UNVERIFIED})
_BY_REASON = frozenset(
    {ExceptionClass.QUARANTINED, ExceptionClass.DUPLICATE, ExceptionClass.LATE}
    | {ExceptionClass.REFUSED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """
    What a decision used of its policy.

    Attributes:
        decision: The decision.
        policy: The policy that it names; None if it names none.
        due_at: The deadline, from which an expected repair counts.
    """

    decision: Decision
    policy: Policy | None
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    The report as it was delivered.

    Attributes:
        columns: Name → values, in row order.
        values: Name → the sources whose values are in it.
        rows: Name → the sources that say which rows there are, and so may change it.
    """

    columns: Mapping[str, tuple[object, ...]]
    values: Mapping[str, frozenset[str]]
    rows: Mapping[str, frozenset[str]]


def under(entries: Iterable[Entry], used: Used) -> tuple[Entry, ...]:
    """Return the entries with the clause that lets each be, its owner and expected repair."""
    return tuple(_under(entry, used) for entry in entries)


def with_effects(
    entries: Iterable[Entry], table: Table, sources: Mapping[str, str]
) -> tuple[Entry, ...]:
    """
    Return the entries of gaps and quarantines with what they change in the report.

    Args:
        entries: In order.
        table: The report.
        sources: Dataset or rule → the source that it is about.
    """
    return tuple(_with_effects(entry, table, sources) for entry in entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """
    An exception of an obligation that was recorded once, and since when.

    Attributes:
        kind: Its class.
        about: Its subject.
        code: Its product code.
        reason: Why, where that tells two entries of one subject apart; else "".
        at: When it was first recorded, RFC 3339 in UTC; "" when that was not written down.
    """

    kind: str
    about: str
    code: str
    reason: str
    at: str


def since(
    entries: Iterable[Entry], seen: Iterable[Seen], now: str
) -> tuple[tuple[Entry, ...], tuple[Seen, ...]]:
    """
    Say of each entry since when it stands, as an earlier decision of its obligation said.

    Args:
        entries: Of this decision; that of a gap may say already since when it was noticed.
        seen: What earlier decisions of the same obligation recorded.
        now: When this one is taken, RFC 3339 in UTC.

    Returns:
        The entries, and what was seen before and is none of them: it may come back, and then
        it is no new one. What was recorded by a version of the program that wrote down no time
        stays without one: it was earlier, and nobody knows when.
    """
    known = {(s.kind, s.about, s.code, s.reason): s for s in seen}
    found = tuple(
        replace(entry, first_seen=_first(entry.first_seen, known.get(_told(entry)), now))
        for entry in entries
    )
    gone = known.keys() - set(map(_told, found))
    return found, tuple(known[key] for key in sorted(gone))


def recorded(entries: Iterable[Entry]) -> tuple[Seen, ...]:
    """Return what a decision recorded, for the next one; see `since`."""
    told = ((_told(entry), entry.first_seen) for entry in entries)
    return tuple(
        Seen(kind=kind, about=about, code=code, reason=reason, at=at)
        for (kind, about, code, reason), at in told
    )


def _first(noticed: str, before: Seen | None, now: str) -> str:
    """Return the earlier of two instants; RFC 3339 in UTC sorts as text."""
    if before is None:
        return noticed or now
    return min((at for at in (noticed, before.at) if at), default="")


def resolved(before: Iterable[Entry], after: Iterable[Entry]) -> tuple[Resolved, ...]:
    """Return the exceptions of a version that the next one does not name any more, by id."""
    left = {_told(e) for e in after}
    return tuple(
        Resolved(id=name, kind=entry.kind.value, about=entry.about)
        for name, entry in numbered(before)
        if _told(entry) not in left
    )


def _told(entry: Entry) -> tuple[str, str, str, str]:
    """
    Return what makes two entries of two versions the same one.

    A dataset has one entry for each reason for which rows or objects were set aside; elsewhere
    the reason holds counts, and the same gap is still there when they have changed.
    """
    by_reason = entry.kind in _BY_REASON and not entry.code
    return entry.kind.value, entry.about, entry.code, entry.reason if by_reason else ""


def _under(entry: Entry, used: Used) -> Entry:
    clause = _clause_of(entry, used)
    if clause is None or used.policy is None:
        return entry
    hours = clause.repair_hours
    repair = used.due_at + timedelta(hours=hours) if hours is not None else None
    about_gap = entry.kind in _GAPS
    return replace(
        entry,
        clause=f"{used.policy.name}/{clause.id}",
        owner=clause.owner or entry.owner,
        expected_repair="" if repair is None else repair.astimezone(UTC).isoformat(),
        effect=_effect_under(entry, clause),
        not_run=_covered(clause, used.decision) if about_gap else entry.not_run,
    )


def _effect_under(entry: Entry, clause: Clause) -> str:
    """Return what an exception means for the report; a rule leaves no row out."""
    if entry.effect != "holds the delivery":
        return entry.effect
    if entry.kind in _OF_RULES and clause.substitute is Substitute.OMIT:
        return _LET_BE
    return _EFFECT[clause.substitute]


def _clause_of(entry: Entry, used: Used) -> Clause | None:
    codes = {entry.code} if entry.code else set()
    for applied in used.decision.applied:
        same = applied.about == entry.about and (not codes or applied.code in codes)
        if same and used.policy is not None:
            return used.policy.clause(applied.clause)
    return None


def _covered(clause: Clause, decision: Decision) -> tuple[str, ...]:
    """Return the checks and controls that a clause covered in this decision, sorted."""
    mine = {a.about for a in decision.applied if a.clause == clause.id}
    return tuple(sorted(mine - {clause.source, clause.check}))


def _with_effects(entry: Entry, table: Table, sources: Mapping[str, str]) -> Entry:
    source = sources.get(entry.about)
    left_out = entry.effect.startswith(("left out", "an earlier", "the day", "the report is made"))
    if source is None or not left_out:
        return entry
    found = []
    for name, values in table.columns.items():
        sure = source in table.values.get(name, ())
        if not (sure or source in table.rows.get(name, ())) or not _is_number(values):
            continue
        shown = [(n, _text(v)) for n, v in enumerate(values, 1)]
        found.append(
            Effect(
                column=name,
                total=_text(_total(values)),
                lines=tuple(shown[:SHOWN]),
                more=max(0, len(shown) - SHOWN),
                sure=sure,
            )
        )
    return replace(entry, effects=tuple(found))


def _is_number(values: tuple[object, ...]) -> bool:
    known = [v for v in values if v is not None]
    return bool(known) and all(
        isinstance(v, int | Decimal) and not isinstance(v, bool) for v in known
    )


def _total(values: Iterable[object]) -> Decimal:
    exact, total = ExactContext(prec=120), Decimal(0)
    for value in values:
        if isinstance(value, int | Decimal):
            total = exact.add(total, Decimal(value))
    return total


def _text(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else "" if value is None else str(value)
