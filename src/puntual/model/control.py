"""Reconciliation: two sides, what explains their difference, what remains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from puntual.model.check import OnFail, Severity
from puntual.model.manifest import Totals


class ControlKind(StrEnum):
    """The three kinds of the original design."""

    SOURCE = "source"
    END_TO_END = "end_to_end"
    BUSINESS = "business"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRule:
    """
    Two scalar SELECTs on the warehouse that must agree.

    Attributes:
        id: The project's id.
        kind: Which of the three.
        left: SQL returning one number.
        right: SQL returning one number.
        tolerance: Largest allowed |left − right|, in `unit`; zero unless declared.
        unit: What the numbers count (`MXN`, `rows`).
        severity: How bad.
        on_fail: What happens.
        basis: The regulation's article.
        description: One sentence.
    """

    id: str
    kind: ControlKind
    left: str
    right: str
    tolerance: Decimal = Decimal(0)
    unit: str = ""
    severity: Severity = Severity.ERROR
    on_fail: OnFail = OnFail.HOLD
    basis: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Rows that left between two hops, by cause: `quarantined`, `duplicate`, `late`, …."""

    cause: str
    totals: Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """
    One step to the right in a dataset's waterfall.

    Attributes:
        dataset: Whose waterfall.
        left: Name of the left side: `source`, `raw`, `curated`, `warehouse`.
        right: Name of the right side: `raw`, `curated`, `warehouse`, `file`.
        before: Totals of the left side; None when the source sent no control record.
        after: Totals of the right side; None when not measured.
        explained: What left on the way, by cause.
        residual_records: before − explained − after; None when a side is missing.
        residual_sums: The same for each measure both sides have.
        keys_agree: Whether the key digests agree; None when they cannot be compared because
            rows left on the way or a side has no digest.
    """

    dataset: str
    left: str
    right: str
    before: Totals | None
    after: Totals | None
    explained: tuple[Explanation, ...] = ()
    residual_records: int | None = None
    residual_sums: Mapping[str, Decimal] = field(default_factory=dict)
    keys_agree: bool | None = None
