"""
Measurements into findings: what a rule found is judged here, and nowhere else.

Not measured is not passed. A row rule on a dataset without rows passes and says that it was
measured on nothing; a rule about the values of a day (`Fresh`, `SumEquals`) has no answer there.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from puntual.checks.words import demand
from puntual.model.check import Check, Fresh, SumEquals
from puntual.model.finding import Finding, Place, Verdict


class Offenders(Protocol):
    """What a measurement of a rule answers; `ports.engine.Offending` is one."""

    @property
    def rows(self) -> int:
        """How many rows offend."""

    @property
    def amounts(self) -> Mapping[str, Decimal]:
        """Sum of each measure over them."""

    @property
    def sample(self) -> tuple[Place, ...]:
        """The first places, sorted."""

    @property
    def observed(self) -> str:
        """A sentence where the answer is no row."""


def judge(check: Check, offending: Offenders | None, rows_in_dataset: int | None) -> Finding:
    """
    Judge one check.

    Args:
        check: The rule and its consequence.
        offending: What was measured; None when it could not be measured.
        rows_in_dataset: Rows the rule was measured on; None when not known.

    Returns:
        Pass (Q2001), fail (Q2001) or unknown (Q2002), with what was expected and observed.
    """
    if offending is None:
        return _unknown(check, "not measured")
    if rows_in_dataset == 0 and isinstance(check.rule, Fresh | SumEquals):
        return _unknown(check, "measured on 0 rows")
    passed = offending.rows == 0
    return Finding(
        code="Q2001",
        rule=check.id,
        dataset=check.dataset,
        verdict=Verdict.PASS if passed else Verdict.FAIL,
        severity=check.severity,
        on_fail=check.on_fail,
        message=f"{check.id} {'passed' if passed else 'failed'}: {demand(check)}",
        expected=_expected(check),
        observed=offending.observed or _observed(offending, rows_in_dataset),
        rows=offending.rows,
        amounts=dict(offending.amounts),
        sample=offending.sample,
        basis=check.basis,
    )


def _unknown(check: Check, observed: str) -> Finding:
    return Finding(
        code="Q2002",
        rule=check.id,
        dataset=check.dataset,
        verdict=Verdict.UNKNOWN,
        severity=check.severity,
        on_fail=check.on_fail,
        message=f"{check.id} has no answer: {demand(check)}",
        expected=_expected(check),
        observed=observed,
        basis=check.basis,
    )


def _expected(check: Check) -> str:
    if isinstance(check.rule, Fresh | SumEquals):
        return demand(check)
    return "0 rows"


def _observed(offending: Offenders, rows_in_dataset: int | None) -> str:
    if rows_in_dataset == 0 and offending.rows == 0:
        return "0 rows, measured on 0 rows"
    total = "" if rows_in_dataset is None else f" of {rows_in_dataset:,}"
    sums = "".join(f", {name} {offending.amounts[name]:,f}" for name in sorted(offending.amounts))
    return f"{offending.rows:,}{total} rows{sums if offending.rows else ''}"
