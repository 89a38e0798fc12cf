"""What every warehouse refuses of a load, and how it says so: one set of words for all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from puntual.errors import EvidenceError, PermanentError
from puntual.model.manifest import Totals
from puntual.ports.warehouse import LoadOrder

LOG = "puntual_load_log"
DAY = "reference_date"


def refused(what: str, expected: str, observed: str, *, code: str = "T4002") -> PermanentError:
    """Return the fault of what the warehouse does not take."""
    return PermanentError(
        code,
        what,
        where="warehouse",
        expected=expected,
        observed=observed,
        next_step="Correct the SQL or the contract; a type that must change needs a new column "
        "name, or the table made anew.",
    )


def see_name(table: str, name: str, *, longest: int) -> None:
    """
    Refuse a column that a table cannot have.

    Args:
        table: The table.
        name: The column.
        longest: Characters that a name of this warehouse may have.

    Raises:
        PermanentError: T4002.
    """
    if name == DAY or not re.fullmatch(f"[a-z_][a-z0-9_]{{0,{longest - 1}}}", name):
        raise refused(
            f"{table} cannot have a column {name!r}",
            f"a lower-case name other than {DAY}, which the warehouse puts in front",
            repr(name),
        )


def inexact(table: str, name: str, observed: str) -> PermanentError:
    """Return the fault of a column whose type is not kept exactly."""
    return refused(
        f"{table}.{name} is not of an exact type",
        "text, integer, DECIMAL(p,s), date, timestamp or boolean: CAST it in the model",
        observed,
    )


def unlike(table: str) -> PermanentError:
    """Return the fault of files that do not have the same columns."""
    return refused(f"the files of {table} differ", "the same columns", "other columns")


def retyped(table: str, name: str, before: str, now: str) -> PermanentError:
    """Return the fault of a column that changes its type."""
    return refused(f"the type of {table}.{name} changed", f"{before}, as before", now)


def fenced(order: LoadOrder, stored: int) -> PermanentError:
    """Return the fault of a load whose epoch is lower than the stored one."""
    return PermanentError(
        "T4001",
        f"this run has lost its lease; {order.table} was loaded by a later one",
        where=f"warehouse table {order.table}, {order.reference_date}",
        expected=f"epoch {stored} or higher",
        observed=f"epoch {order.epoch}",
        next_step="Nothing was changed. Let the later run end; `puntual status` shows it.",
    )


def differs(order: LoadOrder, records: int | str, sums: Mapping[str, Decimal]) -> EvidenceError:
    """Return the fault of a table that does not hold what was expected."""
    expected = {name: order.expected.sums.get(name) for name in order.measures}
    return EvidenceError(
        "R4001",
        f"{order.table} does not hold what was expected for {order.reference_date}",
        where=f"warehouse table {order.table}",
        expected=f"{order.expected.records} records, {_shown(expected)}",
        observed=f"{records} records, {_shown(sums)}",
        next_step="Nothing was changed. `puntual reconcile` shows at which hop rows are lost.",
    )


def verify(order: LoadOrder, found: Totals) -> None:
    """
    Compare what a table holds with what was expected, before it is committed.

    Raises:
        EvidenceError: R4001.
    """
    sums = {name: order.expected.sums.get(name) for name in order.measures}
    if found.records != order.expected.records or found.sums != sums:
        raise differs(order, found.records, found.sums)


def no_rows(measures: tuple[str, ...], algorithm: str) -> Totals:
    """Return the totals of nothing; `algorithm` is "" where no digest is asked for."""
    return Totals(
        records=0,
        sums=dict.fromkeys(measures, Decimal(0)),
        key_digest="0" if algorithm else "",
        algorithm=algorithm,
    )


def _shown(sums: Mapping[str, Decimal | None]) -> str:
    shown = [f"{name} {'not measured' if s is None else s}" for name, s in sorted(sums.items())]
    return ", ".join(shown) or "no measures"
