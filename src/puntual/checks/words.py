"""What a check demands, in plain words and without values of rows."""

from __future__ import annotations

from datetime import timedelta
from typing import assert_never

from puntual.model.check import (
    AcceptedValues,
    Check,
    Fresh,
    NotNull,
    Reference,
    RowRule,
    SqlRows,
    SumEquals,
    Unique,
)

_HOUR = timedelta(hours=1)


def demand(check: Check) -> str:
    """Return the check's description, or what its rule asks for in one phrase."""
    if check.description:
        return check.description.rstrip(".")
    rule = check.rule
    match rule:
        case NotNull():
            return f"{_all(rule.columns)} of {check.dataset} must not be null"
        case Unique():
            return f"({', '.join(rule.columns)}) of {check.dataset} must be unique"
        case AcceptedValues():
            known = ", ".join(rule.values)
            return f"{rule.column} of {check.dataset} must be one of {known}"
        case Reference():
            there = f"{rule.dataset}.{rule.to_column}"
            return f"{rule.column} of {check.dataset} must stand in {there}"
        case Fresh():
            age = f"{rule.max_age // _HOUR} hours"
            return f"the newest {rule.column} must lie within {age} before the end of the day"
        case RowRule():
            return f"every row of {check.dataset} must satisfy {rule.expression}"
        case SqlRows():
            return f"{rule.file} must return no row"
        case SumEquals():
            return f"the sum of {rule.column} must equal its control query"
        case _:
            assert_never(rule)


def _all(columns: tuple[str, ...]) -> str:
    return ", ".join(columns)
