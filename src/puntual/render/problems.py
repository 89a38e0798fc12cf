"""What stands in the way of a file: values, collected and never raised (design 4.8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from puntual.model.finding import Finding, Verdict

SHOWN = 20
"""How many row numbers a problem names; `rows` says how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutProblem:
    """
    One thing that cannot be written as the layout asks, or did not read back.

    Attributes:
        code: `L3001`…
        field: Name of the field or column; "" when the file as a whole is meant.
        sentence: What is wrong; never a value.
        expected: What should have been.
        observed: What was; never a value of a detail record.
        rows: How many detail records it concerns; 0 for header, trailer and layout.
        first: The first of them, by row number from 1.
    """

    code: str
    field: str
    sentence: str
    expected: str = ""
    observed: str = ""
    rows: int = 0
    first: tuple[int, ...] = ()


def in_rows(
    code: str,
    field: str,
    rows: Iterable[int],
    sentence: str,
    *,
    expected: str = "",
    observed: str = "",
) -> LayoutProblem:
    """Return a problem of the detail records with these row numbers, from 1."""
    numbers = tuple(rows)
    return LayoutProblem(
        code=code,
        field=field,
        sentence=sentence,
        expected=expected,
        observed=observed,
        rows=len(numbers),
        first=numbers[:SHOWN],
    )


def findings_of(report: str, problems: Iterable[LayoutProblem]) -> tuple[Finding, ...]:
    """Return the problems of a report's file as findings that hold its delivery."""
    return tuple(
        Finding(
            code=p.code,
            rule=f"{report}.{p.field}" if p.field else report,
            dataset=report,
            verdict=Verdict.FAIL,
            message=f"{p.sentence}{_places(p)}",
            expected=p.expected,
            observed=p.observed,
            rows=p.rows or None,
        )
        for p in problems
    )


def _places(problem: LayoutProblem) -> str:
    if not problem.first:
        return ""
    shown = ", ".join(str(n) for n in problem.first[:5])
    more = ", …" if problem.rows > len(problem.first[:5]) else ""
    return f" (report rows {shown}{more})"
