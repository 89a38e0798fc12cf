"""
Faults planted in copies of a day's first rows, and what is measured with and without them.

The variants of a dataset's rows are one table in memory; a view under the dataset's own name
shows one of them, which a variable chooses, so that a project's SQL runs as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal

import pyarrow as pa

from puntual.checks.comparable import declared
from puntual.engines.dialect.digest import digested
from puntual.engines.dialect.fast import fast_sql
from puntual.engines.dialect.sql import bind_names, literal, parameters, quote
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.tables import PARAMETER
from puntual.errors import PermanentError
from puntual.model.planted import (
    BASE,
    EMPTY,
    PLANTED,
    Fault,
    Groups,
    Look,
    Planted,
    Sample,
    variants_of,
)

ROWS = 48
"""Rows of a sample: enough for two amounts that differ, few enough to cost nothing."""

_EXACT = Context(prec=80)

_Groups = dict[tuple[object, ...], tuple[object, ...]]
_Digests = dict[tuple[str, tuple[str, ...]], dict[str, str]]
"""("hash" or "encoded", columns) → variant → digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """
    Where faults stand in a sample.

    Attributes:
        row: The row that is lost, doubled, changed; 0: there is none.
        other: A row with another amount than it; 0: there is none.
        money: The column of its amount; "" for none.
        text: The column that becomes empty; "" for none.
    """

    row: int = 0
    other: int = 0
    money: str = ""
    text: str = ""

    def faults(self) -> dict[Fault, str]:
        """Return the faults that can stand here, and their column."""
        found = dict.fromkeys((Fault.LOST_ROW, Fault.DOUBLED_ROW), "rows") if self.row else {}
        if self.money:
            found |= dict.fromkeys((Fault.CHANGED_CENT, Fault.FLIPPED_SIGN), self.money)
        if self.other:
            found[Fault.SWAPPED_PAIR] = self.money
        if self.row and self.text:
            found[Fault.NULL_FOR_EMPTY] = self.text
        return found

    def variants(self) -> tuple[str, ...]:
        """Return the variants of the rows: as they are, with an empty text, with each fault."""
        empty = (EMPTY,) if Fault.NULL_FOR_EMPTY in self.faults() else ()
        return (BASE, *empty, *self.faults())


def plant(
    session: Session, samples: Sequence[Sample], looks: Sequence[Look], *, day: date
) -> Planted:
    """
    Plant every fault in every sample, one at a time, and measure with every look.

    A look whose SQL fails measures nothing.

    Raises:
        PermanentError: T3001, T3002; see `session.translate`.
    """
    chosen: dict[str, _Chosen] = {}
    digests: dict[str, _Digests] = {}
    for sample in samples:
        asked = [look for look in looks if look.sample == sample.name]
        chosen[sample.name] = _planted(session, sample, day)
        digests[sample.name] = _digests(session, sample, asked)
        if sample.name == sample.dataset and any(not look.whole for look in looks):
            _show(session, sample.dataset)
    measured: dict[int, dict[str, Groups]] = {}
    known: dict[object, dict[str, Groups]] = {}
    for look in (look for look in looks if look.sample in chosen):
        what = (look.sample, look.sql, look.by, look.skip, look.digests, look.encoded)
        if what not in known:
            known[what] = _measured(session, look, chosen[look.sample], digests[look.sample], day)
        measured[look.id] = known[what]
    return Planted(columns={name: c.faults() for name, c in chosen.items()}, measured=measured)


def _planted(session: Session, sample: Sample, day: date) -> _Chosen:
    """Make the table of a sample's variants, with their day in front."""
    rows = _first_rows(session, sample)
    chosen = _choose(rows, sample)
    variants = {variant: _variant(rows, chosen, variant) for variant in chosen.variants()}
    table = pa.concat_tables(variants.values())
    labels = [str(v) for v, held in variants.items() for _ in range(held.num_rows)]
    table = table.append_column(PLANTED, pa.array(labels, pa.string()))
    days = pa.array([day] * table.num_rows, pa.date32())
    name = variants_of(sample.name)
    session.connection.register(name, table.append_column(PARAMETER, days))
    return chosen


def _first_rows(session: Session, sample: Sample) -> pa.Table:
    columns = ", ".join(map(quote, sample.columns))
    if not sample.file:
        columns = ", ".join(f"NULL::{t} AS {quote(n)}" for n, t in sample.columns.items())
        return session.arrow(f"SELECT {columns} WHERE false")
    source = f"read_parquet({literal(sample.file)}, hive_partitioning = false)"
    return session.arrow(f"SELECT {columns} FROM {source} LIMIT {ROWS}")


def _choose(rows: pa.Table, sample: Sample) -> _Chosen:
    """Choose the first row with an amount, and the first one after it with another."""
    text = sample.text[0] if sample.text else ""
    if not rows.num_rows:
        return _Chosen()
    for money in sample.money:
        values = rows.column(money).to_pylist()
        amounts = [(n, value) for n, value in enumerate(values, 1) if value]
        if amounts:
            row, amount = amounts[0]
            other = next((n for n, value in amounts if value != amount), 0)
            return _Chosen(row=row, other=other, money=money, text=text)
    return _Chosen(row=1, text=text)


def _variant(rows: pa.Table, chosen: _Chosen, variant: str) -> pa.Table:
    """Return the rows with one fault in them; every column keeps its type."""
    row, other = chosen.row - 1, chosen.other - 1
    match variant:
        case Fault.LOST_ROW:
            return pa.concat_tables([rows.slice(0, row), rows.slice(row + 1)])
        case Fault.DOUBLED_ROW:
            return pa.concat_tables([rows, rows.slice(row, 1)])
        case Fault.CHANGED_CENT:
            return _with(rows, chosen.money, {row: _cent_less(rows.column(chosen.money), row)})
        case Fault.FLIPPED_SIGN:
            return _with(rows, chosen.money, {row: _negated(rows.column(chosen.money)[row])})
        case Fault.SWAPPED_PAIR:
            amounts = rows.column(chosen.money)
            swapped = {row: amounts[other].as_py(), other: amounts[row].as_py()}
            return _with(rows, chosen.money, swapped)
        case Fault.NULL_FOR_EMPTY:
            return _with(rows, chosen.text, {row: None})
        case _:
            return _with(rows, chosen.text, {row: ""}) if variant == EMPTY else rows


def _with(rows: pa.Table, column: str, changed: Mapping[int, object]) -> pa.Table:
    place = rows.schema.get_field_index(column)
    field = rows.schema.field(place)
    values = [changed.get(i, v) for i, v in enumerate(rows.column(place).to_pylist())]
    return rows.set_column(place, field, pa.array(values, field.type))


def _cent_less(amounts: pa.ChunkedArray, row: int) -> object:
    """Move an amount by the smallest step of its type, towards zero, where there is always room."""
    value = amounts[row].as_py()
    step = Decimal(1).scaleb(-amounts.type.scale) if pa.types.is_decimal(amounts.type) else 1
    if isinstance(value, Decimal):
        return _EXACT.subtract(value, step if value > 0 else -step)
    return value - (1 if value > 0 else -1)


def _negated(amount: pa.Scalar) -> object:
    value = amount.as_py()
    return value.copy_negate() if isinstance(value, Decimal) else -value


def _show(session: Session, dataset: str) -> None:
    """Make a dataset's name show one variant, which a variable chooses."""
    table = variants_of(dataset)
    session.rows(f"SET VARIABLE {table} = {literal(BASE)}")
    session.rows(
        f"CREATE TEMP VIEW {quote(dataset)} AS SELECT * EXCLUDE ({PLANTED}) FROM {table} "
        f"WHERE {PLANTED} = getvariable({literal(table)})"
    )


def _digests(session: Session, sample: Sample, looks: Sequence[Look]) -> _Digests:
    """Return every digest that is asked of a dataset, by variant: the fast ones from one scan."""
    found: _Digests = {}
    table = variants_of(sample.name)
    asked = tuple(dict.fromkeys(columns for look in looks for columns in look.digests))
    if asked:
        sums = ", ".join(f"sum({fast_sql(columns, sample.columns)})" for columns in asked)
        rows = session.rows(f"SELECT {PLANTED}, {sums} FROM {table} GROUP BY 1")
        found |= {("hash", c): {str(r[0]): str(r[i]) for r in rows} for i, c in enumerate(asked, 1)}
    for columns in dict.fromkeys(columns for look in looks for columns in look.encoded):
        kinds = {c: kind for c in columns if (kind := declared(sample.columns[c])) is not None}
        keep = {PLANTED: quote(PLANTED)}
        each = digested(f"SELECT * FROM {table}", sample.columns, kinds, keep=keep)
        rows = session.rows(
            f"SELECT {PLANTED}, sum(digest_high), sum(digest_low) FROM ({each}) GROUP BY 1"
        )
        found["encoded", columns] = {str(v): f"{high}:{low}" for v, high, low in rows}
    return found


def _measured(
    session: Session, look: Look, chosen: _Chosen, digests: _Digests, day: date
) -> dict[str, Groups]:
    try:
        if look.whole:
            return _of_all(session, look, chosen, digests)
        return dict(_of_each(session, look, chosen, day))
    except PermanentError as fault:
        if fault.code.startswith("Q"):
            return {}
        raise


def _of_all(session: Session, look: Look, chosen: _Chosen, digests: _Digests) -> dict[str, Groups]:
    """Measure every variant at once, and put the digests behind."""
    found: dict[str, _Groups] = {variant: {} for variant in chosen.variants()}
    if not look.by:
        found = {variant: {(): ()} for variant in found}
    for variant, *cells in session.rows(look.sql):
        found[str(variant)][tuple(cells[: look.by])] = tuple(cells[look.by + look.skip :])
    behind = [("hash", c) for c in look.digests] + [("encoded", c) for c in look.encoded]
    for what in behind:
        for variant, groups in found.items():
            for group, values in groups.items():
                groups[group] = (*values, digests[what].get(variant))
    return dict(found)


def _of_each(
    session: Session, look: Look, chosen: _Chosen, day: date
) -> Iterator[tuple[str, Groups]]:
    """
    Ask a person's SQL of each variant of the rows, all in one statement.

    A query of its own name stands before the view of the dataset, so that the words of the SQL
    need not be changed.
    """
    bound = bind_names(look.sql, (PARAMETER,)).strip().rstrip(";")
    values = dict.fromkeys(parameters(look.sql, (PARAMETER,)), day)
    view, table = quote(look.sample), variants_of(look.sample)
    variants = chosen.variants()
    asked = " UNION ALL ".join(
        f"SELECT {i} AS {PLANTED}, * FROM (WITH {view} AS (SELECT * EXCLUDE ({PLANTED}) "
        f"FROM {table} WHERE {PLANTED} = {literal(variant)}) SELECT * FROM (\n{bound}\n))"
        for i, variant in enumerate(variants)
    )
    found: list[_Groups] = [{} for _ in variants]
    for number, *cells in session.rows(asked, values):
        group = tuple(cells[: look.by])
        found[int(str(number))][group] = tuple(cells[look.by + look.skip :])
    for variant, groups in zip(variants, found, strict=True):
        yield variant, dict(groups)
