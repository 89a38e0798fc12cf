"""
The plain questions about a rewritten query: its row, its rows at places, what the store holds.

Everything here makes SQL; nothing is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from puntual.project.conditions import Query, all_of, is_true
from puntual.project.contributions import IN, Contribution, Pins, marked
from puntual.project.qualified import DAY, PLACE, text_of
from puntual.project.traced import Leaf, Traced
from puntual.project.tracing import ASIDE, CURATED

Placed = tuple[str, int]
"""(object, position)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equals:
    """
    What a column of the row must be.

    Attributes:
        column: Its name.
        parameter: The parameter that it equals; "" for a null.
        or_empty: An empty text will do as well: a file knows no difference.
    """

    column: str
    parameter: str
    or_empty: bool = False


def tables_of(query: Query) -> frozenset[str]:
    """Return the names of the tables that a question reads."""
    return frozenset(t.name for t in query.find_all(exp.Table))


def no_row(traced: Traced) -> Query:
    """Return the question that tells a query's columns and types alone."""
    return _own(traced, traced.names).limit(0)


def row_of(traced: Traced, wanted: Iterable[Equals]) -> Query:
    """Return the rows of a query that have these values, with the columns of its leaves."""
    names = (*traced.names, *(c for leaf in traced.leaves for c in leaf.all))
    conditions = [_equals(w) for w in wanted]
    return _own(traced, names).where(*conditions) if conditions else _own(traced, names)


def _own(traced: Traced, names: Sequence[str]) -> exp.Select:
    rows = traced.query.copy().subquery("r")
    return exp.select(*(exp.column(n, table="r") for n in names)).from_(rows)


def _equals(wanted: Equals) -> exp.Expr:
    column = exp.column(wanted.column, table="r")
    if wanted.parameter:
        return exp.EQ(this=column, expression=exp.Placeholder(this=wanted.parameter))
    null = exp.Is(this=column, expression=exp.Null())
    if not wanted.or_empty:
        return null
    return exp.or_(null, exp.EQ(this=column.copy(), expression=exp.Literal.string("")))


def expression_of(traced: Traced, column: str) -> str:
    """Return a column's expression in the outermost SELECT, as SQL."""
    select = traced.query.find(exp.Select)
    items = select.expressions if select is not None else []
    found = next((e for e in items if e.alias_or_name == column), None)
    return column if found is None else text_of(found.unalias())


def drops_of(traced: Traced) -> tuple[str, ...]:
    """Return the conditions of a query's outermost SELECT that may drop a group, as SQL."""
    select = traced.query.find(exp.Select)
    if select is None:
        return ()
    joins = (j.args.get("on") for j in select.args.get("joins") or ())
    where = select.args.get("where")
    said = [f"JOIN ON {text_of(on)}" for on in joins if on is not None]
    return (*said, *([text_of(where)] if where is not None else []))


def groups_behind(found: Contribution, pins: Pins, leaf: Leaf) -> Pins:
    """Return the groups of an inner aggregate that contribute to an outer one."""
    parent = (
        exp.select(*leaf.columns)
        .from_(marked(found, pins).subquery("m"))
        .where(exp.column(IN), is_true(exp.column(leaf.there)))
    )
    return Pins(parent=parent, columns=leaf.columns)


def set_aside_by_checks(dataset: str) -> Query:
    """Return the places of a dataset's rows that checks set aside before the load, in order."""
    kept = exp.select(*PLACE).from_(CURATED + dataset)
    aside = kept.join(ASIDE + dataset, using=list(PLACE), join_type="semi")
    return aside.order_by(*PLACE)


def how_many(query: Query) -> Query:
    """Return how many rows a question has."""
    return exp.select(exp.Count(this=exp.Star())).from_(query.copy().subquery("c"))


def part_of(query: Query, *, limit: int, offset: int) -> Query:
    """Return a page of a question's rows, which must be in order."""
    return query.copy().limit(limit).offset(offset)


def rows_at(traced: Traced, places: Sequence[Placed]) -> Query:
    """
    Return the rows of a model at places, with the places of the rows that each was made of.

    Rows of other pairs of these objects and positions may be among them.
    """
    objects = sorted({held for held, _ in places})
    positions = sorted({position for _, position in places})
    leaves = [c for leaf in traced.leaves if leaf.dataset for c in leaf.all]
    held, position = (exp.column(c, table="m") for c in PLACE)
    numbers = [exp.Literal.number(p) for p in positions]
    return (
        exp.select(held, position, *leaves)
        .from_(traced.query.copy().subquery("m"))
        .where(held.copy().isin(*objects), position.copy().isin(*numbers))
    )


def in_table(table: str, places: Sequence[Placed]) -> Query:
    """Return the rows of a warehouse's table at places, for the warehouse itself."""
    held, position = (exp.column(c) for c in PLACE)
    at = [
        all_of(
            (
                held.copy().eq(exp.Literal.string(name)),
                position.copy().eq(exp.Literal.number(number)),
            )
        )
        for name, number in places
    ]
    day = exp.column(DAY).eq(exp.Placeholder(this=DAY))
    return exp.select(*PLACE).from_(table).where(day, exp.or_(*at))
