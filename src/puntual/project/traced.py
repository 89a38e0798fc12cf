"""A rewritten query and what it is made of: the values that tracing hands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from puntual.errors import ProjectError
from puntual.project.qualified import text_of


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """
    What a row of a rewritten query was made of.

    Attributes:
        columns: Names of the columns that say which: (object, position) or the group keys.
        dataset: Of the rows; "" for an aggregate.
        group: The aggregate.
        there: Name of a column that is true where there is one at all, and null in a row that an
            outer join left without.
        values: Of an aggregate: its column → the name of the column that has its value.
    """

    columns: tuple[str, ...]
    there: str
    dataset: str = ""
    group: Aggregation | None = None
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def all(self) -> tuple[str, ...]:
        """Every column that tells of it."""
        return (*self.columns, self.there, *self.values.values())


Refs = Mapping[str, tuple[tuple[Leaf, str], ...] | None]
"""Column → the leaves and their columns that it is made of; None: it cannot be followed."""


@dataclass(frozen=True, slots=True, eq=False)
class Sieve:
    """
    A SELECT that reads a leaf's rows and may let some of them go.

    Attributes:
        label: Its name in the SQL.
        select: Its FROM, joins and WHERE, over rewritten sources.
        alias: Of the source that the leaf is in.
        leaf: Whose rows.
        first: The source is the dataset itself, each row once.
    """

    label: str
    select: exp.Select
    alias: str
    leaf: Leaf
    first: bool


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """
    A rewritten query.

    Attributes:
        query: Its own columns, then those of the leaves.
        names: Its own columns, in order.
        leaves: In the order in which they are read.
        refs: What each of its own columns is made of.
        sieves: Where rows of the leaves may have left, innermost first.
    """

    query: exp.Query
    names: tuple[str, ...]
    leaves: tuple[Leaf, ...]
    refs: Refs
    sieves: tuple[Sieve, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Aggregation:
    """
    A SELECT that makes one row of many.

    Attributes:
        label: Its name in the SQL.
        base: Its rewritten FROM, joins and WHERE, without columns.
        keys: What it groups by; empty: all rows are one group.
        outputs: Column → expression over aggregates and keys.
        having: Its conditions on groups.
        scope: Source's alias → what its columns are made of.
        leaves: Of its rows.
        first: The leaves of its first source, which `count(*)` counts.
        sieves: Where rows of the leaves may have left before they were grouped.
    """

    label: str
    base: exp.Select
    keys: tuple[exp.Expr, ...]
    outputs: Mapping[str, exp.Expr]
    having: tuple[exp.Expr, ...]
    scope: Mapping[str, Refs]
    leaves: tuple[Leaf, ...]
    first: tuple[Leaf, ...]
    sieves: tuple[Sieve, ...]

    @property
    def grouped_by(self) -> str:
        """What it groups by, as SQL."""
        return ", ".join(text_of(k) for k in self.keys)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Its conditions on groups, as SQL."""
        return tuple(text_of(h) for h in self.having)


def refused(where: str, why: str) -> ProjectError:
    """Return the refusal to rewrite a SELECT (V7002)."""
    return ProjectError(
        "V7002",
        "this SQL cannot be followed row by row",
        where=where,
        expected="SELECT, JOIN, WHERE, GROUP BY, HAVING, UNION; sum, count, min, max",
        observed=why,
        next_step="puntual lineage REPORT shows its columns; puntual query asks its tables",
    )


def refs_of(expression: exp.Expr, scope: Mapping[str, Refs]) -> tuple[tuple[Leaf, str], ...] | None:
    """Return what an expression is made of, once each; None where that cannot be told."""
    if looks_beyond(expression):
        return None
    found: dict[tuple[int, str], tuple[Leaf, str]] = {}
    for column in expression.find_all(exp.Column):
        refs = scope.get(column.table.lower(), {}).get(column.name.lower())
        if refs is None:
            return None
        found.update({(id(leaf), name): (leaf, name) for leaf, name in refs})
    return tuple(found.values())


def looks_beyond(expression: exp.Expr) -> bool:
    """Say whether an expression looks beyond its row: a window or a subquery."""
    return expression.find(exp.Window, exp.Query) is not None
