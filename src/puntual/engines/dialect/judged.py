"""What every engine answers alike of a rule once its SQL has been asked: freshness and sums."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import assert_never
from zoneinfo import ZoneInfo

from puntual.errors import PermanentError
from puntual.model.check import (
    AcceptedValues,
    Check,
    Fresh,
    NotNull,
    Reference,
    RowRule,
    Rule,
    SqlRows,
    SumEquals,
    Unique,
)
from puntual.ports.engine import Offending

SAMPLE = 20
"""How many places of offending rows are named (`Offending.sample`)."""


def mentions(rule: Rule) -> tuple[str, ...]:
    """Return the texts in which a rule may name tables."""
    match rule:
        case Reference():
            return (rule.dataset,)
        case SqlRows():
            return (rule.sql,)
        case SumEquals():
            return (rule.query,)
        case RowRule():
            return (rule.expression,)
        case NotNull() | Unique() | AcceptedValues() | Fresh():
            return ()
        case _:
            assert_never(rule)


def day_end(day: date, zone: str) -> datetime:
    """Return the instant at which a day ends in an IANA zone, exclusive, in UTC."""
    following = datetime.combine(day + timedelta(days=1), time(0), tzinfo=ZoneInfo(zone))
    return following.astimezone(UTC)


def freshness(
    rule: Fresh, newest: object, *, reference_date: date, zone: str, is_date: bool
) -> tuple[str, int]:
    """
    Judge the newest value that lies before the end of the reference date.

    Args:
        rule: How old it may be.
        newest: A date or an instant (UTC where it has no zone); None where there is none.
        reference_date: The day.
        zone: The project's.
        is_date: The column holds dates; a date is as old as its end.

    Returns:
        What was observed, and 1 where it is too old or there is none, else 0.
    """
    end = day_end(reference_date, zone)
    observed = f"newest value {_shown(newest)}; {rule.max_age} allowed before {end.isoformat()}"
    return observed, 1 if _too_old(newest, rule, zone, end, is_date=is_date) else 0


def sums_compared(check: Check, rule: SumEquals, left: object, right: object) -> Offending:
    """
    Compare a column's sum with what a query says; None where that is no single value.

    Raises:
        PermanentError: Q1005 one of them is no exact number.
    """
    ours, theirs = _exact(left, check), _exact(right, check)
    return Offending(
        rows=0 if theirs is not None and ours == theirs else 1,
        observed=f"sum({rule.column}) is {ours}, the query says "
        + (str(theirs) if theirs is not None else "nothing"),
    )


def _too_old(newest: object, rule: Fresh, zone: str, end: datetime, *, is_date: bool) -> bool:
    if isinstance(newest, datetime):
        aware = newest if newest.tzinfo else newest.replace(tzinfo=UTC)
        return end - aware > rule.max_age
    if is_date and isinstance(newest, date):
        return day_end(newest, zone) < end - rule.max_age
    return True


def _shown(value: object) -> str:
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC).isoformat()
    return "none" if value is None else str(value)


def _exact(value: object, check: Check) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return Decimal(value)
    raise PermanentError(
        "Q1005",
        "A sum is compared with something that is no exact number.",
        where=check.id,
        expected="a decimal or an integer on both sides",
        observed=type(value).__name__,
        next_step="Cast the query's result to a DECIMAL, or sum a decimal column.",
    )
