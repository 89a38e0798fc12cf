"""
The verdict on each record, as a small number: why it does not stay, in the order of rules.

A record's rules are tried in this order: it can be read; then for each column, in the
contract's order, required, type, pattern, accepted; then its day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from puntual.engines.dialect.sql import literal
from puntual.engines.duckdb.read import UNREADABLE
from puntual.engines.duckdb.values import WRONG, rule_sql
from puntual.model.contract import Column, Contract, Kind

QUARANTINED, DUPLICATE, LATE = "quarantined", "duplicate", "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Why a record does not stay: class, reason, and the column it is about, if one."""

    of_class: str
    reason: str
    column: str = ""


@dataclass(slots=True)
class Verdicts:
    """
    The verdicts that a contract can give, numbered from 1, and the expression that picks one.

    `sql` is null for a record that stays.
    """

    known: list[Verdict] = field(default_factory=list)
    branches: list[str] = field(default_factory=list)

    def add(self, condition: str, verdict: Verdict) -> None:
        """Try one more rule after those before it."""
        self.known.append(verdict)
        self.branches.append(f"WHEN {condition} THEN {len(self.known)}")

    @property
    def sql(self) -> str:
        """The expression; a SMALLINT."""
        return f"(CASE {' '.join(self.branches)} END)::SMALLINT"

    def listed(self, of: str) -> str:
        """Return an SQL list of one attribute, in the order of the numbers."""
        return f"[{', '.join(literal(getattr(v, of)) for v in self.known)}]"

    def number(self, verdict: Verdict) -> int:
        """Return a verdict's number, giving it the next one if it is new."""
        if verdict not in self.known:
            self.known.append(verdict)
        return self.known.index(verdict) + 1


def verdicts_of(contract: Contract, reference_date: date) -> Verdicts:
    """Number every verdict that a contract's records can get, over `unreadable`, `t<i>`, `v<i>`."""
    verdicts = Verdicts()
    reasons = []
    for reason in UNREADABLE:
        reasons.append(f"WHEN {literal(reason)} THEN {verdicts.number(_quarantined(reason))}")
    verdicts.branches.append(
        f"WHEN unreadable IS NOT NULL THEN CASE unreadable {' '.join(reasons)} END"
    )
    # Its amounts count, as they did when it was landed: the first of two keys was read.
    verdicts.branches.append(f"WHEN repeated THEN {verdicts.number(_quarantined('not_json'))}")
    for i, column in enumerate(contract.columns):
        for condition, reason in _rules(i, _strict(column, contract)):
            verdicts.add(condition, _quarantined(reason, column.name))
    if contract.day_column is not None:
        value, column = _day(contract)
        first, last = day_bounds(column, reference_date, contract.time_zone)
        late = Verdict(of_class=LATE, reason="earlier_day", column=column.name)
        verdicts.add(f"{value} < {first}", late)
        verdicts.add(f"{value} >= {last}", _quarantined("later_day", column.name))
    return verdicts


def day_bounds(column: Column, day: date, zone: str) -> tuple[str, str]:
    """
    Return literals of the first moment of a day and of the day after, as the column is typed.

    Bounds in UTC, so that no zone has to be looked up for each record. The first of two equal
    local midnights is meant, and the end of the gap where there is none.
    """
    if column.type.kind is Kind.DATE:
        return f"DATE '{day}'", f"DATE '{day + timedelta(days=1)}'"
    return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)


def _midnight(day: date, zone: str) -> str:
    moment = datetime.combine(day, time(0), tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return f"TIMESTAMPTZ '{moment:%Y-%m-%d %H:%M:%S}+00'"


def day_sql(contract: Contract, columns: Sequence[Column]) -> str:
    """Return the expression of the day a record belongs to; null when it names none."""
    names = [c.name for c in columns]
    if contract.day_column is None:
        return "NULL::DATE"
    place = names.index(contract.day_column)
    value = f"v{place}"
    if columns[place].type.kind is Kind.DATE:
        return value
    return f"timezone({literal(contract.time_zone)}, {value})::DATE"


def _strict(column: Column, contract: Contract) -> Column:
    """A record without its key or its day is nobody's: both are required."""
    needed = column.name in contract.key or column.name == contract.day_column
    if not needed or column.required:
        return column
    return Column(
        name=column.name,
        source_name=column.source_name,
        type=column.type,
        required=True,
        accepted=column.accepted,
        format=column.format,
        pattern=column.pattern,
        classification=column.classification,
    )


def _rules(i: int, column: Column) -> list[tuple[str, str]]:
    wrong = WRONG[column.type.kind] if column.type.kind is not Kind.TEXT else None
    return rule_sql(column, f"t{i}", f"v{i}", wrong)


def _day(contract: Contract) -> tuple[str, Column]:
    for i, column in enumerate(contract.columns):
        if column.name == contract.day_column:
            return f"v{i}", column
    raise ValueError("the day column is not a column of the contract")


def _quarantined(reason: str, column: str = "") -> Verdict:
    return Verdict(of_class=QUARANTINED, reason=reason, column=column)
