"""
How much was quarantined of each source, against the limit that its contract declares.

Counted are the rows that curation quarantined and the rows that checks set aside; a row that two
checks found counts twice, on the safe side. Money is the first measure of the contract: the sums
of each reason without their signs, added, so that a refund does not hide a payment. A row whose
amount could not be read has no money; it is held by the limit of rows alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Context, Decimal

from puntual.model.check import OnFail
from puntual.model.contract import Contract, Limit
from puntual.model.delivery import Reason
from puntual.model.finding import Finding, Verdict
from puntual.model.manifest import Totals
from puntual.model.project import Project

DIGITS = 120
"""Precision of sums: 38 digits of a decimal, and room for more rows than can exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """
    What was quarantined of one source's day.

    Attributes:
        dataset: The source's dataset.
        rows: How many rows.
        amount: Sum of absolute sums by reason, of the contract's first measure.
        unit: Of the amount.
        limit: What the contract allows.
    """

    dataset: str
    rows: int
    amount: Decimal
    unit: str
    limit: Limit


def quarantined(
    project: Project,
    findings: tuple[Finding, ...],
    set_aside: Mapping[str, Mapping[tuple[str, str], Totals]],
    money: Mapping[str, Decimal] | None = None,
) -> tuple[Quarantine, ...]:
    """
    Return what was quarantined of each source, sorted by dataset.

    Args:
        project: Its contracts hold the limits.
        findings: Of checks that set rows aside.
        set_aside: What curation set aside.
        money: Absolute amounts, measured row by row; where a source has none here, the sums of
            each reason without their signs are added.
    """
    measured = money or {}
    found = (
        _of_source(
            project.contracts[name],
            (
                *_by_curation(project.contracts[name], set_aside.get(name, {})),
                *_by_checks(project, name, findings),
            ),
        )
        for name in sorted(project.contracts)
    )
    return tuple(replace(q, amount=measured.get(q.dataset, q.amount)) for q in found)


def over_limit(quarantine: Quarantine) -> Iterator[Reason]:
    """Yield a reason for each limit, of rows and of money, that was exceeded."""
    limit, name = quarantine.limit, quarantine.dataset
    if quarantine.rows > limit.rows:
        yield Reason(
            code="P2011",
            about=name,
            sentence=f"{name}: more rows in quarantine than its contract allows; "
            f"expected at most {limit.rows:,}, observed {quarantine.rows:,}",
        )
    if quarantine.amount > limit.amount:
        unit = f" {quarantine.unit}" if quarantine.unit else ""
        yield Reason(
            code="P2012",
            about=name,
            sentence=f"{name}: more money in quarantine than its contract allows; "
            f"expected at most {limit.amount:,f}{unit}, observed {quarantine.amount:,f}{unit}",
        )


def _of_source(contract: Contract, parts: tuple[tuple[int, Decimal], ...]) -> Quarantine:
    exact = Context(prec=DIGITS)
    amount = Decimal(0)
    for _, money in parts:
        amount = exact.add(amount, money.copy_abs())
    return Quarantine(
        dataset=contract.dataset,
        rows=sum(rows for rows, _ in parts),
        amount=amount,
        unit=contract.measures[0].unit if contract.measures else "",
        limit=contract.quarantine_limit,
    )


def _by_curation(
    contract: Contract, classes: Mapping[tuple[str, str], Totals]
) -> Iterator[tuple[int, Decimal]]:
    measure = contract.measures[0].column if contract.measures else ""
    for (kind, _), totals in classes.items():
        if kind == "quarantined":
            yield totals.records, totals.sums.get(measure, Decimal(0))


def _by_checks(
    project: Project, source: str, findings: tuple[Finding, ...]
) -> Iterator[tuple[int, Decimal]]:
    for finding in findings:
        sets_aside = finding.on_fail is OnFail.QUARANTINE and finding.verdict is Verdict.FAIL
        if sets_aside and source in (finding.dataset, _carried(project, finding.dataset)):
            yield finding.rows or 0, _money(project, source, finding)


def _money(project: Project, source: str, finding: Finding) -> Decimal:
    """Return the amount in the contract's first measure, else in the first that was summed."""
    measures = project.contracts[source].measures
    if measures and measures[0].column in finding.amounts:
        return finding.amounts[measures[0].column]
    return next(iter(finding.amounts.values()), Decimal(0))


def _carried(project: Project, dataset: str) -> str | None:
    model = project.models.get(dataset)
    return None if model is None else model.carries
