"""A notice: what people are told of an obligation, once for each cause (design 4.15)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from puntual.model.check import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """What is owed: a report for a reference date; written `credit_daily/2026-11-20`."""

    report: str
    reference_date: date

    def __str__(self) -> str:
        return f"{self.report}/{self.reference_date.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """
    One notice, open until it is resolved.

    Attributes:
        obligation: What is threatened.
        cause: `held`, or the code of the fault; at most one open notice for each.
        severity: `error`: page somebody, a machine failed; `warn`: the data needs a person.
        text: At most four lines; codes, names and counts, never a value of the data.
        opened_at: UTC.
        resolved_at: UTC; None while it is open.
    """

    obligation: Obligation
    cause: str
    severity: Severity
    text: str
    opened_at: datetime
    resolved_at: datetime | None = None
