"""What ties the rows of a report to where they came from: one number there against the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Context, Decimal
from functools import reduce

from puntual.checks import reconcile as algebra
from puntual.model.control import Hop
from puntual.model.manifest import Totals
from puntual.model.report import Tie
from puntual.ports.engine import Answer
from puntual.runner.proofs import number


def hops(
    ties: Iterable[Tie], found: Answer, ask: Callable[[Tie], Answer], *, left: str, right: str
) -> tuple[Hop, ...]:
    """
    Compare rows with what each tie's SELECT answers, one hop for each.

    Args:
        ties: As they are declared.
        found: The rows.
        ask: Answers the SELECT of a tie, at most two rows of it.
        left: Where that is asked.
        right: What holds the rows.
    """
    return tuple(_hop(tie, found, ask(tie), left, right) for tie in ties)


def _hop(tie: Tie, found: Answer, answer: Answer, left: str, right: str) -> Hop:
    counted = tie.column == algebra.COUNTED
    values = () if counted else found.columns[found.names.index(tie.column)]
    return algebra.tie(
        tie.dataset,
        left,
        right,
        column=tie.column,
        said=_said(answer),
        after=Totals(records=records(found), sums={} if counted else {tie.column: total(values)}),
        nulls=values.count(None),
    )


def _said(answer: Answer) -> Decimal | str:
    """Return the one exact number of an answer, or in a word what stands in its place."""
    found = number(answer)
    if found is not None:
        return found
    if records(answer) != 1:
        return "several rows" if records(answer) else "no row"
    return "null" if answer.columns[0][0] is None else "a value that is not exact"


def records(answer: Answer) -> int:
    """Return how many rows there are."""
    return len(answer.columns[0]) if answer.columns else 0


def total(values: Iterable[object]) -> Decimal:
    """Return the exact sum of a column of numbers; its nulls add nothing, and are told apart."""
    known = (v for v in values if v is not None)
    return reduce(Context(prec=algebra.DIGITS).add, map(_exact, known), Decimal(0))


def _exact(value: object) -> Decimal:
    assert isinstance(value, int | Decimal)  # noqa: S101 - `check` refuses another tie
    return Decimal(value)
