"""What was found: a value, collected and never raised (design 4.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from puntual.model.check import OnFail, Severity


class Verdict(StrEnum):
    """
    Not measured is not passed.

    `NOT_DUE`: there is nothing to measure on this date, and nobody waits for it: no pass, and
    nothing that stands in the way.
    """

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_DUE = "not_due"

    @property
    def is_open(self) -> bool:
        """Whether something is left to be seen to: it failed, or was not measured."""
        return self in (Verdict.FAIL, Verdict.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an offending row came from: raw object (12 hex digits) and position in it."""

    object: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    The answer to one rule, control or seal.

    Attributes:
        code: Product code: `S…` source, `Q…` quality, `R…` reconciliation.
        rule: The project's id of the check or control, or the source's name.
        dataset: What it is about.
        verdict: Pass, fail or unknown.
        severity: How bad.
        on_fail: What happens.
        message: One sentence.
        expected: What should have been.
        observed: What was.
        rows: Offending rows; None when not measured.
        amounts: Sum of each measure over the offending rows.
        sample: The first places, sorted; never values.
        basis: The regulation's article.
    """

    code: str
    rule: str
    dataset: str
    verdict: Verdict
    severity: Severity = Severity.ERROR
    on_fail: OnFail = OnFail.HOLD
    message: str = ""
    expected: str = ""
    observed: str = ""
    rows: int | None = None
    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    sample: tuple[Place, ...] = ()
    basis: str = ""
