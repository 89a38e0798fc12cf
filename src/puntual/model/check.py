"""Rules on curated data. A rule returns the offending rows (design 4.7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is; what happens then is `OnFail`."""

    ERROR = "error"
    WARN = "warn"


class OnFail(StrEnum):
    """What happens when a rule does not pass."""

    CONTINUE = "continue"
    QUARANTINE = "quarantine"
    FLAG = "flag"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNull:
    """Rows in which one of these columns is null."""

    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """Every row of a key that stands more than once."""

    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedValues:
    """Rows whose value is not null and not one of these."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Rows whose value is not null and stands in no row of another dataset's column."""

    column: str
    dataset: str
    to_column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """
    The newest value lies within `max_age` before the end of the reference date, none after it.

    A row from the future offends as well as a dataset that is too old (`traps.md` 2).
    """

    column: str
    max_age: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRule:
    """Rows for which this expression is not true; null is not true."""

    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlRows:
    """Whatever this SELECT returns offends; `file` is where it stands."""

    sql: str
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SumEquals:
    """The exact sum of a column equals a scalar SELECT's answer."""

    column: str
    query: str


Rule = NotNull | Unique | AcceptedValues | Reference | Fresh | RowRule | SqlRows | SumEquals


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """
    A rule with its name, its basis in the regulation and its consequence.

    Attributes:
        id: The project's own id, `^[a-z][a-z0-9_]*$`.
        dataset: The curated dataset it is about.
        rule: What offends.
        severity: How bad.
        on_fail: What happens.
        basis: Article or instruction that asks for it; may be empty.
        description: One sentence for people.
    """

    id: str
    dataset: str
    rule: Rule
    severity: Severity = Severity.ERROR
    on_fail: OnFail = OnFail.HOLD
    basis: str = ""
    description: str = ""
